"""Pitfalls 16 and 19: a recall has a time budget, and a failure is told, once, without content."""

import logging
from threading import Event as Signal
from typing import Any

import pytest

from memos_integrations.client import Degraded, Event, MemOS
from memos_integrations.engine import AsyncEngineTransport, EngineTransport
from memos_integrations.errors import RateLimited, Refused, ServerFault, Unauthorized, Unreachable
from memos_integrations.langchain import MemOSMiddleware
from memos_integrations.wire.answers import Added, Found
from memos_integrations.wire.calls import AddMessage, SearchMemory
from memos_integrations.wire.envelope import Reply, Request
from tests.fakes import CountingEngine, Unstreamed, client_over
from tests.langchain.models import (
    ANSWER,
    MARK,
    QUESTION,
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

ASKED = f"What {MARK} tea do I drink?"
SECRET = at(f"{MARK}-user", f"{MARK}-thread")


class Refusing(CountingEngine):
    """Counts, then refuses."""

    def __init__(self, error: type[Refused] = Unauthorized, code: int = 40100) -> None:
        super().__init__()
        self.error, self.code = error, code

    def add_message(self, call: AddMessage, project: str = "", *more: Any, **named: Any) -> Added:
        super().add_message(call, project, *more, **named)
        raise self.error("no", code=self.code, path=call.path)

    def search_memory(self, call: SearchMemory, project: str = "", *more: Any, **named: Any) -> Found:
        super().search_memory(call, project, *more, **named)
        raise self.error("no", code=self.code, path=call.path)


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


class Held(CountingEngine):
    """A search that ends when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.released = Signal()

    def search_memory(self, call: SearchMemory, project: str = "", *more: Any, **named: Any) -> Found:
        self.released.wait(30)
        return super().search_memory(call, project, *more, **named)


@pytest.mark.parametrize("kind", ["ainvoke", "astream"])
async def test_16_a_search_beyond_its_budget_is_not_waited_for(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    engine, events = Held(), list[Event]()
    model = Scripted(script=after_tools(2))
    with client_over(engine, on_event=events.append) as client:
        memory = MemOSMiddleware(client, recall_seconds=0.02, record=False)
        agent = create_agent(model, [look_up], middleware=[memory])
        try:
            if kind == "ainvoke":
                out = await agent.ainvoke(said(ASKED), SECRET)
            else:
                out = [chunk async for chunk in agent.astream(said(ASKED), SECRET)]
            assert not engine.released.is_set()
        finally:
            engine.released.set()
        assert ANSWER in str(out)
        assert [(type(event), getattr(event, "what", "")) for event in events] == [(Degraded, "recall")]
        assert len(warnings_in(caplog)) == 1
        assert len(model.handed) == 3
        await client.aio.close()


class Watched(Unstreamed):
    """Passes on, and keeps how long each call might take."""

    def __init__(self, engine: CountingEngine) -> None:
        self.inner, self.budgets = EngineTransport(engine), list[tuple[str, float]]()

    def send(self, request: Request, seconds: float) -> Reply:
        self.budgets.append((request.path, seconds))
        if "search" in request.path:
            raise Unreachable("no reply in time", sent=True)
        return self.inner.send(request, seconds)

    def close(self) -> None:
        self.inner.close()


def test_16_the_budget_goes_down_to_the_transport(caplog: pytest.LogCaptureFixture) -> None:
    engine = CountingEngine()
    watched = Watched(engine)
    with MemOS.over(watched, AsyncEngineTransport(engine), address=":memory:", deadline=20) as client:
        memory = MemOSMiddleware(client, recall_seconds=0.5)
        create_agent(Scripted(script=after_tools(1)), [look_up], middleware=[memory]).invoke(said(), at())
        client.flush()
    engine.close()
    searches = [seconds for path, seconds in watched.budgets if "search" in path]
    adds = [seconds for path, seconds in watched.budgets if "add" in path]
    assert searches
    assert all(0 < seconds <= 0.5 for seconds in searches)
    assert adds
    assert all(seconds > 0.5 for seconds in adds)
    assert len([text for text in warnings_in(caplog) if "recall failed" in text]) == 1


def test_16_a_limiter_puts_a_turn_off_until_it_is_written(caplog: pytest.LogCaptureFixture) -> None:
    refusals = iter([RateLimited("later", code=40309, path="add/message", retry_after=0.01)] * 2)

    class Limited(CountingEngine):
        def add_message(self, call: AddMessage, project: str = "", *more: Any, **named: Any) -> Added:
            for refusal in refusals:
                raise refusal
            return super().add_message(call, project, *more, **named)

    engine = Limited()
    with client_over(engine) as client:
        agent = create_agent(Scripted(script=after_tools(0)), [], middleware=[MemOSMiddleware(client)])
        agent.invoke(said(), at())
        assert client.flush() == 0
    assert engine.counts == (1, 1)
    (warning,) = warnings_in(caplog)
    assert "kept and tried again" in warning


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream:messages", "astream:updates"])
def test_19_a_refused_search_is_a_turn_without_memories_one_warning_and_one_event(
    way: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    engine, events = Refusing(), list[Event]()
    model = Scripted(script=after_tools(3))
    with client_over(engine, on_event=events.append) as client:
        agent = create_agent(model, [look_up], middleware=[MemOSMiddleware(client, record=False)])
        out = run(agent, way, said(ASKED), SECRET)
    assert ANSWER.split()[0] in str(out)
    assert engine.counts == (1, 0)
    (event,) = events
    assert isinstance(event, Degraded)
    assert (event.what, event.error, event.code, event.waiting) == ("recall", "Unauthorized", 40100, 0)
    (warning,) = warnings_in(caplog)
    assert "recall failed (Unauthorized, code 40100)" in warning
    assert MARK not in caplog.text
    assert len(model.handed) == 4


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream:values"])
def test_19_who_wants_the_error_gets_it(way: str, caplog: pytest.LogCaptureFixture) -> None:
    engine = Refusing(ServerFault, 50000)
    with client_over(engine) as client:
        memory = MemOSMiddleware(client, on_error="raise")
        agent = create_agent(Scripted(script=after_tools(0)), [], middleware=[memory])
        with pytest.raises(ServerFault) as caught:
            run(agent, way, said(ASKED), SECRET)
    assert len(engine.searched) == 1
    assert spoken(engine) == [("user", ASKED)]  # what the user said is kept, though nobody answers it
    assert MARK not in f"{caplog.text}{caught.value!r}{caught.value}{caught.value.__cause__}{memory!r}{client!r}"


def test_19_nothing_said_or_remembered_is_logged(
    client: MemOS, remembers: Remembers, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    remembers()
    memory = MemOSMiddleware(client)
    agent = create_agent(Scripted(script=after_tools(1)), [look_up], middleware=[memory])
    agent.invoke(said(f"What {MARK} tea do I drink?"), at(f"{MARK}-user", f"{MARK}-thread"))
    client.flush()
    assert MARK not in caplog.text
    assert MARK not in repr(memory)


class Lossy(Unstreamed):
    """The first write arrives, and its reply is lost."""

    def __init__(self, engine: CountingEngine) -> None:
        self.inner, self.lost = EngineTransport(engine), 0

    def send(self, request: Request, seconds: float) -> Reply:
        reply = self.inner.send(request, seconds)
        if "add" in request.path and not self.lost:
            self.lost += 1
            raise Unreachable("the reply is lost", sent=True)
        return reply

    def close(self) -> None:
        self.inner.close()


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_16_a_write_whose_reply_is_lost_is_not_written_again(way: str) -> None:
    engine = CountingEngine()
    lossy = Lossy(engine)
    with MemOS.over(lossy, AsyncEngineTransport(engine), address=":memory:") as client:
        agent = create_agent(Scripted(script=after_tools(1)), [look_up], middleware=[MemOSMiddleware(client)])
        run(agent, way, said(), at())
        assert client.flush() == 0
    engine.close()
    assert lossy.lost == 1
    assert spoken(engine) == [("user", QUESTION), ("assistant", ANSWER)]


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_16_a_search_that_is_limited_is_tried_again_within_its_budget(way: str) -> None:
    refusals = iter([RateLimited("later", code=40309, path="search/memory", retry_after=0.01)])

    class Limited(CountingEngine):
        def search_memory(self, call: SearchMemory, project: str = "", *more: Any, **named: Any) -> Found:
            for refusal in refusals:
                raise refusal
            return super().search_memory(call, project, *more, **named)

    engine, model, events = Limited(), Scripted(script=after_tools(0)), list[Event]()
    with client_over(engine, on_event=events.append) as client:
        memory = MemOSMiddleware(client, recall_seconds=30, record=False)
        run(create_agent(model, [], middleware=[memory]), way, said(), at())
    assert len(engine.searched) == 1
    assert [type(event).__name__ for event in events] == ["Recalled"]
