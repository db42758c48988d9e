"""What is written of a turn: what the user and the assistant said, once, and when."""

from datetime import UTC, datetime, timedelta

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage

import memos_integrations.memory.record
from memos_integrations.client import MemOS
from memos_integrations.engine import AsyncEngineTransport, EngineTransport
from memos_integrations.memory.record import _Handed
from tests.fakes import CountingEngine
from tests.langchain.models import (
    ANSWER,
    QUESTION,
    after_tools,
    at,
    said,
    spoken,
)
from tests.langchain.turns import TURN, agent_with


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


def test_without_any_user_message_nothing_is_done(client: MemOS, engine: CountingEngine) -> None:
    agent_with(client, after_tools(0)).invoke({"messages": [AIMessage("Welcome!")]}, at())
    client.flush()
    assert engine.counts == (0, 0)


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


def test_a_chunk_is_a_message_as_well(client: MemOS, engine: CountingEngine) -> None:
    agent_with(client, lambda _: AIMessageChunk(content=ANSWER)).invoke(said(), at())
    client.flush()
    assert spoken(engine) == TURN
