"""Pitfall 2: one search and one write a user turn, through tool loops, retries, fallbacks and resumed runs."""

from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
from langchain.agents.middleware import ModelFallbackMiddleware, ModelRetryMiddleware, PIIMiddleware
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGenerationChunk
from langgraph.checkpoint.memory import InMemorySaver

from memos_integrations import connect
from memos_integrations.client import MemOS
from memos_integrations.langchain import MemOSMiddleware
from tests.fakes import CountingEngine
from tests.langchain.models import (
    ANSWER,
    MARK,
    QUESTION,
    WAYS,
    Scripted,
    after_tools,
    at,
    counted,
    create_agent,
    look_up,
    run,
    said,
    spoken,
    system_of,
)
from tests.langchain.turns import APPROVE, TURN, Remembers, approving, asked_of, failing
from tests.later import said_in


@pytest.mark.parametrize("placement", ["user", "system"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("steps", [0, 1, 5])
def test_02_a_tool_loop_is_one_search_and_one_add(
    client: MemOS,
    engine: CountingEngine,
    remembers: Remembers,
    steps: int,
    way: str,
    placement: Literal["user", "system"],
) -> None:
    remembers()
    model = Scripted(script=after_tools(steps))
    memory = MemOSMiddleware(client, placement=placement)
    agent = create_agent(model, [look_up], middleware=[memory], checkpointer=InMemorySaver())
    for turn in (1, 2):
        run(agent, way, said(), at())
        client.flush()
        assert counted(engine) == (turn, turn)
        assert len(model.handed) == turn * (steps + 1)
    assert spoken(engine) == [("user", QUESTION), ("assistant", ANSWER)] * 2


@pytest.mark.parametrize("placement", ["user", "system"])
def test_02_every_model_call_of_a_turn_gets_the_same_block(client: MemOS, remembers: Remembers, placement: Any) -> None:
    remembers()
    model = Scripted(script=after_tools(5))
    agent = create_agent(model, [look_up], middleware=[MemOSMiddleware(client, placement=placement)])
    agent.invoke(said(), at())
    assert len(model.handed) == 6
    assert len({(system_of(handed).text, asked_of(handed)[-1]) for handed in model.handed}) == 1
    assert MARK in str(model.handed[0])


@pytest.mark.parametrize("inside", [True, False])
def test_02_a_retried_model_call_gets_the_block_once(
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


def test_02_a_failed_run_that_is_taken_up_again_is_one_turn(
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


class Torn(Scripted):
    """Breaks off after its first word, streaming or not."""

    def _stream(self, messages: list[BaseMessage], *args: Any, **more: Any) -> Iterator[ChatGenerationChunk]:
        yield next(super()._stream(messages, *args, **more))
        raise ConnectionError("the model is away")

    async def _astream(
        self, messages: list[BaseMessage], *args: Any, **more: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        async for chunk in super()._astream(messages, *args, **more):
            yield chunk
            raise ConnectionError("the model is away")


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("way", ["stream:messages", "astream:messages"])
def test_02_a_model_that_breaks_off_and_its_fallback_get_the_same_block(
    client: MemOS, engine: CountingEngine, remembers: Remembers, way: str, inside: bool
) -> None:
    remembers()
    torn, other = Torn(script=after_tools(0, "Well, I")), Scripted(script=after_tools(1))
    memory, fallback = MemOSMiddleware(client), ModelFallbackMiddleware(other)
    middleware = [memory, fallback] if inside else [fallback, memory]
    agent = create_agent(torn, [look_up], middleware=middleware, checkpointer=InMemorySaver())
    out = run(agent, way, said(), at())
    client.flush()
    assert "Well," in str(out)
    assert MARK not in str(out)
    assert counted(engine) == (1, 1)
    assert spoken(engine) == TURN
    assert len({asked_of(handed)[-1] for handed in [*torn.handed, *other.handed]}) == 1


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_02_tools_called_beside_each_other_are_one_turn(client: MemOS, engine: CountingEngine, way: str) -> None:
    calls: Any = [{"name": "look_up", "args": {"word": f"w{n}"}, "id": f"call-{n}"} for n in range(8)]

    def script(messages: Sequence[BaseMessage]) -> AIMessage:
        done = any(isinstance(message, ToolMessage) for message in messages)
        return AIMessage(ANSWER) if done else AIMessage("", tool_calls=calls)

    run(create_agent(Scripted(script=script), [look_up], middleware=[MemOSMiddleware(client)]), way, said(), at())
    client.flush()
    assert engine.counts == (1, 1)
    assert spoken(engine) == TURN


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_02_words_that_are_redacted_on_their_way_are_searched_for_once_and_written_redacted(
    client: MemOS, engine: CountingEngine, way: str
) -> None:
    redacting = PIIMiddleware("email", strategy="redact", apply_to_input=True)
    model = Scripted(script=after_tools(2))
    saver = InMemorySaver()
    agent = create_agent(model, [look_up], middleware=[MemOSMiddleware(client), redacting], checkpointer=saver)
    run(agent, way, said("I am ada@example.org."), at())
    run(agent, way, {"messages": []}, at())  # answered anew
    client.flush()
    assert len(engine.searched) == 2
    assert [text for role, text in spoken(engine) if role == "user"] == ["I am [REDACTED_EMAIL]."]


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_02_redacted_words_that_another_process_has_answered_anew_are_not_written_again(
    tmp_path: Path, way: str
) -> None:
    path, saver = tmp_path / "memos.db", InMemorySaver()
    given: list[dict[str, Any]] = [said("I am ada@example.org."), {"messages": []}]
    for messages in given:
        with connect(path) as client:
            redacting = PIIMiddleware("email", strategy="redact", apply_to_input=True)
            middleware: Any = [MemOSMiddleware(client), redacting]
            agent = create_agent(Scripted(script=after_tools(0)), [], middleware=middleware, checkpointer=saver)
            run(agent, way, messages, at())
    assert said_in(path, "ada", "t1") == [("user", "I am [REDACTED_EMAIL]."), ("assistant", ANSWER)]


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_02_a_turn_that_was_let_go_is_searched_for_once_more_with_its_own_text(
    client: MemOS, engine: CountingEngine, remembers: Remembers, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr("memos_integrations.memory._turns._MAX_TURNS", 1)
    remembers()
    model = Scripted(script=after_tools(1))
    agent = approving(client, model, InMemorySaver())
    run(agent, way, said(), at())
    run(agent, way, said("Look up Lyon."), at("bob", "t2"))
    run(agent, way, APPROVE, at())
    client.flush()
    assert [call.query for call in engine.searched] == [QUESTION, "Look up Lyon.", QUESTION]
    assert MARK in asked_of(model.handed[-1])[-1]
    assert spoken(engine) == TURN
