"""Pitfalls 3 and 4: a resumed run remembers and writes once; a failed one is caught up once."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from memos_integrations import connect
from memos_integrations.client import Event, MemOS, Recalled, Recorded
from memos_integrations.langchain import MemOSMiddleware
from tests.fakes import CountingEngine
from tests.langchain.models import (
    ANSWER,
    FACT,
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
from tests.langchain.turns import APPROVE, TURN, Remembers, approving, ask_boss, failing
from tests.later import said_in


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream:values", "astream:messages"])
def test_03_an_approved_tool_keeps_memory_in_the_prompt_and_is_written_once(
    client: MemOS, engine: CountingEngine, remembers: Remembers, way: str
) -> None:
    remembers()
    model = Scripted(script=after_tools(1))
    agent = approving(client, model, InMemorySaver())
    run(agent, way, said(), at())
    client.flush()
    assert engine.counts == (1, 0)
    run(agent, way, APPROVE, at())
    client.flush()
    assert engine.counts == (1, 1)
    assert spoken(engine) == TURN
    before, after = model.handed
    assert MARK in str(after)
    assert after[: len(before)] == before


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_03_a_tool_that_asks_a_person_and_goes_on(client: MemOS, engine: CountingEngine, way: str) -> None:
    model = Scripted(script=after_tools(1, name="ask_boss"))
    agent = create_agent(model, [ask_boss], middleware=[MemOSMiddleware(client)], checkpointer=InMemorySaver())
    run(agent, way, said(), at())
    run(agent, way, Command(resume="yes"), at())
    client.flush()
    assert engine.counts == (1, 1)
    assert spoken(engine) == TURN


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_03_going_on_in_another_process_asks_once_more_and_writes_once(tmp_path: Path, way: str) -> None:
    path, saver, events = tmp_path / "memos.db", InMemorySaver(), list[Event]()
    fact: Any = {"role": "user", "content": FACT}
    with connect(path, on_event=events.append) as client:
        client.add_message(messages=[fact], user_id="ada", conversation_id="earlier", async_mode=False)
        run(approving(client, Scripted(script=after_tools(1)), saver), way, said(), at())
    assert [type(event) for event in events] == [Recalled]
    model = Scripted(script=after_tools(1))
    with connect(path, on_event=events.append) as client:
        run(approving(client, model, saver), way, APPROVE, at())
    assert [type(event) for event in events] == [Recalled, Recalled, Recorded]
    assert said_in(path, "ada", "t1") == TURN
    assert MARK in str(model.handed)


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream:updates", "astream:messages"])
def test_04_a_turn_whose_model_failed_is_written_once_before_the_next(
    client: MemOS, engine: CountingEngine, way: str
) -> None:
    model, memory = Scripted(script=failing(1)), MemOSMiddleware(client)
    agent = create_agent(model, [], middleware=[memory], checkpointer=InMemorySaver())
    with pytest.raises(ConnectionError):
        run(agent, way, said("I moved to Lyon."), at())
    client.flush()
    assert spoken(engine) == []
    for _ in range(2):
        run(agent, way, said(), at())
    client.flush()
    assert spoken(engine) == [("user", "I moved to Lyon."), *TURN, *TURN]
    assert len(engine.searched) == 3


@pytest.mark.parametrize("way", ["invoke", "astream:messages"])
def test_04_without_a_checkpointer_only_the_new_turn_of_a_replayed_history_is_written(
    client: MemOS, engine: CountingEngine, way: str
) -> None:
    agent = create_agent(Scripted(script=after_tools(1)), [look_up], middleware=[MemOSMiddleware(client)])
    history = [("user", "I moved to Lyon."), ("assistant", "Noted."), ("user", QUESTION)]
    run(agent, way, {"messages": history}, at())
    client.flush()
    assert engine.counts == (1, 1)
    assert engine.searched[0].query == QUESTION
    assert spoken(engine) == [("user", QUESTION), ("assistant", ANSWER)]


def test_04_a_stream_left_half_way_is_written_before_the_next_turn(client: MemOS, engine: CountingEngine) -> None:
    model, memory = Scripted(script=after_tools(1)), MemOSMiddleware(client)
    agent = create_agent(model, [look_up], middleware=[memory], checkpointer=InMemorySaver())

    async def left() -> None:
        stream = agent.astream(said("I moved to Lyon."), at(), stream_mode="updates")
        async for chunk in stream:
            if "model" in chunk:
                break
        await stream.aclose()

    asyncio.run(left())
    agent.invoke(said(), at())
    client.flush()
    assert spoken(engine) == [("user", "I moved to Lyon."), *TURN]
    assert len(engine.searched) == 2


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_04_without_a_checkpointer_an_unanswered_message_that_is_replayed_is_not_written_with_the_next(
    client: MemOS, engine: CountingEngine, way: str
) -> None:
    agent = create_agent(Scripted(script=failing(1)), [], middleware=[MemOSMiddleware(client)])
    with pytest.raises(ConnectionError):
        run(agent, way, said("I moved to Lyon."), at())
    run(agent, way, {"messages": [("user", "I moved to Lyon."), ("user", QUESTION)]}, at())
    client.flush()
    assert spoken(engine) == [("user", "I moved to Lyon."), *TURN]
