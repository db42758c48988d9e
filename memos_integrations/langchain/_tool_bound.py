"""What the tools have in common: a client, whose memory a run is about, and how a failure is told to the model."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self, TypedDict

from langchain_core.callbacks import Callbacks
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, ToolException
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from memos_integrations._connect import borrow, give_back
from memos_integrations.client import MemOS
from memos_integrations.langchain._identity import Resolver, check_owner, scope_in
from memos_integrations.memory.closing import Closing
from memos_integrations.memory.handed import known_names, parameters_of
from memos_integrations.memory.loan import Held
from memos_integrations.memory.offers import mended
from memos_integrations.memory.scope import Scope
from memos_integrations.memory.tools import Told
from memos_integrations.wire.checks import invalid

__all__ = ["Bound", "BoundTool", "OnceTool", "ToolOptions"]


class ToolOptions(TypedDict, total=False):
    """What of LangChain's own a tool of ours takes; its `tags` can be set on the tool, since here they are MemOS's."""

    callbacks: Callbacks
    description: str
    extras: dict[str, Any] | None
    handle_tool_error: bool | str
    metadata: dict[str, Any] | None
    name: str
    return_direct: bool
    verbose: bool


class Bound(Closing, BaseModel):
    """Something on a client, which it borrowed unless it was handed one."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    client: MemOS = Field(exclude=True, repr=False)

    _held: Held = PrivateAttr()

    def __init__(self, client: MemOS | None, /, **langchains: Any) -> None:
        who = type(self).__name__
        held = Held(client, who, borrow, give_back)
        try:
            super().__init__(**{**langchains, "client": held.now()})
        except ValidationError as error:
            held.close()
            raise invalid(error, who) from None
        self._held = held

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """A copy on the same client: connections can't be copied."""
        return self.model_copy()


class BoundTool(Bound, BaseTool):
    """A tool on a client, with a rule that tells whose memory a run is about. `given` is LangChain's own."""

    _user: str | Resolver | None = PrivateAttr(default=None)
    _conversation: str | None = PrivateAttr(default=None)
    _marks: Mapping[str, Any] = PrivateAttr(default_factory=dict)

    def __init__(
        self,
        client: MemOS | None,
        /,
        *,
        user_id: str | Resolver | None,
        conversation_id: str | None,
        given: Mapping[str, Any],
        **marks: Any,
    ) -> None:
        who = type(self).__name__
        known_names(who, given, ToolOptions.__optional_keys__ | parameters_of(type(self).__init__))
        kept = check_owner(who, user_id=user_id, conversation_id=conversation_id, **marks)
        super().__init__(client, **{"handle_tool_error": True, "handle_validation_error": mended, **given})
        self._user, self._conversation = user_id, conversation_id
        self._marks = {name: getattr(kept, name) for name in marks}

    def _scope(self, config: RunnableConfig) -> Scope:
        """Whose memory it is. Raises `Invalid` when nobody says: no model can mend that."""
        who, marks = type(self).__name__, self._marks
        return scope_in(config, who=who, user_id=self._user, conversation_id=self._conversation, **marks)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """What a model is told goes LangChain's way."""
        try:
            yield
        except Told as told:
            raise ToolException(str(told)) from told.__cause__


class OnceTool(BoundTool):
    """A tool that is told the id of its call, None where it is called without a model."""

    def __init__(self, client: MemOS | None, /, **rest: Any) -> None:
        super().__init__(client, **rest)

    def _to_args_and_kwargs(
        self, tool_input: str | dict[str, Any], tool_call_id: str | None
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Besides the arguments the call's id: LangChain injects it only into tools that nobody may call without."""
        arguments, named = super()._to_args_and_kwargs(tool_input, tool_call_id)
        return arguments, {**named, "call": tool_call_id}
