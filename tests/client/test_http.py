"""The transports against a real server. Deadlines are proved by their cause: what was asked of clock and network."""

import asyncio
import gzip
import json
import os
import socket
import threading
import traceback
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import httpx
import pytest

from memos_integrations.client import AsyncMemOS, MemOS, Retry, _pool, _settings
from memos_integrations.client._http import AsyncHttpTransport, HttpTransport
from memos_integrations.client._settings import Settings, settings
from memos_integrations.errors import Refused, Unreachable
from memos_integrations.wire.calls import SearchMemory
from memos_integrations.wire.envelope import Reply, Request, request
from tests.client.server import (
    Answer,
    Server,
    authority,
    drip_body,
    drip_head,
    ok,
    refusal,
    reset,
    says,
    stall,
    stall_in_body,
    then_close,
)

KEY = "mpg-marker-0123456789"
SEARCH = request(SearchMemory(query="tea", user_id="u"))
COLOURS = ["plain", "awaited"]


def sent(where: Settings, colour: str, seconds: float = 5.0, asked: Request = SEARCH) -> Reply:
    """One request over a transport of its own."""
    if colour == "plain":
        plain = HttpTransport(where)
        try:
            return plain.send(asked, seconds)
        finally:
            plain.close()

    async def go() -> Reply:
        waiting = AsyncHttpTransport(where)
        try:
            return await waiting.send(asked, seconds)
        finally:
            await waiting.close()

    return asyncio.run(go())


def at(server: Server, key: str | None = None) -> Settings:
    return settings(base_url=server.url, api_key=key)


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_thousand_calls_in_a_row_take_one_connection(server: Server) -> None:
    with MemOS(base_url=server.url) as client:
        for _ in range(1_000):
            client.search_memory(query="tea", user_id="u")
    assert (len(server.requests), server.connections) == (1_000, 1)


async def test_a_thousand_awaited_calls_in_a_row_take_one_connection(server: Server) -> None:
    async with AsyncMemOS(base_url=server.url) as client:
        for _ in range(1_000):
            await client.search_memory(query="tea", user_id="u")
    assert (len(server.requests), server.connections) == (1_000, 1)


def test_nothing_is_opened_before_the_first_call(server: Server) -> None:
    before = threading.active_count()
    client = MemOS(base_url=server.url)
    assert client.aio.address == server.url
    assert (server.connections, threading.active_count()) == (0, before)
    client.close()


