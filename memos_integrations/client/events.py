"""What a memory did, as values for `on_event=`: ids, counts and milliseconds, never text."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Degraded", "Event", "OnEvent", "Recalled", "Recorded"]


@dataclass(frozen=True, slots=True)
class Recalled:
    """Memories were recalled for a turn.

    `conversation_id` is "" without one; `facts`, `preferences` and `tools` count what came back.
    """

    conversation_id: str
    facts: int
    preferences: int
    tools: int
    milliseconds: float
    memory_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Recorded:
    """MemOS took a turn's `messages`; `task_id` goes into `get_status`, None where the server told none."""

    conversation_id: str
    messages: int
    milliseconds: float
    task_id: str | None


@dataclass(frozen=True, slots=True)
class Degraded:
    """A turn went on without its memories (`recall`), or its writing failed or was put off (`record`).

    `error` is the error's class name, `code` MemOS's code (0 without one), `waiting` how many writes are in line.
    """

    conversation_id: str
    what: Literal["recall", "record"]
    error: str
    code: int
    milliseconds: float
    waiting: int


Event = Recalled | Recorded | Degraded
OnEvent = Callable[[Event], None]
"""Called on the thread where the event came about, so be quick; what it raises is logged once, and dropped."""
