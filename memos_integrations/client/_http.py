"""The httpx transports: total deadlines, few connections used over and over, async traffic on one loop thread of ours.

Left to httpx: proxies and certificates from the environment. Redirects are not followed. A user's own httpx client is
used as it is, its pool and time-outs are its owner's, and it is never closed here.
"""

import asyncio
import socket
import ssl
import weakref
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext, suppress
from functools import lru_cache
from typing import Any

import httpcore
import httpx

from memos_integrations.client._clock import left, until
from memos_integrations.client._pool import KEPT, AsyncPool, Pool
from memos_integrations.client._process import PerProcess
from memos_integrations.client._settings import Settings, user_agent
from memos_integrations.errors import Invalid, Unreachable
from memos_integrations.wire.envelope import Reply, Request

__all__ = ["AsyncHttpTransport", "HttpTransport"]

_ONE = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEPT)
_PIECE = 65_536  # bytes written between two looks at the clock
_REDACTED_FROM = 8  # characters; a shorter key is no secret, and would be "found" inside ordinary words
_NO_LIMIT = httpx.Timeout(None)  # each request brings its own


_FAILURES = (httpx.HTTPError, TimeoutError, RuntimeError)


class HttpTransport:
    """Carries requests over httpx for `MemOS`. Opened on first use; safe for threads; anew after a fork.

    `seconds` bounds a whole try against a server that drips, stalls or never ends (the system's own name lookup
    excepted). With `http_client` it bounds each phase only, and the client's own shorter time-outs hold.
    """

    def __init__(self, settings: Settings, http_client: httpx.Client | None = None) -> None:
        if http_client is not None and not isinstance(http_client, httpx.Client):
            raise Invalid("http_client must be an httpx.Client here", field="http_client", rule="type")
        tls = _Tls(settings.secure)
        self._talk, self._theirs = _Talk(settings), http_client
        self._pools = PerProcess(lambda: Pool(lambda: _clocked(_client(tls))))
        # Not at exit: the client that owns the transport closes it there, once its writes are flushed.
        weakref.finalize(self, _close, self._pools).atexit = False

    def send(self, request: Request, seconds: float) -> Reply:
        """The reply. Raises `Unreachable`."""
        body = _Body(request.body)
        try:
            with until(seconds), self._line(seconds) as client:
                asked = self._talk.asked(client, request, body, _shortened(client.timeout, seconds))
                return self._talk.reply(client.send(asked, follow_redirects=False))
        except _FAILURES as error:
            return self._talk.failed(error, body, ours=self._theirs is None)

    def close(self) -> None:
        """Closes the connections; those in use when their call is over."""
        self._pools.mine()
        _close(self._pools)

    def _line(self, seconds: float) -> AbstractContextManager[httpx.Client]:
        if self._theirs is not None:
            return nullcontext(self._theirs)
        for pool in self._pools.inherited():
            pool.close()  # closes the child's copies of the sockets; the parent goes on with its own
        return self._pools.mine().line(seconds)


class AsyncHttpTransport:
    """Carries requests over httpx for `AsyncMemOS`, from any event loop. Opened on first use; anew after a fork.

    A user's own `http_client` runs on the caller's loop, and so serves that loop alone; `seconds` bounds it too.
    """

    def __init__(self, settings: Settings, http_client: httpx.AsyncClient | None = None) -> None:
        if http_client is not None and not isinstance(http_client, httpx.AsyncClient):
            raise Invalid("http_client must be an httpx.AsyncClient here", field="http_client", rule="type")
        tls = _Tls(settings.secure)
        self._talk, self._theirs = _Talk(settings), http_client
        self._pools = PerProcess(lambda: AsyncPool(lambda: _async_client(tls)))
        weakref.finalize(self, _stop, self._pools).atexit = False

    async def send(self, request: Request, seconds: float) -> Reply:
        """The reply. Raises `Unreachable`."""
        if self._theirs is not None:
            return await self._sent(nullcontext(self._theirs), request, seconds)
        pool = self._pools.mine()
        return await pool.thread.run(self._sent(pool.line(), request, seconds))

    async def close(self) -> None:
        """Ends the calls under way, closes the connections and ends the thread."""
        thread = self._pools.mine().thread
        await asyncio.wrap_future(thread.stop())
        thread.join()

    async def _sent(
        self, line: AbstractAsyncContextManager[httpx.AsyncClient], request: Request, seconds: float
    ) -> Reply:
        body = _Body(request.body)
        try:
            async with asyncio.timeout(seconds), line as client:
                asked = self._talk.asked(client, request, body, client.timeout)
                return self._talk.reply(await client.send(asked, follow_redirects=False))
        except _FAILURES as error:
            return self._talk.failed(error, body, ours=self._theirs is None)


