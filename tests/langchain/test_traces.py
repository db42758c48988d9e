"""Nothing that was recalled stays behind: not in state, checkpoints or streams, nor in what is written."""

import re
from typing import Any

from langgraph.checkpoint.memory import InMemorySaver

from memos_integrations.client import MemOS
from memos_integrations.langchain import MemOSMiddleware
from tests.fakes import CountingEngine
from tests.langchain.models import (
    MARK,
    Scripted,
    after_tools,
    at,
    create_agent,
    look_up,
    said,
)
from tests.langchain.turns import Remembers

TRACES = (MARK, "<memories", "Original Query", "Long-term memory")


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
    assert turn == {"user": "ada", "asked": "m1", "first": "m1", "conversation": "t1", "since": None}


def test_a_caller_can_not_bring_a_turn_of_their_own(client: MemOS, engine: CountingEngine) -> None:
    turn = {"asked": "m1", "at": "x", "conversation": "theirs", "since": None, "user": "ada"}
    given: Any = {**said(id="m1"), "memos_turns": {"MemOSMiddleware": turn}}
    agent = create_agent(Scripted(script=after_tools(0)), [], middleware=[MemOSMiddleware(client)])
    agent.invoke(given, at())
    client.flush()
    assert engine.counts == (1, 1)
    assert engine.added[0].conversation_id == "t1"
