"""What a process may hold only for itself: connections, threads, locks. A fork's child starts anew."""

import os
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["PerProcess"]

T = TypeVar("T")


class PerProcess(Generic[T]):
    """One `T` a process, made when first asked for; without a lock, which a fork could catch held."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._held: dict[int, T] = {}

    def mine(self) -> T:
        """What is this process's own, made now if need be."""
        pid = os.getpid()
        held = self._held.get(pid)
        return self._held.setdefault(pid, self._make()) if held is None else held

    def if_made(self) -> T | None:
        """The same, None when nobody asked for it yet."""
        return self._held.get(os.getpid())

    def inherited(self) -> list[T]:
        """Takes out what parents made. It is theirs: to let go of, not to use."""
        pid = os.getpid()
        return [self._held.pop(other) for other in list(self._held) if other != pid]