class _Talk:
    """What both colours say alike: URL, headers, and how a reply and a failure are told."""

    def __init__(self, settings: Settings) -> None:
        key = settings.api_key.get_secret_value() if settings.api_key else ""
        self._host = settings.host
        self._secret = key.encode() if len(key) >= _REDACTED_FROM else b""
        self._authorization = {"authorization": f"Token {key}"} if key else {}
        self._url = lru_cache(maxsize=64)(lambda path: httpx.URL(f"{settings.base_url}/{path}"))
        try:
            self._url("")
        except httpx.InvalidURL:
            raise Invalid("base_url is no valid address", field="base_url", rule="url") from None

    def asked(
        self, client: httpx.Client | httpx.AsyncClient, request: Request, body: "_Body", timeout: httpx.Timeout
    ) -> httpx.Request:
        """`request` in httpx's terms, with what the client adds of its own."""
        headers = {**request.headers, **self._authorization, "user-agent": user_agent()}
        url, query = self._url(request.path), dict(request.query) or None
        made = client.build_request(
            request.method, url, content=request.body, params=query, headers=headers, timeout=timeout
        )
        made.stream = body
        return made

    def reply(self, response: httpx.Response) -> Reply:
        """The reply, without the key that a server's error message may repeat."""
        body = response.content
        if self._secret and self._secret in body:
            body = body.replace(self._secret, b"***")
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers.raw}
        return Reply(response.status_code, body, headers)

    def failed(self, error: Exception, body: "_Body", *, ours: bool) -> Reply:
        """Raises what `error` means. A user's own client may have hooks that raise for a status: that is a reply.

        Their client may also be closed, or belong to another loop, which httpx and asyncio tell by RuntimeError.
        """
        if isinstance(error, httpx.HTTPStatusError):
            return Reply(error.response.status_code)
        if ours and isinstance(error, RuntimeError):
            raise error
        raise self._failure(error, body) from _harmless(error)

    def _failure(self, error: Exception, body: "_Body") -> Unreachable:
        """By class names only: the text of an error may quote what the server sent."""
        names = " from ".join(dict.fromkeys((type(error).__name__, type(_root(error)).__name__)))
        fate = "the request was under way, and may have been carried out" if body.begun else "nothing was sent"
        return Unreachable(f"no reply from {self._host} ({names}): {fate}", sent=body.begun)


class _Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A request's body that knows whether it was asked for: before that, no server can carry the request out."""

    def __init__(self, content: bytes) -> None:
        self._content, self.begun = content, False

    def __iter__(self) -> Iterator[bytes]:
        self.begun = True
        yield self._content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.begun = True
        yield self._content


def _root(error: BaseException) -> BaseException:
    """The system's own error behind `error`, where there is one: refused, no such name, a bad certificate."""
    root, cause = error, error.__cause__ or error.__context__
    while cause is not None:
        root = cause if isinstance(cause, OSError) else root
        cause = cause.__cause__ or cause.__context__
    return root


def _harmless(error: Exception) -> Exception | None:
    """`error` as a cause to show, unless it may quote what the server sent."""
    return None if isinstance(error, httpx.ProtocolError | httpx.DecodingError) else error


def _shortened(timeout: httpx.Timeout, seconds: float) -> httpx.Timeout:
    phases = (timeout.connect, timeout.read, timeout.write, timeout.pool)
    connect, read, write, pool = (seconds if phase is None else min(phase, seconds) for phase in phases)
    return httpx.Timeout(connect=connect, read=read, write=write, pool=pool)


class _Tls:
    """One context for all connections: loading the certificates takes 30 ms."""

    def __init__(self, secure: bool) -> None:
        self._secure = secure
        self._context: ssl.SSLContext | None = None

    @property
    def context(self) -> ssl.SSLContext:
        """Over http:// an empty one, which is never used and trusts nobody."""
        if self._context is None:  # no cached_property: until Python 3.12 it holds a lock, and a fork may catch it held
            self._context = httpx.create_ssl_context() if self._secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return self._context


def _client(tls: _Tls) -> httpx.Client:
    return httpx.Client(verify=tls.context, limits=_ONE, timeout=_NO_LIMIT)


def _async_client(tls: _Tls) -> httpx.AsyncClient:
    return httpx.AsyncClient(verify=tls.context, limits=_ONE, timeout=_NO_LIMIT)


def _close(pools: PerProcess[Pool[httpx.Client]]) -> None:
    for pool in (*pools.inherited(), pools.if_made()):
        if pool is not None:
            pool.close()


def _stop(pools: PerProcess[AsyncPool[httpx.AsyncClient]]) -> None:
    pool = pools.if_made()
    if pool is not None:
        pool.thread.stop()
        pool.thread.join()


def _clocked(client: httpx.Client) -> httpx.Client:
    """`client` with `_Network` beneath it. There is no public way; should httpx change inside, plain time-outs hold."""
    transports = (getattr(client, "_transport", None), *getattr(client, "_mounts", {}).values())
    for pool in (getattr(transport, "_pool", None) for transport in transports):
        backend = getattr(pool, "_network_backend", None)
        if pool is not None and isinstance(backend, httpcore.NetworkBackend):
            pool._network_backend = _Network(backend)  # noqa: SLF001
    return client


class _Network(httpcore.NetworkBackend):
    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Each address of `host` in turn, for an even share of the time; the system would give all of it to each."""
        *others, last = _addresses(host, port)
        for index, address in enumerate(others):
            share = left(timeout) / (len(others) - index + 1)
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return _Stream(self._backend.connect_tcp(address, port, share, local_address, socket_options))
        return _Stream(self._backend.connect_tcp(last, port, left(timeout), local_address, socket_options))


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return [host]  # httpcore meets the same and tells it in its own words
    return list(dict.fromkeys(str(place[0]) for *_, place in found)) or [host]


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _PIECE):
            self._stream.write(buffer[start : start + _PIECE], left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
