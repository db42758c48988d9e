"""What is written of a turn: what the user and the assistant said, once, and when."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, RemoveMessage, SystemMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph

import memos_integrations.memory.record
from memos_integrations.client import MemOS
from memos_integrations.engine import AsyncEngineTransport, EngineTransport
from memos_integrations.langchain import MemOSMiddleware
from memos_integrations.memory.record import _Handed
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

Remembers = Callable[..., None]
TURN = [("user", QUESTION), ("assistant", ANSWER)]


def agent_with(client: MemOS, script: Any, **options: Any) -> Any:
    memory = MemOSMiddleware(client, **options)
    return create_agent(
        Scripted(script=script), [look_up], system_prompt="Be kind.", middleware=[memory], checkpointer=InMemorySaver()
    )


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "astream:messages"])
def test_no_tool_traffic_no_system_text_no_reasoning_no_pictures(
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


def test_tool_traffic_is_written_where_it_is_asked_for(client: MemOS, engine: CountingEngine) -> None:
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


def test_an_id_that_a_caller_uses_again_loses_nothing(client: MemOS, engine: CountingEngine) -> None:
    agent = create_agent(Scripted(script=after_tools(0)), [], middleware=[MemOSMiddleware(client)])
    for _ in range(3):
        agent.invoke({"messages": [HumanMessage("yes", id="1")]}, at())
    client.flush()
    assert spoken(engine) == [("user", "yes"), ("assistant", ANSWER)] * 3
    assert len(engine.searched) == 3


def test_a_system_message_among_the_users_is_not_written(client: MemOS, engine: CountingEngine) -> None:
    given = [HumanMessage(QUESTION), SystemMessage("Speak French.")]
    agent_with(client, after_tools(0)).invoke({"messages": given}, at())
    client.flush()
    assert spoken(engine) == TURN


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai"])
def test_every_message_has_its_time_in_the_servers_zone(engine: CountingEngine, zone: str) -> None:
    with MemOS.over(EngineTransport(engine), AsyncEngineTransport(engine), address=":memory:", timezone=zone) as client:
        before = datetime.now(UTC).replace(microsecond=0)
        agent_with(client, after_tools(1)).invoke(said(), at())
        client.flush()
        after = datetime.now(UTC)
    engine.close()
    shift = timedelta(hours=8) if zone == "Asia/Shanghai" else timedelta()
    (call,) = engine.added
    for turn in call.turns:
        told = datetime.strptime(turn.chat_time or "", "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) - shift
        assert before <= told <= after


@pytest.mark.parametrize("empty", ["", "   \n", [{"type": "image", "url": "https://example.org/cup.png"}]])
@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_an_empty_turn_is_neither_searched_for_nor_written(
    client: MemOS, engine: CountingEngine, empty: Any, way: str
) -> None:
    run(agent_with(client, lambda _: AIMessage("")), way, {"messages": [HumanMessage(content=empty)]}, at())
    client.flush()
    assert engine.counts == (0, 0)


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_answer_to_nothing_is_not_written_alone(client: MemOS, engine: CountingEngine, empty: str) -> None:
    agent_with(client, after_tools(0)).invoke(said(empty), at())
    client.flush()
    assert engine.counts == (0, 0)


def test_without_any_user_message_nothing_is_done(client: MemOS, engine: CountingEngine) -> None:
    agent_with(client, after_tools(0)).invoke({"messages": [AIMessage("Welcome!")]}, at())
    client.flush()
    assert engine.counts == (0, 0)


def test_a_long_text_is_written_whole_and_searched_for_in_part(client: MemOS, engine: CountingEngine) -> None:
    text = f"Begin {'tea ' * 20_000} end 茶 🍵 \x07"
    agent_with(client, after_tools(0)).invoke(said(text), at())
    client.flush()
    assert spoken(engine) == [("user", text.strip()), ("assistant", ANSWER)]
    assert len(engine.searched[0].query) < 10_000


def test_text_that_no_json_can_carry_hurts_no_turn(client: MemOS, engine: CountingEngine) -> None:
    agent_with(client, after_tools(0, "half \ud83c")).invoke(said("half \ud83c tea"), at())
    client.flush()
    assert spoken(engine) == [("user", "half ? tea"), ("assistant", "half ?")]


def test_the_same_message_answered_anew_is_not_written_again(client: MemOS, engine: CountingEngine) -> None:
    agent = agent_with(client, after_tools(0))
    agent.invoke(said(id="m1"), at())
    answer = agent.get_state(at()).values["messages"][-1].id
    agent.invoke({"messages": [RemoveMessage(answer), HumanMessage(QUESTION, id="m1")]}, at())
    agent.invoke(said("Thanks!"), at())
    client.flush()
    assert spoken(engine) == [*TURN, ("user", "Thanks!"), ("assistant", ANSWER)]


def test_an_answer_made_anew_from_a_checkpoint_does_not_write_the_user_twice(
    client: MemOS, engine: CountingEngine
) -> None:
    agent = agent_with(client, after_tools(0))
    agent.invoke(said(), at())
    before = next(state for state in agent.get_state_history(at()) if state.next == ("model",))
    agent.invoke(None, at(**before.config["configurable"]))
    client.flush()
    assert [text for role, text in spoken(engine) if role == "user"] == [QUESTION]
    assert len(engine.searched) == 1


def test_what_was_written_is_kept_in_mind_for_so_many_messages_only(
    client: MemOS, engine: CountingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memos_integrations.memory.record, "_MAX_HANDED", 2)
    agent = agent_with(client, after_tools(0))
    for _ in range(3):
        agent.invoke(said(), at())
    client.flush()
    assert spoken(engine) == TURN * 3
    assert len(client.share(_Handed, _Handed)._known) == 2


def test_the_same_text_said_again_is_written_again(client: MemOS, engine: CountingEngine) -> None:
    agent = agent_with(client, after_tools(0))
    for _ in range(2):
        agent.invoke(said("Yes."), at())
    client.flush()
    assert spoken(engine) == [("user", "Yes."), ("assistant", ANSWER)] * 2


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_a_summary_in_the_users_place_is_not_theirs(client: MemOS, engine: CountingEngine, way: str) -> None:
    summary = HumanMessage("Summary: they spoke of tea.", additional_kwargs={"lc_source": "summarization"})
    given = {"messages": [HumanMessage(QUESTION), AIMessage("Hm."), summary]}
    run(agent_with(client, after_tools(0)), way, given, at())
    client.flush()
    assert [call.query for call in engine.searched] == [QUESTION]
    assert "Summary" not in str(spoken(engine))
    assert spoken(engine)[0] == ("user", QUESTION)


def nested_in_a_tool(client: MemOS, **options: Any) -> Any:
    expert = create_agent(
        Scripted(script=after_tools(0, "Experts say so.")), [], middleware=[MemOSMiddleware(client, **options)]
    )

    @tool
    def ask_expert(word: str) -> str:
        """Asks an expert."""
        return str(expert.invoke(said(f"Please explain {MARK} {word}"))["messages"][-1].text)

    return create_agent(
        Scripted(script=after_tools(1, name="ask_expert")),
        [ask_expert],
        middleware=[MemOSMiddleware(client)],
        checkpointer=InMemorySaver(),
    )


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_an_agent_inside_a_tool_is_not_recorded(client: MemOS, engine: CountingEngine, way: str) -> None:
    run(nested_in_a_tool(client), way, said(), at())
    client.flush()
    assert spoken(engine) == TURN


def test_unless_one_wants_it_to_be(client: MemOS, engine: CountingEngine) -> None:
    nested_in_a_tool(client, record_subagents=True).invoke(said(), at())
    client.flush()
    nested = [("user", f"Please explain {MARK} w0"), ("assistant", "Experts say so.")]
    assert spoken(engine) == [TURN[0], *nested, TURN[1]]  # as it was said


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_an_agent_that_is_a_node_of_a_graph_speaks_with_the_user_and_is_recorded(
    client: MemOS, engine: CountingEngine, way: str
) -> None:
    agent = create_agent(Scripted(script=after_tools(1)), [look_up], middleware=[MemOSMiddleware(client)])
    graph = StateGraph(MessagesState)
    graph.add_node("helper", agent)
    graph.add_edge(START, "helper")
    outer: Any = graph.compile(checkpointer=InMemorySaver())
    for turn in (1, 2):
        run(outer, way, said(), at())
        client.flush()
        assert spoken(engine) == TURN * turn
        assert counted(engine) == (turn, turn)


def test_a_chunk_is_a_message_as_well(client: MemOS, engine: CountingEngine) -> None:
    agent_with(client, lambda _: AIMessageChunk(content=ANSWER)).invoke(said(), at())
    client.flush()
    assert spoken(engine) == TURN
