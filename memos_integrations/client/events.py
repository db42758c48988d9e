"""What a memory did, as values for `on_event=`: ids, counts and milliseconds, never text."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Literal

__all__ = ["Degraded", "Event", "OnEvent", "Parked", "Recalled", "Recorded", "attributes"]


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


@dataclass(frozen=True, slots=True)
class Parked:
    """A turn is set aside in the outbox, for the user to retry or to drop: `entries` are its numbers there.

    `error` is the class of MemOS's refusal and `code` its code; "unknown": whether it arrived can't be found out.
    """

    conversation_id: str
    entries: tuple[int, ...]
    error: str
    code: int
    milliseconds: float


Event = Recalled | Recorded | Degraded | Parked
OnEvent = Callable[[Event], None]
"""Called on the thread where the event came about, so be quick; what it raises is logged once, and dropped."""


def attributes(event: Event) -> Mapping[str, str | int | float | tuple[str, ...] | tuple[int, ...]]:
    """`event` as OpenTelemetry takes it: flat, with dotted names; what is None is left out.

    >>> dict(attributes(Degraded("monday", "recall", "Unreachable", 0, 3000.0, 0)))["memos.what"]
    'recall'
    """
    members = {member.name: getattr(event, member.name) for member in fields(event)}
    told = {f"memos.{name}": value for name, value in members.items() if value is not None}
    return {"memos.event": type(event).__name__.lower(), **told}
