"""The circuit breaker: a server that doesn't answer is left alone for a while, and recall costs nothing meanwhile."""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from memos_integrations.errors import Garbled, MemOSError, RateLimited, Refused, ServerFault, Unreachable

__all__ = ["Attempt", "Breaker", "Skipped"]

_log = logging.getLogger(__name__)

_FAILURES = 3  # in a row, and it opens
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 60.0  # seconds it stays open; each probe that fails doubles them
_NO_ANSWER = (Unreachable, ServerFault, RateLimited, Garbled)


class Skipped(Unreachable):
    """The server was not asked, since it did not answer before. Nothing was sent."""

    def __init__(self, message: str) -> None:
        super().__init__(message, sent=False)


@dataclass(slots=True, eq=False)
class Attempt:
    """One call past the breaker: whether it is the probe, and the seconds for which its failure opened it (or 0)."""

    probe: bool = False
    pause: float = 0.0


class Breaker:
    """Whether a server is worth asking: one a client and process, `client.share(Breaker, Breaker)`. Safe for threads.

    It opens after 3 failures in a row for 5 s, then lets one call through, the probe. An answer closes it; a probe
    that fails opens it for twice as long, 60 s at most. A server's Retry-After is waited for, where it is longer and
    up to 60 s; one of `RateLimited` opens it at once.

    A failure is what leaves open whether the server lives: `Unreachable`, `ServerFault`, `RateLimited`, `Garbled`. All
    else that a server says is an answer. `Invalid` and `Unsupported` never went out, and count as nothing.
    `clock` tells seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._closed()

    def allows(self) -> bool:
        """Whether a call would be let through now."""
        with self._lock:
            return self._passes(self._clock())

    @contextmanager
    def passing(self, attempt: Attempt) -> Iterator[None]:
        """Lets the call inside through and notes what came of it, in `attempt` too. Raises `Skipped` while open.

        A probe that ends without word of the server (cancelled, say) leaves its place to the next call.
        """
        self._let(attempt)
        try:
            yield
        except MemOSError as error:
            attempt.pause = self._noted(error, attempt)
            raise
        else:
            self.succeeded()
        finally:
            self._give_back(attempt)

    def succeeded(self) -> None:
        """Closes it: the server answered some call, however long ago that one was sent."""
        with self._lock:
            was_open = self._open
            self._closed()
        if was_open:
            _log.info("the server answers again: recalls are no longer skipped")

    def failed(self, error: Exception) -> float:
        """Counts the `error` of a call that did not go through `passing`; the seconds for which that opened it, or 0.

        An error that shows that the server lives closes it.
        """
        return self._noted(error, None)

    def _closed(self) -> None:
        self._open, self._until, self._pause, self._failures = False, -math.inf, _FIRST_PAUSE, 0
        self._probe: Attempt | None = None

    def _passes(self, now: float) -> bool:
        return not self._open or (self._probe is None and now >= self._until)

    def _let(self, attempt: Attempt) -> None:
        with self._lock:
            now = self._clock()
            if not self._passes(now):
                raise Skipped(self._reason(now))
            if self._open:
                self._probe, attempt.probe = attempt, True

    def _give_back(self, attempt: Attempt) -> None:
        with self._lock:
            if self._probe is attempt:
                self._probe = None

    def _noted(self, error: Exception, attempt: Attempt | None) -> float:
        if isinstance(error, _NO_ANSWER):
            return self._counted(error, attempt)
        if isinstance(error, Refused):
            self.succeeded()
        return 0.0

    def _counted(self, error: MemOSError, attempt: Attempt | None) -> float:
        with self._lock:
            self._failures += 1
            probed, was_open = attempt is not None and attempt is self._probe, self._open
            pause = self._pause_after(error, probed=probed)
            if pause:
                self._open, self._until = True, max(self._until, self._clock() + pause)
            return pause if probed or not was_open else 0.0

    def _pause_after(self, error: MemOSError, *, probed: bool) -> float:
        asked = (error.retry_after or 0.0) if isinstance(error, Refused) else 0.0
        asked = min(asked, _LONGEST_PAUSE)
        if probed:
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
            return max(self._pause, asked)
        if self._open:
            return asked  # calls from before it opened say nothing new, but for what the server asks
        if self._failures >= _FAILURES:
            return max(self._pause, asked)
        return asked if isinstance(error, RateLimited) else 0.0

    def _reason(self, now: float) -> str:
        times = "time" if self._failures == 1 else f"{self._failures} times"
        wait = math.ceil(self._until - now)
        then = f"in {wait} s" if wait > 0 else "under way"
        return f"the server was not asked: it did not answer the last {times}; the next try is {then}"
