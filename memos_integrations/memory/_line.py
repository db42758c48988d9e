"""The outbox's file as its workers see it: whose turn it is, what is sent together, and what came of it."""
# ruff: noqa: S608 -- every part of a statement is from this folder; values of the caller are bound

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from pydantic import ValidationError

from memos_integrations.memory._batches import Row, fitting, joined, marks
from memos_integrations.memory._queue import IN_LINE, left, place
from memos_integrations.memory._shelf import Shelf
from memos_integrations.wire.call import MAX_PAGE
from memos_integrations.wire.calls import AddMessage
from memos_integrations.wire.readback import MOST
from memos_integrations.wire.verdict import Delivered

__all__ = ["Batch", "Doubt", "Line", "Marks"]

# An entry that was in doubt once keeps the time of its first sending: what was written then may show late.
_AGAIN: Final = """update entry set state = 'waiting', sent = case when error = '' then null else sent end, looks = 0,
    unclear = 0 where number = ?"""
_SHOWN: Final = MAX_PAGE - 1  # messages that a reading shows, beside an older one that tells it is not too short


Marks = Sequence[tuple[bytes, float | None]]
"""Digests of messages, and when each was said, by the server's clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """What stands against a batch whose fate is not known: `looks` readings did not find it, `unclear` ones told
    nothing, `faults` failures inside the server; and the last failure of its sending. Before `settled` the server may
    still come to write it, so its absence says nothing.
    """

    looks: int = 0
    unclear: int = 0
    faults: int = 0
    settled: float = 0.0
    error: str = ""
    code: int = 0
    words: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What is sent in one call: `entries` by number, by `holder` alone `until` that time; the conversation failed
    `tries` times in a row.

    `sent` is when it was first sent; unless it is `fresh`, its fate is not known since then.
    """

    conversation: int
    holder: str
    until: float
    entries: tuple[int, ...]
    call: AddMessage = field(repr=False)
    tries: int
    sent: float
    fresh: bool
    doubt: Doubt


