"""What memories did, told to LlamaIndex's instrumentation: ids, counts and milliseconds, never text.

A handler on the root dispatcher gets them: `get_dispatcher().add_event_handler(handler)`. They carry what the client's
own events carry, member for member. A write is delivered off the turn's path, so its event belongs to no span.
"""

from dataclasses import asdict
from typing import Literal

from llama_index.core.instrumentation.events import BaseEvent
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.dispatcher import active_instrument_tags, instrument_tags

from memos_integrations.client import Degraded, Event, Parked, Recalled, Recorded

__all__ = ["MemOSDegradedEvent", "MemOSParkedEvent", "MemOSRecallEvent", "MemOSWriteEvent", "dispatch"]

_dispatcher = get_dispatcher(__name__)
_TELLTALE = "llamaindex.step."  # tags that workflows set on any event; their input_summary quotes the user


class MemOSRecallEvent(BaseEvent):
    """Memories were recalled for a turn.

    `conversation_id` is "" without one; `facts`, `preferences` and `tools` count what came back.
    """

    conversation_id: str
    facts: int
    preferences: int
    tools: int
    milliseconds: float
    memory_ids: tuple[str, ...]

    @classmethod
    def class_name(cls) -> str:
        """The name under which LlamaIndex knows it."""
        return "MemOSRecallEvent"


class MemOSWriteEvent(BaseEvent):
    """MemOS took a turn's `messages`; `task_id` goes into `get_status`, None where the server told none."""

    conversation_id: str
    messages: int
    milliseconds: float
    task_id: str | None

    @classmethod
    def class_name(cls) -> str:
        """The name under which LlamaIndex knows it."""
        return "MemOSWriteEvent"


class MemOSDegradedEvent(BaseEvent):
    """A turn went on without its memories (`recall`), or its writing failed or was put off (`record`).

    `error` is the error's class name, `code` MemOS's code (0 without one), `waiting` how many writes are in line.
    """

    conversation_id: str
    what: Literal["recall", "record"]
    error: str
    code: int
    milliseconds: float
    waiting: int

    @classmethod
    def class_name(cls) -> str:
        """The name under which LlamaIndex knows it."""
        return "MemOSDegradedEvent"


class MemOSParkedEvent(BaseEvent):
    """A turn is set aside in the outbox, for the user to retry or to drop: `entries` are its numbers there.

    `error` is the class of MemOS's refusal and `code` its code; "unknown": whether it arrived can't be found out.
    """

    conversation_id: str
    entries: tuple[int, ...]
    error: str
    code: int
    milliseconds: float

    @classmethod
    def class_name(cls) -> str:
        """The name under which LlamaIndex knows it."""
        return "MemOSParkedEvent"


_KINDS: dict[type[Event], type[BaseEvent]] = {
    Recalled: MemOSRecallEvent,
    Recorded: MemOSWriteEvent,
    Degraded: MemOSDegradedEvent,
    Parked: MemOSParkedEvent,
}


def dispatch(event: Event) -> None:
    """Tells LlamaIndex's handlers of a client's event; memories have their client call it."""
    told, tags = _KINDS[type(event)](**asdict(event)), active_instrument_tags.get()
    with instrument_tags({name: tag for name, tag in tags.items() if not name.startswith(_TELLTALE)}):
        _dispatcher.event(told)
