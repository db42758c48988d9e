"""Connections of one process, the last used first, each with a line of its own.

httpcore's own pool hands one free connection to several waiting requests and searches itself again for all but one of
them (4.5 times a call at 64 tasks); a list of single connections has neither trouble, for threads and for tasks.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Generic, Protocol, TypeVar

from memos_integrations.client._loop import LoopThread
from memos_integrations.errors import Unreachable

__all__ = ["KEPT", "AsyncPool", "Pool"]

KEPT = 50.0  # seconds an idle connection is used again; below the 60 and 75 after which servers and proxies hang up
_now = time.monotonic
_CONNECTIONS = 64  # at a time; the next call waits for one within its own seconds


class _Closable(Protocol):
    def close(self) -> None: ...


class _AsyncClosable(Protocol):
    async def aclose(self) -> None: ...


L = TypeVar("L")
C = TypeVar("C", bound=_Closable)
A = TypeVar("A", bound=_AsyncClosable)


class _Idle(Generic[L]):
    """The free ones. Few stay warm; the rest grow old and are closed.

    Without a lock, which a fork could catch held: each step on the list is atomic, and a line taken out has one owner.
    """

    def __init__(self) -> None:
        self._lines: list[tuple[float, L]] = []

    def take(self) -> L | None:
        with suppress(IndexError):
            return self._lines.pop()[1]
        return None

    def put(self, line: L) -> L | None:
        """Takes `line`; returns one that nobody needed for long, to be closed."""
        now = _now()
        self._lines.append((now, line))
        with suppress(IndexError):  # another thread may have been quicker
            if self._lines[0][0] < now - KEPT:
                return self._lines.pop(0)[1]
        return None

    def clear(self) -> Iterator[L]:
        """Takes everything out."""
        while (line := self.take()) is not None:
            yield line


class Pool(Generic[C]):
    """For threads. `opened` makes a line; it connects when first used."""

    def __init__(self, opened: Callable[[], C]) -> None:
        self._opened, self._closed = opened, False
        self._room = threading.BoundedSemaphore(_CONNECTIONS)
        self._idle: _Idle[C] = _Idle()

    @contextmanager
    def line(self, seconds: float) -> Iterator[C]:
        """A connection for one request; after a failure it is not used again. Raises TimeoutError when none is free."""
        if not self._room.acquire(timeout=seconds):
            raise TimeoutError("all connections are in use")
        try:
            line = self._taken()
            try:
                yield line
            except BaseException:
                line.close()
                raise
            self._put_back(line)
        finally:
            self._room.release()

    def close(self) -> None:
        """Closes the free connections, and each of the others as soon as its request is over."""
        self._closed = True
        for line in self._idle.clear():
            line.close()

    def _taken(self) -> C:
        if self._closed:
            raise Unreachable("the client is closed", sent=False)
        return self._idle.take() or self._opened()

    def _put_back(self, line: C) -> None:
        old = self._idle.put(line)
        if old is not None:
            old.close()
        if self._closed:
            self.close()


class AsyncPool(Generic[A]):
    """For tasks on `thread`, which is where its connections live and what ends them."""

    def __init__(self, opened: Callable[[], A]) -> None:
        self._opened = opened
        self._room = asyncio.Semaphore(_CONNECTIONS)
        self._idle: _Idle[A] = _Idle()
        self._used = set[A]()
        self.thread = LoopThread(self._close)

    @asynccontextmanager
    async def line(self) -> AsyncIterator[A]:
        """A connection for one request; after a failure or a cancellation it is not used again."""
        async with self._room:
            line = self._idle.take() or self._opened()
            self._used.add(line)
            try:
                yield line
            except BaseException:
                if line in self._used:
                    self.thread.finish(line.aclose())
                raise
            finally:
                self._used.discard(line)
            old = self._idle.put(line)
            if old is not None:
                self.thread.finish(old.aclose())

    async def _close(self) -> None:
        """Closes the free ones, and those that a stream holds open between two pieces: no task ends them."""
        lines = [*self._idle.clear(), *self._used]
        self._used.clear()
        await asyncio.gather(*(line.aclose() for line in lines), return_exceptions=True)
