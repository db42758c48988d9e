"""A model's answer over HTTP: as it is made, and given up when nobody waits for it."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from memos_integrations.engine import Engine
from memos_integrations.errors import ServerFault
from tests.engine.asked import Asking, asking
from tests.engine.models import Scripted, thought

ASK: dict[str, Any] = {"user_id": "u", "conversation_id": "c", "query": "Where do I live?", "async_mode": False}


@pytest.fixture
def model() -> Scripted:
    return Scripted(thought("Hm."), "In ", "Lyon.")


@pytest.fixture
def engine(model: Scripted) -> Iterator[Engine]:
    engine = Engine(":memory:", model=model)
    yield engine
    engine.close()


@pytest.fixture
def client(engine: Engine) -> Iterator[Asking]:
    with asking(engine) as (client,):
        yield client


def stored(client: Asking) -> list[str]:
    told = client.data("get/message", user_id="u", conversation_id="c")
    return [message["content"] for message in told["message_detail_list"]]


def test_a_stream_as_it_crosses_the_wire(client: Asking) -> None:
    reply = client.post("chat", **ASK, stream=True)
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert reply.headers["cache-control"] == "no-cache"
    assert "content-length" not in reply.headers
    assert reply.text == (
        'event: message\ndata: {"type":"reasoning","data":"Hm."}\n\n'
        'event: message\ndata: {"type":"text","data":"In "}\n\n'
        'event: message\ndata: {"type":"text","data":"Lyon."}\n\n'
        'event: message\ndata: {"type":"end","data":""}\n\n'
    )
    assert stored(client) == ["Where do I live?", "In Lyon."]


def test_a_piece_is_sent_before_the_next_is_made(client: Asking, model: Scripted) -> None:
    go = threading.Event()
    model.script = ("In ", lambda: go.wait(10), "Lyon.")
    with client.http.stream("POST", "/chat", json={**ASK, "stream": True}) as reply:
        pieces = reply.iter_raw()
        assert b'"In "' in next(pieces)
        go.set()
        assert b'"Lyon."' in b"".join(pieces)


@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_before_the_first_piece_is_an_envelope(client: Asking, model: Scripted, stream: bool) -> None:
    model.script = (ServerFault("x", code=50002),)
    reply = client.post("chat", **ASK, stream=stream)
    assert reply.headers["content-type"] == "application/json"
    assert (reply.status_code, reply.json()["code"]) == (200, 50002)


def test_a_failure_after_it_is_the_last_event(client: Asking, model: Scripted) -> None:
    model.script = ("In ", ServerFault("x", code=50002))
    reply = client.post("chat", **ASK, stream=True)
    assert reply.text.endswith('data: {"type":"error","code":50002,"content":"x"}\n\n')
    assert stored(client) == []


def test_hanging_up_in_mid_stream_closes_the_models_answer(client: Asking, model: Scripted) -> None:
    model.script = ("In ", lambda: model.stopped.wait(10), "Lyon.")
    with client.http.stream("POST", "/chat", json={**ASK, "stream": True}) as reply:
        assert b'"In "' in next(reply.iter_raw())
    assert model.stopped.wait(10)
    assert model.closed.wait(10)
    assert stored(client) == []


@pytest.mark.parametrize("stream", [False, True])
def test_hanging_up_before_the_answer_gives_the_model_up(client: Asking, model: Scripted, stream: bool) -> None:
    reached = threading.Event()
    model.script = (reached.set, lambda: model.stopped.wait(10), "In Lyon.")
    body = b'{"user_id":"u","conversation_id":"c","query":"q","async_mode":false,"stream":%s}'
    leaving = _sent(client.http.base_url, body % (b"true" if stream else b"false"))
    try:
        assert reached.wait(10)
    finally:
        leaving.close()
    assert model.stopped.wait(10)
    assert stored(client) == []


def _sent(address: httpx.URL, body: bytes) -> socket.socket:
    """A connection over which a chat was asked, and nothing was read."""
    line = socket.create_connection((address.host, address.port or 80))
    head = b"POST /chat HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    line.sendall(head % len(body) + body)
    return line


def test_a_model_that_takes_too_long_is_given_up(engine: Engine, model: Scripted) -> None:
    model.script = (lambda: model.stopped.wait(10), "In Lyon.")
    with asking(engine, answer_seconds=0.05) as (client,):
        assert client.code("chat", **ASK) == 50002
        assert model.stopped.wait(10)
        assert stored(client) == []


def test_many_wait_for_a_model_and_others_are_served(client: Asking, model: Scripted) -> None:
    """More chats than the engine has threads for its own work."""
    reached, go = threading.Semaphore(0), threading.Event()
    model.script = (reached.release, lambda: go.wait(10), "In Lyon.")
    threads = [
        threading.Thread(target=lambda: client.post("chat", **ASK, add_message_on_answer=False)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    try:
        assert all(reached.acquire(timeout=10) for _ in threads)
        client.add("I moved to Lyon.")
        assert client.facts("Lyon") == ["I moved to Lyon."]
    finally:
        go.set()
        for thread in threads:
            thread.join()