def test_the_last_used_connection_goes_first(server: Server) -> None:
    """Three at once, then many in a row: still three connections, of which the many used one."""
    gate = threading.Barrier(3)

    def together(handler: Any) -> None:
        gate.wait(10)
        ok()(handler)

    server.script.extend([together] * 3)
    with MemOS(base_url=server.url) as client:
        threads = [threading.Thread(target=client.search_memory, kwargs={"query": "q", "user_id": "u"}) for _ in "123"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for _ in range(20):
            client.search_memory(query="tea", user_id="u")
    assert server.connections == 3


async def test_sixty_four_tasks_share_sixty_four_connections(server: Server) -> None:
    async with AsyncMemOS(base_url=server.url) as client:
        await asyncio.gather(*(client.search_memory(query="tea", user_id="u") for _ in range(300)))
    assert len(server.requests) == 300
    assert server.connections <= 64


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("bad", [drip_head, drip_body, stall, stall_in_body])
def test_a_deadline_ends_a_try_that_never_ends(server: Server, colour: str, bad: Answer) -> None:
    server.usual = bad
    with pytest.raises(Unreachable, match="may have been carried out") as caught:
        sent(at(server), colour, seconds=0.6)
    assert caught.value.sent
    assert "127.0.0.1" in str(caught.value)


@pytest.mark.parametrize("colour", COLOURS)
def test_a_deadline_holds_over_tls(monkeypatch: pytest.MonkeyPatch, colour: str, tmp_path: Path) -> None:
    authority().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with Server(ok(), drip_head, tls=True) as server:
        assert sent(at(server, KEY), colour).status == 200
        with pytest.raises(Unreachable):
            sent(at(server), colour, seconds=0.3)


@pytest.mark.parametrize("colour", COLOURS)
def test_a_certificate_that_nobody_vouches_for_is_named(colour: str) -> None:
    with Server(tls=True) as server, pytest.raises(Unreachable, match="SSLCertVerificationError") as caught:
        sent(at(server, KEY), colour)
    assert not caught.value.sent
    assert server.requests == []


@pytest.mark.parametrize("colour", COLOURS)
def test_nobody_there(colour: str) -> None:
    where = settings(base_url=f"http://127.0.0.1:{a_free_port()}")
    with pytest.raises(Unreachable, match=r"ConnectError from ConnectionRefusedError.*nothing was sent") as caught:
        sent(where, colour)
    assert not caught.value.sent


@pytest.mark.parametrize("colour", COLOURS)
def test_no_such_name(monkeypatch: pytest.MonkeyPatch, colour: str) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(Unreachable, match="ConnectError from gaierror") as caught:
        sent(settings(base_url="http://memos.invalid"), colour)
    assert not caught.value.sent


@pytest.mark.parametrize("colour", COLOURS)
def test_a_reset_after_the_request_leaves_its_fate_unknown(server: Server, colour: str) -> None:
    server.usual = reset
    with pytest.raises(Unreachable) as caught:
        sent(at(server), colour)
    assert caught.value.sent


@pytest.mark.parametrize("colour", COLOURS)
def test_what_a_broken_server_said_is_in_no_error(server: Server, colour: str) -> None:
    def nonsense(handler: Any) -> None:
        handler.wfile.write(b"marker is no HTTP\r\n\r\n")
        handler.close_connection = True

    server.script.extend([nonsense, says(200, "marker", {"content-encoding": "gzip"})])
    for _ in range(2):
        with pytest.raises(Unreachable, match=r"RemoteProtocolError|DecodingError") as caught:
            sent(at(server), colour)
        assert "marker" not in "".join(traceback.format_exception(caught.value))


def test_a_connection_that_the_server_closed_between_calls_is_not_used(server: Server) -> None:
    server.usual = then_close
    with MemOS(base_url=server.url, retry=Retry(tries=1)) as client:
        for _ in range(3):
            client.search_memory(query="tea", user_id="u")
            assert server.ended.acquire(timeout=10)
    assert server.connections == 3


async def test_the_same_when_awaited(server: Server) -> None:
    server.usual = then_close
    async with AsyncMemOS(base_url=server.url, retry=Retry(tries=1)) as client:
        for _ in range(3):
            await client.search_memory(query="tea", user_id="u")
            assert server.ended.acquire(timeout=10)
    assert server.connections == 3


@pytest.mark.parametrize("colour", COLOURS)
def test_bodies_arrive_unpacked_and_headers_in_lower_case(server: Server, colour: str) -> None:
    packed = gzip.compress(b"tea").decode("latin-1")

    def answer(handler: Any) -> None:
        handler.say(418, packed.encode("latin-1"), {"Content-Encoding": "gzip", "X-Answer": "A"})

    server.script.append(answer)
    reply = sent(at(server), colour)
    assert (reply.status, reply.body, reply.headers["x-answer"]) == (418, b"tea", "A")


@pytest.mark.parametrize("colour", COLOURS)
def test_query_and_headers_of_a_request(server: Server, colour: str) -> None:
    sent(at(server), colour, asked=Request("POST", "x/y", b"{}", {"a": "1"}, {"x-b": "2"}))
    (path, headers, body) = server.requests[0]
    assert (path, headers["x-b"], body) == ("/api/x/y?a=1", "2", b"{}")


@pytest.mark.parametrize("colour", COLOURS)
def test_a_key_that_the_server_repeats_is_masked(server: Server, colour: str) -> None:
    server.usual = refusal(40132, f"the key {KEY} is wrong")
    assert json.loads(sent(at(server, KEY), colour).body)["message"] == "the key *** is wrong"
    with MemOS(base_url=server.url, api_key=KEY) as client, pytest.raises(Refused) as caught:
        client.search_memory(query="tea", user_id="u")
    assert KEY not in "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))


def test_a_short_key_of_a_test_server_masks_no_ordinary_words(server: Server) -> None:
    server.usual = says(200, '{"data": {"memory_detail_list": [{"id": "1", "memory_value": "a test"}]}, "code": 0}')
    with MemOS(base_url=server.url, api_key="test") as client:
        assert client.search_memory(query="tea", user_id="u").memory_detail_list[0].memory_value == "a test"


@pytest.mark.parametrize("colour", COLOURS)
def test_a_redirection_is_not_followed(server: Server, colour: str) -> None:
    server.usual = says(308, "", {"location": "/other"})
    assert sent(at(server, KEY), colour).status == 308
    assert len(server.requests) == 1


@pytest.mark.parametrize("colour", COLOURS)
def test_proxies_of_the_environment_hold(server: Server, monkeypatch: pytest.MonkeyPatch, colour: str) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url)
    assert sent(settings(base_url="http://memos.invalid/v1"), colour).status == 200
    assert server.requests[0][0] == "http://memos.invalid/v1/search/memory"
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    sent(at(server), colour)
    assert server.requests[1][0] == "/api/search/memory"


def test_a_deadline_holds_through_a_proxy(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url)
    server.usual = drip_head
    with pytest.raises(Unreachable):
        sent(settings(base_url="http://memos.invalid/v1"), "plain", seconds=0.2)


def test_a_source_tree_that_is_not_installed_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(_settings, "version", missing)
    _settings.user_agent.cache_clear()
    assert _settings.user_agent() == "memos-integrations"
    _settings.user_agent.cache_clear()


