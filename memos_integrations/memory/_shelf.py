"""The outbox's file as a person sees it: what is there, to be retried or dropped. Every value is bound."""
# ruff: noqa: S608 -- every part of a statement is from this file; values of the caller are bound

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from memos_integrations.memory._queue import Queue, State

__all__ = ["Count", "Listed", "Shelf"]

_CHOSEN: Final = """(? is null or number = ?)
    and (? is null or conversation in (select number from conversation where destination = ?))"""


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry of the outbox, without its text."""

    number: int
    address: str
    owner: str
    conversation_id: str
    state: State
    messages: int
    created: float
    error: str
    code: int
    message: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Count:
    """How many entries of a destination are in one state; `oldest`: when the first of them was handed in."""

    destination: int
    state: State
    entries: int
    messages: int
    oldest: float


class Shelf(Queue):
    """What may be asked and done by hand."""

    def counts(self) -> list[Count]:
        """Entries by destination and state."""
        found = """select c.destination, e.state, count(*), sum(e.messages), min(e.created) from entry e
            join conversation c on c.number = e.conversation group by c.destination, e.state"""
        with self.reading():
            return [Count(*row) for row in self.execute(found).fetchall()]

    def listed(self, states: Sequence[State] = (), destination: int | None = None) -> list[Listed]:
        """The entries of `destination` (None: of all) that are in one of `states` (none: in any), in order."""
        of_states = f"and e.state in ({', '.join('?' * len(states))})" if states else ""
        found = f"""select e.number, d.address, c.owner, c.name, e.state, e.messages, e.created, e.error, e.code,
            e.words from entry e join conversation c on c.number = e.conversation
            join destination d on d.number = c.destination
            where (? is null or d.number = ?) {of_states} order by e.number"""
        with self.reading():
            rows = self.execute(found, (destination, destination, *states)).fetchall()
        return [Listed(*row) for row in rows]

    def retry(self, number: int | None, now: float, destination: int | None = None) -> int:
        """Puts what is parked in line again: that entry, or all (of `destination`, if given); returns how many."""
        found = f"select number, conversation from entry where state = 'parked' and {_CHOSEN}"
        again = """update entry set state = 'waiting', sent = null, looks = 0, unclear = 0, faults = 0, alone = 1,
            error = '', code = 0, words = '' where number = ?"""
        with self.writing():
            rows = self.execute(found, (number, number, destination, destination)).fetchall()
            for entry, conversation in rows:
                self.execute(again, (entry,))
                self._make_due(conversation, now)
        return len(rows)

    def drop(self, number: int | None, now: float, destination: int | None = None) -> int:
        """Deletes that entry, unless it is just being sent, or all that are parked; returns how many."""
        which = f"""delete from entry where state = case when ? is null then 'parked' else state end and {_CHOSEN}
            and (state <> 'sending' or conversation not in (select number from conversation where until > ?))"""
        with self.writing():
            dropped = self.execute(which, (number, number, number, destination, destination, now)).rowcount
        self.cut_log()
        return dropped
