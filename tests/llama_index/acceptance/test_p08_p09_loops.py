"""P8, P9: no loop waits for the memory; loops and threads may take turns."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from blockbuster import BlockingError
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.chat_engine import SimpleChatEngine

from memos_integrations import connect
from memos_integrations.client import MemOS
from memos_integrations.llama_index import MemOSMemory
from memos_integrations.wire.answers import Added, Found
from memos_integrations.wire.calls import AddMessage, SearchMemory
from tests.fakes import CountingEngine, client_over
from tests.llama_index.conftest import FACT, QUESTION, counted, learn, written
from tests.llama_index.models import ToldModel, answer, text_of_all
from tests.llama_index.turns import (
    SAID,
    agent_of,
    settled,
    simple,
)

Remembering = Callable[..., MemOSMemory]


class Watched(CountingEngine):
    """Keeps the threads on which it works, and answers a search when it is let to."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[int] = set()
        self.searching, self.let = Future[None](), threading.Event()

    def add_message(self, call: AddMessage, project: str = "", *more: Any, **named: Any) -> Added:
        self.threads.add(threading.get_ident())
        return super().add_message(call, project, *more, **named)

    def search_memory(self, call: SearchMemory, project: str = "", *more: Any, **named: Any) -> Found:
        self.threads.add(threading.get_ident())
        if not self.searching.done():
            self.searching.set_result(None)
        assert self.let.wait(30)
        return super().search_memory(call, project, *more, **named)


class Nobody(ThreadPoolExecutor):
    """A loop's default threads that are not there to be asked."""

    def submit(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("asked a default thread")


@pytest.fixture
def watched() -> Iterator[tuple[Watched, MemOS]]:
    engine = Watched()
    with client_over(engine) as client:
        learn(client, "ada", "My favourite tea is Sencha from Uji.")
        engine.threads.clear()
        engine.added.clear()
        yield engine, client


async def test_p08_the_loop_goes_on_while_the_engine_works(watched: tuple[Watched, MemOS]) -> None:
    engine, client = watched
    asyncio.get_running_loop().set_default_executor(Nobody())
    memory = MemOSMemory.from_defaults(user_id="ada", client=client)

    await memory.aset([ChatMessage(content="Hello."), answer("Hi.")])
    await memory.aput(ChatMessage(content=QUESTION))
    asking = [asyncio.create_task(memory.aget()) for _ in range(3)]
    await asyncio.wrap_future(engine.searching)
    engine.let.set()  # reached only by a loop that does not wait for the engine itself
    for messages in await asyncio.gather(*asking):
        assert text_of_all(messages).count("<memories id=") == 1
    await memory.aput_messages([answer("Sencha.")])
    assert len(await memory.aget_all()) == 4
    assert await client.aio.flush() == 0
    await memory.areset()

    assert engine.counts == (1, 1)
    assert engine.threads
    assert threading.get_ident() not in engine.threads


async def test_p08_a_whole_run_keeps_the_engine_off_the_loop(watched: tuple[Watched, MemOS]) -> None:
    engine, client = watched
    engine.let.set()
    memory = MemOSMemory.from_defaults(user_id="ada", client=client)
    await FunctionAgent(tools=[], llm=ToldModel()).run(QUESTION, memory=memory)
    await SimpleChatEngine.from_defaults(llm=ToldModel(), memory=memory).achat(QUESTION)
    assert await client.aio.flush() == 0

    assert counted(engine) == (2, 2)
    assert threading.get_ident() not in engine.threads


async def test_p08_a_cancelled_get_leaves_the_others_their_answer(watched: tuple[Watched, MemOS]) -> None:
    engine, client = watched
    memory = MemOSMemory.from_defaults(user_id="ada", client=client)
    memory.put(ChatMessage(content=QUESTION))
    gone, stays = asyncio.create_task(memory.aget()), asyncio.create_task(memory.aget())
    await asyncio.wrap_future(engine.searching)
    gone.cancel()
    engine.let.set()
    assert text_of_all(await stays).count("<memories id=") == 1
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_p08_plain_chat_works_beside_a_running_loop(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    model, memory = ToldModel(), remembering()
    chat = SimpleChatEngine.from_defaults(llm=model, memory=memory)
    chat.chat(QUESTION)
    assert list(chat.stream_chat(QUESTION).response_gen)
    await chat.achat(QUESTION)
    client.flush()

    assert counted(engine) == (3, 3)
    for handed in model.handed:
        assert text_of_all(handed).count("<memories id=") == 1


def test_p09_turns_in_many_threads_are_kept_apart(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    memory = remembering()

    def turn(number: int) -> None:
        memory.put(ChatMessage(content=f"word {number}"))
        memory.get()
        memory.put(answer(f"echo {number}"))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(turn, range(40)))
    client.flush()

    assert sorted(written(engine)) == sorted([("user", f"word {n}"), ("assistant", f"echo {n}")] for n in range(40))
    assert len(memory.get_all()) == 80


def test_p09_one_memory_serves_loops_one_after_another(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    memory = remembering()

    async def turn() -> None:
        await agent_of("function", ToldModel(answer(SAID))).run(QUESTION, memory=memory)

    asyncio.run(turn())
    asyncio.run(turn())
    simple(ToldModel(answer(SAID)), memory).chat(QUESTION)
    assert settled(client, engine) == (3, 3)
    assert FACT not in [text_of_all([m]) for m in memory.get_all()]


async def test_p08_what_would_block_a_loop_is_told(
    path: Path, monkeypatch: pytest.MonkeyPatch, blocked: list[str]
) -> None:
    """The watch that all these tests run under sees a memory that writes its file on the loop."""

    def on_the_loop(work: Callable[..., None], *given: object) -> asyncio.Future[None]:
        work(*given)
        raise AssertionError("it was not told")

    with connect(path) as client:
        memory = MemOSMemory.from_defaults(user_id="ada", client=client)
        monkeypatch.setattr("memos_integrations.llama_index._writing.surely", on_the_loop)
        with pytest.raises(BlockingError):
            await memory.aput(ChatMessage(content="Hello."))
        monkeypatch.undo()
        await client.aio.close()
    assert blocked
    blocked.clear()
