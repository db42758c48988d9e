"""The open-source server as one more transport: what is above it speaks MemOS's API, what is below carries bytes."""

import os
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, quote

from pydantic import SecretStr

from memos_integrations.client._client import MemOS
from memos_integrations.client._exchange import Retry
from memos_integrations.client._outbox import OutboxOptions, outbox_options
from memos_integrations.client._settings import settings, zone
from memos_integrations.client._shared import Shared, listeners
from memos_integrations.client.events import OnEvent
from memos_integrations.errors import Invalid, Unreachable
from memos_integrations.wire.envelope import AsyncTransport, Reply, Request, Streamed, Transport
from memos_integrations.wire.product import Cube, Cubes, Product, Rewriting

if TYPE_CHECKING:
    from memos_integrations.client._http import AsyncHttpTransport, HttpTransport

__all__ = ["AsyncProductTransport", "ProductTransport", "product_client"]

_OURS: Final = "memos+"
_LATE: Final = "no time is left for the next request of this call"


class ProductTransport:
    """Carries requests of the API to an open-source server over `transport`, which it closes with itself."""

    def __init__(self, transport: "Transport | HttpTransport", dialect: Product) -> None:
        self._transport, self._dialect = transport, dialect

    def send(self, request: Request, seconds: float) -> Reply:
        """The reply. `seconds` bound all that is asked for it. Raises `Unreachable`, or `Unsupported` unsent."""
        until, steps = time.monotonic() + seconds, self._dialect.conversation(request)
        try:
            asked = next(steps)
            while True:
                asked = steps.send(self._transport.send(asked, _left(until)))
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    @contextmanager
    def stream(self, request: Request, seconds: float) -> Iterator[Reply | Streamed[Iterator[bytes]]]:
        """A chat's reply, its events in the API's form. Raises what `send` raises."""
        with self._transport.stream(self._dialect.streaming(request), seconds) as reply:
            yield (
                self._dialect.unstreamed(reply)
                if isinstance(reply, Reply)
                else Streamed(reply.status, _rewritten(reply.pieces), reply.headers)
            )

    def close(self) -> None:
        """Closes what it stands on."""
        self._transport.close()


class AsyncProductTransport:
    """The same for asyncio."""

    def __init__(self, transport: "AsyncTransport | AsyncHttpTransport", dialect: Product) -> None:
        self._transport, self._dialect = transport, dialect

    async def send(self, request: Request, seconds: float) -> Reply:
        """The reply. `seconds` bound all that is asked for it. Raises `Unreachable`, or `Unsupported` unsent."""
        until, steps = time.monotonic() + seconds, self._dialect.conversation(request)
        try:
            asked = next(steps)
            while True:
                asked = steps.send(await self._transport.send(asked, _left(until)))
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    @asynccontextmanager
    async def stream(self, request: Request, seconds: float) -> AsyncIterator[Reply | Streamed[AsyncIterator[bytes]]]:
        """A chat's reply, its events in the API's form. Raises what `send` raises."""
        async with self._transport.stream(self._dialect.streaming(request), seconds) as reply:
            yield (
                self._dialect.unstreamed(reply)
                if isinstance(reply, Reply)
                else Streamed(reply.status, _Arewritten(reply.pieces), reply.headers)
            )

    async def close(self) -> None:
        """Closes what it stands on."""
        await self._transport.close()


def product_client(
    address: str,
    *,
    cube: Cube | None = None,
    api_key: str | SecretStr | None = None,
    timezone: str | None = None,
    deadline: float | None = None,
    retry: Retry,
    on_event: OnEvent | Iterable[OnEvent] = (),
    outbox: OutboxOptions | str | os.PathLike[str] | None = None,
) -> MemOS:
    """A client of the open-source server at `address`. Raises `Invalid`."""
    base, cube = _parted(address, cube)
    known = settings(base_url=base, api_key=api_key, timezone=timezone)
    from memos_integrations.client._http import AsyncHttpTransport, HttpTransport  # loads httpx: not before needed

    dialect = Product(Cubes(cube), zone(known.timezone))
    shared = Shared(
        ProductTransport(HttpTransport(known), dialect),
        AsyncProductTransport(AsyncHttpTransport(known), dialect),
        address=f"{_OURS}{known.base_url}{_suffix(cube)}",
        timezone=dialect.zone,
        on_event=listeners(on_event),
        outbox=outbox_options(outbox),
        account=known.account,
        tells_messages=False,
    )
    return MemOS._on(shared, deadline, retry)  # noqa: SLF001 - its sibling


def _parted(address: str, cube: Cube | None) -> tuple[str, Cube | None]:
    """The address over HTTP, and the cube: the one given, else the one that the address names."""
    plain, question, told = address[len(_OURS) :].partition("?")
    if not question:
        return plain, cube
    named = parse_qs(told, keep_blank_values=True)
    if set(named) != {"cube"} or len(named["cube"]) != 1:
        raise Invalid("connect: behind ? an address may say cube=… and nothing else", field="address", rule="url")
    if cube is None and not named["cube"][0]:
        raise Invalid("connect: a function named the cubes of this address: give it again as cube=", field="cube")
    return plain, named["cube"][0] if cube is None else cube


def _suffix(cube: Cube | None) -> str:
    """What an address says of its cubes, so that nobody comes upon others by it; a function can't be told."""
    return "" if cube is None else f"?cube={quote(cube, safe='') if isinstance(cube, str) else ''}"


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise Unreachable(_LATE, sent=False)
    return left


def _rewritten(pieces: Iterator[bytes]) -> Iterator[bytes]:
    rewriting = Rewriting()
    for piece in pieces:
        if told := rewriting.next(piece):
            yield told
    yield rewriting.rest()


class _Arewritten(AsyncIterator[bytes]):
    """The same, awaited. No generator: one that is left unread would have to be closed on its loop."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces, self._rewriting, self._over = pieces, Rewriting(), False

    async def __anext__(self) -> bytes:
        if self._over:
            raise StopAsyncIteration
        try:
            return self._rewriting.next(await anext(self._pieces))
        except StopAsyncIteration:
            self._over = True
            return self._rewriting.rest()
