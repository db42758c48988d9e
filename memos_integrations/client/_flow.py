"""A reply on its way in: whole, or as a stream of events in pieces, each waited for within its own seconds."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from typing import Any, Final, Protocol, TypeVar

import httpx

from memos_integrations.client._clock import until
from memos_integrations.client._talk import FAILURES, Body, Talk
from memos_integrations.wire.envelope import Reply, Request, Streamed

__all__ = ["AsyncFlow", "Here", "is_stream", "pieces"]

T = TypeVar("T")
_STREAM: Final = "text/event-stream"


class Where(Protocol):
    """What runs a flow's own work: `LoopThread`, on its loop, or `Here`."""

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` returns."""
        ...


class Here:
    """On the caller's own loop."""

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` returns."""
        return await work


def is_stream(response: httpx.Response) -> bool:
    """Whether what comes is a stream of events. All else is read whole: an answer, a refusal, a web page."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return response.status_code == 200 and kind == _STREAM


def pieces(talk: Talk, response: httpx.Response, body: Body, seconds: float) -> Iterator[bytes]:
    """The body of `response` as it comes, `seconds` at most for each piece. Raises `Unreachable`."""
    coming, masked = response.iter_bytes(), talk.masked()
    while True:
        try:
            with until(seconds):
                piece = next(coming, None)
        except FAILURES as error:
            raise talk.failure(error, body) from None
        if piece is None:
            yield masked.rest()
            return
        yield masked.next(piece)


class _GivenUpError(Exception):
    """Tells the pool that a connection was left in the middle of a reply."""


class AsyncFlow(AsyncIterator[bytes]):
    """A reply held open on the loop its connection lives on, read piece by piece from the caller's."""

    def __init__(self, talk: Talk, where: Where, line: AbstractAsyncContextManager[httpx.AsyncClient]) -> None:
        self._talk, self._where, self._line = talk, where, line
        self._held = AsyncExitStack()
        self._coming: AsyncIterator[bytes] | None = None
        self._whole = False
        self._body, self._seconds, self._masked = Body(b""), 0.0, talk.masked()

    async def open(self, request: Request, seconds: float, *, ours: bool) -> "Reply | Streamed[AsyncIterator[bytes]]":
        """The reply's head, and all of it where it is no stream."""
        self._body, self._seconds = Body(request.body), seconds
        try:
            return await self._where.run(self._opened(request))
        except FAILURES as error:
            return self._talk.failed(error, self._body, ours=ours)

    async def _opened(self, request: Request) -> "Reply | Streamed[AsyncIterator[bytes]]":
        async with asyncio.timeout(self._seconds):
            client = await self._held.enter_async_context(self._line)
            asked = self._talk.asked(client, request, self._body, client.timeout)
            response = await client.send(asked, stream=True, follow_redirects=False)
            self._held.push_async_callback(response.aclose)
            if not is_stream(response):
                await response.aread()
                self._whole = True
                return self._talk.reply(response)
            self._coming = response.aiter_bytes()
            return Streamed(response.status_code, self, self._talk.headers(response))

    async def __anext__(self) -> bytes:
        try:
            piece = await self._where.run(self._next())
        except FAILURES as error:
            raise self._talk.failure(error, self._body) from None
        if piece is None:
            raise StopAsyncIteration
        return piece

    async def _next(self) -> bytes | None:
        if self._coming is None:
            return None
        async with asyncio.timeout(self._seconds):
            piece = await anext(self._coming, None)
        if piece is not None:
            return self._masked.next(piece)
        self._coming, self._whole = None, True
        return self._masked.rest()

    async def close(self) -> None:
        """Lets go of the connection, for good where the reply was not read whole; a cancelled caller need not wait."""
        await asyncio.shield(asyncio.ensure_future(self._where.run(self._released())))

    async def _released(self) -> None:
        if self._whole:
            await self._held.aclose()
            return
        with suppress(_GivenUpError):
            await self._held.__aexit__(_GivenUpError, _GivenUpError(), None)
