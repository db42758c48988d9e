import json
import logging
from pathlib import Path
from typing import Any

import pytest

from memos_integrations.engine import Engine, route
from memos_integrations.errors import Refused
from memos_integrations.wire.answers import Found
from memos_integrations.wire.calls import CALLS, AddMessage, SearchMemory
from memos_integrations.wire.envelope import Reply, Request, read
from tests.engine.conftest import Talk

MARKER = "Xq7MARKERq7X"


def ask(
    engine: Engine,
    path: str,
    members: object = None,
    *,
    body: bytes | None = None,
    method: str = "POST",
    project: str = "",
) -> Reply:
    reply = route(engine, Request(method, path, json.dumps(members).encode() if body is None else body), project)
    assert isinstance(reply, Reply)
    return reply


def told(reply: Reply) -> dict[str, Any]:
    envelope = json.loads(reply.body)
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert isinstance(envelope, dict)
    return envelope


def add(**members: Any) -> dict[str, Any]:
    return {
        "user_id": "u",
        "messages": [{"role": "user", "content": "I avoid trains."}],
        "async_mode": False,
        **members,
    }


@pytest.mark.parametrize(
    "path", ["search/memory", "/search/memory/", "api/openmem/v1/search/memory", "/x/search/memory"]
)
def test_paths(talk: Talk, path: str) -> None:
    assert told(ask(talk.engine, "add/message", add()))["data"]["status"] == "completed"
    envelope = told(ask(talk.engine, path, {"query": "trains", "user_id": "u"}))
    assert (envelope["code"], envelope["message"]) == (0, "ok")
    assert envelope["data"]["memory_detail_list"][0]["memory_value"] == "I avoid trains."


def test_what_clients_send_beside_a_call_is_ignored(talk: Talk) -> None:
    reply = ask(talk.engine, "add/message", add(top_k=5, mode="fast", metadata={}, agent_id=None, tags=None, info=None))
    assert told(reply)["code"] == 0
    reply = ask(
        talk.engine,
        "search/memory",
        {"query": "trains", "user_id": "u", "agent_id": None, "relativity": None, "dedup": 1},
    )
    assert len(told(reply)["data"]["memory_detail_list"]) == 1


@pytest.mark.parametrize(
    ("path", "members", "code"),
    [
        ("search/memory", {"query": "x", "user_id": "u" * 101}, 40010),
        ("search/memory", {"query": "x", "user_id": "u", "conversation_id": "c" * 101}, 40011),
        ("search/memory", {"query": "x", "user_id": "u", "relativity": 1.5}, 40012),
        ("search/memory", {"query": "x", "user_id": "u", "relativity": "much"}, 40012),
        ("search/memory", {"user_id": "u"}, 40002),
        ("search/memory", {"query": "", "user_id": "u"}, 40002),
        ("search/memory", {"query": "  ", "user_id": "u"}, 40002),
        ("search/memory", {"query": 5, "user_id": "u"}, 40000),
        ("search/memory", {"query": "x"}, 40000),
        ("search/memory", {"query": "x", "user_id": "u", "agent_id": "a"}, 40000),
        ("search/memory", {"query": "x", "user_id": "u", "memory_limit_number": 26}, 40000),
        ("search/memory", {"query": "x", "user_id": "u", "filter": {"and": [{"a": 1}], "or": [{"a": 1}]}}, 40000),
        ("search/memory", {"query": "x", "user_id": "u", "filter": {"and": [{"user_id": "v"}]}}, 40000),
        ("search/memory", {"query": "x", "user_id": "u", "knowledgebase_ids": ["k"]}, 50123),
        ("add/message", add(messages=[]), 40003),
        ("add/message", add(user_id=None), 40000),
        ("add/message", add(messages=[{"role": "nobody", "content": "x"}]), 40000),
        ("get/message", {"user_id": "u"}, 40002),
        ("get/status", {"task_id": "none"}, 50131),
        ("delete/memory", {"memory_ids": ["none"]}, 40307),
        ("delete/memory", {"user_id": "none"}, 40308),
        ("delete/memory", {}, 40000),
        ("no/such", {}, 40000),
        ("", {}, 40000),
    ],
)
def test_refusals(talk: Talk, path: str, members: dict[str, Any], code: int) -> None:
    envelope = told(ask(talk.engine, path, members))
    assert envelope["code"] == code
    assert envelope.get("data") is None
    assert envelope["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"5",
        b'"x"',
        b"\xff\xfe",
        b'{"query": NaN}',
        b'{"query":"\\ud800","user_id":"u"}',
        b"[" * 10_000,
        b"",
    ],
)
def test_bodies_that_are_no_object(talk: Talk, body: bytes) -> None:
    assert told(ask(talk.engine, "search/memory", body=body))["code"] in {40000, 40002}


