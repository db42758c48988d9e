"""A stream of a chain's, step by step."""

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from typing import TypeVar

from memos_integrations.langchain._chain_memory import Run

__all__ = ["asteps", "steps"]

T = TypeVar("T")


def steps(run: Run, stream: Iterator[T]) -> Generator[T]:
    """What `stream` yields, each step of its own within the run."""
    try:
        while True:
            with run.step():
                try:
                    chunk = next(stream)
                except StopIteration:
                    return
            yield chunk
    finally:
        if isinstance(stream, Generator):
            stream.close()


async def asteps(run: Run, stream: AsyncIterator[T]) -> AsyncGenerator[T]:
    """The same of one that is awaited."""
    try:
        while True:
            with run.step():
                try:
                    chunk = await anext(stream)
                except StopAsyncIteration:
                    return
            yield chunk
    finally:
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()
