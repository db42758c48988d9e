"""How a middleware is made: bad arguments are told at once, good ones show no content."""

import doctest
from collections.abc import Callable
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from memos_integrations import _connect
from memos_integrations.client import AsyncMemOS, MemOS
from memos_integrations.errors import Invalid, Unreachable
from memos_integrations.langchain import MemOSMiddleware, middleware
from memos_integrations.memory.scope import Scope
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
    said,
    spoken,
)

Remembers = Callable[..., None]
LONG = "x" * 101


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"placement": "whole"}, "placement"),
        ({"placement": None}, "placement"),
        ({"user_id": LONG}, "user_id"),
        ({"user_id": ""}, "user_id"),
        ({"user_id": "  "}, "user_id"),
        ({"user_id": 5}, "user_id"),
        ({"conversation_id": LONG}, "conversation_id"),
        ({"conversation_id": 5}, "conversation_id"),
        ({"agent_id": LONG}, "agent_id"),
        ({"app_id": LONG}, "app_id"),
        ({"tags": "abc"}, "tags"),
        ({"tags": [1]}, "tags"),
        ({"info": {"x": {"deep": 1}}}, "info"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "../etc/passwd"}, "timezone"),
        ({"timezone": 5}, "timezone"),
        ({"memory_limit_number": 26}, "memory_limit_number"),
        ({"relativity": 1.5}, "relativity"),
        ({"recall_seconds": 0}, "recall_seconds"),
        ({"recall_seconds": float("inf")}, "recall_seconds"),
        ({"on_error": "ignore"}, "on_error"),
        ({"top_k": 3}, "top_k"),
        ({"filter": {"and": "x"}}, "filter"),
    ],
    ids=str,
)
def test_bad_arguments_are_refused_at_once(client: MemOS, options: Any, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        MemOSMiddleware(client, **options)
    assert caught.value.field is not None
    assert caught.value.field.startswith(field)
    assert LONG not in str(caught.value)


@pytest.mark.parametrize("wrong", ["memos.db", object(), {"base_url": "x"}])
def test_a_client_that_is_none_is_refused(wrong: Any) -> None:
    with pytest.raises(Invalid, match="client must be a MemOS"):
        MemOSMiddleware(wrong)


def test_the_async_client_is_refused_with_the_way_to_go(client: MemOS) -> None:
    assert isinstance(client.aio, AsyncMemOS)
    wrong: Any = client.aio
    with pytest.raises(Invalid, match=r"give its MemOS, whose \.aio"):
        MemOSMiddleware(wrong)


def test_without_a_client_it_connects_as_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOS_BASE_URL", ":memory:")
    opened, really = list[MemOS](), _connect.connect

    def connect(address: str | None) -> MemOS:
        opened.append(really(address))
        return opened[0]

    monkeypatch.setattr(_connect, "connect", connect)
    memory = MemOSMiddleware(user_id="ada")
    create_agent(Scripted(script=after_tools(0)), [], middleware=[memory]).invoke(said(), at(None))
    (client,) = opened
    assert client.flush() == 0
    stored = client.get_message(user_id="ada", conversation_id="t1")
    assert [message.content for message in stored.message_detail_list] == [QUESTION, ANSWER]
    memory.close()
    with pytest.raises(Unreachable, match="closed"):
        client.get_message(user_id="ada", conversation_id="t1")


def test_bad_arguments_open_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(address: str | None) -> MemOS:
        raise AssertionError("opened")

    monkeypatch.setattr(_connect, "connect", connect)
    for options in ({"placement": "whole"}, {"placement": "tool", "name": "my team"}, {"user_id": ""}, {"top_k": 3}):
        wrong: Any = options
        with pytest.raises(Invalid):
            MemOSMiddleware(**wrong)


def test_with_nothing_set_the_ways_on_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MEMOS_BASE_URL", "MEMOS_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Invalid, match="MEMOS_BASE_URL"):
        MemOSMiddleware(user_id="ada")


def test_a_client_it_was_handed_stays_open(client: MemOS) -> None:
    memory = MemOSMiddleware(client, user_id="ada")
    create_agent(Scripted(script=after_tools(0)), [], middleware=[memory]).invoke(said(), at(None))
    del memory
    client.flush()
    assert client.search_memory(query=QUESTION, user_id="ada").memory_detail_list


def test_two_instances_in_one_agent_keep_a_turn_each(client: MemOS, engine: CountingEngine) -> None:
    with pytest.raises(AssertionError, match="duplicate"):
        create_agent(Scripted(script=after_tools(0)), [], middleware=[MemOSMiddleware(client), MemOSMiddleware(client)])
    own, team = MemOSMiddleware(client), MemOSMiddleware(client, user_id="team", name="team")
    agent = create_agent(
        Scripted(script=after_tools(1)), [look_up], middleware=[own, team], checkpointer=InMemorySaver()
    )
    for _ in range(2):
        agent.invoke(said(), at())
    client.flush()
    turns = agent.get_state(at()).values["memos_turns"]
    assert {name: turn["user"] for name, turn in turns.items()} == {"MemOSMiddleware": "ada", "team": "team"}
    assert {turn["since"] for turn in turns.values()} == {None}
    assert counted(engine) == (4, 4)
    assert sorted(str(call.user_id) for call in engine.added for turn in call.turns if turn.role == "user") == [
        "ada",
        "ada",
        "team",
        "team",
    ]
    assert spoken(engine) == [("user", QUESTION), ("assistant", ANSWER)] * 4


def test_a_repr_shows_no_content(client: MemOS) -> None:
    memory = MemOSMiddleware(client, user_id=MARK, conversation_id=MARK, tags=[MARK], info={"note": MARK})
    assert MARK not in f"{memory!r}{memory}{memory.name}"
    assert MARK not in repr(Scope(user_id=MARK))


def test_the_example_runs() -> None:
    results = doctest.testmod(middleware)
    assert (results.failed, results.attempted > 0) == (0, True)