def test_only_post(talk: Talk) -> None:
    assert told(ask(talk.engine, "search/memory", {"query": "x", "user_id": "u"}, method="GET"))["code"] == 40000
    assert told(ask(talk.engine, "search/memory", {"query": "x", "user_id": "u"}, method="post"))["code"] == 0


def test_projects(talk: Talk) -> None:
    ask(talk.engine, "add/message", add(), project="p")
    found = {
        p: told(ask(talk.engine, "search/memory", {"query": "trains", "user_id": "u"}, project=p)) for p in ("", "p")
    }
    assert [len(found[p]["data"].get("memory_detail_list", [])) for p in ("", "p")] == [0, 1]


def test_a_subclass_is_asked_by_name() -> None:
    class Mine(Engine):
        def search_memory(self, call: SearchMemory, project: str = "", *more: Any, **named: Any) -> Found:
            return Found(preference_note=f"{call.query} in {project}")

    engine = Mine(":memory:")
    envelope = told(ask(engine, "search/memory", {"query": "x", "user_id": "u"}, project="p"))
    assert envelope["data"]["preference_note"] == "x in p"
    engine.close()


def test_a_bug_is_told_without_content(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Engine):
        def search_memory(self, call: SearchMemory, project: str = "", *more: Any, **named: Any) -> Found:
            raise ZeroDivisionError(call.query)

    engine = Broken(":memory:")
    with caplog.at_level(logging.DEBUG):
        envelope = told(ask(engine, "search/memory", {"query": MARKER, "user_id": "u"}))
    engine.close()
    assert envelope["code"] == 50000
    assert "ZeroDivisionError in " in caplog.text
    assert "search_memory:" in caplog.text
    assert MARKER not in caplog.text + json.dumps(envelope)


def test_a_closed_engine_is_unavailable() -> None:
    engine = Engine(":memory:")
    engine.close()
    assert told(ask(engine, "search/memory", {"query": "x", "user_id": "u"}))["code"] == 50004


@pytest.mark.parametrize("path", sorted(CALLS))
def test_no_reply_and_no_log_holds_what_was_sent(talk: Talk, path: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        for name in CALLS[path].model_fields:
            for value in (MARKER, [MARKER], {"x": MARKER}, {"and": [{"tags": [MARKER]}]}):
                reply = ask(talk.engine, path, {"user_id": "u", "query": "q", "task_id": "t", name: value})
                answered = json.loads(reply.body).get("code", 0) == 0  # a reranking has no envelope
                assert MARKER not in reply.body.decode() or answered
    assert MARKER not in caplog.text


def test_the_wire_reads_what_the_router_writes(talk: Talk) -> None:
    call = AddMessage.model_validate(add())
    assert read(call, ask(talk.engine, call.path, body=call.body())).status == "completed"
    search = SearchMemory(query="trains", user_id="u")
    assert read(search, ask(talk.engine, search.path, body=search.body())) == talk.search("trains")
    nobody = SearchMemory.model_construct(query="x", user_id="u" * 101)
    with pytest.raises(Refused) as caught:
        read(nobody, ask(talk.engine, nobody.path, body=nobody.body()))
    assert caught.value.code == 40010


def test_a_huge_message(talk: Talk, path: Path) -> None:
    text = ("The parrot said nothing. " * 8000) + "Then it said heron."
    assert (
        told(ask(talk.engine, "add/message", add(messages=[{"role": "user", "content": text}], conversation_id="c")))[
            "code"
        ]
        == 0
    )
    stored = told(ask(talk.engine, "get/message", {"user_id": "u", "conversation_id": "c"}))["data"][
        "message_detail_list"
    ]
    assert stored[0]["content"] == text
    assert "heron" in talk.facts("heron")[0]
    assert told(ask(talk.engine, "search/memory", {"query": text, "user_id": "u"}))["code"] == 0
