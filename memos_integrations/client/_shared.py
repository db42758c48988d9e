"""What derived clients have in common: transports, what others keep and register here, and the end of it all."""

import asyncio
import atexit
import contextvars
import inspect
import logging
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any, TypeVar, cast

from memos_integrations.client._outbox import IN_MEMORY, OutboxOptions
from memos_integrations.client._process import PerProcess
from memos_integrations.client.events import Event, OnEvent
from memos_integrations.errors import Invalid
from memos_integrations.wire.envelope import AsyncTransport, Reply, Transport
from memos_integrations.wire.readback import clock_of

__all__ = ["CLOSING_SECONDS", "Shared", "aside", "listeners", "surely"]

T = TypeVar("T")
_HALF_A_SECOND = 0.5  # a Date header leaves out what is less than a second
CLOSING_SECONDS = 10.0  # that close() and the interpreter's exit give to what is not yet delivered
_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Local:
    """What belongs to one process: a fork's child has neither its parent's threads nor its undelivered writes."""

    lock: threading.RLock = field(default_factory=threading.RLock)  # reentrant: making a thing may register callbacks
    kept: dict[type[Any], Any] = field(default_factory=dict)
    making: dict[type[Any], threading.RLock] = field(default_factory=dict)
    flushes: list[Callable[[float | None], int]] = field(default_factory=list)
    closes: list[Callable[[], None]] = field(default_factory=list)


class Shared:
    """One for each client that a user makes, and for all that are derived from it."""

    def __init__(
        self,
        transport: Transport,
        aio_transport: AsyncTransport,
        *,
        address: str,
        timezone: tzinfo,
        on_event: tuple[OnEvent, ...] = (),
        outbox: OutboxOptions,
        account: Callable[[bytes], str] = lambda _: "",
        tells_messages: bool = True,
    ) -> None:
        self.outbox, self.account, self.tells_messages = outbox, account, tells_messages
        self.transport, self.aio_transport = transport, aio_transport
        self.address, self.timezone, self.closed = address, timezone, False
        self._closing, self._undelivered = False, 0
        self._dated: tuple[str | None, float] = (None, 0.0)
        self._on_event, self._complained = on_event, set[int]()
        self._local = PerProcess(_Local)
        _open.add(self)

    def dated(self, reply: Reply) -> Reply:
        """`reply`, whose time is kept in mind."""
        date = reply.headers.get("date")
        if date is not None:
            self._dated = (date, time.time())
        return reply

    def server_time(self, moment: float) -> float | None:
        date, read_at = self._dated
        clock = clock_of(date)
        if clock is not None:
            return moment + clock + _HALF_A_SECOND - read_at
        elsewhere = self.address.startswith(("http", "memos+http"))
        return None if elsewhere else moment  # what runs in this process has this clock

    def server_now(self) -> float | None:
        return self.server_time(time.time())

    def share(self, kind: type[T], make: Callable[[], T]) -> T:
        local = self._local.mine()
        if kind not in local.kept:
            with local.lock:
                making = local.making.setdefault(kind, threading.RLock())
            with making:  # one a kind: what opens a file keeps nobody waiting who wants something else
                if kind not in local.kept:
                    local.kept[kind] = make()
        return cast("T", local.kept[kind])

    def on_flush(self, callback: Callable[[float | None], int]) -> None:
        self._local.mine().flushes.append(callback)

    def on_close(self, callback: Callable[[], None]) -> None:
        if self.closed:  # who comes after the end is told at once, or would wait for it forever
            callback()
        else:
            self._local.mine().closes.append(callback)

    def listen(self, on_event: OnEvent) -> None:
        with self._local.mine().lock:
            added = tuple(one for one in listeners(on_event) if one not in self._on_event)
            self._on_event += added

    def emit(self, event: Event) -> None:
        for listener in self._on_event:
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 - someone else's listener must not hurt the turn
                self._complain(listener, error)

    def flush(self, timeout: float | None) -> int:
        if self.closed:
            return self._undelivered
        limit = None if timeout is None else time.monotonic() + timeout
        left = 0
        for callback in reversed(self._local.mine().flushes):  # what came later may hand over to what came before
            left += callback(None if limit is None else max(0.0, limit - time.monotonic()))
        return left

    def close(self, timeout: float) -> None:
        if not self._first_to_close():
            return
        with ExitStack() as rest:
            rest.callback(_finished, self.aio_transport)
            self._close_blocking(timeout)

    async def aclose(self, timeout: float) -> None:  # noqa: ASYNC109 - the bound of a thread's work
        if not self._first_to_close():
            return
        try:
            await aside(self._close_blocking, timeout)
        finally:
            await self.aio_transport.close()

    def _close_blocking(self, timeout: float) -> None:
        with ExitStack() as rest:  # each step is taken, last to first, whatever becomes of the others
            rest.callback(self.transport.close)
            rest.callback(self._say_goodbye)
            self._flush_last(timeout)

    @property
    def closing(self) -> bool:
        return self._closing

    def _first_to_close(self) -> bool:
        with self._local.mine().lock:
            first, self._closing = not self._closing, True
        return first

    def _flush_last(self, timeout: float) -> None:
        self._undelivered = self.flush(timeout)
        if self._undelivered:
            lost = self.outbox.path == IN_MEMORY
            fate = "they are lost" if lost else "those in the outbox's file wait for the next client of this address"
            _logger.warning("closed with %d writes undelivered (%s): %s", self._undelivered, fate, self.address)

    def _say_goodbye(self) -> None:
        self.closed = True
        with ExitStack() as rest:
            for callback in reversed(self._local.mine().closes):
                rest.callback(callback)

    def _complain(self, listener: OnEvent, error: Exception) -> None:
        if id(listener) not in self._complained:
            self._complained.add(id(listener))
            _logger.warning("an on_event callable failed (%s); told once", type(error).__name__)


