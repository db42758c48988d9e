"""A server with keys: each opens one project, and no project shows in another."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from memos_integrations import connect
from memos_integrations.engine import Engine
from memos_integrations.engine._keys import Keys
from tests.engine.asked import Asking, asking
from tests.engine.models import Scripted

ADA, BOB, OURS = "ada-0123456789abcdef", "bob-0123456789abcdef", "our-0123456789abcdef"
KEYS = Keys.read(f"{ADA}\nshop={BOB}\ndefault={OURS}", "--keys")


@pytest.fixture
def model() -> Scripted:
    return Scripted("In Lyon.")


@pytest.fixture
def engine(model: Scripted) -> Iterator[Engine]:
    engine = Engine(":memory:", model=model)
    yield engine
    engine.close()


@pytest.fixture
def two(engine: Engine) -> Iterator[list[Asking]]:
    with asking(engine, f"Token {ADA}", f"Bearer {BOB}", keys=KEYS) as clients:
        yield clients


def refused(engine: Engine, authorization: str | None) -> httpx.Response:
    given = [] if authorization is None else [authorization]
    with asking(engine, *given, keys=KEYS) as (client,):
        return client.post("search/memory", query="q", user_id="u")


@pytest.mark.parametrize(
    ("authorization", "code"), [(None, 40130), ("Token nobody's-0123456789", 40132), (f"Basic {ADA}", 40132)]
)
def test_without_a_key_that_is_known(engine: Engine, authorization: str | None, code: int) -> None:
    reply = refused(engine, authorization)
    assert reply.status_code == 401
    assert "Token" in reply.headers["www-authenticate"]
    told = reply.json()
    assert (told["code"], told["data"]) == (code, None)
    assert ADA not in reply.text


@pytest.mark.parametrize("path", ["api/openmem/v1/get/memory/x", "get/memory/x"])
def test_reading_by_id_needs_a_key_too(engine: Engine, path: str) -> None:
    with asking(engine, keys=KEYS) as (client,):
        assert client.http.get(f"/{path}").status_code == 401


def test_a_client_that_gives_its_key(engine: Engine, two: list[Asking]) -> None:
    with connect(str(two[0].http.base_url), api_key=ADA) as client:
        client.add_message(messages=[{"role": "user", "content": "I moved to Lyon."}], user_id="u", async_mode=False)
    assert two[0].facts("Lyon") == ["I moved to Lyon."]
    assert two[1].facts("Lyon") == []


def test_two_keys_see_nothing_of_each_other(two: list[Asking]) -> None:
    ada, bob = two
    task = ada.add("I moved to Lyon.")["task_id"]
    (fact,) = ada.data("get/memory", user_id="u")["memory_detail_list"]
    assert bob.facts("Where did I move? Lyon") == []
    assert bob.data("get/memory", user_id="u")["total"] == 0
    assert bob.data("get/message", user_id="u", conversation_id="c")["message_detail_list"] == []
    assert bob.http.get(f"/get/memory/{fact['id']}").json()["code"] == 40001
    assert bob.code("get/status", task_id=task) == 50131
    assert ada.data("get/status", task_id=task)["status"] == "completed"
    assert ada.http.get(f"/get/memory/{fact['id']}").json()["data"]["content"] == "I moved to Lyon."


@pytest.mark.parametrize(
    ("selector", "code"), [("memory_ids", 40307), ("user_id", 40308), ("filter", 0)], ids=["ids", "user", "filter"]
)
def test_a_key_deletes_nothing_of_another(two: list[Asking], selector: str, code: int) -> None:
    ada, bob = two
    ada.add("I moved to Lyon.", info={"scene": "move"})
    ids = [fact["id"] for fact in ada.data("get/memory", user_id="u")["memory_detail_list"]]
    values = {"memory_ids": ids, "user_id": "u", "filter": {"and": [{"scene": "move"}]}}
    assert bob.code("delete/memory", **{selector: values[selector]}) == code
    assert ada.facts("Lyon") == ["I moved to Lyon."]
    ada.data("delete/memory", **{selector: values[selector]})
    assert ada.facts("Lyon") == []


@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_recalls_and_keeps_in_its_keys_project(two: list[Asking], model: Scripted, stream: bool) -> None:
    ada, bob = two
    ada.add("I moved to Lyon.", conversation_id="before")
    asked: dict[str, Any] = {"user_id": "u", "conversation_id": "c", "query": "Where did I move?", "async_mode": False}
    assert bob.post("chat", **asked, stream=stream).status_code == 200
    assert "Lyon" not in str(model.last)
    assert ada.data("get/message", user_id="u", conversation_id="c")["message_detail_list"] == []
    assert len(bob.data("get/message", user_id="u", conversation_id="c")["message_detail_list"]) == 2
    ada.post("chat", **asked, stream=stream)
    assert "I moved to Lyon." in str(model.last)


def test_feedback_corrects_only_its_keys_project(two: list[Asking]) -> None:
    ada, bob = two
    for client in two:
        client.add("I live in Lyon.")
    bob.data("add/feedback", user_id="u", feedback_content="I live in Nantes, not Lyon.")
    assert ada.facts("Where do I live?") == ["I live in Lyon."]
    assert any("Nantes" in fact for fact in bob.facts("Where do I live?"))


def test_without_keys_and_with_default_it_is_what_the_file_has(tmp_path: Path) -> None:
    """This process has the file open all the while."""
    path = tmp_path / "memos.db"
    messages = [{"role": "user", "content": "I moved to Lyon."}]
    with connect(path) as client:
        client.add_message(messages=messages, user_id="u", async_mode=False)
        for keys, authorizations in ((None, []), (KEYS, [f"Token {OURS}"])):
            engine = Engine(path)
            try:
                with asking(engine, *authorizations, keys=keys) as (served,):
                    assert "I moved to Lyon." in served.facts("Where did I move?")
                    served.add(f"I bought {len(authorizations)} bicycles.")
            finally:
                engine.close()
        found = client.search_memory(query="bicycles", user_id="u").memory_detail_list
        assert {fact.memory_value for fact in found} == {"I bought 0 bicycles.", "I bought 1 bicycles."}
