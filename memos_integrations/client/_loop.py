"""One event loop of ours on a thread of its own, so that one pool serves every loop that callers have.

A socket belongs to the loop it was opened on and can't be closed after it; frameworks make and drop loops at will.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from memos_integrations.errors import Unreachable

__all__ = ["LoopThread"]

T = TypeVar("T")
_NAME_LOOKUPS = 4  # at a time; they block a thread each
_PATIENCE = 5.0  # seconds that stopping waits for what should take none


class LoopThread:
    """Started by the first `run`, ended by `stop`, which runs `last` there as the last thing."""

    def __init__(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._last = last
        self._guard = threading.RLock()
        self._stopped = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._finishing: set[asyncio.Task[None]] = set()
        self._ended: Future[None] = Future()
        self._ended.set_running_or_notify_cancel()  # from here on nobody's cancellation cancels it

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` returns, run on our loop and awaited on the caller's; cancelling reaches it."""
        future = self._submitted(work)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._stopped and not (task and task.cancelling()):
                raise Unreachable("the client was closed during the call", sent=True) from None
            raise

    def finish(self, work: Coroutine[Any, Any, None]) -> None:
        """On our loop: runs `work` beside the rest; `stop` waits for it where it cancels everything else."""
        task = asyncio.get_running_loop().create_task(work)
        self._finishing.add(task)
        task.add_done_callback(self._finishing.discard)

    def stop(self) -> Future[None]:
        """Cancels what runs, runs `last`, ends the thread. At once: the future tells when all is over."""
        with self._guard:
            first, self._stopped = not self._stopped, True
            if first and self._loop is None:
                self._ended.set_result(None)
            elif first and self._loop is not None:
                self._loop.call_soon_threadsafe(self._loop.stop)
        return self._ended

    def join(self) -> None:
        """Waits for the thread's end; on that thread itself (a collection may run there) it does not."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_PATIENCE)

    def _submitted(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        with self._guard:
            try:
                loop = self._loop_to_use()
            except Unreachable:
                work.close()
                raise
            return asyncio.run_coroutine_threadsafe(work, loop)

    def _loop_to_use(self) -> asyncio.AbstractEventLoop:
        if self._stopped:
            raise Unreachable("the client is closed", sent=False)
        if self._loop is None:
            self._loop, self._thread = self._started()
        return self._loop

    def _started(self) -> tuple[asyncio.AbstractEventLoop, threading.Thread]:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._live, args=(loop,), name="memos-http", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            loop.close()
            raise Unreachable("the interpreter is ending: nothing can be awaited any more", sent=False) from None
        return loop, thread

    def _live(self, loop: asyncio.AbstractEventLoop) -> None:
        names = ThreadPoolExecutor(_NAME_LOOKUPS, thread_name_prefix=f"memos-names-{id(self)}")
        loop.set_default_executor(names)
        try:
            loop.run_forever()
            loop.run_until_complete(self._wind_up())
        finally:
            loop.close()
            _end(names, f"memos-names-{id(self)}")
            self._ended.set_result(None)

    async def _wind_up(self) -> None:
        mine = asyncio.current_task()
        calls = [task for task in asyncio.all_tasks() if task is not mine and task not in self._finishing]
        for task in calls:
            task.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await self._last()
        if self._finishing:
            await asyncio.wait(set(self._finishing), timeout=_PATIENCE)
        await asyncio.get_running_loop().shutdown_asyncgens()


def _end(names: ThreadPoolExecutor, prefix: str) -> None:
    """Idle threads end at once; one that is stuck in the system's name lookup is not waited for long."""
    names.shutdown(wait=False, cancel_futures=True)
    for thread in threading.enumerate():
        if thread.name.startswith(prefix):
            thread.join(1.0)
