"""Pitfall 7: nothing waits on an event loop, and one agent serves any number of loops."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver

from memos_integrations import connect
from memos_integrations.client import MemOS
from memos_integrations.engine._server import make_app
from memos_integrations.langchain import MemOSMiddleware
from memos_integrations.memory.recall import Recall
from memos_integrations.wire.answers import Added, Found
from memos_integrations.wire.calls import AddMessage, SearchMemory
from tests.fakes import CountingEngine, client_over
from tests.langchain.models import (
    ANSWER,
    QUESTION,
    Scripted,
    after_tools,
    at,
    counted,
    create_agent,
    look_up,
    run,
    said,
)
from tests.langchain.turns import searching
from tests.later import said_in, threads_at_files
from tests.serving import served


class Placed(CountingEngine):
    """Keeps on which threads it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.threads = set[int]()

    def add_message(self, call: AddMessage, project: str = "", *more: Any, **named: Any) -> Added:
        self.threads.add(threading.get_ident())
        return super().add_message(call, project, *more, **named)

    def search_memory(self, call: SearchMemory, project: str = "", *more: Any, **named: Any) -> Found:
        self.threads.add(threading.get_ident())
        return super().search_memory(call, project, *more, **named)


@pytest.mark.parametrize("kind", ["ainvoke", "astream"])
async def test_07_an_awaited_agent_asks_on_other_threads(kind: str) -> None:
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


async def test_07_an_awaited_agent_uses_no_plain_call(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = CountingEngine()
    with client_over(engine) as client:
        agent = create_agent(Scripted(script=after_tools(1)), [look_up], middleware=[MemOSMiddleware(client)])
        with plain_ways_forbidden(monkeypatch):
            await agent.ainvoke(said(), at())
        await client.aio.flush()
        assert engine.counts == (1, 1)
        await client.aio.close()


def test_07_one_agent_serves_several_loops_one_after_another(client: MemOS, engine: CountingEngine) -> None:
    agent = create_agent(
        Scripted(script=after_tools(1)), [look_up], middleware=[MemOSMiddleware(client)], checkpointer=InMemorySaver()
    )
    for way in ("ainvoke", "invoke", "ainvoke", "astream:values"):
        run(agent, way, said(), at())
    client.flush()
    assert counted(engine) == (4, 4)


@pytest.mark.parametrize("kind", ["ainvoke", "astream"])
async def test_07_an_awaited_agent_touches_no_file_on_its_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = tmp_path / "memos.db"
    client = connect(path)
    memory = MemOSMiddleware(client)
    agent = create_agent(Scripted(script=after_tools(1)), [look_up], middleware=[memory], checkpointer=InMemorySaver())
    with threads_at_files(monkeypatch) as threads:
        for _ in range(2):
            if kind == "ainvoke":
                await agent.ainvoke(said(), at())
            else:
                assert [chunk async for chunk in agent.astream(said(), at(), stream_mode="messages")]
        with pytest.raises(ValueError, match="no"):
            await create_agent(Scripted(script=_refuse), [], middleware=[memory]).ainvoke(said("Hm."), at())
        await client.aio.flush()
        await client.aio.close()
    assert threads
    assert threading.get_ident() not in threads
    assert said_in(path, "ada", "t1") == [*[("user", QUESTION), ("assistant", ANSWER)] * 2]


def _refuse(_: object) -> AIMessage:
    raise ValueError("no")


@pytest.mark.parametrize("placement", ["user", "system", "tool"])
def test_07_over_http_one_agent_serves_loops_and_threads_in_turn(engine: CountingEngine, placement: Any) -> None:
    with served(make_app(engine)) as address, MemOS(base_url=f"{address}/api/openmem/v1", outbox=":memory:") as client:
        memory = MemOSMiddleware(client, placement=placement)
        model = Scripted(script=searching() if placement == "tool" else after_tools(1))
        agent = create_agent(model, [look_up], middleware=[memory], checkpointer=InMemorySaver())
        for way in ("invoke", "ainvoke", "ainvoke", "astream:messages"):
            run(agent, way, said(), at())
        client.flush()
    engine.close()
    assert counted(engine) == (4, 4)


@pytest.mark.parametrize("placement", ["user", "system", "tool"])
@pytest.mark.parametrize("kind", ["ainvoke", "astream"])
def test_07_no_call_that_blocks_is_made_on_a_loop(
    tmp_path: Path, kind: str, placement: Any, blocked: list[str]
) -> None:
    path = tmp_path / "memos.db"
    with connect(path) as client:
        memory = MemOSMiddleware(client, placement=placement)
        model = Scripted(script=searching() if placement == "tool" else after_tools(1))
        agent = create_agent(model, [look_up], middleware=[memory], checkpointer=InMemorySaver())

        async def twice() -> None:
            for _ in range(2):
                if kind == "ainvoke":
                    await agent.ainvoke(said(), at())
                else:
                    assert [chunk async for chunk in agent.astream(said(), at(), stream_mode="messages")]
            await client.aio.flush()

        asyncio.run(twice())
    assert blocked == []
    assert said_in(path, "ada", "t1") == [("user", QUESTION), ("assistant", ANSWER)] * 2
