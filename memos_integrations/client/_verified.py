"""A write that is made once, though its reply may be lost: what came of it is read back before it is sent again."""

import hashlib
import math
import random
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any, NoReturn

from memos_integrations.client._exchange import Budget, Outcome, Retry, Steps, Try, tries
from memos_integrations.errors import MemOSError, NotFound, Refused, Unreachable
from memos_integrations.wire.answers import Added
from memos_integrations.wire.call import MAX_PAGE, Call
from memos_integrations.wire.calls import AddMessage, GetMessage, GetStatus
from memos_integrations.wire.codes import Fate, fate
from memos_integrations.wire.envelope import read
from memos_integrations.wire.readback import digests, heard, marked, read_back, said
from memos_integrations.wire.tasks import NamedAdd
from memos_integrations.wire.verdict import Delivered, Sought, Verdict, verdict

__all__ = ["ACCEPTED", "Past", "verified", "verified_by_task"]

_SHARE = 0.5  # of the time left that a try gets, so that a server which hangs leaves time to find out what it did
_MAX_CONVERSATIONS = 1_024  # whose deliveries are known
_PATIENCE = 0.25  # of the time left, at most, that passes between two readings
_LOOKS = 2  # readings that must not find it before it is sent again
ACCEPTED = Added(success=True, task_id=None, status="running")
"""What an add has come to that is there, though its own reply was lost."""

Key = tuple[str, str]


class Past:
    """What a client delivered of late, by digests, to tell a repeat from what it repeats: in memory only, bounded.

    `zone` is the server's; `now` tells its time in seconds since the epoch, None where nobody knows it.
    """

    def __init__(self, zone: tzinfo, now: Callable[[], float | None]) -> None:
        self.zone, self.now = zone, now
        self._lock = threading.Lock()
        self._known: OrderedDict[Key, deque[Delivered]] = OrderedDict()

    def note(self, call: Call[Any], took: float, *, sure: bool = True) -> None:
        """`call` was delivered just now, which `took` that many seconds; not `sure`: it may have been."""
        if not isinstance(call, AddMessage):
            return
        now = self.now()
        at = math.inf if now is None else now
        marks = marked(call, _digest, self.zone)
        told = [Delivered(digest, at, at - took, sure, said_at) for digest, said_at in marks]
        for user in call.users:
            if call.conversation_id is not None:
                self._keep((user, call.conversation_id), told)

    def doubt(self, call: Call[Any], took: float, error: MemOSError) -> None:
        """`call` ended with `error`, which may leave open whether it was delivered."""
        if fate(error, patient=True) is Fate.UNKNOWN:
            self.note(call, took, sure=False)

    def _keep(self, key: Key, told: Sequence[Delivered]) -> None:
        with self._lock:
            self._known.setdefault(key, deque(maxlen=MAX_PAGE)).extend(told)
            self._known.move_to_end(key)
            if len(self._known) > _MAX_CONVERSATIONS:
                self._known.popitem(last=False)

    def of(self, asked: GetMessage) -> Sequence[Delivered]:
        """What is known to be in that conversation."""
        with self._lock:
            return tuple(self._known.get((asked.user_id, asked.conversation_id), ()))


@dataclass(frozen=True, slots=True)
class _Writing:
    """A write with what tells its fate."""

    call: AddMessage
    asked: GetMessage
    past: Past

    def said_of(self, outcome: Outcome, waited: float) -> Verdict:
        """What a reading says of it, `waited` seconds after it was first sent. Raises what the reading failed with."""
        if isinstance(outcome, Unreachable):
            raise outcome
        told, now, zone = read(self.asked, outcome).message_detail_list, self.past.now(), self.past.zone
        since = -math.inf if now is None else now - waited
        sought = Sought(digests(self.call.turns, _digest), said(self.call, zone), since, now)
        full = len(told) >= MAX_PAGE
        return verdict(sought, heard(told, _digest, zone), self.past.of(self.asked), full=full)


@dataclass(frozen=True, slots=True)
class _Task:
    """The same of a write whose task's id is known: the task is known once it is written."""

    call: NamedAdd

    @property
    def asked(self) -> GetStatus:
        return self.call.asked

    def said_of(self, outcome: Outcome, _: float) -> Verdict:
        """Raises what the reading failed with."""
        if isinstance(outcome, Unreachable):
            raise outcome
        try:
            read(self.asked, outcome)
        except NotFound:
            return Verdict.ABSENT
        return Verdict.THERE


_Seeking = _Writing | _Task


@dataclass(slots=True)
class _Counting(Budget):
    """A budget that knows how often the write was `sent`, over all its rounds."""

    sent: int = 0

    def trying(self, call: Call[Any], pause: float = 0.0) -> Generator[Try, tuple[Outcome, float], Outcome]:
        """One try after `pause`; what came of it."""
        self.sent += isinstance(call, AddMessage)
        return Budget.trying(self, call, pause)


