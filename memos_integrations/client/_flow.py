"""A reply on its way in: whole, or as a stream of events in pieces, each waited for within its own seconds."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from memos_integrations.client._clock import until
from memos_integrations.client._talk import FAILURES, Body, Talk
from memos_integrations.wire.envelope import Reply, Request, Streamed

__all__ = [
    "Asking",
    "AsyncAsking",
    "AsyncComing",
    "AsyncFlow",
    "Coming",
    "Here",
    "awhole",
    "is_stream",
    "pieces",
    "whole",
]

T = TypeVar("T")
_STREAM: Final = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Coming:
    """A reply whose head is there and whose body, unpacked, comes in `pieces`. To be closed."""

    status: int
    headers: Mapping[str, str]
    pieces: Iterator[bytes]
    close: Callable[[], None]


@dataclass(frozen=True, slots=True)
class AsyncComing:
    """The same, awaited."""

    status: int
    headers: Mapping[str, str]
    pieces: AsyncIterator[bytes]
    close: Callable[[], Coroutine[Any, Any, None]]


class Asking(Protocol):
    """A connection of ours, or a user's own client."""

    def ask(self, request: Request, body: Body, seconds: float) -> Coming:
        """The head of the reply. What it raises is among `FAILURES`."""
        ...


class AsyncAsking(Protocol):
    """The same, awaited; bounded by whoever waits."""

    async def ask(self, request: Request, body: Body) -> AsyncComing:
        """The head of the reply. What it raises is among `FAILURES`."""
        ...


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


def is_stream(coming: Coming | AsyncComing) -> bool:
    """Whether what comes is a stream of events. All else is read whole: an answer, a refusal, a web page."""
    kind = coming.headers.get("content-type", "").partition(";")[0].strip().lower()
    return coming.status == 200 and kind == _STREAM


def whole(talk: Talk, coming: Coming) -> Reply:
    """All of `coming`, which is closed then."""
    try:
        body = b"".join(coming.pieces)
    finally:
        coming.close()
    return talk.reply(coming.status, coming.headers, body)


async def awhole(talk: Talk, coming: AsyncComing) -> Reply:
    """The same, awaited."""
    try:
        body = b"".join([piece async for piece in coming.pieces])
    finally:
        await coming.close()
    return talk.reply(coming.status, coming.headers, body)


def pieces(talk: Talk, coming: Coming, body: Body, seconds: float) -> Iterator[bytes]:
    """The body as it comes, `seconds` at most for each piece. Raises `Unreachable`."""
    masked = talk.masked()
    while True:
        try:
            with until(seconds):
                piece = next(coming.pieces, None)
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

    def __init__(self, talk: Talk, where: Where, line: AbstractAsyncContextManager[AsyncAsking]) -> None:
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
            line = await self._held.enter_async_context(self._line)
            coming = await line.ask(request, self._body)
            self._held.push_async_callback(coming.close)
            if not is_stream(coming):
                reply = await awhole(self._talk, coming)
                self._whole = True
                return reply
            self._coming = coming.pieces
            return Streamed(coming.status, self, coming.headers)

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
