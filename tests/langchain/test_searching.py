"""placement="tool": the model itself searches, nothing is recalled for it, and what is said is recorded."""

from typing import Any

import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver

from memos_integrations import _connect
from memos_integrations.client import Event, MemOS, Recalled
from memos_integrations.errors import Invalid
from memos_integrations.langchain import MemOSMiddleware
from memos_integrations.memory.prompt import TOOL_PROTOCOL
from tests.fakes import CountingEngine
from tests.langchain.models import (
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
from tests.langchain.turns import TURN, Remembers, searching


def searcher(client: MemOS, **options: Any) -> Any:
    memory = MemOSMiddleware(client, placement="tool", **options)
    return create_agent(Scripted(script=searching()), [look_up], middleware=[memory], checkpointer=InMemorySaver())


@pytest.mark.parametrize("way", WAYS)
def test_the_model_searches_and_the_turn_is_recorded(
    client: MemOS, engine: CountingEngine, remembers: Remembers, way: str
) -> None:
    remembers()
    model = Scripted(script=searching())
    memory = MemOSMiddleware(client, placement="tool")
    agent = create_agent(model, [], system_prompt="Be kind.", middleware=[memory], checkpointer=InMemorySaver())
    for turn in (1, 2):
        run(agent, way, said(), at())
        client.flush()
        assert counted(engine) == (turn, turn)
    assert spoken(engine) == TURN * 2
    first, second = model.handed[:2]
    assert [type(message) for message in first[1:]] == [HumanMessage]
    assert first[1].content == QUESTION
    assert system_of(first).content == f"Be kind.\n\n{TOOL_PROTOCOL}"
    assert isinstance(second[-1], ToolMessage)
    assert MARK in second[-1].text
    assert {call.conversation_id for call in engine.searched} == {"t1"}


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_a_model_that_does_not_search_is_not_recalled_for(
    client: MemOS, engine: CountingEngine, events: list[Event], remembers: Remembers, way: str
) -> None:
    remembers()
    model, memory = Scripted(script=after_tools(1)), MemOSMiddleware(client, placement="tool")
    run(create_agent(model, [look_up], middleware=[memory]), way, said(), at())
    client.flush()
    assert counted(engine) == (0, 1)
    assert MARK not in str(model.handed)
    assert not any(isinstance(event, Recalled) for event in events)


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_the_tool_goes_by_the_middlewares_rule_and_options(
    client: MemOS, engine: CountingEngine, remembers: Remembers, way: str
) -> None:
    def tenant(_: Any, config: Any) -> str:
        return str(config["configurable"]["tenant"])

    agent = searcher(client, user_id=tenant, conversation_id="c9", memory_limit_number=3, relativity=0.4)
    run(agent, way, said(), at("somebody", tenant="acme"))
    client.flush()
    (search,) = engine.searched
    assert (search.user_id, search.conversation_id) == ("acme", "c9")
    assert (search.memory_limit_number, search.relativity) == (3, 0.4)
    assert {call.user_id for call in engine.added} == {"acme"}


@pytest.mark.parametrize("kind", ["stream", "astream"])
def test_a_search_is_told_in_the_custom_stream(client: MemOS, remembers: Remembers, kind: str) -> None:
    remembers()
    (told,) = run(searcher(client), f"{kind}:custom", said(), at())
    assert (told["type"], told["facts"]) == ("memos.recalled", 1)
    assert told["milliseconds"] >= 0
    assert MARK not in str(told)


def test_several_instances_have_a_tool_each(client: MemOS, engine: CountingEngine, remembers: Remembers) -> None:
    remembers()
    remembers(f"Our office serves {MARK} tea to everybody.", "office")
    own = MemOSMiddleware(client, placement="tool")
    shared = MemOSMiddleware(client, placement="tool", user_id="office", name="office", record=False)
    beside = MemOSMiddleware(client, user_id="office", name="beside", record=False)
    assert [tool.name for memory in (own, shared, beside) for tool in memory.tools] == [
        "search_memory",
        "search_memory_office",
    ]
    model = Scripted(script=searching(name="search_memory_office"))
    create_agent(model, [], middleware=[own, shared]).invoke(said(), at())
    client.flush()
    assert "to everybody" in model.handed[-1][-1].text
    assert [call.user_id for call in engine.searched] == ["office"]
    system = str(system_of(model.handed[0]).text)
    assert system.count("# Long-term memory") == 2
    assert "the tool search_memory:" in system
    assert "the tool search_memory_office:" in system
    assert spoken(engine) == TURN


def test_an_instance_without_recall_brings_no_tool(client: MemOS) -> None:
    memory, model = MemOSMiddleware(client, placement="tool", recall=False), Scripted(script=after_tools(0))
    assert list(memory.tools) == []
    create_agent(model, [], system_prompt="Be kind.", middleware=[memory]).invoke(said(), at())
    assert system_of(model.handed[0]).content == "Be kind."


@pytest.mark.parametrize("name", ["my team", "x" * 51, "team.a", "käse", " "])
def test_a_name_that_no_tool_can_have_is_refused(client: MemOS, name: str) -> None:
    with pytest.raises(Invalid, match="letters, digits") as caught:
        MemOSMiddleware(client, placement="tool", name=name)
    assert caught.value.field == "name"
    MemOSMiddleware(client, name=name)


def test_a_client_that_it_opened_is_closed_once_for_the_tool_and_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOS_BASE_URL", ":memory:")
    with pytest.raises(Invalid):
        MemOSMiddleware(placement="tool", name="my team")
    assert not _connect._opened
    memory = MemOSMiddleware(placement="tool", user_id="ada")
    create_agent(Scripted(script=searching()), [], middleware=[memory]).invoke(said(), at(None))
    memory.close()
    assert not _connect._opened


def test_without_a_user_the_run_says_how_to_name_one(client: MemOS) -> None:
    with pytest.raises(Invalid, match=r"user_id= .*configurable.*context="):
        searcher(client).invoke(said(), at(None))