def listeners(on_event: OnEvent | Iterable[OnEvent]) -> tuple[OnEvent, ...]:
    """One callable or several, as several. Raises `Invalid` for what can't be called, or must be awaited."""
    several = (on_event,) if callable(on_event) or not isinstance(on_event, Iterable) else tuple(on_event)
    for one in several:
        if not callable(one) or inspect.iscoroutinefunction(one):
            raise Invalid("on_event takes plain functions of one event", field="on_event", rule="callable")
    return several


async def aside(function: Callable[..., T], *arguments: object) -> T:
    """`function` in a fresh thread, awaited: it may wait for long, and a loop's own workers may all be taken."""
    return await _in_thread(True, function, *arguments)


async def surely(function: Callable[..., T], *arguments: object) -> T:
    """The same for what is to be done even if nobody waits any more, and the interpreter ends meanwhile."""
    return await _in_thread(False, function, *arguments)


async def _in_thread(daemon: bool, function: Callable[..., T], *arguments: object) -> T:
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(function(*arguments))
        except BaseException as error:  # noqa: BLE001 - told to the one who waits
            future.set_exception(error)

    target = contextvars.copy_context().run
    threading.Thread(target=target, args=(run,), name="memos-aside", daemon=daemon).start()
    return await asyncio.wrap_future(future)


def _finished(transport: AsyncTransport) -> None:
    """Closes `transport` from plain code, on a loop of the moment; beside a running loop, in a thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        _run(transport.close())
    else:
        thread = threading.Thread(target=_run, args=(transport.close(),), name="memos-aside")
        thread.start()
        thread.join()


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Like asyncio.run, which would also forget the thread's event loop, and its user may count on that."""
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(work)
    finally:
        loop.close()


_open: "weakref.WeakSet[Shared]" = weakref.WeakSet()


@atexit.register
def _at_exit() -> None:
    """Flushes and closes what is still open. Runs in the exiting thread: no thread can be started any more."""
    with ExitStack() as rest:
        for shared in list(_open):
            rest.callback(shared.close, CLOSING_SECONDS)
