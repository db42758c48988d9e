"""The HTTP transports: total deadlines, few connections used over and over, async traffic on one loop thread of ours.

Proxies and certificates are those of the environment. Redirects are not followed. A user's own httpx client is used
as it is, its pool and time-outs are its owner's, and it is never closed here.
"""

import asyncio
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    ExitStack,
    asynccontextmanager,
    contextmanager,
    nullcontext,
    suppress,
)

import httpx

from memos_integrations.client._clock import until
from memos_integrations.client._flow import Asking, AsyncAsking, AsyncFlow, Here, awhole, is_stream, pieces, whole
from memos_integrations.client._line import AsyncLine, Line, Tls
from memos_integrations.client._pool import AsyncPool, Pool
from memos_integrations.client._process import PerProcess
from memos_integrations.client._settings import Settings
from memos_integrations.client._talk import FAILURES, Body, Talk
from memos_integrations.client._theirs import AsyncTheirs, Theirs
from memos_integrations.errors import Invalid, Unreachable
from memos_integrations.wire.envelope import Reply, Request, Streamed

__all__ = ["AsyncHttpTransport", "HttpTransport"]


class HttpTransport:
    """Carries requests for `MemOS`. Opened on first use; safe for threads; anew after a fork.

    `seconds` bounds a whole try against a server that drips, stalls or never ends (the system's own name lookup
    excepted). With `http_client` it bounds each phase only, and the client's own shorter time-outs hold.
    """

    def __init__(self, settings: Settings, http_client: httpx.Client | None = None) -> None:
        if http_client is not None and not isinstance(http_client, httpx.Client):
            raise Invalid("http_client must be an httpx.Client here", field="http_client", rule="type")
        tls, self._talk = Tls(settings.secure), (talk := Talk(settings))
        self._theirs = None if http_client is None else Theirs(talk, http_client)
        self._pools = PerProcess(lambda: Pool(lambda: Line(talk, tls)))
        # Not at exit: the client that owns the transport closes it there, once its writes are flushed.
        weakref.finalize(self, _close, self._pools).atexit = False

    def send(self, request: Request, seconds: float) -> Reply:
        """The reply. Raises `Unreachable`."""
        body = Body(request.body, request.progress)
        try:
            with until(seconds), self._line(seconds) as line:
                return whole(self._talk, line.ask(request, body, seconds))
        except FAILURES as error:
            return self._talk.failed(error, body, ours=self._theirs is None)

    @contextmanager
    def stream(self, request: Request, seconds: float) -> Iterator[Reply | Streamed[Iterator[bytes]]]:
        """The reply as soon as its head is there, in pieces where it is a stream of events. Raises `Unreachable`."""
        with ExitStack() as held:
            yield self._opened(held, request, seconds)

    def _opened(self, held: ExitStack, request: Request, seconds: float) -> Reply | Streamed[Iterator[bytes]]:
        body = Body(request.body)
        try:
            with ExitStack() as opening, until(seconds):
                coming = opening.enter_context(self._line(seconds)).ask(request, body, seconds)
                opening.callback(coming.close)
                if not is_stream(coming):
                    return whole(self._talk, coming)
                held.push(opening.pop_all())
        except FAILURES as error:
            return self._talk.failed(error, body, ours=self._theirs is None)
        return Streamed(coming.status, pieces(self._talk, coming, body, seconds), coming.headers)

    def close(self) -> None:
        """Closes the connections; those in use when their call is over."""
        self._pools.mine()
        _close(self._pools)

    def _line(self, seconds: float) -> AbstractContextManager[Asking]:
        if self._theirs is not None:
            return nullcontext(self._theirs)
        for pool in self._pools.inherited():
            pool.close()  # closes the child's copies of the sockets; the parent goes on with its own
        return self._pools.mine().line(seconds)


class AsyncHttpTransport:
    """Carries requests for `AsyncMemOS`, from any event loop. Opened on first use; anew after a fork.

    A user's own `http_client` runs on the caller's loop, and so serves that loop alone; `seconds` bounds it too.
    """

    def __init__(self, settings: Settings, http_client: httpx.AsyncClient | None = None) -> None:
        if http_client is not None and not isinstance(http_client, httpx.AsyncClient):
            raise Invalid("http_client must be an httpx.AsyncClient here", field="http_client", rule="type")
        tls, self._talk = Tls(settings.secure), (talk := Talk(settings))
        self._theirs = None if http_client is None else AsyncTheirs(talk, http_client)
        self._pools = PerProcess(lambda: AsyncPool(lambda: AsyncLine(talk, tls)))
        weakref.finalize(self, _stop, self._pools).atexit = False

    async def send(self, request: Request, seconds: float) -> Reply:
        """The reply. Raises `Unreachable`."""
        if self._theirs is not None:
            return await self._sent(nullcontext(self._theirs), request, seconds)
        pool = self._pools.mine()
        return await pool.thread.run(self._sent(pool.line(), request, seconds))

    @asynccontextmanager
    async def stream(self, request: Request, seconds: float) -> AsyncIterator[Reply | Streamed[AsyncIterator[bytes]]]:
        """The reply as soon as its head is there, in pieces where it is a stream of events. Raises `Unreachable`."""
        if self._theirs is not None:
            flow = AsyncFlow(self._talk, Here(), nullcontext(self._theirs))
        else:
            pool = self._pools.mine()
            flow = AsyncFlow(self._talk, pool.thread, pool.line())
        try:
            yield await flow.open(request, seconds, ours=self._theirs is None)
        finally:
            with suppress(Unreachable):  # the client was closed, and its connections with it
                await flow.close()

    async def close(self) -> None:
        """Ends the calls under way, closes the connections and ends the thread."""
        thread = self._pools.mine().thread
        await asyncio.wrap_future(thread.stop())
        thread.join()

    async def _sent(self, free: AbstractAsyncContextManager[AsyncAsking], request: Request, seconds: float) -> Reply:
        body = Body(request.body, request.progress)
        try:
            async with asyncio.timeout(seconds), free as line:
                return await awhole(self._talk, await line.ask(request, body))
        except FAILURES as error:
            return self._talk.failed(error, body, ours=self._theirs is None)


def _close(pools: PerProcess[Pool[Line]]) -> None:
    for pool in (*pools.inherited(), pools.if_made()):
        if pool is not None:
            pool.close()


def _stop(pools: PerProcess[AsyncPool[AsyncLine]]) -> None:
    pool = pools.if_made()
    if pool is not None:
        pool.thread.stop()
        pool.thread.join()
