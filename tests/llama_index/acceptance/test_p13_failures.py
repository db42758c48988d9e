"""P13: a service that fails, whatever is asked of it, ends no run and no stream; turns are delivered later, once."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentStream, FunctionAgent
from llama_index.core.chat_engine import CondensePlusContextChatEngine, SimpleChatEngine

from memos_integrations import MemOS
from memos_integrations.client import Degraded, Event, Recorded, Retry
from memos_integrations.errors import Refused
from memos_integrations.llama_index import MemOSMemory
from tests.fakes import CountingEngine, client_over
from tests.faults.kinds import BROKEN, HANG, UNREAD, before, limited, status
from tests.faulty import Faulty
from tests.llama_index.conftest import QUESTION
from tests.llama_index.models import FAILED, Shelf, ToldModel, answer, calls, now, spoken
from tests.llama_index.services import MARKER, warnings_in

Remembering = Callable[..., MemOSMemory]


async def test_p13_a_refusing_service_ends_no_run(
    refusing: MemOS, events: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "memos_integrations")
    memory = MemOSMemory.from_defaults(user_id="ada", client=refusing)
    agent = FunctionAgent(tools=[now], llm=ToldModel(calls("now"), calls("now"), answer("It is noon.")))
    assert str(await agent.run(f"How late is it? {MARKER}", memory=memory)) == "It is noon."
    refusing.flush()

    assert [event.what for event in events if isinstance(event, Degraded)] == ["recall", "record"]
    assert len(warnings_in(caplog, "recall failed")) == 1
    assert len(warnings_in(caplog, "could not be recorded")) == 1
    assert MARKER not in caplog.text
    assert MARKER not in repr(events)


async def test_p13_no_service_at_all_ends_no_run(
    nowhere: MemOS, events: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    memory = MemOSMemory.from_defaults(user_id="ada", client=nowhere, recall_seconds=0.2)
    agent = FunctionAgent(tools=[now], llm=ToldModel(calls("now"), answer("It is noon.")))
    assert str(await agent.run("How late is it?", memory=memory)) == "It is noon."

    assert nowhere.flush(timeout=0.5) == 1  # kept, to be tried again
    assert [event.what for event in events if isinstance(event, Degraded)] == ["recall", "record"]
    assert len(warnings_in(caplog, "recall failed")) == 1


@pytest.mark.parametrize("make", [SimpleChatEngine, CondensePlusContextChatEngine])
async def test_p13_streams_come_to_their_end(
    refusing: MemOS, make: type[SimpleChatEngine | CondensePlusContextChatEngine]
) -> None:
    model = ToldModel(*[answer("one two three four")] * 9)
    memory = MemOSMemory.from_defaults(user_id="ada", client=refusing)
    chat: Any = make.from_defaults(retriever=Shelf(), llm=model, memory=memory)
    told = await chat.astream_chat(QUESTION)
    assert [token async for token in told.async_response_gen()] == ["one ", "two ", "three ", "four"]
    assert "".join(chat.stream_chat(QUESTION).response_gen) == "one two three four"
    assert len(memory.get_all()) == 4


async def test_p13_errors_are_raised_where_they_were_asked_for(refusing: MemOS) -> None:
    memory = MemOSMemory.from_defaults(user_id="ada", client=refusing, on_error="raise")
    chat = SimpleChatEngine.from_defaults(llm=ToldModel(), memory=memory)
    with pytest.raises(Refused):
        chat.chat(QUESTION)
    with pytest.raises(Refused):
        await chat.achat(QUESTION)
    with pytest.raises((Refused, *FAILED)):
        await FunctionAgent(tools=[], llm=ToldModel()).run(QUESTION, memory=memory)
    assert spoken(memory.get_all()) == [("user", QUESTION)] * 3


async def test_p13_a_closed_client_ends_no_run(caplog: pytest.LogCaptureFixture) -> None:
    with client_over(CountingEngine()) as client:
        memory = MemOSMemory.from_defaults(user_id="ada", client=client)
    assert str(await FunctionAgent(tools=[], llm=ToldModel()).run(QUESTION, memory=memory)) == "Noted."
    assert len(warnings_in(caplog, "recall failed")) == 1
    assert len(warnings_in(caplog, "could not be recorded")) == 1


FAULTS = {
    "429": (before(limited()), "RateLimited"),
    "no connection": (before(UNREAD), "Unreachable"),
    "time-out": (before(HANG), "Unreachable"),
    "bad JSON": (before(BROKEN), "Garbled"),
    "500": (before(status(500)), "ServerFault"),
}


async def by_agent(memory: MemOSMemory) -> str:
    model = ToldModel(calls("now"), answer("one two three"))
    handler = FunctionAgent(tools=[now], llm=model).run(QUESTION, memory=memory)
    tokens = [event.delta async for event in handler.stream_events() if isinstance(event, AgentStream)]
    assert "".join(tokens).endswith("one two three")
    return str(await handler)


async def by_stream(memory: MemOSMemory) -> str:
    chat = SimpleChatEngine.from_defaults(llm=ToldModel(answer("one two three")), memory=memory)
    told = await chat.astream_chat(QUESTION)
    return "".join([token async for token in told.async_response_gen()])


@pytest.mark.parametrize("turn", [by_agent, by_stream])
@pytest.mark.parametrize("name", FAULTS)
async def test_p13_a_service_that_fails_gets_the_turn_later_once(
    name: str,
    turn: Callable[[MemOSMemory], Awaitable[str]],
    events: list[Event],
    caplog: pytest.LogCaptureFixture,
) -> None:
    fault, error = FAULTS[name]
    quick = Retry(tries=1, first=0.001, longest=0.01, look=0.01)
    with Faulty({"search/memory": [fault], "add/message": [fault]}) as server:
        client = MemOS(base_url=server.base_url, api_key="k", deadline=0.5, retry=quick, on_event=events.append)
        memory = MemOSMemory.from_defaults(
            user_id="ada", conversation_id="now", client=client, recall_seconds=0.2 if name == "time-out" else 3.0
        )
        assert await turn(memory) == "one two three"
        assert await memory.aflush(30) == 0
        await client.aio.close()

    assert server.ledger.texts("now") == [QUESTION, "one two three"]
    assert server.ledger.calls["search/memory"] == 1
    told = [(event.what, event.error) for event in events if isinstance(event, Degraded)]
    assert told[0] == ("recall", error)
    assert {what for what, _ in told} == {"recall", "record"}
    assert [type(event) for event in events].count(Recorded) == 1
    assert len(warnings_in(caplog, "recall failed")) == 1
