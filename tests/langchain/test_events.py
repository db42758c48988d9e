"""What memories did, in the stream of the run in which it came about."""

import json
from dataclasses import asdict
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from memos_integrations.client import Degraded, Event, MemOS, Recalled, Recorded
from memos_integrations.errors import ServerFault
from memos_integrations.langchain import MemOSMiddleware
from memos_integrations.langchain._events import tell_stream
from memos_integrations.wire.answers import Found
from memos_integrations.wire.calls import SearchMemory
from tests.fakes import CountingEngine, client_over
from tests.langchain.models import MARK, Scripted, after_tools, at, create_agent, look_up, run, said
from tests.langchain.turns import Remembers

KINDS = ["stream", "astream"]


def agent_of(*middleware: MemOSMiddleware) -> Any:
    model = Scripted(script=after_tools(2))
    return create_agent(model, [look_up], middleware=list(middleware), checkpointer=InMemorySaver())


def custom(chunks: list[Any]) -> list[dict[str, Any]]:
    return [chunk for mode, chunk in chunks if mode == "custom"]


def updates(chunks: list[Any]) -> list[list[str]]:
    return [list(chunk) for mode, chunk in chunks if mode == "updates"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_recall_is_told_once_a_turn(client: MemOS, events: list[Event], remembers: Remembers, kind: str) -> None:
    remembers()
    chunks = run(agent_of(MemOSMiddleware(client)), f"{kind}:custom,updates", said(), at())
    client.flush()
    recalled, recorded = events
    assert isinstance(recalled, Recalled)
    assert recalled.facts == 1
    assert custom(chunks) == [{"type": "memos.recalled", **asdict(recalled)}]
    assert isinstance(recorded, Recorded)  # of the writer's thread: in no run
    assert MARK not in json.dumps(custom(chunks))


@pytest.mark.parametrize("kind", KINDS)
def test_other_modes_are_as_without_it(client: MemOS, remembers: Remembers, kind: str) -> None:
    remembers()
    shown = updates(run(agent_of(MemOSMiddleware(client)), f"{kind}:custom,updates", said(), at()))
    alone = run(agent_of(MemOSMiddleware(client)), f"{kind}:updates", said(), at())
    assert shown == [list(chunk) for chunk in alone]
    assert "memos." not in str(alone)
    (only,) = run(agent_of(MemOSMiddleware(client)), f"{kind}:custom", said(), at())
    assert only["type"] == "memos.recalled"


class Faulty(CountingEngine):
    """Finds nothing any more."""

    def search_memory(self, call: SearchMemory, project: str = "", *more: Any, **named: Any) -> Found:
        raise ServerFault(MARK, code=50000)


@pytest.mark.parametrize("kind", KINDS)
def test_a_failed_recall_is_told_too(events: list[Event], kind: str) -> None:
    with client_over(Faulty(), on_event=events.append) as client:
        memory = MemOSMiddleware(client)
        chunks = run(agent_of(memory), f"{kind}:custom,updates", said(f"What {MARK} tea?"), at())
        client.flush()
    degraded = events[0]
    assert isinstance(degraded, Degraded)
    assert custom(chunks) == [{"type": "memos.degraded", **asdict(degraded)}]
    assert (custom(chunks)[0]["what"], custom(chunks)[0]["error"]) == ("recall", "ServerFault")
    assert MARK not in str(custom(chunks))


def test_two_instances_on_one_client_tell_each_event_once(client: MemOS, events: list[Event]) -> None:
    other = MemOSMiddleware(client, name="other", recall=False)
    chunks = run(agent_of(MemOSMiddleware(client), other), "stream:custom,updates", said(), at())
    client.flush()
    assert [told["type"] for told in custom(chunks)] == ["memos.recalled"]
    assert sum(isinstance(event, Recalled) for event in events) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_inside_a_tool_tells_the_one_around_it_when_asked(client: MemOS, kind: str) -> None:
    inner = create_agent(Scripted(script=after_tools(0)), [], middleware=[MemOSMiddleware(client)])

    @tool
    def consult(word: str) -> str:
        """Asks the other agent."""
        return str(inner.invoke(said(f"What of {word}?"))["messages"][-1].text)

    model = Scripted(script=after_tools(1, name="consult"))
    outer = create_agent(model, [consult], middleware=[MemOSMiddleware(client)])
    assert [told["type"] for told in run(outer, f"{kind}:custom", said(), at())] == ["memos.recalled"]
    seen = run(outer, f"{kind}:custom", said(), at(), subgraphs=True)
    assert [(len(place), told["type"]) for place, told in seen] == [(0, "memos.recalled"), (1, "memos.recalled")]


def test_outside_a_run_nothing_is_told(caplog: pytest.LogCaptureFixture, client: MemOS) -> None:
    MemOSMiddleware(client)
    event = Recalled("t1", 1, 0, 0, 1.0, ("f1",))
    client.emit(event)

    def tell(_: object) -> str:
        tell_stream(event)
        return "gone on"

    assert RunnableLambda(tell).invoke("x") == "gone on"  # a run, but not of LangGraph
    assert RunnableLambda(tell).invoke("x", {"configurable": {"thread_id": "t1"}}) == "gone on"
    assert caplog.records == []


def test_a_run_whose_loop_is_gone_hurts_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: object) -> None:
        raise RuntimeError("Event loop is closed")

    monkeypatch.setattr("memos_integrations.langchain._events.get_stream_writer", lambda: gone)
    tell_stream(Recalled("t1", 1, 0, 0, 1.0, ("f1",)))
