"""One call from first try to answer, as a generator that never waits: it says when to try, and is told what came."""

import math
import random
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from memos_integrations.errors import (
    BadRequest,
    Garbled,
    Invalid,
    MemOSError,
    NotFound,
    QuotaExceeded,
    Refused,
    Unauthorized,
    Unreachable,
)
from memos_integrations.wire.call import Call
from memos_integrations.wire.codes import PASSING_STATUSES, not_applied
from memos_integrations.wire.envelope import Reply, read

__all__ = ["Budget", "Outcome", "Retry", "Steps", "Try", "exchange", "tries"]

T = TypeVar("T")
Outcome = Reply | Unreachable


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How pauses between tries grow. Whether a call may be tried again at all is not up to it.

    `first` pause in seconds (default .25), multiplied by `factor` (2) each time, up to `longest` (8 s); of each pause
    a random share of up to `jitter` (.5) is left out, so that clients don't come back in step. `tries` bounds the
    number of tries (1: never again); None, the default, leaves it to the call's deadline alone. `look` seconds
    (1) pass between two readings of a conversation for a write whose fate is unknown.
    """

    first: float = 0.25
    factor: float = 2.0
    longest: float = 8.0
    jitter: float = 0.5
    tries: int | None = None
    look: float = 1.0

    def __post_init__(self) -> None:
        _check(0 < self.first < math.inf, "first", "is a number of seconds above 0")
        _check(1 <= self.factor < math.inf, "factor", "is at least 1")
        _check(self.first <= self.longest < math.inf, "longest", "is a number of seconds, at least first")
        _check(0 <= self.jitter <= 1, "jitter", "is a share, 0 to 1")
        _check(self.tries is None or self.tries >= 1, "tries", "is at least 1, or None")
        _check(0 <= self.look < math.inf, "look", "is a number of seconds")


def _check(holds: bool, field: str, rule: str) -> None:
    if not holds:
        raise Invalid(f"Retry: {field} {rule}", field=field, rule="range")


@dataclass(frozen=True, slots=True)
class Try:
    """Wait `pause` seconds, then send `call` and give it `seconds`."""

    pause: float
    seconds: float
    call: Call[Any]


@dataclass(slots=True)
class Budget:
    """The seconds of a call with all that belongs to it, how many are spent, and which share of the rest a try gets."""

    deadline: float
    share: float = 1.0
    spent: float = 0.0

    def trying(self, call: Call[Any], pause: float = 0.0) -> Generator[Try, tuple[Outcome, float], Outcome]:
        """One try after `pause`; what came of it."""
        outcome, self.spent = yield Try(pause, (self.deadline - (self.spent + pause)) * self.share, call)
        return outcome

    def allows(self, pause: float) -> bool:
        """Whether there is time for anything after `pause`."""
        return self.spent + pause < self.deadline


Steps = Generator[Try, tuple[Outcome, float], T]
"""Yields each `Try`, is sent its outcome and the seconds spent since the start; returns the answer or raises."""


def exchange(call: Call[T], retry: Retry, deadline: float, chance: Callable[[], float] = random.random) -> Steps[T]:
    """`call` with its tries.

    `deadline` bounds all tries and pauses together, in seconds. No pause ends past it: when the next one would
    (a Retry-After included), the last error is raised at once. A call that may have been applied is repeated only
    where repeating is harmless (`call.repeatable`).
    """
    return tries(call, retry, Budget(deadline), chance)


def tries(call: Call[T], retry: Retry, budget: Budget, chance: Callable[[], float]) -> Steps[T]:
    """The same within what is left of `budget`."""
    pause, step, count = 0.0, retry.first, 0
    while True:
        outcome = yield from budget.trying(call, pause)
        count += 1
        try:
            return _answer(call, outcome)
        except MemOSError as error:
            pause = max(step * (1 - retry.jitter * chance()), _asked(error))
            if not _worth_repeating(call, error) or count == retry.tries or not budget.allows(pause):
                raise
        step = min(step * retry.factor, retry.longest)


def _answer(call: Call[T], outcome: Outcome) -> T:
    if isinstance(outcome, Unreachable):
        raise outcome
    return read(call, outcome)


def _asked(error: MemOSError) -> float:
    return (error.retry_after or 0.0) if isinstance(error, Refused) else 0.0


def _worth_repeating(call: Call[T], error: MemOSError) -> bool:
    if isinstance(error, BadRequest | NotFound | QuotaExceeded | Unauthorized) and error.code:
        return False  # the code says that it will be no better the next time, even with HTTP 429 or 503
    return not_applied(error) or (call.repeatable and _passing(error))


def _passing(error: MemOSError) -> bool:
    """Whether the next try may fare better, for a call whose fate is unknown."""
    if isinstance(error, Garbled):
        return 200 <= error.status < 300
    if isinstance(error, Refused):
        return not error.code and error.status in PASSING_STATUSES
    return isinstance(error, Unreachable)
