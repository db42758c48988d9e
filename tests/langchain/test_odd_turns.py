"""Turns that nobody plans: several messages at once, limits, streams left, jumps, removals, runs side by side."""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from langchain.agents.middleware import ModelCallLimitMiddleware, after_model, before_agent, before_model
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, RemoveMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphRecursionError
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from langgraph.types import Command
from pydantic import BaseModel

from memos_integrations.client import MemOS
from memos_integrations.langchain import MemOSMiddleware
from tests.fakes import CountingEngine
from tests.langchain.models import (
    ANSWER,
    MARK,
    QUESTION,
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
from tests.langchain.turns import (
    APPROVE,
    LYON,
    TURN,
    Remembers,
    agent_with,
    approving,
    ask_boss,
    asked_of,
    counting,
    failing,
    summarising,
)

WAYS = ["invoke", "ainvoke"]
BOTH = f"{LYON}\n\n{QUESTION}"


def several(**more: Any) -> dict[str, Any]:
    return {"messages": [HumanMessage(LYON, **more), HumanMessage(QUESTION)]}


@pytest.mark.parametrize("way", WAYS)
def test_several_messages_at_once_are_one_turn(
    client: MemOS, engine: CountingEngine, remembers: Remembers, way: str
) -> None:
    remembers()
    model = Scripted(script=after_tools(1))
    agent = create_agent(model, [look_up], middleware=[MemOSMiddleware(client)], checkpointer=InMemorySaver())
    for _ in range(2):
        run(agent, way, several(), at())
        client.flush()
    assert spoken(engine) == [("user", BOTH), ("assistant", ANSWER)] * 2
    assert [call.query for call in engine.searched] == [BOTH] * 2
    assert [text.count("<memories id=") for text in asked_of(model.handed[0])] == [0, 1]


@pytest.mark.parametrize("way", WAYS)
def test_several_messages_of_a_broken_run_are_not_the_next_ones(
    client: MemOS, engine: CountingEngine, way: str
) -> None:
    agent = create_agent(
        Scripted(script=failing(1)), [], middleware=[MemOSMiddleware(client)], checkpointer=InMemorySaver()
    )
    with pytest.raises(ConnectionError):
        run(agent, way, several(), at())
    run(agent, way, said("Thanks!"), at())
    client.flush()
    assert spoken(engine) == [("user", BOTH), ("user", "Thanks!"), ("assistant", ANSWER)]


@pytest.mark.parametrize("way", WAYS)
def test_a_message_whose_run_broke_before_it_was_noted_is_not_written_with_the_next(
    client: MemOS, engine: CountingEngine, way: str
) -> None:
    breaks = iter([True])

    @before_agent
    def broken(state: Any, runtime: Any) -> None:
        if next(breaks, False):
            raise ConnectionError("away")

    agent = create_agent(Scripted(script=after_tools(0)), [], middleware=[MemOSMiddleware(client), broken])
    graph = StateGraph(MessagesState)
    graph.add_node("agent", agent)
    graph.add_edge(START, "agent")
    outer = graph.compile(checkpointer=InMemorySaver())
    with pytest.raises(ConnectionError):
        run(outer, way, said(LYON), at())
    run(outer, way, said(), at())
    client.flush()
    assert spoken(engine) == [("user", LYON), *TURN]


@pytest.mark.parametrize("way", WAYS)
def test_several_messages_that_are_summarised_away_are_written_all(
    client: MemOS, engine: CountingEngine, remembers: Remembers, way: str
) -> None:
    remembers()
    middleware: Any = [MemOSMiddleware(client), summarising(keep=3, trigger=5)]
    model = Scripted(script=counting(4))
    agent = create_agent(model, [look_up], middleware=middleware, checkpointer=InMemorySaver())
    run(agent, way, several(), at())
    client.flush()
    assert spoken(engine) == [("user", BOTH), ("assistant", ANSWER)]
    assert len(engine.searched) == 1
    assert all(MARK in str(handed) for handed in model.handed)


@pytest.mark.parametrize("way", [*WAYS, "stream:updates", "astream:messages"])
def test_a_run_that_reaches_its_limit_is_written_without_an_answer(
    client: MemOS, engine: CountingEngine, way: str
) -> None:
    agent = agent_with(client, after_tools(99))
    with pytest.raises(GraphRecursionError):
        run(agent, way, said(LYON), {**at(), "recursion_limit": 6})
    run(agent_with(client, after_tools(0)), way, said(), at())
    client.flush()
    assert spoken(engine) == [("user", LYON), *TURN]


@pytest.mark.parametrize("mode", ["updates", "messages", "custom"])
def test_a_plain_stream_left_half_way_is_written_before_the_next_turn(
    client: MemOS, engine: CountingEngine, mode: str
) -> None:
    agent = agent_with(client, after_tools(1))
    stream = agent.stream(said(LYON), at(), stream_mode=mode)
    next(stream)
    stream.close()
    agent.invoke(said(), at())
    client.flush()
    assert [text for role, text in spoken(engine) if role == "user"] == [LYON, QUESTION]


def test_a_message_whose_stream_was_left_before_anything_ran_is_written_with_the_next(
    client: MemOS, engine: CountingEngine
) -> None:
    agent = agent_with(client, after_tools(1))
    stream = agent.stream(said(LYON), at(), stream_mode="values")
    assert [message.text for message in next(stream)["messages"]] == [LYON]
    stream.close()
    agent.invoke(said(), at())
    client.flush()
    assert spoken(engine) == [("user", BOTH), ("assistant", ANSWER)]


@pytest.mark.parametrize("way", WAYS)
def test_a_jump_to_the_end_before_the_model_writes_what_the_user_said(
    client: MemOS, engine: CountingEngine, way: str
) -> None:
    @before_model(can_jump_to=["end"])
    def guard(state: Any, runtime: Any) -> dict[str, Any]:
        return {"jump_to": "end", "messages": [AIMessage("I can't help with that.")]}

    agent = create_agent(Scripted(script=after_tools(0)), [], middleware=[MemOSMiddleware(client), guard])
    run(agent, way, said(LYON), at())
    client.flush()
    assert spoken(engine) == [("user", LYON), ("assistant", "I can't help with that.")]


@pytest.mark.parametrize("way", WAYS)
def test_a_message_that_is_stopped_before_us_is_neither_searched_for_nor_written(
    client: MemOS, engine: CountingEngine, way: str
) -> None:
    @before_agent(can_jump_to=["end"])
    def guard(state: Any, runtime: Any) -> dict[str, Any] | None:
        blocked = state["messages"][-1].text == LYON
        return {"jump_to": "end", "messages": [AIMessage("No.")]} if blocked else None

    middleware: Any = [guard, MemOSMiddleware(client)]
    agent = create_agent(Scripted(script=after_tools(0)), [], middleware=middleware, checkpointer=InMemorySaver())
    run(agent, way, said("Hello."), at())
    run(agent, way, said(LYON), at())
    run(agent, way, said(), at())
    client.flush()
    assert spoken(engine) == [("user", "Hello."), ("assistant", ANSWER), *TURN]
    assert len(engine.searched) == 2


@pytest.mark.parametrize("way", WAYS)
def test_a_limit_of_model_calls_ends_a_turn_as_an_answer_does(client: MemOS, engine: CountingEngine, way: str) -> None:
    middleware: Any = [MemOSMiddleware(client), ModelCallLimitMiddleware(run_limit=2, exit_behavior="end")]
    agent = create_agent(Scripted(script=after_tools(9)), [look_up], middleware=middleware)
    run(agent, way, said(), at())
    client.flush()
    assert engine.counts == (1, 1)
    assert spoken(engine)[0] == TURN[0]


@pytest.mark.parametrize("way", WAYS)
def test_a_structured_answer_costs_no_turn(
    client: MemOS, engine: CountingEngine, remembers: Remembers, way: str
) -> None:
    class Tea(BaseModel):
        """A kind of tea."""

        name: str

    remembers()
    call = {"name": "Tea", "args": {"name": "green"}, "id": "call-1"}
    model = Scripted(script=lambda _: AIMessage("", tool_calls=[call]))
    agent = create_agent(model, [], middleware=[MemOSMiddleware(client)], response_format=Tea)
    (state,) = run(agent, way, said(), at())
    client.flush()
    assert state["structured_response"] == Tea(name="green")
    assert MARK in str(model.handed)
    assert spoken(engine) == TURN[:1]
    assert engine.counts == (1, 1)


@pytest.mark.parametrize("way", WAYS)
def test_a_conversation_that_is_cleared_in_mid_turn_is_still_written(
    client: MemOS, engine: CountingEngine, way: str
) -> None:
    @after_model
    def clearing(state: Any, runtime: Any) -> dict[str, Any] | None:
        answer = state["messages"][-1]
        return None if answer.tool_calls else {"messages": [RemoveMessage(REMOVE_ALL_MESSAGES), answer]}

    middleware: Any = [MemOSMiddleware(client), clearing]
    agent = create_agent(Scripted(script=after_tools(1)), [look_up], middleware=middleware)
    run(agent, way, said(), at())
    client.flush()
    assert spoken(engine) == TURN


@pytest.mark.parametrize("way", WAYS)
def test_a_tool_that_asks_twice_with_an_edit_in_between_is_one_turn(
    client: MemOS, engine: CountingEngine, remembers: Remembers, way: str
) -> None:
    remembers()
    model = Scripted(script=counting(2, "ask_boss"))
    agent = create_agent(model, [ask_boss], middleware=[MemOSMiddleware(client)], checkpointer=InMemorySaver())
    run(agent, way, said(id=(name := str(uuid4()))), at())
    agent.update_state(at(), {"messages": [HumanMessage(f"{QUESTION} Now.", id=name)]}, as_node="model")
    while agent.get_state(at()).next:
        run(agent, way, Command(resume="yes"), at())
    client.flush()
    assert [text for role, text in spoken(engine) if role == "user"] == [f"{QUESTION} Now."]


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
@pytest.mark.parametrize("way", WAYS)
def test_whenever_checkpoints_are_kept_a_resumed_turn_is_written_once(
    client: MemOS, engine: CountingEngine, remembers: Remembers, way: str, durability: str
) -> None:
    remembers()
    model = Scripted(script=after_tools(1))
    agent = approving(client, model, InMemorySaver())
    run(agent, way, said(), at(), durability=durability)
    run(agent, way, APPROVE, at(), durability=durability)
    client.flush()
    assert engine.counts == (1, 1)
    assert spoken(engine) == TURN
    assert all(MARK in str(handed) for handed in model.handed)


def test_runs_of_one_thread_at_once_write_each_text_once(client: MemOS, engine: CountingEngine) -> None:
    """Each begins when the one before has reached its model, and none is answered before all have begun."""
    begun, all_there = threading.Semaphore(0), threading.Event()

    def answering(messages: Sequence[BaseMessage]) -> AIMessage:
        begun.release()
        all_there.wait(60)
        return AIMessage("Noted.")

    agent = agent_with(client, answering)
    texts = [f"I know {number} songs." for number in range(12)]

    def run(number: int) -> None:
        if number % 2:
            agent.invoke(said(texts[number]), at())
        else:
            asyncio.run(agent.ainvoke(said(texts[number]), at()))

    with ThreadPoolExecutor(12) as pool:
        runs = []
        for number in range(12):
            runs.append(pool.submit(run, number))
            assert begun.acquire(timeout=60)
        all_there.set()
        for each in runs:
            each.result()
    client.flush()
    users = [text for role, text in spoken(engine) if role == "user"]
    assert sorted(users) == sorted(texts)
    assert counted(engine) == (12, 12)
