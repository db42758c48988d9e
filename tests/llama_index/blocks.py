"""LlamaIndex's own `Memory` with a block of ours, over a chat store that is closed with the test."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.memory import BaseMemoryBlock, InsertMethod, Memory
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool, StaticPool

from memos_integrations import connect
from memos_integrations.client import MemOS
from memos_integrations.llama_index import MemOSMemoryBlock
from tests.llama_index.models import answer, calls, function

__all__ = ["Words", "of_ada", "opened", "put", "stock", "store", "turn", "unpooled"]


class Words:
    """A `Memory`'s tokenizer that counts words, so that a test can tell when it flushes."""

    def __call__(self, text: str) -> list[str]:
        return text.split()


@asynccontextmanager
async def store(path: Path | None = None) -> AsyncIterator[dict[str, Any]]:
    """What makes a `Memory` keep its messages in the file at `path`; without one in this process."""
    if path is None:
        engine = create_async_engine("sqlite+aiosqlite://", poolclass=StaticPool)
    else:
        engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
    try:
        yield {"async_engine": engine, "async_database_uri": str(engine.url)}
    finally:
        await engine.dispose()


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[MemOS]:
    """A process's client."""
    client = await asyncio.to_thread(connect, path)
    try:
        yield client
    finally:
        await asyncio.to_thread(client.close)


def of_ada(client: MemOS, **options: Any) -> MemOSMemoryBlock:
    given: dict[str, Any] = {"user_id": "ada", "client": client, **options}
    return MemOSMemoryBlock(**given)


def unpooled(path: Path) -> AsyncEngine:
    """Connections that end with their use, since each may be on another loop."""
    return create_async_engine(f"sqlite+aiosqlite:///{path}", poolclass=NullPool)


def stock(
    block: BaseMemoryBlock[str], kept: dict[str, Any], session_id: str = "now", insert: str = "user", **options: Any
) -> Memory:
    return Memory.from_defaults(
        session_id=session_id, memory_blocks=[block], insert_method=InsertMethod(insert), **kept, **options
    )


async def put(memory: Memory, *messages: ChatMessage) -> None:
    for message in messages:
        await memory.aput(message)


async def turn(memory: Memory, question: str, said: str) -> None:
    """An agent's, with a tool."""
    await function(calls("now"), answer(said)).run(question, memory=memory)
