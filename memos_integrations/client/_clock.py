"""How long the call under way may still take, for whoever waits on its behalf further down."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["left", "until"]

_end: ContextVar[float] = ContextVar("memos_end_of_call")
_now = time.monotonic


@contextmanager
def until(seconds: float) -> Iterator[None]:
    """Gives what is called inside `seconds`, all in all."""
    token = _end.set(_now() + seconds)
    try:
        yield
    finally:
        _end.reset(token)


def left(at_most: float | None = None) -> float:
    """Seconds left, above 0, or `at_most` where that is less. Raises TimeoutError when there are none."""
    seconds = _end.get() - _now()
    if seconds <= 0:
        raise TimeoutError("out of time")
    return seconds if at_most is None else min(seconds, at_most)
