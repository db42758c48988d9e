"""One conversation at its target: where to go on, add by add, each once, whatever was killed before."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from memos_integrations.errors import MemOSError, QuotaExceeded, Unauthorized, Unreachable, Unsupported
from memos_integrations.moving._journal import Come, Journal
from memos_integrations.moving._place import Elsewhere, Held, locate, which
from memos_integrations.moving._report import Failure
from memos_integrations.moving._said import Kept, Name, chained, sent
from memos_integrations.moving._targets import Target, calls
from memos_integrations.wire.calls import AddMessage
from memos_integrations.wire.codes import Fate, fate
from memos_integrations.wire.verdict import Verdict

__all__ = ["Delivered", "Delivery", "Stopped", "Unknown"]

Unknown = Literal["leave", "again", "skip"]
_READINGS: Final = 6  # of a conversation, to find out what became of an add
_ABSENT: Final = 2  # of those that must not find it before it is sent again
_FAULTS: Final = 4  # failures inside the server that an add may meet
_GROWS: Final = 2.0
_LONGEST: Final = 8.0
_ALL_FAIL: Final = (QuotaExceeded, Unauthorized)
"""Refusals that the next conversation would meet as well."""

_pause = time.sleep


class Stopped(Exception):
    """A conversation does not go on, others may. `there`: messages known to be there, where none were told of yet."""

    def __init__(self, failure: Failure, error: MemOSError | None = None, *, there: int = 0) -> None:
        super().__init__(failure)
        self.failure: Failure = failure
        self.error, self.there = error, there


@dataclass(frozen=True, slots=True)
class Delivered:
    """Messages that are at the target: there `already`, or by an add now, perhaps `unmarked`: without its marks."""

    messages: int
    already: bool = False
    unmarked: bool = False


@dataclass(frozen=True, slots=True)
class _Work:
    """A conversation with what stands for each number of its messages."""

    name: Name
    said: Sequence[Kept] = field(repr=False)
    chain: list[bytes] = field(repr=False)

    def come(self, done: int, sending: int = 0) -> Come:
        """That far."""
        return Come(done, self.chain[done], sending, self.chain[sending] if sending else b"")


class Delivery:
    """Sends to one target. `unknown` says what to do where nobody can find out whether an add arrived: "leave" the
    conversation, send it "again", or "skip" it as there.
    """

    def __init__(self, target: Target, journal: Journal, unknown: Unknown = "leave") -> None:
        self._target, self._journal, self._unknown = target, journal, unknown
        self.unchecked = 0
        """How many conversations were begun where nobody can say what is there."""

    def deliver(self, name: Name, said: Sequence[Kept]) -> Iterator[Delivered]:
        """Sends what is not there of these messages: first says how much was there, then what each add brought.

        Raises `Stopped` where this conversation can't go on, and the error that ends everything.
        """
        work = _Work(name, said, chained(said, self._journal.salt))
        done = self._start(work)
        yield Delivered(done, already=True)
        self._journal.note(name, work.come(done))
        for call in self._calls(work, done):
            coming = work.come(done, done + len(call.turns))
            self._journal.note(name, coming)
            unmarked = self._sent(work, call, coming)
            done = coming.sending
            self._journal.note(name, work.come(done))
            yield Delivered(len(call.turns), unmarked=unmarked)

    def _start(self, work: _Work) -> int:
        """How many of the messages are there."""
        come = self._journal.of(work.name)
        known = come if come is not None and come.fits(work.chain) else None
        if known and not known.sending and known.done == len(work.said) and not self._target.exact:
            return known.done
        held = self._held(work.name)
        place = None if held is None else locate(self._keys(work, held), held)
        if held is not None and held.exact and isinstance(place, int):
            return place  # whatever the journal says
        if known:
            return self._settled(work, known) if known.sending else _continued(known, held)
        if place is None:
            return self._unseen(come)
        if isinstance(place, int):
            return place
        raise Stopped("different" if place is Elsewhere.DIFFERENT else "unknown")

    def _held(self, name: Name) -> Held | None:
        """What is there; a failure inside the server, which may pass, is met a few times."""
        for _ in range(_FAULTS - 1):
            try:
                return self._target.held(name)
            except MemOSError as error:
                if fate(error, patient=True) is not Fate.UNKNOWN:
                    raise
            _pause(self._target.look)
        return self._target.held(name)

    def _calls(self, work: _Work, done: int) -> list[AddMessage]:
        try:
            return calls(work.name, work.said[done:], self._target.zone)
        except MemOSError as error:
            raise Stopped("refused", error) from None

    def _keys(self, work: _Work, held: Held) -> list[object | None]:
        return [held.key(sent(one, self._target.zone)) for one in work.said]

    def _unseen(self, come: Come | None) -> int:
        """Where nothing can be read back: from the start, unless something was sent there before."""
        if come is not None:
            raise Stopped("different")
        self.unchecked += 1
        return 0

    def _settled(self, work: _Work, come: Come) -> int:
        """Whether the add arrived during which we were killed."""
        found = self._looked(work, come)
        if found is Verdict.UNCLEAR and self._unknown == "leave":
            raise Stopped("unknown", there=come.done)
        there = found is Verdict.THERE or (found is Verdict.UNCLEAR and self._unknown == "skip")
        return come.sending if there else come.done

    def _sent(self, work: _Work, call: AddMessage, coming: Come) -> bool:
        """Sends `call`, once; whether it had to go without some of its marks."""
        left, token, faults = _lighter(call), self._journal.token(work.name, coming), 0
        while True:
            try:
                self._target.send(left[0], token)
                return left[0] != call
            except Unsupported as error:
                left = left[1:]
                if not left:
                    raise self._refused(work, coming, error) from None
            except MemOSError as error:
                faults += 1
                if self._has_arrived(work, coming, error, last=faults >= _FAULTS):
                    return left[0] != call

    def _has_arrived(self, work: _Work, coming: Come, error: MemOSError, *, last: bool) -> bool:
        """What became of an add that failed with `error`: False where it is to be sent again."""
        what = fate(error, patient=True)
        if what is Fate.FINAL and not isinstance(error, _ALL_FAIL):
            raise self._refused(work, coming, error) from None
        if what is not Fate.UNKNOWN:
            self._journal.note(work.name, work.come(coming.done))
            raise error
        found = self._looked(work, coming)
        if found is Verdict.UNCLEAR:
            raise Stopped("unknown", error) from None
        if found is Verdict.ABSENT and last:
            raise self._refused(work, coming, error) from None
        return found is Verdict.THERE

    def _refused(self, work: _Work, coming: Come, error: MemOSError) -> Stopped:
        """It surely was not applied, so nothing of it is in doubt."""
        self._journal.note(work.name, work.come(coming.done))
        return Stopped("refused", error)

    def _looked(self, work: _Work, coming: Come) -> Verdict:
        """Reads the conversation until that says something; twice for a no, since a server may be slow, not gone."""
        pause, absent = self._target.look, 0
        for reading in range(_READINGS):
            if reading:
                _pause(pause)
                pause = min(pause * _GROWS, _LONGEST)
            found = self._read(work, coming, last=reading == _READINGS - 1)
            if found is None or found[0] is Verdict.THERE:
                return Verdict.UNCLEAR if found is None else Verdict.THERE
            absent += found[0] is Verdict.ABSENT
            if absent >= _ABSENT or (absent and found[1]):
                return Verdict.ABSENT
        return Verdict.UNCLEAR

    def _read(self, work: _Work, coming: Come, *, last: bool) -> tuple[Verdict, bool] | None:
        """What a reading says, and whether it is exact; None where nothing can be read.

        Raises `Unreachable` in the `last`: then the others would meet it too, and the next copy reads again.
        """
        try:
            if self._target.knows(work.name, self._journal.token(work.name, coming)):
                return Verdict.THERE, True
            held = self._target.held(work.name)
        except MemOSError as error:
            if last and isinstance(error, Unreachable):
                raise
            return None if fate(error) is Fate.FINAL else (Verdict.UNCLEAR, False)
        if held is None:
            return None
        return which(self._keys(work, held), held, coming.done, coming.sending), held.exact


def _continued(come: Come, held: Held | None) -> int:
    """Where it had come to, unless the target was emptied since."""
    if held is not None and come.done and held.whole and not held.shown:
        raise Stopped("gone")
    return come.done


def _lighter(call: AddMessage) -> list[AddMessage]:
    """The add; then without what few servers have, and with whose messages it is and nothing more."""
    rarest: Mapping[str, Any] = {"tags": None, "allow_memory_view": None}
    others = {"app_id": None, "info": None, **({} if call.user_id is None else {"agent_id": None})}
    light = call.model_copy(update=rarest)
    bare = light.model_copy(update=others)
    return [call, *([light] if light != call else []), *([bare] if bare != light else [])]
