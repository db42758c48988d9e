"""Pitfalls 9, 10 and 11: tool calls in pairs or not at all, text alone, and texts of no or of great length."""

from collections.abc import Sequence
from typing import Any

import pytest
from langchain.agents.middleware import after_model
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from memos_integrations.client import MemOS
from memos_integrations.langchain import MemOSMiddleware
from tests.fakes import CountingEngine
from tests.langchain.histories import history
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
from tests.langchain.turns import Remembers, agent_with, counting, summarising


def test_09_tool_calls_are_written_with_their_results_where_it_is_asked_for(
    client: MemOS, engine: CountingEngine
) -> None:
    agent_with(client, after_tools(2), record_tools=True).invoke(said(), at())
    client.flush()
    (call,) = engine.added
    roles = [turn.role for turn in call.turns]
    assert roles == ["user", "assistant", "tool", "assistant", "tool", "assistant"]
    for asked, result in zip(call.turns[1:5:2], call.turns[2:5:2], strict=True):
        (wanted,) = asked.model_dump()["tool_calls"]
        assert wanted["id"] == result.tool_call_id
        assert wanted["function"]["name"] == "look_up"
        assert result.text
    assert call.turns[-1].text == ANSWER


@pytest.mark.parametrize("record_tools", [False, True])
@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_09_a_call_that_got_no_result_is_not_written(
    client: MemOS, engine: CountingEngine, record_tools: bool, way: str
) -> None:
    @after_model(can_jump_to=["end"])
    def halt(state: Any, runtime: Any) -> dict[str, Any]:
        return {"jump_to": "end"}

    middleware: Any = [MemOSMiddleware(client, record_tools=record_tools), halt]
    run(create_agent(Scripted(script=after_tools(1)), [look_up], middleware=middleware), way, said(), at())
    client.flush()
    written = [("user", QUESTION), *([("assistant", "let me look that up")] if record_tools else [])]
    assert spoken(engine) == written
    assert not any(turn.model_dump()["tool_calls"] for call in engine.added for turn in call.turns)


def test_09_no_half_of_a_pair_is_written_when_a_summary_took_the_other(client: MemOS, engine: CountingEngine) -> None:
    middleware: Any = [MemOSMiddleware(client, record_tools=True), summarising()]
    model = Scripted(script=counting(4))
    agent = create_agent(model, [look_up], middleware=middleware, checkpointer=InMemorySaver())
    agent.invoke(said(), at())
    client.flush()
    assert spoken(engine) == [("user", QUESTION), ("assistant", ANSWER)]


def test_09_a_tools_result_is_cut_to_a_bearable_length(client: MemOS, engine: CountingEngine) -> None:
    @tool
    def look_up(word: str) -> str:
        """Looks a word up."""
        return "tea " * 10_000

    memory = MemOSMiddleware(client, record_tools=True)
    create_agent(Scripted(script=after_tools(1)), [look_up], middleware=[memory]).invoke(said(), at())
    client.flush()
    (result,) = [text for role, text in spoken(engine) if role == "tool"]
    assert len(result) == 8_000


def test_09_a_history_is_cut_at_whole_pairs(client: MemOS) -> None:
    """Its newest 50: the call of the first one that is held may lie before them."""
    calls: Any = [{"name": "look_up", "args": {}, "id": f"call-{number}"} for number in range(30)]
    told = [
        message
        for call in calls
        for message in (AIMessage("", tool_calls=[call]), ToolMessage("found", tool_call_id=call["id"]))
    ]
    history(client).add_messages([HumanMessage("Look them up."), *told, AIMessage("Done.")])
    client.flush()
    held = history(client).messages
    asked = {call["id"] for message in held if isinstance(message, AIMessage) for call in message.tool_calls}
    assert {message.tool_call_id for message in held if isinstance(message, ToolMessage)} == asked
    assert len(asked) == 24


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "astream:messages"])
def test_10_no_tool_traffic_no_system_text_no_reasoning_no_pictures(
    client: MemOS, engine: CountingEngine, way: str
) -> None:
    answer: list[Any] = [
        {"type": "reasoning", "reasoning": "The user is thirsty."},
        {"type": "text", "text": ANSWER},
        {"type": "image", "url": "https://example.org/cup.png"},
    ]
    asked: list[Any] = [
        {"type": "text", "text": "Look: "},
        {"type": "image", "base64": "aGVsbG8=", "mime_type": "image/png"},
        {"type": "text", "text": QUESTION},
    ]

    def script(messages: Sequence[BaseMessage]) -> AIMessage:
        return AIMessage(content=answer) if any(m.type == "tool" for m in messages) else after_tools(1)(messages)

    agent = agent_with(client, script)
    given = [SystemMessage("Speak French."), HumanMessage(content=asked)]
    run(agent, way, {"messages": given[1:]}, at())
    client.flush()
    assert engine.searched[0].query == f"Look: {QUESTION}"
    assert spoken(engine) == [("user", f"Look: {QUESTION}"), ("assistant", ANSWER)]


@pytest.mark.parametrize("empty", ["", "   \n", [{"type": "image", "url": "https://example.org/cup.png"}]])
@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_10_an_empty_turn_is_neither_searched_for_nor_written(
    client: MemOS, engine: CountingEngine, empty: Any, way: str
) -> None:
    run(agent_with(client, lambda _: AIMessage("")), way, {"messages": [HumanMessage(content=empty)]}, at())
    client.flush()
    assert engine.counts == (0, 0)


def test_10_content_of_several_parts_keeps_them_behind_the_block(client: MemOS, remembers: Remembers) -> None:
    remembers()
    parts: list[Any] = [{"type": "text", "text": QUESTION}, {"type": "image", "url": "https://example.org/cup.png"}]
    model = Scripted(script=after_tools(0))
    create_agent(model, [], middleware=[MemOSMiddleware(client)]).invoke(
        {"messages": [HumanMessage(content=parts)]}, at()
    )
    block, *rest = list(model.handed[0][-1].content)
    assert isinstance(block, dict)
    assert MARK in block["text"]
    assert rest == parts


@pytest.mark.parametrize("empty", ["", "  "])
def test_11_an_answer_to_nothing_is_not_written_alone(client: MemOS, engine: CountingEngine, empty: str) -> None:
    agent_with(client, after_tools(0)).invoke(said(empty), at())
    client.flush()
    assert engine.counts == (0, 0)


def test_11_a_long_text_is_written_whole_and_searched_for_in_part(client: MemOS, engine: CountingEngine) -> None:
    text = f"Begin {'tea ' * 20_000} end 茶 🍵 \x07"
    agent_with(client, after_tools(0)).invoke(said(text), at())
    client.flush()
    assert spoken(engine) == [("user", text.strip()), ("assistant", ANSWER)]
    assert len(engine.searched[0].query) < 10_000


def test_11_text_that_no_json_can_carry_hurts_no_turn(client: MemOS, engine: CountingEngine) -> None:
    agent_with(client, after_tools(0, "half \ud83c")).invoke(said("half \ud83c tea"), at())
    client.flush()
    assert spoken(engine) == [("user", "half ? tea"), ("assistant", "half ?")]
