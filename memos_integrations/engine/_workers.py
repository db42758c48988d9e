"""Threads that wait for the engine, so that no event loop does: few for its own work, many for models' answers."""

import asyncio
import os
import threading
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from memos_integrations.engine._engine import Engine
from memos_integrations.engine._pieces import Pieces, Waiting
from memos_integrations.engine._router import asks_model, route
from memos_integrations.errors import Unreachable
from memos_integrations.wire.envelope import Reply, Request, Streamed

__all__ = ["CLOSED", "Workers"]

T = TypeVar("T")
QUICK: Final = 4
TALKING: Final = 32  # answers of models waited for at a time; each takes a thread that sleeps
CLOSED: Final = "the transport is closed: open another client"


class Workers:
    """Asks `engine` on threads of its own, made on first use, for callers on any event loop.

    Never on the loop, and never on the loop's default threads, which others may keep busy. Closed by hand, when it is
    collected, or at exit; after a fork the threads are made anew.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._start = threading.Lock()
        self._pid = os.getpid()
        self._pools: dict[int, ThreadPoolExecutor] = {}
        self._closed = False

    async def ask(self, request: Request, project: str = "", seconds: float | None = None) -> Reply | Streamed[Pieces]:
        """What the engine replies. Raises `Unreachable` after `seconds`; the engine may have acted all the same.

        Who is cancelled, or has waited too long, gives up a model that is asked.
        """
        size, waiting = TALKING if asks_model(request) else QUICK, Waiting(seconds)
        try:
            return await self._on(size, lambda: route(self._engine, request, project, seconds, waiting), seconds)
        except BaseException:
            waiting.give_up()
            raise

    @asynccontextmanager
    async def streamed(self, pieces: Pieces, seconds: float | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        """A stream's pieces, each waited for on a thread, `seconds` at most. Leaving gives the rest up."""
        reading = self._pieces(pieces, seconds)
        try:
            yield reading
        finally:
            pieces.close()
            await reading.aclose()

    async def _pieces(self, pieces: Pieces, seconds: float | None) -> AsyncGenerator[bytes, None]:
        while (piece := await self._on(TALKING, lambda: next(pieces, None), seconds)) is not None:
            yield piece

    async def _on(self, size: int, work: Callable[[], T], seconds: float | None) -> T:
        running = asyncio.get_running_loop().run_in_executor(self._pool(size), work)
        try:
            async with asyncio.timeout(seconds):
                return await running
        except TimeoutError:
            raise Unreachable(f"the engine did not answer within {seconds:g} s", sent=True) from None

    async def close(self) -> None:
        """Ends the threads after the work in hand; may be called twice."""
        self._closed = True
        pools, self._pools = list(self._pools.values()), {}
        if pools and self._pid == os.getpid():
            await _ended(pools)

    def _pool(self, size: int) -> ThreadPoolExecutor:
        with self._start:
            if self._closed:
                raise Unreachable(CLOSED, sent=False)
            if self._pid != os.getpid():
                self._pid, self._pools = os.getpid(), {}
            if size not in self._pools:
                self._pools[size] = pool = ThreadPoolExecutor(size, thread_name_prefix="memos-engine")
                weakref.finalize(self, pool.shutdown, wait=False)
            return self._pools[size]


async def _ended(pools: list[ThreadPoolExecutor]) -> None:
    """Waits for the threads' end without blocking the loop."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def end() -> None:
        for pool in pools:
            pool.shutdown()
        loop.call_soon_threadsafe(done.set)

    thread = threading.Thread(target=end, name="memos-engine-end")
    thread.start()
    await done.wait()
    thread.join()