class Line(Shelf):
    """A conversation is one worker's at a time: he sends its first entries, and says what came of them."""

    def next_due(self, destination: int) -> float | None:
        """When there is something to do, at the earliest; None: nothing waits."""
        first = """select min(case when holder is null then due else max(due, until) end) from conversation
            where due is not null and destination = ?"""
        with self.reading():
            row = self.execute(first, (destination,)).fetchone()
        return None if row[0] is None else float(row[0])

    def next_orphan(self, destination: int) -> float | None:
        """When the oldest open turn was opened; None: there is none."""
        oldest = """select min(e.created) from entry e join conversation c on c.number = e.conversation
            where e.state = 'open' and c.destination = ?"""
        with self.reading():
            row = self.execute(oldest, (destination,)).fetchone()
        return None if row[0] is None else float(row[0])

    def holds(self, destination: int, call: AddMessage) -> bool:
        """Whether anything of `call`'s conversation is open or in line."""
        found = f"""select 1 from entry e join conversation c on c.number = e.conversation where c.destination = ?
            and c.owner = ? and c.name = ? and (e.{IN_LINE} or e.state = 'open') limit 1"""
        with self.reading():
            return self.execute(found, (destination, *place(call))).fetchone() is not None

    def unspoken(self, destination: int, call: AddMessage, turn: str | None) -> AddMessage | None:
        """`call` without what of that turn was handed in before; None when nothing is left."""
        found = "select number from conversation where destination = ? and owner = ? and name = ?"
        with self.reading():
            row = self.execute(found, (destination, *place(call))).fetchone()
            known = self._spoken(row[0], self.digest(turn)) if row and turn is not None else []
        rest = left(call.turns, [self._print(message) for message in call.turns], known)
        return call.model_copy(update={"messages": rest}) if rest else None

    def claim(self, destination: int, holder: str, now: float, until: float, pace: float = 0.0) -> Batch | None:
        """The first entries of the conversation that has been due for longest, for `holder` alone `until` that time.

        Of one conversation no more is sent in `pace` seconds than a reading shows, so that each can be found in one.
        """
        first = """select number, tries from conversation where destination = ? and due <= ?
            and (holder is null or until < ?) order by due limit 1"""
        held = "update conversation set holder = ?, until = ? where number = ?"
        with self.writing():
            row = self.execute(first, (destination, now, now)).fetchone()
            if row is None:
                return None
            conversation, tries = row
            self.execute(held, (holder, until, conversation))
            entries, fresh = self._under_way(conversation), False
            if not entries:
                later = self._too_soon(conversation, now, pace)
                entries, fresh = {} if later else self._gathered(conversation, now, pace), True
                if not entries:
                    self._release(conversation, now, tries=tries if later else 0, due=later)
                    return None
            numbers, call = tuple(entries), joined([*entries.values()])
            sent, doubt = self._doubt(numbers)
        return Batch(
            conversation=conversation,
            holder=holder,
            until=until,
            entries=numbers,
            call=call,
            tries=tries,
            sent=sent,
            fresh=fresh,
            doubt=doubt,
        )

    def known(self, batch: Batch) -> list[Delivered]:
        """What arrived in the batch's conversation of late, or may have; times by this machine's clock."""
        found = "select digest, at, begun, sure, said from delivered where conversation = ? order by number"
        with self.reading():
            rows = self.execute(found, (batch.conversation,)).fetchall()
        return [Delivered(digest, at, begun, bool(sure), said) for digest, at, begun, sure, said in rows]

    def arrived(self, destination: int, owner: str, name: str) -> list[bytes]:
        """Digests of what surely arrived in that conversation of late, in order."""
        found = """select d.digest from delivered d join conversation c on c.number = d.conversation
            where c.destination = ? and c.owner = ? and c.name = ? order by d.number"""
        with self.reading():
            return [row[0] for row in self.execute(found, (destination, owner, name)).fetchall()]

    def delivered(self, batch: Batch, marks: Marks, now: float) -> None:
        """It arrived: its text is deleted, its digests are kept for comparing."""
        with self._settling(batch) as mine:
            if not mine:
                return
            self._each("delete from entry where number = ?", batch)
            self._keep(batch, marks, now, sure=True)
            self._release(batch.conversation, now, tries=0)

    def postponed(self, batch: Batch, now: float, *, due: float, asked: float = 0.0) -> None:
        """It surely did not arrive, and is sent again when `due`; before `asked` the server wants nothing."""
        with self._settling(batch) as mine:
            if mine:
                self._each(_AGAIN, batch)
                self.execute("update conversation set asked = ? where number = ?", (asked, batch.conversation))
                self._release(batch.conversation, now, tries=batch.tries + 1, due=max(due, asked))

    def unsure(self, batch: Batch, now: float, *, due: float, doubt: Doubt, asked: float = 0.0) -> None:
        """Nobody knows yet whether it arrived; it is looked for when `due`, not before `asked`."""
        noted = """update entry set looks = ?, unclear = ?, faults = ?, settled = ?, error = ?, code = ?, words = ?
            where number = ?"""
        values = (doubt.looks, doubt.unclear, doubt.faults, doubt.settled, doubt.error, doubt.code, doubt.words)
        with self._settling(batch) as mine:
            if mine:
                self.execute_many(noted, [(*values, number) for number in batch.entries])
                self.execute("update conversation set asked = ? where number = ?", (asked, batch.conversation))
                self._release(batch.conversation, now, tries=batch.tries + 1, due=max(due, asked))

    def alone(self, batch: Batch, now: float) -> None:
        """It was refused as a whole, so each entry goes alone: the others shall not share the fate of one."""
        with self._settling(batch) as mine:
            if mine:
                self._each(_AGAIN, batch)
                self._each("update entry set alone = 1 where number = ?", batch)
                self._release(batch.conversation, now, tries=0)

    def parked(self, batch: Batch, marks: Marks, now: float, doubt: Doubt) -> None:
        """Set aside for the user to decide; what comes after goes on. `marks`, where it may have arrived."""
        aside = "update entry set state = 'parked', error = ?, code = ?, words = ? where number = ?"
        values = (doubt.error, doubt.code, doubt.words)
        with self._settling(batch) as mine:
            if mine:
                self.execute_many(aside, [(*values, number) for number in batch.entries])
                self._keep(batch, marks, now, sure=False)
                self._release(batch.conversation, now, tries=0)

    def hurry(self, destination: int, now: float, longest: float) -> None:
        """Shortens our own pauses to `longest` seconds; those that the server asked for stay."""
        sooner = "update conversation set due = max(asked, min(due, ?)) where destination = ? and due > ?"
        with self.writing():
            self.execute(sooner, (now + longest, destination, now + longest))

    def holders(self) -> list[str]:
        """Who delivers something now."""
        with self.reading():
            rows = self.execute("select distinct holder from conversation where holder is not null").fetchall()
        return [row[0] for row in rows]

    def free(self, holder: str) -> None:
        """Takes everything from `holder`, who is gone."""
        with self.writing():
            self.execute("update conversation set holder = null, until = 0 where holder = ?", (holder,))

    @contextmanager
    def _settling(self, batch: Batch) -> Iterator[bool]:
        """A transaction, and whether the conversation is still the batch's: another thread of the holder's may have
        taken it when its time was over.
        """
        held = "select 1 from conversation where number = ? and holder = ? and until = ?"
        with self.writing():
            yield self.execute(held, (batch.conversation, batch.holder, batch.until)).fetchone() is not None

    def _keep(self, batch: Batch, marks: Marks, now: float, *, sure: bool) -> None:
        """Keeps the newest digests of the batch's conversation, as many as a reading shows."""
        rows = [(batch.conversation, digest, now, batch.sent, sure, said) for digest, said in marks]
        self.execute_many(
            "insert into delivered (conversation, digest, at, begun, sure, said) values (?, ?, ?, ?, ?, ?)", rows
        )
        oldest = """delete from delivered where conversation = ? and number <= (select number from delivered
            where conversation = ? order by number desc limit 1 offset ?)"""
        self.execute(oldest, (batch.conversation, batch.conversation, MAX_PAGE))

    def _under_way(self, conversation: int) -> dict[int, AddMessage]:
        """What was sent without a reply that told its fate: together, as it was sent, before anything else."""
        found = "select number, body from entry where conversation = ? and state = 'sending' order by number"
        rows = self.execute(found, (conversation,)).fetchall()
        calls = {number: self._read(number, body) for number, body in rows}
        return {number: call for number, call in calls.items() if call is not None}

    def _gathered(self, conversation: int, now: float, pace: float) -> dict[int, AddMessage]:
        """The next to be sent together, noted as being sent before they are."""
        found = """select number, body, messages, alone, sent from entry where conversation = ? and state = 'waiting'
            order by number limit ?"""
        rows: list[Row] = self.execute(found, (conversation, MOST)).fetchall()
        calls = dict[int, AddMessage]()
        for number, body, *_ in rows[: fitting(rows, _SHOWN - len(self._lately(conversation, now - pace)))]:
            call = self._read(number, body)
            if call is None or any(marks(call) != marks(other) for other in calls.values()):
                break
            calls[number] = call
        sending = "update entry set state = 'sending', sent = coalesce(sent, ?) where number = ?"
        self.execute_many(sending, [(now, number) for number in calls])
        return calls

    def _too_soon(self, conversation: int, now: float, pace: float) -> float | None:
        """When the next entry may be sent so that a reading still shows it beside what went before; None: now."""
        first = "select messages from entry where conversation = ? and state = 'waiting' order by number limit 1"
        row = self.execute(first, (conversation,)).fetchone()
        lately = self._lately(conversation, now - pace)
        over = len(lately) + row[0] - _SHOWN if row else 0
        return lately[min(over, len(lately)) - 1] + pace if over > 0 and lately else None

    def _lately(self, conversation: int, after: float) -> list[float]:
        """When the messages arrived that did so `after` that time, in order."""
        found = "select at from delivered where conversation = ? and at > ? order by at"
        return [row[0] for row in self.execute(found, (conversation, after)).fetchall()]

    def _read(self, number: int, body: bytes) -> AddMessage | None:
        """The call of an entry; one that can't be read (another version's, damaged) is parked."""
        try:
            return AddMessage.model_validate_json(body)
        except ValidationError:
            self.execute("update entry set state = 'parked', error = 'Invalid' where number = ?", (number,))
            return None

    def _doubt(self, numbers: tuple[int, ...]) -> tuple[float, Doubt]:
        """When they were first sent, and what stands against them since."""
        found = "select sent, looks, unclear, faults, settled, error, code, words from entry where number = ?"
        rows = [self.execute(found, (number,)).fetchone() for number in numbers]
        _, looks, unclear, faults, settled, error, code, words = max(rows, key=lambda row: int(row[3]))
        doubt = Doubt(looks=looks, unclear=unclear, faults=faults, settled=settled, error=error, code=code, words=words)
        return min(row[0] for row in rows), doubt

    def _each(self, statement: str, batch: Batch) -> None:
        self.execute_many(statement, [(number,) for number in batch.entries])

    def _release(self, conversation: int, now: float, *, tries: int, due: float | None = None) -> None:
        """Lets the conversation go: due again when there is more in line."""
        more = f"select 1 from entry where conversation = ? and {IN_LINE} limit 1"
        if self.execute(more, (conversation,)).fetchone() is None:
            due = None
        elif due is None:
            due = now
        left = "update conversation set holder = null, until = 0, tries = ?, due = ? where number = ?"
        self.execute(left, (tries, due, conversation))
