"""Turns that do not run straight through: errors, approvals, restarts, summaries, streams left half-way."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain.agents.middleware import HumanInTheLoopMiddleware, ModelRetryMiddleware, SummarizationMiddleware
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, RemoveMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt

from memos_integrations import connect
from memos_integrations.client import Event, MemOS, Recalled, Recorded
from memos_integrations.langchain import MemOSMiddleware
from tests.fakes import CountingEngine, client_over
from tests.langchain.models import (
    ANSWER,
    FACT,
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
from tests.later import said_in

Remembers = Callable[..., None]
TURN = [("user", QUESTION), ("assistant", ANSWER)]
APPROVE: Any = Command(resume={"decisions": [{"type": "approve"}]})


def failing(times: int) -> Callable[[Sequence[BaseMessage]], AIMessage]:
    """A model that is away for so many calls, then answers."""
    left = iter(range(times))

    def script(messages: Sequence[BaseMessage]) -> AIMessage:
        if next(left, None) is not None:
            raise ConnectionError("the model is away")
        return after_tools(0)(messages)

    return script


@tool
def ask_boss(word: str) -> str:
    """Asks a person."""
    return str(interrupt(f"may I {word}?"))


def counting(steps: int, name: str = "look_up") -> Callable[[Sequence[BaseMessage]], AIMessage]:
    """So many tools, then answers, whatever is left of the conversation."""
    left = iter(range(steps))

    def script(messages: Sequence[BaseMessage]) -> AIMessage:
        more = next(left, None) is not None
        return after_tools(len(messages) if more else 0, name=name)(messages)

    return script


def approving(client: MemOS, model: Scripted, saver: Any, **options: Any) -> Any:
    approval = HumanInTheLoopMiddleware(interrupt_on={"look_up": True})
    return create_agent(model, [look_up], middleware=[MemOSMiddleware(client, **options), approval], checkpointer=saver)


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream:updates", "astream:messages"])
def test_a_turn_whose_model_failed_is_written_once_before_the_next(
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


def test_a_failed_run_that_is_taken_up_again_is_one_turn(
    client: MemOS, engine: CountingEngine, remembers: Remembers
) -> None:
    remembers()
    model = Scripted(script=failing(1))
    agent = create_agent(model, [], middleware=[MemOSMiddleware(client)], checkpointer=InMemorySaver())
    with pytest.raises(ConnectionError):
        agent.invoke(said(), at())
    agent.invoke(None, at())
    client.flush()
    assert engine.counts == (1, 1)
    assert spoken(engine) == TURN
    assert model.handed[0] == model.handed[1]


@pytest.mark.parametrize("inside", [True, False])
def test_a_retried_model_call_gets_the_block_once(
    client: MemOS, engine: CountingEngine, remembers: Remembers, inside: bool
) -> None:
    remembers()
    model, memory = Scripted(script=failing(2)), MemOSMiddleware(client)
    again = ModelRetryMiddleware(max_retries=2, initial_delay=0.0, jitter=False)
    agent = create_agent(model, [], middleware=[memory, again] if inside else [again, memory])
    agent.invoke(said(), at())
    client.flush()
    assert engine.counts == (1, 1)
    assert len(model.handed) == 3
    assert {str(handed[-1].text).count("<memories") for handed in model.handed} == {1}


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream:values", "astream:messages"])
def test_an_approved_tool_keeps_memory_in_the_prompt(
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
def test_a_tool_that_asks_a_person_and_goes_on(client: MemOS, engine: CountingEngine, way: str) -> None:
    model = Scripted(script=after_tools(1, name="ask_boss"))
    agent = create_agent(model, [ask_boss], middleware=[MemOSMiddleware(client)], checkpointer=InMemorySaver())
    run(agent, way, said(), at())
    run(agent, way, Command(resume="yes"), at())
    client.flush()
    assert engine.counts == (1, 1)
    assert spoken(engine) == TURN


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_going_on_in_another_process_asks_once_more_and_writes_once(tmp_path: Path, way: str) -> None:
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


def test_another_person_who_approves_neither_lends_nor_takes_memories(
    client: MemOS, engine: CountingEngine, remembers: Remembers
) -> None:
    remembers("I drink black koala tea.", "boss")
    model = Scripted(script=after_tools(1))
    agent = approving(client, model, InMemorySaver())
    agent.invoke(said(), at("ada"))
    agent.invoke(APPROVE, at("boss"))
    client.flush()
    assert "koala" not in str(model.handed)
    assert [call for call in engine.added if "boss" in call.users] == []
    agent.invoke(said("Thanks!"), at("ada"))
    agent.invoke(APPROVE, at("ada"))
    client.flush()
    assert spoken(engine) == [*TURN, ("user", "Thanks!"), ("assistant", ANSWER)]
    assert {call.users for call in engine.added} == {("ada",)}


def test_an_approval_that_never_comes_is_followed_by_another_turn(client: MemOS, engine: CountingEngine) -> None:
    agent = approving(client, Scripted(script=after_tools(1)), InMemorySaver())
    agent.invoke(said("Look up Lyon."), at())
    agent.invoke(said(), at())
    agent.invoke(APPROVE, at())
    client.flush()
    assert spoken(engine) == [("user", "Look up Lyon."), *TURN]


def test_a_stream_left_half_way_is_written_before_the_next_turn(client: MemOS, engine: CountingEngine) -> None:
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


def summarising(keep: int = 1, trigger: int = 4) -> SummarizationMiddleware:
    teller = Scripted(script=lambda _: AIMessage("they looked words up"))
    return SummarizationMiddleware(model=teller, trigger=("messages", trigger), keep=("messages", keep))


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream:updates"])
@pytest.mark.parametrize("first", [True, False])
def test_a_turn_summarised_away_on_its_way_is_still_written_and_still_remembers(
    client: MemOS, engine: CountingEngine, remembers: Remembers, way: str, first: bool
) -> None:
    remembers()
    model, memory = Scripted(script=counting(4)), MemOSMiddleware(client)
    middleware = [memory, summarising()] if first else [summarising(), memory]
    agent = create_agent(model, [look_up], middleware=middleware, checkpointer=InMemorySaver())
    run(agent, way, said(), at())
    client.flush()
    assert not any(m.text == QUESTION for m in agent.get_state(at()).values["messages"])
    assert engine.counts == (1, 1)
    assert spoken(engine) == TURN
    for handed in model.handed:
        assert str([m.text for m in handed]).count("<memories id") == 1
        assert MARK in str(handed)
    run(agent, way, said("Thanks!"), at())
    client.flush()
    assert counted(engine) == (2, 2)
    assert spoken(engine)[2] == ("user", "Thanks!")
    assert "summary" not in str(spoken(engine))


def test_an_orphaned_turn_that_is_summarised_away_does_not_take_the_next_with_it(
    client: MemOS, engine: CountingEngine
) -> None:
    agent = create_agent(
        Scripted(script=failing(1)),
        [],
        middleware=[MemOSMiddleware(client), summarising(keep=1, trigger=2)],
        checkpointer=InMemorySaver(),
    )
    with pytest.raises(ConnectionError):
        agent.invoke(said("I moved to Lyon."), at())
    agent.invoke(said(), at())
    client.flush()
    assert spoken(engine) == [("user", "I moved to Lyon."), *TURN]


def test_an_orphaned_turn_that_is_gone_does_not_take_the_present_one_with_it_in_another_process(
    engine: CountingEngine,
) -> None:
    saver, model = InMemorySaver(), Scripted(script=failing(1))
    with client_over(CountingEngine()) as client:
        agent = approving(client, model, saver)
        with pytest.raises(ConnectionError):
            agent.invoke(said("I moved to Lyon.", id="m1"), at())
        model.script = after_tools(1)
        agent.invoke(said(), at())
        agent.update_state(at(), {"messages": [RemoveMessage("m1")]})
    with client_over(engine) as client:
        approving(client, model, saver).invoke(APPROVE, at())
        client.flush()
        assert spoken(engine) == TURN


def test_an_answer_whose_question_is_gone_everywhere_is_not_written(engine: CountingEngine) -> None:
    """Summarised away, and then taken up in another process."""
    saver, model = InMemorySaver(), Scripted(script=counting(4, "ask_boss"))

    def agent(client: MemOS) -> Any:
        middleware: Any = [MemOSMiddleware(client), summarising()]
        return create_agent(model, [ask_boss], middleware=middleware, checkpointer=saver)

    with client_over(CountingEngine()) as client:
        agent(client).invoke(said(), at())
        for _ in range(2):
            agent(client).invoke(Command(resume="yes"), at())
    with client_over(engine) as client:
        other = agent(client)
        while other.get_state(at()).next:
            other.invoke(Command(resume="yes"), at())
        client.flush()
        assert not any(
            isinstance(m, HumanMessage) and m.text == QUESTION for m in other.get_state(at()).values["messages"]
        )
        assert spoken(engine) == []
