"""Nothing waits on an event loop, whichever loop it is, and nothing runs on when the client is closed."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from memos_integrations.client import MemOS
from memos_integrations.langchain import MemOSMiddleware
from memos_integrations.memory.recall import Recall
from memos_integrations.wire.answers import Added, Found
from memos_integrations.wire.calls import AddMessage, SearchMemory
from tests.fakes import CountingEngine, client_over
from tests.langchain.models import (
    ANSWER,
    MARK,
    Scripted,
    after_tools,
    at,
    counted,
    create_agent,
    look_up,
    run,
    said,
    spoken,
)

Remembers = Callable[..., None]


class Placed(CountingEngine):
    """Keeps on which threads it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.threads = set[int]()

    def add_message(self, call: AddMessage, project: str = "") -> Added:
        self.threads.add(threading.get_ident())
        return super().add_message(call, project)

    def search_memory(self, call: SearchMemory, project: str = "") -> Found:
        self.threads.add(threading.get_ident())
        return super().search_memory(call, project)


@pytest.mark.parametrize("kind", ["ainvoke", "astream"])
async def test_an_awaited_agent_asks_on_other_threads(kind: str) -> None:
    engine = Placed()
    with client_over(engine) as client:
        agent = create_agent(
            Scripted(script=after_tools(2)),
            [look_up],
            middleware=[MemOSMiddleware(client)],
            checkpointer=InMemorySaver(),
        )
        for _ in range(2):
            if kind == "ainvoke":
                await agent.ainvoke(said(), at())
            else:
                assert [chunk async for chunk in agent.astream(said(), at(), stream_mode="messages")]
        await client.aio.flush()
        assert counted(engine) == (2, 2)
        assert engine.threads
        assert threading.get_ident() not in engine.threads
        await client.aio.close()


@contextmanager
def plain_ways_forbidden(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def forbidden(*_: object, **__: object) -> Any:
        raise AssertionError("a waiting method was called")

    with monkeypatch.context() as patch:
        patch.setattr(Recall, "found", forbidden)
        patch.setattr(MemOS, "flush", forbidden)
        yield


async def test_an_awaited_agent_uses_no_plain_call(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = CountingEngine()
    with client_over(engine) as client:
        agent = create_agent(Scripted(script=after_tools(1)), [look_up], middleware=[MemOSMiddleware(client)])
        with plain_ways_forbidden(monkeypatch):
            await agent.ainvoke(said(), at())
        await client.aio.flush()
        assert engine.counts == (1, 1)
        await client.aio.close()


async def test_a_plain_run_beside_a_running_loop_works(
    client: MemOS, engine: CountingEngine, remembers: Remembers
) -> None:
    remembers()
    model = Scripted(script=after_tools(1))
    agent = create_agent(model, [look_up], middleware=[MemOSMiddleware(client)])
    agent.invoke(said(), at())
    client.flush()
    assert engine.counts == (1, 1)
    assert MARK in str(model.handed)


def test_one_agent_serves_several_loops_one_after_another(client: MemOS, engine: CountingEngine) -> None:
    agent = create_agent(
        Scripted(script=after_tools(1)), [look_up], middleware=[MemOSMiddleware(client)], checkpointer=InMemorySaver()
    )
    for way in ("ainvoke", "invoke", "ainvoke", "astream:values"):
        run(agent, way, said(), at())
    client.flush()
    assert counted(engine) == (4, 4)


async def test_a_cancelled_run_leaves_the_next_one_free(engine: CountingEngine) -> None:
    class Gated(CountingEngine):
        def __init__(self) -> None:
            super().__init__()
            self.entered, self.open = threading.Event(), threading.Event()

        def search_memory(self, call: SearchMemory, project: str = "") -> Found:
            self.entered.set()
            self.open.wait(30)
            return super().search_memory(call, project)

    gated = Gated()
    with client_over(gated) as client:
        agent = create_agent(
            Scripted(script=after_tools(0)), [], middleware=[MemOSMiddleware(client)], checkpointer=InMemorySaver()
        )
        task = asyncio.create_task(agent.ainvoke(said("I moved to Lyon.", id="m1"), at()))
        await asyncio.to_thread(gated.entered.wait, 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gated.open.set()
        state = await agent.ainvoke(said("I moved to Lyon.", id="m1"), at())
        await client.aio.flush()
        assert len(state["messages"]) == 2
        assert spoken(gated) == [("user", "I moved to Lyon."), ("assistant", ANSWER)]
        await client.aio.close()


def test_no_thread_is_left_when_the_client_is_closed() -> None:
    before = set(threading.enumerate())
    with client_over(CountingEngine()) as client:
        agent = create_agent(Scripted(script=after_tools(1)), [look_up], middleware=[MemOSMiddleware(client)])
        for way in ("invoke", "ainvoke", "stream:values", "astream:messages"):
            run(agent, way, said(), at())
    left = [thread.name for thread in set(threading.enumerate()) - before if thread.name.startswith("memos")]
    assert left == []
