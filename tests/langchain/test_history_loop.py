"""Nothing of a history waits on an event loop."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from langchain_core.messages import HumanMessage

from memos_integrations.client import Degraded, Event, MemOS
from memos_integrations.langchain import MemOSChatMessageHistory
from memos_integrations.wire.answers import Added, StoredMessages
from memos_integrations.wire.calls import AddMessage, GetMessage
from tests.fakes import CountingEngine, client_over
from tests.langchain.histories import history, texts


class Gated(CountingEngine):
    """Waits to be opened, and keeps on which threads it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.open, self.threads = threading.Event(), threading.Event(), set[int]()

    def _wait(self) -> None:
        self.threads.add(threading.get_ident())
        self.entered.set()
        assert self.open.wait(30)

    def add_message(self, call: AddMessage, project: str = "", *more: Any, **named: Any) -> Added:
        self._wait()
        return super().add_message(call, project, *more, **named)

    def get_message(self, call: GetMessage, project: str = "") -> StoredMessages:
        self._wait()
        return super().get_message(call, project)


async def test_while_a_server_is_slow_the_loop_goes_on() -> None:
    engine = Gated()
    with client_over(engine) as client:
        told = history(client, read_seconds=30.0)
        reading = asyncio.create_task(told.aget_messages())
        await asyncio.to_thread(engine.entered.wait, 30)  # were the loop blocked, this would not come back
        assert not reading.done()
        engine.open.set()
        assert await reading == []
        engine.open.clear()
        engine.entered.clear()
        await told.aadd_messages([HumanMessage("hi")])  # waits for nothing
        assert texts(await told.aget_messages()) == ["hi"]
        engine.open.set()
        await client.aio.flush()
        assert threading.get_ident() not in engine.threads
        await client.aio.close()


async def test_a_slow_server_is_given_up_in_time() -> None:
    engine, events = Gated(), list[Event]()
    with client_over(engine, on_event=events.append) as client:
        assert await history(client, read_seconds=0.05).aget_messages() == []
        assert [event.error for event in events if isinstance(event, Degraded)] == ["Unreachable"]
        engine.open.set()
        await client.aio.close()


async def test_several_readers_see_one_snapshot(client: MemOS) -> None:
    history(client).add_messages([HumanMessage("one"), HumanMessage("two")])
    await client.aio.flush()
    told = history(client)
    seen = await asyncio.gather(*(told.aget_messages() for _ in range(10)))
    assert {tuple(texts(each)) for each in seen} == {("one", "two")}


def test_threads_add_each_message_once(client: MemOS, engine: CountingEngine) -> None:
    told = history(client, limit=50)
    messages = [HumanMessage(f"m{i}", id=f"id{i}") for i in range(40)]
    threads = [threading.Thread(target=told.add_messages, args=(messages,)) for _ in range(4)]
    _run(threads)
    client.flush()
    assert sorted(texts(told.messages)) == sorted(m.text for m in messages)
    assert sum(len(call.turns) for call in engine.added) == 40


def test_an_instance_serves_several_loops(client: MemOS) -> None:
    told = history(client)
    for text in ("one", "two"):
        asyncio.run(told.aadd_messages([HumanMessage(text)]))
    assert texts(asyncio.run(told.aget_messages())) == ["one", "two"]


def test_no_thread_is_left_when_the_client_is_closed() -> None:
    before = set(threading.enumerate())
    with client_over(CountingEngine()) as client:
        told: MemOSChatMessageHistory = history(client)
        told.add_user_message("hi")
        asyncio.run(told.aadd_messages([HumanMessage("you")]))
    left = [thread.name for thread in set(threading.enumerate()) - before if thread.name.startswith("memos")]
    assert left == []


def _run(threads: list[threading.Thread]) -> None:
    steps: tuple[Callable[[threading.Thread], Any], ...] = (threading.Thread.start, threading.Thread.join)
    for step in steps:
        for thread in threads:
            step(thread)
