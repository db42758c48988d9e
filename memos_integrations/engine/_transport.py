"""The router as a client's transport: no socket. Callers of asyncio wait on threads of ours, never on their loop."""

import asyncio
import os
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from memos_integrations.engine._engine import Engine
from memos_integrations.engine._router import route
from memos_integrations.errors import Unreachable
from memos_integrations.wire.envelope import Reply, Request

__all__ = ["AsyncEngineTransport", "EngineTransport"]

WORKERS: Final = 4
_CLOSED: Final = "the transport is closed: open another client"


class EngineTransport:
    """Asks `engine` in the caller's own thread. The engine stays open when this is closed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._closed = False

    def send(self, request: Request, seconds: float) -> Reply:  # noqa: ARG002 -- nothing here takes long
        """The engine's reply; `seconds` is not looked at, since a thread can't be stopped in its work."""
        if self._closed:
            raise Unreachable(_CLOSED, sent=False)
        return route(self._engine, request)

    def close(self) -> None:
        """Ends it; may be called twice."""
        self._closed = True


class AsyncEngineTransport:
    """Asks `engine` on worker threads of its own, made on first use, from any event loop.

    Never on the loop, and never on the loop's default threads, which others may keep busy. Closed by hand, when it is
    collected, or at exit; after a fork the threads are made anew.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._start = threading.Lock()
        self._pid = os.getpid()
        self._workers: ThreadPoolExecutor | None = None
        self._closed = False

    async def send(self, request: Request, seconds: float) -> Reply:
        """The engine's reply. Raises `Unreachable` after `seconds`; the engine may have acted all the same."""
        work = asyncio.get_running_loop().run_in_executor(self._pool(), route, self._engine, request)
        try:
            async with asyncio.timeout(seconds):
                return await work
        except TimeoutError:
            raise Unreachable(f"the engine did not answer within {seconds:g} s", sent=True) from None

    async def close(self) -> None:
        """Ends the threads after the work in hand; may be called twice."""
        self._closed = True
        workers, self._workers = self._workers, None
        if workers is not None and self._pid == os.getpid():
            await _ended(workers)

    def _pool(self) -> ThreadPoolExecutor:
        with self._start:
            if self._closed:
                raise Unreachable(_CLOSED, sent=False)
            if self._workers is None or self._pid != os.getpid():
                self._pid = os.getpid()
                self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="memos-engine")
                weakref.finalize(self, self._workers.shutdown, wait=False)
            return self._workers


async def _ended(workers: ThreadPoolExecutor) -> None:
    """Waits for the threads' end without blocking the loop."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def end() -> None:
        workers.shutdown()
        loop.call_soon_threadsafe(done.set)

    thread = threading.Thread(target=end, name="memos-engine-end")
    thread.start()
    await done.wait()
    thread.join()
