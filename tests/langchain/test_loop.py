"""Nothing waits on an event loop, whichever loop it is, and nothing runs on when the client is closed."""

import asyncio
import threading
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from memos_integrations.client import MemOS
from memos_integrations.langchain import MemOSMiddleware
from memos_integrations.wire.answers import Found
from memos_integrations.wire.calls import SearchMemory
from tests.fakes import CountingEngine, client_over
from tests.langchain.models import (
    ANSWER,
    MARK,
    Scripted,
    after_tools,
    at,
    create_agent,
    look_up,
    run,
    said,
    spoken,
)
from tests.langchain.turns import Remembers


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


async def test_a_cancelled_run_leaves_the_next_one_free(engine: CountingEngine) -> None:
    class Gated(CountingEngine):
        def __init__(self) -> None:
            super().__init__()
            self.entered, self.open = threading.Event(), threading.Event()

        def search_memory(self, call: SearchMemory, project: str = "", *more: Any, **named: Any) -> Found:
            self.entered.set()
            self.open.wait(30)
            return super().search_memory(call, project, *more, **named)

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
