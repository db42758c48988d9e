"""The router as a client's transport: no socket. Callers of asyncio wait on threads of ours, never on their loop."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from memos_integrations.engine._engine import Engine
from memos_integrations.engine._pieces import Pieces
from memos_integrations.engine._router import route
from memos_integrations.engine._workers import CLOSED, Workers
from memos_integrations.errors import Unreachable
from memos_integrations.wire.envelope import Reply, Request, Streamed, told

__all__ = ["AsyncEngineTransport", "EngineTransport"]


class EngineTransport:
    """Asks `engine` in the caller's own thread. The engine stays open when this is closed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._closed = False

    def send(self, request: Request, seconds: float) -> Reply:
        """The engine's reply. `seconds` bounds a model's answer; nothing else here takes long."""
        return _whole(self._routed(request, seconds))

    @contextmanager
    def stream(self, request: Request, seconds: float) -> Iterator[Reply | Streamed[Iterator[bytes]]]:
        """The engine's reply, in pieces where it is a stream."""
        reply = self._routed(request, seconds)
        try:
            yield reply
        finally:
            if isinstance(reply, Streamed):
                reply.pieces.close()

    def close(self) -> None:
        """Ends it; may be called twice."""
        self._closed = True

    def _routed(self, request: Request, seconds: float) -> Reply | Streamed[Pieces]:
        if self._closed:
            raise Unreachable(CLOSED, sent=False)
        told(request.progress, len(request.body), len(request.body))
        return route(self._engine, request, seconds=seconds)


class AsyncEngineTransport:
    """Asks `engine` on worker threads, from any event loop. The engine stays open when this is closed."""

    def __init__(self, engine: Engine) -> None:
        self._workers = Workers(engine)

    async def send(self, request: Request, seconds: float) -> Reply:
        """The engine's reply. Raises `Unreachable` after `seconds`; the engine may have acted all the same."""
        reply = await self._workers.ask(request, seconds=seconds)
        told(request.progress, len(request.body), len(request.body))
        if isinstance(reply, Reply):
            return reply
        async with self._workers.streamed(reply.pieces, seconds) as pieces:
            return Reply(reply.status, b"".join([piece async for piece in pieces]), reply.headers)

    @asynccontextmanager
    async def stream(self, request: Request, seconds: float) -> AsyncIterator[Reply | Streamed[AsyncIterator[bytes]]]:
        """The engine's reply, in pieces where it is a stream."""
        reply = await self._workers.ask(request, seconds=seconds)
        if isinstance(reply, Reply):
            yield reply
            return
        async with self._workers.streamed(reply.pieces, seconds) as pieces:
            yield Streamed(reply.status, pieces, reply.headers)

    async def close(self) -> None:
        """Ends the threads after the work in hand; may be called twice."""
        await self._workers.close()


def _whole(reply: Reply | Streamed[Pieces]) -> Reply:
    if isinstance(reply, Reply):
        return reply
    try:
        return Reply(reply.status, b"".join(reply.pieces), reply.headers)
    finally:
        reply.pieces.close()
