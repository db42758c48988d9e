"""The network beneath our own connections: no server that drips or stalls takes longer than a call may, or leaves a
socket behind.
"""

import encodings.idna  # noqa: F401 -- looked up with the first name: a fork amid that import would stand still
import socket
import ssl
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, cast

import httpcore

from memos_integrations.client._clock import left

__all__ = ["Clocked", "Tidy"]

_PIECE = 65_536  # bytes written between two looks at the clock


class Clocked(httpcore.NetworkBackend):
    """`backend`, each of whose steps gets what is left of the call under way."""

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


class Tidy(httpcore.AsyncNetworkBackend):
    """asyncio's network, for TLS: httpcore forgets a socket when the handshake on it is cancelled; this does not."""

    def __init__(self) -> None:
        self._backend = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())  # a stand-in without anyio

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return _Tidy(await self._backend.connect_tcp(host, port, timeout, local_address, socket_options))


class _Tidy(httpcore.AsyncNetworkStream):
    """Until TLS begins; what is beneath a request is httpcore's own stream."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's
    ) -> httpcore.AsyncNetworkStream:
        try:
            return await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            await self._stream.aclose()
            raise

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
