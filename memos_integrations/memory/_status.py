"""How full an outbox is, in numbers."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from memos_integrations.memory._shelf import Count

__all__ = ["OutboxStatus", "together", "told"]


@dataclass(frozen=True, slots=True)
class OutboxStatus:
    """What the outbox holds for a client's destination: entries that wait, whose turn is open, that are parked.

    `messages` are those of all three, `oldest_seconds` is how long the oldest that waits has waited (0.0: none does).
    `elsewhere` counts entries of destinations that this client does not open: they wait for a client of theirs.
    """

    path: str
    waiting: int
    open: int
    parked: int
    messages: int
    oldest_seconds: float
    elsewhere: int


def told(path: str, counts: Iterable[Count], destination: int, now: float) -> OutboxStatus:
    """The status of that destination in the file `path`."""
    counts = list(counts)
    mine = {count.state: count for count in counts if count.destination == destination}
    waits = [mine[state] for state in ("waiting", "sending") if state in mine]
    return OutboxStatus(
        path=path,
        waiting=sum(count.entries for count in waits),
        open=mine["open"].entries if "open" in mine else 0,
        parked=mine["parked"].entries if "parked" in mine else 0,
        messages=sum(count.messages for count in mine.values()),
        oldest_seconds=max((now - count.oldest for count in waits), default=0.0),
        elsewhere=sum(count.entries for count in counts if count.destination != destination),
    )


def together(one: OutboxStatus, other: OutboxStatus) -> OutboxStatus:
    """`one`, with what waits in the `other` of the same destination."""
    return replace(
        one,
        waiting=one.waiting + other.waiting,
        open=one.open + other.open,
        parked=one.parked + other.parked,
        messages=one.messages + other.messages,
        oldest_seconds=max(one.oldest_seconds, other.oldest_seconds),
    )
