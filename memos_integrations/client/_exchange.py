"""One call from first try to answer, as a generator that never waits: it says when to try, and is told what came."""

import math
import random
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeVar

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

__all__ = ["Outcome", "Retry", "Try", "exchange"]

T = TypeVar("T")
Outcome = Reply | Unreachable


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How pauses between tries grow. Whether a call may be tried again at all is not up to it.

    `first` pause in seconds (default .25), multiplied by `factor` (2) each time, up to `longest` (8 s); of each pause
    a random share of up to `jitter` (.5) is left out, so that clients don't come back in step. `tries` bounds the
    number of tries (1: never again); None, the default, leaves it to the call's deadline alone.
    """

    first: float = 0.25
    factor: float = 2.0
    longest: float = 8.0
    jitter: float = 0.5
    tries: int | None = None

    def __post_init__(self) -> None:
        _check(0 < self.first < math.inf, "first", "is a number of seconds above 0")
        _check(1 <= self.factor < math.inf, "factor", "is at least 1")
        _check(self.first <= self.longest < math.inf, "longest", "is a number of seconds, at least first")
        _check(0 <= self.jitter <= 1, "jitter", "is a share, 0 to 1")
        _check(self.tries is None or self.tries >= 1, "tries", "is at least 1, or None")


def _check(holds: bool, field: str, rule: str) -> None:
    if not holds:
        raise Invalid(f"Retry: {field} {rule}", field=field, rule="range")


@dataclass(frozen=True, slots=True)
class Try:
    """Wait `pause` seconds, then send the call and give it `seconds`."""

    pause: float
    seconds: float


def exchange(
    call: Call[T], retry: Retry, deadline: float, chance: Callable[[], float] = random.random
) -> Generator[Try, tuple[Outcome, float], T]:
    """Yields each `Try`, is sent its outcome and the seconds spent since the start; returns the answer or raises.

    `deadline` bounds all tries and pauses together, in seconds. No pause ends past it: when the next one would
    (a Retry-After included), the last error is raised at once. A call that may have been applied is repeated only
    where repeating is harmless (`call.repeatable`).
    """
    pause, spent, step, tries = 0.0, 0.0, retry.first, 0
    while True:
        outcome, spent = yield Try(pause, deadline - (spent + pause))
        tries += 1
        try:
            return _answer(call, outcome)
        except MemOSError as error:
            pause = max(step * (1 - retry.jitter * chance()), _asked(error))
            if not _worth_repeating(call, error) or tries == retry.tries or spent + pause >= deadline:
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
