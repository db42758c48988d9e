"""Nothing that was recalled stays behind: not in state, checkpoints or streams, nor in what is written."""

import logging
import pickle
import re
from collections.abc import Callable
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from memos_integrations.client import MemOS
from memos_integrations.langchain import MemOSMiddleware
from memos_integrations.memory.prompt import PROTOCOL
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
    echo,
    look_up,
    run,
    said,
)
from tests.langchain.models import spoken as spoken_in

Remembers = Callable[..., None]
TRACES = (MARK, "<memories", "Original Query", "Long-term memory")


def all_of(saver: InMemorySaver) -> str:
    """Everything a checkpointer holds: as values, and as the bytes they are kept in."""
    values = [(saved.checkpoint, saved.metadata, saved.pending_writes) for saved in saver.list(None)]
    kept = pickle.dumps([dict(saver.blobs), {key: dict(value) for key, value in saver.writes.items()}])
    return f"{values}{kept!r}"


@pytest.mark.parametrize("placement", ["user", "system"])
@pytest.mark.parametrize("way", WAYS)
def test_nothing_recalled_in_state_checkpoints_or_any_stream(
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


def test_the_state_holds_ids_a_time_and_a_digest(client: MemOS, remembers: Remembers) -> None:
    remembers()
    agent = create_agent(
        Scripted(script=after_tools(1)), [look_up], middleware=[MemOSMiddleware(client)], checkpointer=InMemorySaver()
    )
    out = agent.invoke(said(id="m1"), at())
    assert set(out) == {"messages"}
    turn = agent.get_state(at()).values["memos_turns"]["MemOSMiddleware"]
    assert turn.pop("at").startswith("20")
    assert re.fullmatch("m1 [0-9a-f]{16}", turn.pop("key"))
    assert turn == {"user": "ada", "asked": "m1", "conversation": "t1", "since": None}


def test_a_caller_can_not_bring_a_turn_of_their_own(client: MemOS, engine: CountingEngine) -> None:
    turn = {"asked": "m1", "at": "x", "conversation": "theirs", "since": None, "user": "ada"}
    given: Any = {**said(id="m1"), "memos_turns": {"MemOSMiddleware": turn}}
    agent = create_agent(Scripted(script=after_tools(0)), [], middleware=[MemOSMiddleware(client)])
    agent.invoke(given, at())
    client.flush()
    assert engine.counts == (1, 1)
    assert engine.added[0].conversation_id == "t1"


def test_what_a_model_repeats_of_its_block_is_not_written(
    client: MemOS, engine: CountingEngine, remembers: Remembers
) -> None:
    remembers()
    create_agent(Scripted(script=echo), [], middleware=[MemOSMiddleware(client)]).invoke(said(), at())
    client.flush()
    assert spoken_in(engine) == [("user", QUESTION), ("assistant", QUESTION)]


def test_a_block_that_a_user_pastes_back_is_neither_searched_for_nor_written(
    client: MemOS, engine: CountingEngine, remembers: Remembers
) -> None:
    remembers()
    model = Scripted(script=after_tools(0))
    agent = create_agent(model, [], middleware=[MemOSMiddleware(client)], checkpointer=InMemorySaver())
    agent.invoke(said(), at())
    pasted = str(model.handed[0][-1].text)
    assert MARK in pasted
    agent.invoke(said(pasted), at())
    client.flush()
    assert [call.query for call in engine.searched] == [QUESTION, QUESTION]
    assert spoken_in(engine) == [("user", QUESTION), ("assistant", ANSWER)] * 2


def test_the_protocol_is_not_written_either(client: MemOS, engine: CountingEngine, remembers: Remembers) -> None:
    remembers()
    memory = MemOSMiddleware(client, placement="system")
    agent = create_agent(Scripted(script=after_tools(1)), [look_up], system_prompt="Be kind.", middleware=[memory])
    agent.invoke(said(), at())
    client.flush()
    assert spoken_in(engine) == [("user", QUESTION), ("assistant", ANSWER)]
    assert PROTOCOL not in str(engine.added)


def test_nothing_said_or_remembered_is_logged(
    client: MemOS, remembers: Remembers, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    remembers()
    memory = MemOSMiddleware(client)
    agent = create_agent(Scripted(script=after_tools(1)), [look_up], middleware=[memory])
    agent.invoke(said(f"What {MARK} tea do I drink?"), at(f"{MARK}-user", f"{MARK}-thread"))
    client.flush()
    assert MARK not in caplog.text
    assert MARK not in repr(memory)