def verified(
    call: Call[Any], retry: Retry, deadline: float, past: Past, chance: Callable[[], float] = random.random
) -> Steps[Any]:
    """`call`, an `AddMessage` or `AddFeedback`, once: after a failure that tells nothing it is looked for first.

    Raises `Unreachable` with `sent` where that can't be found out; it may have been written then. A failed reading is
    not a no, and a no is asked for once more, `retry.look` seconds later, before anything is sent again.
    """
    asked = read_back(call) if isinstance(call, AddMessage) else None
    if asked is None or not isinstance(call, AddMessage):
        return _sent_once(call, retry, Budget(deadline), past, chance)
    return _sent_until_known(_Writing(call, asked, past), retry, _Counting(deadline, _SHARE), chance)


def _sent_once(call: Call[Any], retry: Retry, budget: Budget, past: Past, chance: Callable[[], float]) -> Steps[Any]:
    try:
        answer = yield from tries(call, retry, budget, chance)
    except MemOSError as error:
        past.doubt(call, budget.spent, error)
        if fate(error) is Fate.UNKNOWN:
            _give_up(call, error)
        raise
    past.note(call, budget.spent)
    return answer


def _sent_until_known(writing: _Writing, retry: Retry, budget: _Counting, chance: Callable[[], float]) -> Steps[Any]:
    call = writing.call
    while True:
        left, begun = None if retry.tries is None else retry.tries - budget.sent, budget.spent
        try:
            answer = yield from tries(call, replace(retry, tries=left), budget, chance)
            writing.past.note(call, budget.spent)
            return answer
        except MemOSError as error:
            if fate(error) is not Fate.UNKNOWN:
                writing.past.doubt(call, budget.spent, error)
                raise
            found = yield from _looked(writing, retry, budget, budget.spent - begun)
            if found is not Verdict.ABSENT:
                writing.past.note(call, budget.spent, sure=found is Verdict.THERE)
            if found is Verdict.THERE:
                return ACCEPTED
            if found is Verdict.UNCLEAR or budget.sent == retry.tries or not budget.allows(0.0):
                _give_up(call, error)


def verified_by_task(
    call: NamedAdd, retry: Retry, deadline: float, chance: Callable[[], float] = random.random
) -> Steps[Any]:
    """`call` once, on a server that tells no messages: after a failure that tells nothing its task is looked for.

    A task that is known was written. One that is not may still be written, or have been and be forgotten, so nothing is
    sent again: `Unreachable` with `sent` is raised.
    """
    budget = Budget(deadline, _SHARE)
    try:
        return (yield from tries(call, retry, budget, chance))
    except MemOSError as error:
        if fate(error) is not Fate.UNKNOWN:
            raise
        found = yield from _looked(_Task(call), retry, budget, budget.spent)
        if found is Verdict.THERE:
            return ACCEPTED.model_copy(update={"task_id": call.task_id})
        _give_up(call, error)


def _looked(
    writing: _Seeking, retry: Retry, budget: Budget, took: float
) -> Generator[Try, tuple[Outcome, float], Verdict]:
    """Reads the conversation back until that says something, or is refused for good; twice for a no.

    A server that `took` long to say nothing may be slow, not gone: it gets some of the time left before the second.
    """
    pause, step, absent = 0.0, retry.first, 0
    while absent < _LOOKS:
        if not budget.allows(pause):
            return Verdict.UNCLEAR
        outcome = yield from budget.trying(writing.asked, pause)
        try:
            found = writing.said_of(outcome, budget.spent)
            patience = max(retry.look, min(took, (budget.deadline - budget.spent) * _PATIENCE))
            pause = patience if found is Verdict.ABSENT else step
        except MemOSError as error:
            if fate(error, patient=True) is Fate.FINAL:
                return Verdict.UNCLEAR
            found, pause = Verdict.UNCLEAR, max(step, (error.retry_after or 0.0) if isinstance(error, Refused) else 0.0)
        if found is Verdict.THERE:
            return found
        absent += found is Verdict.ABSENT
        step = min(step * retry.factor, retry.longest)
    return Verdict.ABSENT


def _give_up(call: Call[Any], failure: MemOSError) -> NoReturn:
    if isinstance(failure, Unreachable):
        raise failure
    told = f"{call.path}: it may have been carried out, which can't be found out ({type(failure).__name__}: {failure})"
    raise Unreachable(told, sent=True) from failure


def _digest(role: str, text: str) -> bytes:
    return hashlib.blake2b(f"{role}\0{text}".encode("utf-8", "replace"), digest_size=16).digest()
