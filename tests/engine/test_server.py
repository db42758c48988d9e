"""What the server answers in HTTP's terms, before a call's own rules hold."""

from collections.abc import Iterator
from importlib.metadata import version

import httpx
import pytest

from memos_integrations.engine import Engine
from memos_integrations.engine._keys import Keys
from tests.engine.asked import Asking, asking

KIB = 1024


@pytest.fixture
def client(engine: Engine) -> Iterator[Asking]:
    with asking(engine, hosts=("Memory.Lan",), max_body=64 * KIB) as (client,):
        yield client


def told(reply: httpx.Response) -> tuple[int, int]:
    """Status and code; the envelope is there whatever the status."""
    assert reply.headers["content-type"] == "application/json"
    said = reply.json()
    assert set(said) == {"code", "message", "data"}
    assert said["data"] is None
    assert said["message"]
    return reply.status_code, said["code"]


@pytest.mark.parametrize("base", ["", "api/openmem/v1/", "any/base/path/"])
def test_a_call_below_any_base_path(client: Asking, base: str) -> None:
    client.add("I moved to Lyon.")
    found = client.data(f"{base}search/memory", query="Where did I move?", user_id="u")
    (fact,) = found["memory_detail_list"]
    by_id = client.http.get(f"/{base}get/memory/{fact['id']}").json()
    assert by_id["data"]["content"] == "I moved to Lyon."


@pytest.mark.parametrize("path", ["", "nothing", "search", "search/memory/x", "a/health/b"])
def test_a_path_that_is_nothing(client: Asking, path: str) -> None:
    assert told(client.post(path)) == (404, 40000)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "search/memory", "POST"),
        ("DELETE", "get/memory", "POST"),
        ("OPTIONS", "add/message", "POST"),
        ("POST", "get/memory/m1", "GET"),
        ("POST", "health", "GET, HEAD"),
    ],
)
def test_a_method_that_a_path_does_not_take(client: Asking, method: str, path: str, allowed: str) -> None:
    reply = client.http.request(method, f"/{path}", content=b"{}" if method == "POST" else None)
    assert told(reply) == (405, 40000)
    assert reply.headers["allow"] == allowed
    assert "access-control-allow-origin" not in reply.headers


def test_a_memorys_id_may_hold_anything(client: Asking) -> None:
    for name in ("a%2Fb", "%00", "%FF", "%E8%8C%B6", "a%2F..%2Fb", "x" * 1000):
        assert told(client.http.get(f"/get/memory/{name}")) == (200, 40001)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8000", "127.0.0.1", "[::1]:8000", "192.168.0.9", "memory.lan"]
)
def test_names_of_this_machine_are_answered(client: Asking, host: str) -> None:
    assert client.http.get("/health", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "[", "a:b"])
def test_other_names_are_not(client: Asking, host: str) -> None:
    """A web page whose name was given this machine's address could read and delete everything."""
    reply = client.http.post("/search/memory", content=b'{"query":"q","user_id":"u"}', headers={"host": host})
    assert told(reply) == (421, 40000)


def test_with_keys_any_name_is_answered(engine: Engine) -> None:
    keys = Keys.read("ada-0123456789abcdef", "--keys")
    with asking(engine, "Token ada-0123456789abcdef", keys=keys) as (client,):
        reply = client.http.post(
            "/search/memory", content=b'{"query":"q","user_id":"u"}', headers={"host": "memory.example"}
        )
    assert reply.json()["code"] == 0


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; x", ""])
def test_a_body_of_another_type(client: Asking, kind: str) -> None:
    """These are what a web page may send to this machine without asking first."""
    reply = client.http.post("/search/memory", content=b'{"query":"q","user_id":"u"}', headers={"content-type": kind})
    assert told(reply) == (415, 40006)


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_however_it_is_written(client: Asking, kind: str) -> None:
    reply = client.http.post("/search/memory", content=b'{"query":"q","user_id":"u"}', headers={"content-type": kind})
    assert reply.json()["code"] == 0


def padded(size: int) -> bytes:
    whole = b'{"query":"q","user_id":"u","padding":"%s"}'
    return whole % (b"x" * (size - len(whole) + 2))


@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
@pytest.mark.parametrize(("size", "status", "code"), [(64 * KIB, 200, 0), (64 * KIB + 1, 413, 40305)])
def test_a_body_has_a_limit(client: Asking, chunked: bool, size: int, status: int, code: int) -> None:
    body = padded(size)
    assert len(body) == size
    pieces = (body[n : n + KIB] for n in range(0, size, KIB))
    reply = client.http.post("/search/memory", content=pieces if chunked else body)
    assert (reply.status_code, reply.json()["code"]) == (status, code)
    assert client.facts("still there?") == []


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 60_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b'{"query":"q","user_id":"u","filter":' + b'{"and":[' * 5_000 + b"]}" * 5_000 + b"}",
        b'{"query":"\\ud800","user_id":"u"}',
        b'{"query":"\xff","user_id":"u"}',
        b'{"query":"q","user_id":"u","relativity":NaN}',
        b'{"query":"q","user_id":"u","memory_limit_number":' + b"9" * 5_000 + b"}",
        b"null",
        b"\xef\xbb\xbf",
    ],
    ids=["lists", "objects", "filter", "surrogate", "bytes", "nan", "number", "null", "bom"],
)
def test_a_body_that_is_no_call(client: Asking, body: bytes) -> None:
    status, code = told(client.post("search/memory", body))
    assert status == 200
    assert 40000 <= code < 50000


def test_an_empty_body_is_a_call_without_arguments(client: Asking) -> None:
    assert told(client.post("search/memory", b"")) == (200, 40002)


def test_nulls_and_unknown_members_are_as_good_as_absent(client: Asking) -> None:
    client.add("I moved to Lyon.", app_id=None, tags=None, source="x", metadata={"a": [1]}, mode="fine")
    found = client.data("search/memory", query="Lyon", user_id="u", agent_id=None, filter=None, top_k=3, dedup="no")
    assert len(found["memory_detail_list"]) == 1


def test_health_tells_the_version_and_needs_no_key(engine: Engine) -> None:
    with asking(engine, keys=Keys.read("ada-0123456789abcdef", "--keys")) as (client,):
        for path in ("/health", "/api/openmem/v1/health"):
            reply = client.http.get(path)
            assert reply.json() == {"status": "ok", "version": version("memos-integrations")}
        assert client.http.head("/health").status_code == 200
