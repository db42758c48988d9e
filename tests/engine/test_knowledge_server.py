"""Files over HTTP: forms where they belong, and a larger body for them alone."""

from collections.abc import Iterator

import pytest

from memos_integrations.engine import Engine, _server
from memos_integrations.engine._keys import Keys
from tests.engine.asked import Asking, asking

KEY = "ada-0123456789abcdef"
FILES = [("file", ("a.txt", b"Parcels leave on Monday.", "text/plain"))]
PATH = "/api/openmem/v1/add/knowledgebase-file"


@pytest.fixture
def client(engine: Engine) -> Iterator[Asking]:
    with asking(engine, max_body=1024) as (client,):
        yield client


def uploaded(client: Asking, base: str, **headers: str) -> tuple[int, int]:
    """Status and code."""
    del client.http.headers["content-type"]
    reply = client.http.post(PATH, params={"knowledgebase_id": base}, files=FILES, headers=headers)
    client.http.headers["content-type"] = "application/json"
    return reply.status_code, reply.json()["code"]


def test_a_form_adds_files(client: Asking, engine: Engine) -> None:
    base = client.data("create/knowledgebase", knowledgebase_name="b")["id"]
    assert uploaded(client, base) == (200, 0)
    assert engine.settle(10) == 0
    found = client.data("search/memory", query="parcels", user_id="u", knowledgebase_ids=[base])
    assert [fact["memory_value"] for fact in found["memory_detail_list"]] == ["Parcels leave on Monday."]
    assert uploaded(client, "nobody's") == (200, 50120)


def test_a_form_that_a_web_page_sends_is_refused(client: Asking) -> None:
    """A page may send one without asking first; its browser then says whose it is."""
    base = client.data("create/knowledgebase", knowledgebase_name="b")["id"]
    assert uploaded(client, base, origin="http://evil.example") == (415, 40006)
    assert client.data("get/knowledgebase-file", knowledgebase_id=base)["total"] == 0


def test_with_a_key_a_web_page_may(engine: Engine) -> None:
    with asking(engine, f"Token {KEY}", keys=Keys.read(KEY, "--keys")) as (client,):
        base = client.data("create/knowledgebase", knowledgebase_name="b")["id"]
        assert uploaded(client, base, origin="http://shop.example") == (200, 0)


def test_other_calls_take_no_form(client: Asking) -> None:
    del client.http.headers["content-type"]
    assert client.http.post("/create/knowledgebase", files=FILES).status_code == 415


def test_a_form_that_is_none(client: Asking) -> None:
    kind = {"content-type": "multipart/form-data; boundary=x"}
    reply = client.http.post(PATH, params={"knowledgebase_id": "k"}, content=b"nothing", headers=kind)
    assert (reply.status_code, reply.json()["code"]) == (200, 40000)


def test_files_have_a_limit_of_their_own(client: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_server, "FILES_BODY", 4096)
    base = client.data("create/knowledgebase", knowledgebase_name="b")["id"]
    for size, status in ((2000, 200), (4000, 413)):
        file = [{"name": "a.txt", "content": "SGk=" * (size // 4)}]
        assert client.post("add/knowledgebase-file", knowledgebase_id=base, file=file).status_code == status
    assert client.post("create/knowledgebase", knowledgebase_name="b" * 2000).status_code == 413
