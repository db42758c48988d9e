"""Pitfall 20: no mode of streaming shows what was recalled, and messages keep their ids."""

import asyncio
import pickle
from typing import Any

import pytest
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler
from langgraph.checkpoint.memory import InMemorySaver
from langsmith.run_helpers import tracing_context

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
    create_agent,
    look_up,
    run,
    said,
)
from tests.langchain.models import spoken as spoken_in
from tests.langchain.turns import Remembers

TRACES = (MARK, "<memories", "Original Query", "Long-term memory")


def all_of(saver: InMemorySaver) -> str:
    """Everything a checkpointer holds: as values, and as the bytes they are kept in."""
    values = [(saved.checkpoint, saved.metadata, saved.pending_writes) for saved in saver.list(None)]
    kept = pickle.dumps([dict(saver.blobs), {key: dict(value) for key, value in saver.writes.items()}])
    return f"{values}{kept!r}"


@pytest.mark.parametrize("placement", ["user", "system"])
@pytest.mark.parametrize("way", WAYS)
def test_20_nothing_recalled_in_state_checkpoints_or_any_stream(
    client: MemOS, engine: CountingEngine, remembers: Remembers, way: str, placement: Any
) -> None:
    remembers()
    saver, model = InMemorySaver(), Scripted(script=after_tools(1))
    memory = MemOSMiddleware(client, placement=placement)
    agent = create_agent(model, [look_up], middleware=[memory], checkpointer=saver)
    out = run(agent, way, said(), at())
    out += run(agent, way, said("And what did I eat?"), at())
    client.flush()
    assert MARK in str(model.handed)
    left = f"{out}{agent.get_state(at())}{list(agent.get_state_history(at()))}{all_of(saver)}{spoken_in(engine)}"
    assert QUESTION in left
    assert "let me look that up" in left or "invoke" in way
    assert [trace for trace in TRACES if trace in left] == []


Events = list[dict[str, Any]]


def events_of(agent: Any, given: Any, config: Any) -> Events:
    async def collected() -> Events:
        return [event async for event in agent.astream_events(given, config, version="v2")]

    return asyncio.run(collected())


@pytest.mark.parametrize("placement", ["user", "system"])
def test_20_of_all_events_only_those_of_the_model_call_itself_show_what_was_recalled(
    client: MemOS, remembers: Remembers, placement: Any
) -> None:
    remembers()
    model = Scripted(script=after_tools(1))
    memory = MemOSMiddleware(client, placement=placement)
    agent = create_agent(model, [look_up], middleware=[memory], checkpointer=InMemorySaver())
    told = events_of(agent, said(), at())
    kinds = {event["event"] for event in told}
    assert {"on_chain_start", "on_chain_stream", "on_chain_end", "on_tool_end", "on_chat_model_stream"} <= kinds
    shown = {event["event"] for event in told if any(trace in str(event) for trace in TRACES)}
    assert shown == {"on_chat_model_start", "on_chat_model_end"}
    for event in told:
        if event["event"] == "on_chat_model_end":
            assert not any(trace in str(event["data"]["output"]) for trace in TRACES)


@pytest.mark.parametrize("kind", ["stream", "astream"])
def test_20_messages_keep_their_ids_from_stream_to_state_to_stream(
    client: MemOS, remembers: Remembers, kind: str
) -> None:
    remembers()
    agent = create_agent(
        Scripted(script=after_tools(1)), [look_up], middleware=[MemOSMiddleware(client)], checkpointer=InMemorySaver()
    )
    chunks = run(agent, f"{kind}:messages", said(id="m1"), at())
    kept = agent.get_state(at()).values["messages"]
    assert kept[0].id == "m1"
    assert list(dict.fromkeys(chunk.id for chunk, _ in chunks)) == [message.id for message in kept[1:]]
    again = run(agent, f"{kind}:values", said(id="m2"), at())
    assert [message.id for message in again[-1]["messages"]][: len(kept) + 1] == [*[m.id for m in kept], "m2"]


@pytest.mark.parametrize("kind", ["stream", "astream"])
def test_20_no_token_comes_from_the_middleware(client: MemOS, remembers: Remembers, kind: str) -> None:
    remembers()
    shown = []
    for middleware in ([], [MemOSMiddleware(client)]):
        agent = create_agent(Scripted(script=after_tools(1)), [look_up], middleware=middleware)
        chunks = run(agent, f"{kind}:messages", said(), at())
        assert {meta["langgraph_node"] for _, meta in chunks} == {"model", "tools"}
        shown.append([(type(chunk), chunk.text) for chunk, _ in chunks])
    assert shown[0] == shown[1]


def test_20_traces_of_the_hooks_carry_no_conversation(client: MemOS, remembers: Remembers) -> None:
    remembers()
    spans = RunCollectorCallbackHandler()
    agent = create_agent(Scripted(script=after_tools(0)), [], middleware=[MemOSMiddleware(client)])
    agent.invoke(said(), {**at(), "callbacks": [spans]})
    (whole,) = spans.traced_runs
    hooks = [run for run in whole.child_runs if run.name.startswith("MemOSMiddleware.")]
    assert [run.name for run in hooks] == ["MemOSMiddleware.before_agent", "MemOSMiddleware.after_agent"]
    assert [(run.inputs, run.outputs) for run in hooks] == [({}, {})] * 2
    assert QUESTION in str(whole.inputs)


class Kept:
    """Stands in for LangSmith's client: keeps what would be sent."""

    otel_exporter = None

    def __init__(self) -> None:
        self.sent = list[str]()

    def create_run(self, name: str, inputs: Any, *_: Any, **more: Any) -> None:
        self.sent.append(f"{name} {inputs} {more}")

    def update_run(self, **more: Any) -> None:
        self.sent.append(f"{more.get('name')} {more}")


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_20_traces_of_the_hook_around_the_model_carry_none_either(
    client: MemOS, remembers: Remembers, way: str
) -> None:
    remembers()
    langsmith: Any = Kept()
    agent = create_agent(Scripted(script=after_tools(0)), [], middleware=[MemOSMiddleware(client)])
    with tracing_context(enabled=True, client=langsmith):
        run(agent, way, said(), at())
    ours = [text for text in langsmith.sent if "wrap_model_call" in text.partition(" ")[0]]
    assert len(ours) == 2  # it begins and ends
    assert not any(word in text for text in ours for word in (QUESTION, ANSWER, MARK))
