"""What the models of all compared agents say, and when: they ask for a tool as often as they are told, then answer."""

import time
from collections.abc import Iterable

__all__ = ["KNOWS", "KNOWS_NOT", "answered", "reply"]

KNOWS, KNOWS_NOT = "You like the small shop's.", "I don't know."
_REMEMBERED = "green tea from the small shop"  # stands in what the service remembers, and not in the question


class _Answered:
    at = 0.0


def reply(done: int, steps: int, texts: Iterable[str]) -> str | None:
    """The answer to a request with `texts`, which tells whether a memory stood in it; None: a tool is wanted first."""
    if done < steps:
        return None
    known = any(_REMEMBERED in text for text in texts)
    _Answered.at = time.monotonic()
    return KNOWS if known else KNOWS_NOT


def answered() -> float:
    """When this process's latest answer was given, on the clock of all processes."""
    return _Answered.at
