"""A write that is made once, though its reply may be lost: what came of it is read back before it is sent again."""

import hashlib
import math
import random
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, NoReturn

from memos_integrations.client._exchange import Budget, Outcome, Retry, Steps, Try, tries
from memos_integrations.errors import MemOSError, Unreachable
from memos_integrations.wire.answers import Added
from memos_integrations.wire.call import MAX_PAGE, Call
from memos_integrations.wire.calls import AddMessage, GetMessage
from memos_integrations.wire.codes import Fate, fate
from memos_integrations.wire.envelope import Reply, read
from memos_integrations.wire.readback import (
    Delivered,
    Sought,
    Verdict,
    digests,
    heard,
    read_back,
    said,
    verdict,
)

__all__ = ["ACCEPTED", "Past", "verified"]

_SHARE = 0.5  # of the time left that a try gets, so that a server which hangs leaves time to find out what it did
_MAX_CONVERSATIONS = 1_024  # whose deliveries are known
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

    def note(self, call: AddMessage) -> None:
        """`call` was delivered just now."""
        asked, at = read_back(call), self.now()
        if asked is None:
            return
        key = (asked.user_id, asked.conversation_id)
        with self._lock:
            known = self._known.setdefault(key, deque(maxlen=MAX_PAGE))
            known.extend(Delivered(digest, math.inf if at is None else at) for digest in digests(call.turns, _digest))
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

    def said_of(self, reply: Reply, waited: float) -> Verdict:
        """What `reply` says of it, `waited` seconds after it was first sent."""
        told, now, zone = read(self.asked, reply).message_detail_list, self.past.now(), self.past.zone
        since = -math.inf if now is None else now - waited
        sought = Sought(digests(self.call.turns, _digest), said(self.call, zone), since, now)
        full = len(told) >= MAX_PAGE
        return verdict(sought, heard(told, _digest, zone), self.past.of(self.asked), full=full)


def verified(
    call: Call[Any], retry: Retry, deadline: float, past: Past, chance: Callable[[], float] = random.random
) -> Steps[Any]:
    """`call`, an `AddMessage` or `AddFeedback`, once: after a failure that tells nothing it is looked for first.

    Raises `Unreachable` with `sent` where that can't be found out; it may have been written then. A failed reading is
    not a no, and a no is asked for once more, `retry.look` seconds later, before anything is sent again.
    """
    asked = read_back(call) if isinstance(call, AddMessage) else None
    if asked is None or not isinstance(call, AddMessage):
        return _sent_once(call, tries(call, retry, Budget(deadline), chance))
    return _sent_until_known(_Writing(call, asked, past), retry, Budget(deadline, _SHARE), chance)


def _sent_once(call: Call[Any], steps: Steps[Any]) -> Steps[Any]:
    try:
        return (yield from steps)
    except MemOSError as error:
        if fate(error) is Fate.UNKNOWN:
            _give_up(call, error)
        raise


def _sent_until_known(writing: _Writing, retry: Retry, budget: Budget, chance: Callable[[], float]) -> Steps[Any]:
    call, rounds = writing.call, 0
    while True:
        begun, rounds = budget.spent, rounds + 1
        try:
            answer = yield from tries(call, retry, budget, chance)
            writing.past.note(call)
            return answer
        except MemOSError as error:
            if fate(error) is not Fate.UNKNOWN:
                raise
            found = yield from _looked(writing, retry, budget, begun)
            if found is Verdict.THERE:
                writing.past.note(call)
                return ACCEPTED
            if found is Verdict.UNCLEAR or rounds == retry.tries or not budget.allows(0.0):
                _give_up(call, error)


def _looked(
    writing: _Writing, retry: Retry, budget: Budget, begun: float
) -> Generator[Try, tuple[Outcome, float], Verdict]:
    """Reads the conversation back until that says something; twice for a no."""
    pause, step, absent = 0.0, retry.first, 0
    while absent < _LOOKS:
        if not budget.allows(pause):
            return Verdict.UNCLEAR
        outcome = yield from budget.trying(writing.asked, pause)
        found = _told(writing, outcome, budget.spent - begun)
        if found is Verdict.THERE:
            return found
        absent += found is Verdict.ABSENT
        pause = retry.look if found is Verdict.ABSENT else step
        step = min(step * retry.factor, retry.longest)
    return Verdict.ABSENT


def _told(writing: _Writing, outcome: Outcome, waited: float) -> Verdict:
    if isinstance(outcome, Unreachable):
        return Verdict.UNCLEAR
    try:
        return writing.said_of(outcome, waited)
    except MemOSError:
        return Verdict.UNCLEAR


def _give_up(call: Call[Any], failure: MemOSError) -> NoReturn:
    if isinstance(failure, Unreachable):
        raise failure
    told = f"{call.path}: it may have been carried out, which can't be found out ({type(failure).__name__}: {failure})"
    raise Unreachable(told, sent=True) from failure


def _digest(role: str, text: str) -> bytes:
    return hashlib.blake2b(f"{role}\0{text}".encode("utf-8", "replace"), digest_size=16).digest()
