"""Threads that wait for the engine, so that no event loop does: few for its own work, many for models' answers."""

import asyncio
import contextvars
import os
import threading
import time
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
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
PATIENCE: Final = 5.0  # seconds that closing waits for a model that does not let itself be given up
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
        self._pool: ThreadPoolExecutor | None = None
        self._talks = _Talks()
        self._closed = False

    async def ask(self, request: Request, project: str = "", seconds: float | None = None) -> Reply | Streamed[Pieces]:
        """What the engine replies. Raises `Unreachable` after `seconds`; the engine may have acted all the same.

        Who is cancelled, or has waited too long, gives up a model that is asked.
        """
        waiting = Waiting(seconds)

        def asked() -> Reply | Streamed[Pieces]:
            return route(self._engine, request, project, seconds, waiting)

        if not self.asks_model(request):
            return await _within(seconds, asyncio.get_running_loop().run_in_executor(self._quick(), asked))
        with self._giving_up(waiting.give_up):
            try:
                return await _within(seconds, self._talks.start(asked))
            except BaseException:
                waiting.give_up()
                raise

    def asks_model(self, request: Request) -> bool:
        """Whether the reply may wait for a model."""
        return asks_model(self._engine, request)

    @asynccontextmanager
    async def streamed(self, pieces: Pieces, seconds: float | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        """A stream's pieces, each waited for on a thread, `seconds` at most. Leaving gives the rest up."""
        reading = self._pieces(pieces, seconds)
        with self._giving_up(pieces.close):
            try:
                yield reading
            finally:
                pieces.close()
                await reading.aclose()

    async def _pieces(self, pieces: Pieces, seconds: float | None) -> AsyncGenerator[bytes, None]:
        while not self._closed:
            piece = await _within(seconds, self._talks.start(lambda: next(pieces, None)))
            if piece is None:
                return
            yield piece
        raise Unreachable(CLOSED, sent=True)

    @contextmanager
    def _giving_up(self, give_up: Callable[[], None]) -> Iterator[None]:
        """While it lasts, `close` gives this answer of a model up."""
        self._check_open()
        with self._talks.ended_by(give_up):
            yield

    async def close(self) -> None:
        """Gives up what models are asked, then ends the threads after the work in hand; may be called twice."""
        self._closed = True
        pool, self._pool = self._pool, None
        if self._pid == os.getpid():
            await _aside(lambda: _ended(self._talks, pool))

    def _check_open(self) -> None:
        if self._closed:
            raise Unreachable(CLOSED, sent=False)
        if self._pid != os.getpid():
            self._pid, self._pool, self._talks = os.getpid(), None, _Talks()

    def _quick(self) -> ThreadPoolExecutor:
        with self._start:
            self._check_open()
            if self._pool is None:
                self._pool = ThreadPoolExecutor(QUICK, thread_name_prefix="memos-engine")
                weakref.finalize(self, self._pool.shutdown, wait=False)
            return self._pool


class _Talks:
    """Waits for models, each on a thread of its own that no interpreter's end waits for: a model may take minutes."""

    def __init__(self) -> None:
        self._room = threading.Semaphore(TALKING)
        self._threads = weakref.WeakSet[threading.Thread]()
        self._ends = list[Callable[[], None]]()

    def start(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """What `work` returns, to be awaited on the running loop."""
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()

        def run() -> None:
            try:
                with self._room:
                    future.set_result(work())
            except BaseException as error:  # noqa: BLE001 -- told to the one who waits
                future.set_exception(error)

        thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), name="memos-talk", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            raise Unreachable("the interpreter is ending: nothing can be awaited any more", sent=False) from None
        self._threads.add(thread)
        return asyncio.wrap_future(future)

    @contextmanager
    def ended_by(self, give_up: Callable[[], None]) -> Iterator[None]:
        """While it lasts, `end` calls `give_up`."""
        self._ends.append(give_up)
        try:
            yield
        finally:
            self._ends.remove(give_up)

    def end(self) -> None:
        """Gives everything up, and waits for the threads, which it wakes."""
        for give_up in list(self._ends):
            give_up()
        until = time.monotonic() + PATIENCE
        for thread in list(self._threads):
            thread.join(max(0.0, until - time.monotonic()))


async def _within(seconds: float | None, work: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        raise Unreachable(f"the engine did not answer within {seconds:g} s", sent=True) from None


def _ended(talks: _Talks, pool: ThreadPoolExecutor | None) -> None:
    talks.end()
    if pool is not None:
        pool.shutdown()


async def _aside(work: Callable[[], None]) -> None:
    """`work` on a thread of the moment, waited for without blocking the loop."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def end() -> None:
        work()
        loop.call_soon_threadsafe(done.set)

    thread = threading.Thread(target=end, name="memos-engine-end")
    thread.start()
    await done.wait()
    thread.join()
