"""Pitfalls 17 and 18: a refusal comes with HTTP 200, lists may be null, and what was just said is not known yet."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from memos_integrations.client import Degraded, Event, MemOS, Retry
from memos_integrations.engine import AsyncEngineTransport, EngineTransport
from memos_integrations.langchain import MemOSMiddleware, MemOSRetriever
from memos_integrations.wire.envelope import Reply, Request
from tests.fakes import CountingEngine, Unstreamed
from tests.langchain.models import ANSWER, FACT, MARK, Scripted, after_tools, at, create_agent, run, said, spoken
from tests.langchain.turns import TURN, searching


class Odd(Unstreamed):
    """Answers searches with bytes of the test's own, and all else as the engine does."""

    def __init__(self, inner: EngineTransport, body: bytes) -> None:
        self.inner, self.body = inner, body

    def send(self, request: Request, seconds: float) -> Reply:
        return Reply(200, self.body) if "search" in request.path else self.inner.send(request, seconds)

    def close(self) -> None:
        self.inner.close()


class AwaitedOdd(Unstreamed):
    def __init__(self, inner: AsyncEngineTransport, body: bytes) -> None:
        self.inner, self.body = inner, body

    async def send(self, request: Request, seconds: float) -> Reply:
        return Reply(200, self.body) if "search" in request.path else await self.inner.send(request, seconds)

    async def close(self) -> None:
        await self.inner.close()


@contextmanager
def odd(body: object, events: list[Event]) -> Iterator[tuple[MemOS, CountingEngine]]:
    engine, raw = CountingEngine(), body if isinstance(body, bytes) else json.dumps(body).encode()
    plain, awaited = Odd(EngineTransport(engine), raw), AwaitedOdd(AsyncEngineTransport(engine), raw)
    with MemOS.over(plain, awaited, address=":memory:", on_event=events.append, retry=ONCE) as client:
        client.on_close(engine.close)
        yield client, engine


ONCE = Retry(tries=1)
REFUSALS = [
    ({"code": 50000, "data": None, "message": MARK}, "ServerFault", 50000),
    ({"code": 40100, "message": MARK}, "Unauthorized", 40100),
    (b"<html>" + MARK.encode(), "Garbled", 0),
    (b"{", "Garbled", 0),
    ({"code": 0, "data": None}, "Garbled", 0),
]
EMPTY: list[dict[str, Any]] = [
    {"code": 0, "data": {}},
    {"code": 0, "data": {"memory_detail_list": None, "preference_detail_list": None, "tool_memory_detail_list": None}},
]


@pytest.mark.parametrize(("body", "error", "code"), REFUSALS)
@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_17_a_refusal_with_http_200_is_an_error_that_ends_no_run(
    way: str, body: object, error: str, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    events = list[Event]()
    with odd(body, events) as (client, engine):
        memory = MemOSMiddleware(client)
        out = run(create_agent(Scripted(script=after_tools(0)), [], middleware=[memory]), way, said(), at())
        client.flush()
        told = [event for event in events if isinstance(event, Degraded)]
        assert [(event.what, event.error, event.code) for event in told] == [("recall", error, code)]
        assert ANSWER in str(out)
        assert spoken(engine) == TURN
    assert MARK not in caplog.text


@pytest.mark.parametrize("body", EMPTY)
@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_17_null_where_lists_should_be_is_nothing_found(
    way: str, body: object, caplog: pytest.LogCaptureFixture
) -> None:
    events = list[Event]()
    with odd(body, events) as (client, engine):
        model = Scripted(script=after_tools(0))
        run(create_agent(model, [], middleware=[MemOSMiddleware(client)]), way, said(), at())
        client.flush()
        assert not any(isinstance(event, Degraded) for event in events)
        assert "<memories id=" not in str(model.handed)
        assert spoken(engine) == TURN
        assert MemOSRetriever(client, user_id="ada", on_error="raise").invoke("tea") == []
    assert caplog.records == []


@pytest.mark.parametrize("body", [REFUSALS[0][0], REFUSALS[2][0]])
@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_17_a_model_that_searches_is_told_of_the_failure(way: str, body: object) -> None:
    with odd(body, []) as (client, _):
        memory = MemOSMiddleware(client, placement="tool")
        model = Scripted(script=searching())
        run(create_agent(model, [], middleware=[memory]), way, said(), at())
        result = model.handed[-1][-1]
        assert result.type == "tool"
        assert getattr(result, "status", "") == "error"
        client.flush()


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_18_what_was_just_said_is_recalled_when_it_was_extracted_and_not_in_its_own_turn(
    client: MemOS, engine: CountingEngine, way: str
) -> None:
    model = Scripted(script=after_tools(0))
    agent = create_agent(model, [], middleware=[MemOSMiddleware(client)], checkpointer=InMemorySaver())
    run(agent, way, said(FACT), at())
    client.flush()  # waits for the extraction too
    run(agent, way, said(), at(thread="t2"))
    client.flush()
    own, next_ = ("<memories id=" in str(handed) for handed in model.handed)
    assert (own, next_) == (False, True)
    assert MARK in str(model.handed[1][-1].text)
    assert all(call.async_mode is not False for call in engine.added)
