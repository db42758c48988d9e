"""Whose memory this is."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from pydantic import Field, ValidationError

from memos_integrations.errors import Invalid
from memos_integrations.wire.call import MAX_ID, Id, Info, Texts
from memos_integrations.wire.checks import STRICT_ENOUGH, Discreet, invalid

__all__ = ["Scope", "first_given", "new_conversation"]


class Scope(Discreet):
    """Whose memory this is: frozen, and never with a default user.

    `user_id` is required; it and the other ids are your own names, 1 to 100 characters. `conversation_id`
    None lets an adapter make one for the run. `agent_id`, `app_id`, `tags` and `info` mark what is written,
    to be filtered by later. Raises `Invalid` for what is out of these bounds.

    >>> Scope(user_id="ada", conversation_id="0928").conversation_id
    '0928'
    """

    model_config = STRICT_ENOUGH

    user_id: Id
    conversation_id: Id | None = None
    agent_id: Id | None = None
    app_id: Id | None = None
    tags: Texts = ()
    info: Info = Field(default_factory=dict)

    if not TYPE_CHECKING:

        def __init__(self, **members: Any) -> None:
            try:
                super().__init__(**members)
            except ValidationError as error:
                raise invalid(error, "Scope") from None

    def __hash__(self) -> int:
        return hash((self.user_id, self.conversation_id, self.agent_id, self.app_id))

    def within(self, conversation_id: str) -> Self:
        """The same owner in that conversation."""
        return type(self)(**{**dict(self), "conversation_id": conversation_id})

    def marks(self) -> Mapping[str, Any]:
        """What an add/message says of its owner and origin, without what was not given."""
        members = {name: value for name, value in self if value is not None}
        return {name: value for name, value in members.items() if value or name == "user_id"}


def new_conversation() -> str:
    """A conversation made for one run, so that its turn can be read back."""
    return f"run-{uuid4()}"


def first_given(what: str, **sources: object) -> str | None:
    """The first of `sources` (the order is the order of trust) that is given, None when none is.

    Raises `Invalid`, naming the source, for one that is no text (an id of another type would silently be another
    person's), or longer than MemOS takes.
    """
    for source, value in sources.items():
        if value is None:
            continue
        if not isinstance(value, str) or not value.strip():
            raise Invalid(
                f"{what} from {source} must be text that is not blank (given: {type(value).__name__})", field=what
            )
        if len(value) > MAX_ID:
            told = f"is at most {MAX_ID} characters long (given: text of {len(value)} characters)"
            raise Invalid(f"{what} from {source} {told}", field=what, rule="string_too_long")
        return value
    return None
