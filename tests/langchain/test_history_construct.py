"""How a history is made: bad arguments are told at once, and a client is opened where it blocks no loop."""

import threading
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from memos_integrations import _connect
from memos_integrations.client import MemOS
from memos_integrations.errors import Invalid, Unreachable
from memos_integrations.langchain import MemOSChatMessageHistory
from tests.fakes import CountingEngine
from tests.langchain.histories import history
from tests.langchain.models import MARK

LONG = "x" * 101


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"user_id": ""}, "user_id"),
        ({"user_id": None}, "user_id"),
        ({"user_id": LONG}, "user_id"),
        ({"conversation_id": None}, "conversation_id"),
        ({"conversation_id": LONG}, "conversation_id"),
        ({"limit": 0}, "limit"),
        ({"limit": 51}, "limit"),
        ({"limit": True}, "limit"),
        ({"read_seconds": 0}, "read_seconds"),
        ({"read_seconds": float("inf")}, "read_seconds"),
        ({"on_error": "ignore"}, "on_error"),
        ({"tags": "abc"}, "tags"),
        ({"info": {"x": {"deep": 1}}}, "info.x"),
        ({"agent_id": LONG}, "agent_id"),
    ],
    ids=str,
)
def test_bad_arguments_are_refused_at_once(client: MemOS, options: Any, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        history(client, **options)
    assert caught.value.field == field
    assert LONG not in str(caught.value)


def test_the_async_client_is_refused_with_the_way_to_go(client: MemOS) -> None:
    wrong: Any = client.aio
    with pytest.raises(Invalid, match=r"MemOSChatMessageHistory: .*give its MemOS, whose \.aio"):
        history(wrong)


def test_marks_are_written(client: MemOS, engine: CountingEngine) -> None:
    history(client, agent_id="a", app_id="p", tags=["t"], info={"k": "v"}).add_user_message("hi")
    client.flush()
    (call,) = engine.added
    assert (call.agent_id, call.app_id, call.tags, call.info) == ("a", "p", ("t",), {"k": "v"})
    assert call.turns[0].chat_time


def test_a_repr_shows_no_content(client: MemOS) -> None:
    told = history(client, user_id=MARK, conversation_id=MARK)
    assert repr(told) == "<MemOSChatMessageHistory unread>"
    told.add_user_message(MARK)
    assert repr(told) == "<MemOSChatMessageHistory 1>"


def test_without_a_client_it_connects_as_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOS_BASE_URL", ":memory:")
    first = MemOSChatMessageHistory(user_id="ada", conversation_id="c1")
    second = MemOSChatMessageHistory(user_id="ada", conversation_id="c1")
    first.add_user_message("hi")
    assert [m.text for m in second.messages] == ["hi"]
    first.close()
    second.add_user_message("still open")
    second.close()
    second.close()
    with pytest.raises(Unreachable, match="closed"):
        _ = MemOSChatMessageHistory(second._held.now(), user_id="ada", conversation_id="c", on_error="raise").messages


def test_with_nothing_set_the_ways_on_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MEMOS_BASE_URL", "MEMOS_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Invalid, match="MEMOS_BASE_URL"):
        MemOSChatMessageHistory(user_id="ada", conversation_id="c1")


async def test_on_a_loop_it_connects_at_the_first_use_off_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOS_BASE_URL", ":memory:")
    opened, really = list[bool](), _connect.connect

    def connect(address: str | None) -> MemOS:
        opened.append(threading.current_thread() is threading.main_thread())
        return really(address)

    monkeypatch.setattr(_connect, "connect", connect)
    told = MemOSChatMessageHistory(user_id="ada", conversation_id="c1")
    assert opened == []
    await told.aadd_messages([HumanMessage("hi")])
    assert opened == [False]
    assert [m.text for m in await told.aget_messages()] == ["hi"]
    await told.aclose()
    await told.aclose()