def test_another_process_opens_connections_of_its_own(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork, played by another process id; the real ones are in test_ends.py."""
    transport, waiting = HttpTransport(at(server)), AsyncHttpTransport(at(server))
    transport.send(SEARCH, 5.0)
    asyncio.run(waiting.send(SEARCH, 5.0))
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: 1)
        transport.send(SEARCH, 5.0)
        asyncio.run(waiting.send(SEARCH, 5.0))
        assert server.ended.acquire(timeout=10)  # the copy of the parent's
        transport.close()
        asyncio.run(waiting.close())
    assert server.connections == 4
    asyncio.run(waiting.send(SEARCH, 5.0))
    assert server.connections == 4  # the parent's own is still good
    transport.close()
    asyncio.run(waiting.close())


def test_ones_own_time_outs_hold_where_they_are_shorter(server: Server) -> None:
    asked: list[dict[str, float | None]] = []
    with httpx.Client(timeout=httpx.Timeout(3.0, read=None, connect=20.0)) as mine:
        mine.event_hooks["request"] = [lambda request: asked.append(request.extensions["timeout"])]
        HttpTransport(at(server), mine).send(SEARCH, 7.0)
    assert asked == [{"connect": 7.0, "read": 7.0, "write": 3.0, "pool": 3.0}]


async def test_ones_own_async_client_is_bounded_too(server: Server) -> None:
    server.usual = drip_head
    async with httpx.AsyncClient(timeout=None) as mine:
        with pytest.raises(Unreachable) as caught:
            await AsyncHttpTransport(at(server), mine).send(SEARCH, 0.2)
    assert caught.value.sent


def test_a_body_that_was_never_asked_for_was_not_sent(server: Server) -> None:
    """As with a connection that turns out dead while the head is written: even a write may be sent again."""

    class Dead(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            raise httpx.WriteError("dead")

    with httpx.Client(transport=Dead()) as mine, pytest.raises(Unreachable) as caught:
        HttpTransport(at(server), mine).send(SEARCH, 1.0)
    assert not caught.value.sent


def test_bugs_are_not_taken_for_the_network(server: Server) -> None:
    class Buggy(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            raise ZeroDivisionError

    with httpx.Client(transport=Buggy()) as mine, pytest.raises(ZeroDivisionError):
        HttpTransport(at(server), mine).send(SEARCH, 1.0)


@pytest.mark.parametrize("colour", COLOURS)
def test_where_all_connections_are_in_use_the_next_call_waits_within_its_seconds(
    server: Server, monkeypatch: pytest.MonkeyPatch, colour: str
) -> None:
    monkeypatch.setattr(_pool, "_CONNECTIONS", 1)
    server.usual = stall
    asyncio.run(_two_at_once(server, colour))
    assert len(server.requests) == 1


async def _two_at_once(server: Server, colour: str) -> None:
    plain, waiting = HttpTransport(at(server)), AsyncHttpTransport(at(server))

    async def send(seconds: float) -> Reply:
        if colour == "plain":
            return await asyncio.to_thread(plain.send, SEARCH, seconds)
        return await waiting.send(SEARCH, seconds)

    first = asyncio.create_task(send(1.0))
    assert await asyncio.to_thread(server.arrived.acquire, True, 10)
    with pytest.raises(Unreachable, match="nothing was sent") as caught:
        await send(0.05)
    assert not caught.value.sent
    with pytest.raises(Unreachable, match="may have been"):
        await first
    plain.close()
    await waiting.close()


def test_a_closed_transport_says_so(server: Server) -> None:
    plain, waiting = HttpTransport(at(server)), AsyncHttpTransport(at(server))
    plain.close()
    asyncio.run(waiting.close())
    for _ in range(2):
        plain.close()
        asyncio.run(waiting.close())
        with pytest.raises(Unreachable, match="closed"):
            plain.send(SEARCH, 1.0)
        with pytest.raises(Unreachable, match="closed"):
            asyncio.run(waiting.send(SEARCH, 1.0))


def test_a_connection_in_use_is_closed_when_its_call_is_over(server: Server) -> None:
    transport = HttpTransport(at(server))

    def answer(handler: Any) -> None:
        transport.close()
        ok()(handler)

    server.script.append(answer)
    assert transport.send(SEARCH, 5.0).status == 200
    assert server.ended.acquire(timeout=10)  # no other connection would end: none is kept alive


def test_connections_that_nobody_needed_for_long_are_closed(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(_pool, "_now", lambda: now)
    idle = _pool._Idle[str]()
    assert [idle.put("a"), idle.put("b")] == [None, None]
    now = 40.0
    assert idle.take() == "b"
    assert idle.put("b") is None
    now = 60.0
    assert idle.take() == "b"
    assert idle.put("b") == "a"
    assert (list(idle.clear()), idle.take()) == (["b"], None)


@pytest.mark.parametrize("colour", COLOURS)
def test_old_connections_are_closed_for_real(server: Server, monkeypatch: pytest.MonkeyPatch, colour: str) -> None:
    monkeypatch.setattr(_pool, "KEPT", -1.0)  # everything is old at once
    with MemOS(base_url=server.url) as client:
        for _ in range(2):
            if colour == "plain":
                client.search_memory(query="tea", user_id="u")
            else:
                asyncio.run(client.aio.search_memory(query="tea", user_id="u"))
            assert server.ended.acquire(timeout=10)
    assert server.connections == 2
