"""Runs that wait, fail, are cancelled or abandoned, in processes that come and go: each text is written once."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.messages import AIMessage, BaseMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from pydantic import Field

from memos_integrations import connect
from memos_integrations.client import MemOS
from memos_integrations.langchain import MemOSMiddleware
from tests.langchain.models import ANSWER, QUESTION, Scripted, after_tools, at, create_agent, look_up, run, said
from tests.later import Clock, said_in, wait_for_orphans

TURN = [("user", QUESTION), ("assistant", ANSWER)]
LYON = "I moved to Lyon."
APPROVE: Any = Command(resume={"decisions": [{"type": "approve"}]})
MINUTES, HOURS = 600.0, 7_200.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "memos.db"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def agent_with(client: MemOS, model: Scripted, saver: Any, *, approval: bool = False, **options: Any) -> Any:
    middleware: list[Any] = [MemOSMiddleware(client, **options)]
    if approval:
        middleware.append(HumanInTheLoopMiddleware(interrupt_on={"look_up": True}))
    return create_agent(model, [look_up], middleware=middleware, checkpointer=saver)


def approved(path: Path, saver: Any, way: str) -> None:
    with connect(path) as client:
        run(agent_with(client, Scripted(script=after_tools(1)), saver, approval=True), way, APPROVE, at())


def waiting(path: Path, saver: Any, way: str, **more: Any) -> None:
    with connect(path) as client:
        agent = agent_with(client, Scripted(script=after_tools(1)), saver, approval=True)
        run(agent, way, said(**more), at())
        assert agent.get_state(at()).next


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_a_run_that_waited_for_a_person_for_ten_minutes_is_one_turn(path: Path, clock: Clock, way: str) -> None:
    saver = InMemorySaver()
    waiting(path, saver, way)
    clock.move_on(MINUTES)
    assert said_in(path, "ada", "t1") == []
    approved(path, saver, way)
    assert said_in(path, "ada", "t1") == TURN
    clock.move_on(HOURS)
    assert said_in(path, "ada", "t1") == TURN


@pytest.mark.parametrize("more", [{}, {"id": "1"}])
@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_after_two_hours_another_process_writes_the_question_and_the_resumed_run_its_answer(
    path: Path, clock: Clock, way: str, more: dict[str, str]
) -> None:
    saver = InMemorySaver()
    waiting(path, saver, way, **more)
    clock.move_on(HOURS)
    wait_for_orphans(path)
    assert said_in(path, "ada", "t1") == TURN[:1]
    approved(path, saver, way)
    assert said_in(path, "ada", "t1") == TURN


def fails(agent: Any, _: Scripted) -> None:
    with pytest.raises(ConnectionError):
        agent.invoke(said(LYON), at())


def is_cancelled(agent: Any, model: Scripted) -> None:
    async def cancelled() -> None:
        task = asyncio.create_task(agent.ainvoke(said(LYON), at()))
        assert isinstance(model, Hanging)
        await model.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())


def is_abandoned(agent: Any, _: Scripted) -> None:
    async def left() -> None:
        stream = agent.astream(said(LYON), at(), stream_mode="messages")
        async for _ in stream:
            break
        await stream.aclose()

    asyncio.run(left())


class Hanging(Scripted):
    """Its first answer never comes."""

    asked: Any = Field(default_factory=asyncio.Event)

    async def _agenerate(self, messages: list[BaseMessage], *args: Any, **more: Any) -> Any:
        if not self.handed:
            self.handed.append(messages)
            self.asked.set()
            await asyncio.Event().wait()
        return await super()._agenerate(messages, *args, **more)


def away_once() -> Callable[[Sequence[BaseMessage]], AIMessage]:
    calls = iter([True])

    def script(messages: Sequence[BaseMessage]) -> AIMessage:
        if next(calls, False):
            raise ConnectionError("the model is away")
        return after_tools(0)(messages)

    return script


Break = Callable[[Any, Scripted], None]
BROKEN: dict[str, tuple[Break, Callable[[], Scripted]]] = {
    "failed": (fails, lambda: Scripted(script=away_once())),
    "cancelled": (is_cancelled, lambda: Hanging(script=after_tools(0))),
    "abandoned": (is_abandoned, lambda: Scripted(script=after_tools(0))),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_run_s_words_are_written_before_the_next_turn(path: Path, how: str) -> None:
    breaks, make = BROKEN[how]
    model = make()
    with connect(path) as client:
        agent = agent_with(client, model, InMemorySaver())
        breaks(agent, model)
        client.flush()
        agent.invoke(said(), at())
    assert said_in(path, "ada", "t1") == [("user", LYON), *TURN]


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_run_s_words_are_written_by_another_process_if_nobody_goes_on(
    path: Path, clock: Clock, how: str
) -> None:
    breaks, make = BROKEN[how]
    model, saver = make(), InMemorySaver()
    with connect(path) as client:
        breaks(agent_with(client, model, saver), model)
    assert said_in(path, "ada", "t1") == []
    clock.move_on(HOURS)
    wait_for_orphans(path)
    assert said_in(path, "ada", "t1") == [("user", LYON)]
    with connect(path) as client:
        agent_with(client, Scripted(script=after_tools(0)), saver).invoke(said(), at())
    assert said_in(path, "ada", "t1") == [("user", LYON), *TURN]


@pytest.mark.parametrize("more", [{}, {"id": "1"}])
@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_a_turn_that_ends_again_since_its_process_died_before_the_checkpoint_is_written_once(
    path: Path, way: str, more: dict[str, str]
) -> None:
    saver = InMemorySaver()
    with connect(path) as client:
        agent = agent_with(client, Scripted(script=after_tools(1)), saver)
        run(agent, way, said(**more), at())
        ends = "MemOSMiddleware.after_agent"
        before = next(state for state in agent.get_state_history(at()) if state.next == (ends,))
    again = at(**before.config["configurable"])
    for _ in range(2):
        with connect(path) as client:
            run(agent_with(client, Scripted(script=after_tools(1)), saver), way, None, again)
    assert said_in(path, "ada", "t1") == TURN


@pytest.mark.parametrize("more", [{}, {"id": "1"}])
@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_two_instances_of_one_agent_write_a_turn_once(path: Path, way: str, more: dict[str, str]) -> None:
    with connect(path) as client:
        both: Any = [MemOSMiddleware(client, name="one"), MemOSMiddleware(client, name="two", tags=["x"])]
        agent = create_agent(Scripted(script=after_tools(1)), [look_up], middleware=both, checkpointer=InMemorySaver())
        for _ in range(2):
            run(agent, way, said(**more), at())
    assert said_in(path, "ada", "t1") == TURN * (1 if more else 2)


def test_the_same_message_sent_again_after_its_process_died_is_written_once(path: Path) -> None:
    with connect(path) as client, pytest.raises(ConnectionError):
        agent_with(client, Scripted(script=away_once()), InMemorySaver()).invoke(said(id="m1"), at())
    with connect(path) as client:
        agent_with(client, Scripted(script=after_tools(0)), InMemorySaver()).invoke(said(id="m1"), at())
    assert said_in(path, "ada", "t1") == TURN


def test_runs_of_one_conversation_at_once_write_each_text_once(path: Path) -> None:
    def answering(messages: Sequence[BaseMessage]) -> AIMessage:
        return AIMessage(f"Noted: {messages[-1].text}")

    texts = [f"I know {number} songs." for number in range(12)]

    async def all_at_once(agent: Any) -> None:
        plain = [asyncio.to_thread(agent.invoke, said(text), at()) for text in texts[:6]]
        await asyncio.gather(*plain, *(agent.ainvoke(said(text), at()) for text in texts[6:]))

    with connect(path) as client:
        asyncio.run(all_at_once(agent_with(client, Scripted(script=answering), None, recall=False)))
    written = said_in(path, "ada", "t1")
    assert sorted(written) == sorted([("user", t) for t in texts] + [("assistant", f"Noted: {t}") for t in texts])
    for text in texts:
        assert written.index(("user", text)) < written.index(("assistant", f"Noted: {text}"))
