"""What a framework's module of compared agents has to make: its `SUBJECTS`, each from a service's address."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

__all__ = ["AsyncTurn", "Subject", "Turn"]

Turn = Callable[[str], str]
"""Asks an agent, and tells its answer."""
AsyncTurn = Callable[[str], Awaitable[str]]


@dataclass(frozen=True)
class Subject:
    """A memory's agents. `turn` and `aio` make one that takes so many tool steps, with memory or without; `settle`
    waits until a turn with memory is written, `close` ends it. `talks`: an agent keeps its conversation, so each block
    of turns gets one of its own, whose first turn does not count.
    """

    turn: Callable[[int, bool], Turn] | None = None
    aio: Callable[[int, bool], AsyncTurn] | None = None
    settle: Callable[[], object] = lambda: None
    close: Callable[[], object] = lambda: None
    talks: bool = False
