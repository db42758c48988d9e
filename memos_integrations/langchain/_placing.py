"""Where memories stand among the messages that a model is handed."""

from collections.abc import Sequence

from langchain_core.messages import AnyMessage, BaseMessage, SystemMessage

from memos_integrations.langchain._messages import with_protocol, with_text_before
from memos_integrations.memory.prompt import PROTOCOL, Form

__all__ = ["placed", "placed_in"]


def placed(
    system: SystemMessage | None, messages: Sequence[AnyMessage], asked: str | None, block: str, placement: Form
) -> tuple[SystemMessage, list[AnyMessage]]:
    """Copies of both with `block`, rendered for that placement: "user" sets it before the text of the message whose
    id is `asked` (None: the latest of the user's), "system" after the system message's. The protocol goes into the
    system message either way.
    """
    if placement == "system":
        return with_protocol(system, PROTOCOL, block), list(messages)
    return with_protocol(system, PROTOCOL), with_text_before(messages, asked, block)


def placed_in(messages: Sequence[AnyMessage], asked: str | None, block: str, placement: Form) -> list[BaseMessage]:
    """The same in one list: the first system message stays where it is; without one, one is set first."""
    place = next((i for i, message in enumerate(messages) if isinstance(message, SystemMessage)), None)
    if place is None:
        system, others = placed(None, messages, asked, block, placement)
        return [system, *others]
    (before, present, after) = messages[:place], messages[place], messages[place + 1 :]
    assert isinstance(present, SystemMessage)
    system, others = placed(present, [*before, *after], asked, block, placement)
    return [*others[:place], system, *others[place:]]
