"""A service that fails never fails the run: one warning without content, one event, and the turn goes on."""

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from memos_integrations.client import Degraded, Event, MemOS, Parked
from memos_integrations.errors import Refused, Unauthorized
from memos_integrations.langchain import MemOSMiddleware
from memos_integrations.wire.answers import Added, Found
from memos_integrations.wire.calls import AddMessage, SearchMemory
from tests.fakes import CountingEngine, client_over
from tests.langchain.models import ANSWER, MARK, Scripted, after_tools, at, create_agent, look_up, run, said

LOGGERS = "memos_integrations"
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


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_a_refused_write_is_told_and_hurts_nobody(way: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    engine, events = Refusing(), list[Event]()
    with client_over(engine, on_event=events.append) as client:
        memory = MemOSMiddleware(client, recall=False)
        run(create_agent(Scripted(script=after_tools(0)), [], middleware=[memory]), way, said(ASKED), SECRET)
        assert client.flush() == 0
    assert engine.counts == (0, 1)
    degraded, parked = events
    assert isinstance(degraded, Degraded)
    assert (degraded.what, degraded.error) == ("record", "Unauthorized")
    assert isinstance(parked, Parked)
    assert (parked.error, parked.code, len(parked.entries)) == ("Unauthorized", 40100, 1)
    (warning,) = warnings_in(caplog)
    assert "could not be recorded and is parked" in warning
    assert MARK not in caplog.text


@contextmanager
def dead_address() -> Iterator[str]:
    """A loopback port at which nobody listens, and nobody will."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/api/openmem/v1"


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "astream:messages"])
def test_an_address_where_nobody_is(way: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, LOGGERS)
    events = list[Event]()
    with dead_address() as address:
        client = MemOS(base_url=address, on_event=events.append)
        memory = MemOSMiddleware(client, recall_seconds=0.05)
        agent = create_agent(Scripted(script=after_tools(2)), [look_up], middleware=[memory])
        out = run(agent, way, said(ASKED), SECRET)
        client.flush(0.05)
        assert ANSWER.split()[0] in str(out)
        told = [(event.what, event.error) for event in events if isinstance(event, Degraded)]
        assert sorted(told) == [("recall", "Unreachable"), ("record", "Unreachable")]
        recalls, records = sorted(warnings_in(caplog), key=lambda text: "record" in text)
        assert "going on without memories" in recalls
        assert "kept and tried again" in records
        client.close(timeout=0)
    assert "1 writes undelivered" in caplog.text
    assert MARK not in caplog.text


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_a_client_that_was_closed_is_a_turn_without_memories(way: str, caplog: pytest.LogCaptureFixture) -> None:
    with client_over(CountingEngine()) as client:
        agent = create_agent(Scripted(script=after_tools(1)), [look_up], middleware=[MemOSMiddleware(client)])
        run(agent, way, said(), at())
    out = run(agent, way, said(ASKED), SECRET)
    assert ANSWER in str(out)
    assert len(warnings_in(caplog)) == 2
    assert MARK not in caplog.text


def test_after_a_failed_turn_the_next_one_recalls_again() -> None:
    class Once(CountingEngine):
        def search_memory(self, call: SearchMemory, project: str = "", *more: Any, **named: Any) -> Found:
            found = super().search_memory(call, project, *more, **named)
            if len(self.searched) == 1:
                raise Unauthorized("once", code=40100, path=call.path)
            return found

    engine, model = Once(), Scripted(script=after_tools(0))
    with client_over(engine) as client:
        message = {"role": "user", "content": f"I drink {MARK} tea."}
        client.add_message(messages=[message], user_id="ada", conversation_id="earlier", async_mode=False)
        memory = MemOSMiddleware(client, record=False)
        agent = create_agent(model, [], middleware=[memory], checkpointer=InMemorySaver())
        for _ in range(2):
            agent.invoke(said(), at())
    assert [MARK in str(handed) for handed in model.handed] == [False, True]
