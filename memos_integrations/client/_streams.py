"""A chat's events out of what a transport brings: one reading for both colours. A stream that broke off says so."""

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator

from memos_integrations.errors import Unreachable
from memos_integrations.wire.answers import ChatAnswer
from memos_integrations.wire.events import ChatEvent, EventReader

__all__ = ["aevents", "events", "whole"]


def events(path: str, pieces: Iterator[bytes]) -> Generator[ChatEvent, None, None]:
    """The events in `pieces`, up to the end. Raises `Interrupted`, the `Refused` that they state, or `Garbled`."""
    reader = EventReader(path)
    try:
        for piece in pieces:
            yield from reader.feed(piece)
            if reader.ended:
                return
    except Unreachable as error:
        raise reader.interrupted(str(error)) from error
    yield from reader.finish()


async def aevents(path: str, pieces: AsyncIterator[bytes]) -> AsyncGenerator[ChatEvent, None]:
    """The same, awaited."""
    reader = EventReader(path)
    try:
        async for piece in pieces:
            for event in reader.feed(piece):
                yield event
            if reader.ended:
                return
    except Unreachable as error:
        raise reader.interrupted(str(error)) from error
    for event in reader.finish():
        yield event


def whole(answer: ChatAnswer) -> tuple[ChatEvent, ChatEvent]:
    """The events of an answer that came in one piece, from a server that does not stream."""
    return ChatEvent(type="text", data=answer.response), ChatEvent(type="end")
