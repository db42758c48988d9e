"""Connections of our own, straight on httpcore: a line holds one, opened when first used and anew when it is gone.

httpx's client does much besides that is of no use here (redirects, cookies, hooks), in half of the time of a call.
"""

import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Protocol

import httpcore
import httpx

from memos_integrations.client._flow import AsyncComing, Coming
from memos_integrations.client._network import Clocked, Tidy
from memos_integrations.client._pool import KEPT
from memos_integrations.client._proxies import proxy_for
from memos_integrations.client._talk import Body, Talk, named, parts
from memos_integrations.wire.envelope import Request

__all__ = ["AsyncLine", "Line", "Tls"]


class Tls:
    """One context for all connections: loading the certificates takes 30 ms."""

    def __init__(self, secure: bool) -> None:
        self._secure = secure
        self._context: ssl.SSLContext | None = None

    @property
    def context(self) -> ssl.SSLContext | None:
        """With the certificates that httpx takes (SSL_CERT_FILE, SSL_CERT_DIR, else certifi's); over http:// none."""
        if self._context is None and self._secure:  # no cached_property: until 3.12 a fork may catch its lock held
            self._context = httpx.create_ssl_context()
        return self._context


class Line:
    """For threads, one request at a time."""

    def __init__(self, talk: Talk, tls: Tls) -> None:
        self._talk, self._standing = talk, talk.standing()
        self._way = _way(talk.url(""), tls.context)

    def ask(self, request: Request, body: Body, seconds: float) -> Coming:  # noqa: ARG002 - the network is clocked
        """The head of the reply; the body comes with its pieces."""
        response = self._way.handle_request(_asked(self._talk, self._standing, request, body))
        headers = named(response.headers)
        pieces = response.iter_stream()
        if "content-encoding" in headers:
            pieces = _as_httpx(response, _Packed(pieces)).iter_bytes()
        return Coming(response.status, headers, pieces, response.close)

    def close(self) -> None:
        self._way.close()


class AsyncLine:
    """For tasks of one loop, one request at a time."""

    def __init__(self, talk: Talk, tls: Tls) -> None:
        self._talk, self._standing = talk, talk.standing()
        self._way = _async_way(talk.url(""), tls.context)

    async def ask(self, request: Request, body: Body) -> AsyncComing:
        """The head of the reply; the body comes with its pieces."""
        response = await self._way.handle_async_request(_asked(self._talk, self._standing, request, body))
        headers = named(response.headers)
        pieces = response.aiter_stream()
        if "content-encoding" in headers:
            pieces = _as_httpx(response, _AsyncPacked(pieces)).aiter_bytes()
        return AsyncComing(response.status, headers, pieces, response.aclose)

    async def aclose(self) -> None:
        await self._way.aclose()


def _asked(talk: Talk, standing: dict[bytes, bytes], request: Request, body: Body) -> httpcore.Request:
    own = {name.lower().encode("ascii"): value.encode("ascii") for name, value in request.headers.items()}
    headers = standing | own
    if body.content or request.method != "GET":
        headers[b"content-length"] = b"%d" % len(body.content)
    where = talk.target(request.path, request.query)
    return httpcore.Request(request.method, where, headers=list(headers.items()), content=body)


class _Way(Protocol):
    def handle_request(self, request: httpcore.Request) -> httpcore.Response: ...
    def close(self) -> None: ...


class _AsyncWay(Protocol):
    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response: ...
    async def aclose(self) -> None: ...


class _Direct:
    """One connection to the server itself, as httpcore's pool would keep one, without its search among many."""

    def __init__(self, place: httpcore.Origin, tls: ssl.SSLContext | None) -> None:
        self._place, self._tls = place, tls
        self._connection: httpcore.HTTPConnection | None = None

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        connection = self._connection
        if connection is None or not connection.is_available() or connection.has_expired():
            self.close()
            connection = self._connection = httpcore.HTTPConnection(
                self._place, self._tls, KEPT, network_backend=Clocked(httpcore.SyncBackend())
            )
        return connection.handle_request(request)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


class _AsyncDirect:
    def __init__(self, place: httpcore.Origin, tls: ssl.SSLContext | None) -> None:
        self._place, self._tls = place, tls
        self._connection: httpcore.AsyncHTTPConnection | None = None

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        connection = self._connection
        if connection is None or not connection.is_available() or connection.has_expired():
            await self.aclose()
            network = Tidy() if self._tls else None
            connection = self._connection = httpcore.AsyncHTTPConnection(
                self._place, self._tls, KEPT, network_backend=network
            )
        return await connection.handle_async_request(request)

    async def aclose(self) -> None:
        if self._connection is not None:
            await self._connection.aclose()


def _way(url: httpx.URL, tls: ssl.SSLContext | None) -> _Way:
    proxy, network = proxy_for(url), Clocked(httpcore.SyncBackend())
    if proxy is None:
        return _Direct(parts(url).origin, tls)
    if proxy.url.scheme.startswith("socks"):
        return httpcore.SOCKSProxy(
            parts(proxy.url), proxy.raw_auth, tls, max_connections=1, keepalive_expiry=KEPT, network_backend=network
        )
    return httpcore.HTTPProxy(
        parts(proxy.url),
        proxy.raw_auth,
        proxy.headers.raw,
        tls,
        proxy.ssl_context,
        max_connections=1,
        keepalive_expiry=KEPT,
        network_backend=network,
    )


def _async_way(url: httpx.URL, tls: ssl.SSLContext | None) -> _AsyncWay:
    proxy = proxy_for(url)
    if proxy is None:
        return _AsyncDirect(parts(url).origin, tls)
    if proxy.url.scheme.startswith("socks"):
        return httpcore.AsyncSOCKSProxy(
            parts(proxy.url), proxy.raw_auth, tls, max_connections=1, keepalive_expiry=KEPT, network_backend=Tidy()
        )
    return httpcore.AsyncHTTPProxy(
        parts(proxy.url),
        proxy.raw_auth,
        proxy.headers.raw,
        tls,
        proxy.ssl_context,
        max_connections=1,
        keepalive_expiry=KEPT,
        network_backend=Tidy(),
    )


class _Packed(httpx.SyncByteStream):
    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces


class _AsyncPacked(httpx.AsyncByteStream):
    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces


def _as_httpx(response: httpcore.Response, packed: "_Packed | _AsyncPacked") -> httpx.Response:
    """For its decoders, which are not to be had otherwise."""
    return httpx.Response(response.status, headers=response.headers, stream=packed)
