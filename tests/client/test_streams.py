"""A chat as a stream, over a real server: in both colours, and under every fault on the way."""

import asyncio
import json
import threading
from collections.abc import Callable
from contextlib import aclosing, closing
from typing import Any

import httpx
import pytest

from memos_integrations.client import ChatEvent, MemOS, Retry
from memos_integrations.errors import (
    BadRequest,
    Garbled,
    Interrupted,
    Invalid,
    MemOSError,
    ServerFault,
    Unauthorized,
    Unreachable,
)
from tests.client.server import Answer, Server, cut, ok, refusal, reset, says, stall, streams

ASKED: dict[str, Any] = {"user_id": "ada", "conversation_id": "c", "query": "Where do I live?"}
COLOURS = ["plain", "awaited"]
KEY = "mpg-marker-0123456789"


def event(kind: str, data: str = "") -> str:
    return f"event: message\ndata: {json.dumps({'type': kind, 'data': data})}\n\n"


TALK = [event("reasoning", "hm"), event("text", "In "), event("text", "Lyon."), event("end")]
HEARD = [("reasoning", "hm"), ("text", "In "), ("text", "Lyon."), ("end", "")]


def talk(client: MemOS, colour: str, heard: list[ChatEvent] | None = None) -> list[tuple[str, str]]:
    """All events of one chat; `heard` keeps what came before an error."""
    events: list[ChatEvent] = [] if heard is None else heard

    async def listen() -> None:
        async for each in client.aio.stream_chat(**ASKED):
            events.append(each)  # noqa: PERF401 - an error must leave what came before it

    if colour == "awaited":
        asyncio.run(listen())
    else:
        for each in client.stream_chat(**ASKED):
            events.append(each)  # noqa: PERF402
    return [(each.type, each.data) for each in events]


@pytest.fixture(params=COLOURS)
def colour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between tries that take no time."""

    async def _at_once(_: float) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr("memos_integrations.client._client._pause", lambda _: None)
    monkeypatch.setattr("memos_integrations.client._client._pause_aio", _at_once)


def test_the_events_as_they_come(server: Server, colour: str) -> None:
    server.usual = streams(*TALK)
    with MemOS(base_url=server.url) as client:
        assert talk(client, colour) == HEARD
    path, headers, body = server.requests[0]
    assert path.endswith("/chat")
    assert headers["content-type"] == "application/json"
    assert json.loads(body) == {**ASKED, "stream": True}


def test_the_plain_chat_asks_for_no_stream(server: Server) -> None:
    server.usual = ok({"response": "In Lyon."})
    with MemOS(base_url=server.url) as client:
        assert client.chat(**ASKED).response == "In Lyon."
    assert "stream" not in json.loads(server.requests[0][2])


def test_the_first_event_is_there_before_the_last_is_sent(server: Server, colour: str) -> None:
    heard_one = threading.Event()

    def rest(handler: Any) -> None:
        assert heard_one.wait(10)
        last = event("end").encode()
        handler.wfile.write(f"{len(last):x}\r\n".encode() + last + b"\r\n0\r\n\r\n")

    server.usual = streams(event("text", "In"), then=rest)
    with MemOS(base_url=server.url) as client:
        if colour == "plain":
            events = client.stream_chat(**ASKED)
            assert next(events).data == "In"
            heard_one.set()
            assert [each.type for each in events] == ["end"]
        else:
            asyncio.run(_first_then_rest(client, heard_one))


async def _first_then_rest(client: MemOS, heard_one: threading.Event) -> None:
    events = client.aio.stream_chat(**ASKED)
    assert (await anext(events)).data == "In"
    heard_one.set()
    assert [each.type async for each in events] == ["end"]


@pytest.mark.parametrize("fault", [None, cut, reset])
def test_a_stream_that_breaks_off_raises_with_what_arrived_and_is_not_repeated(
    server: Server, colour: str, fault: Answer | None
) -> None:
    server.usual = streams(event("text", "In "), event("text", "Ly"), then=fault)
    heard: list[ChatEvent] = []
    with MemOS(base_url=server.url) as client, pytest.raises(Interrupted) as caught:
        talk(client, colour, heard)
    if fault is not reset:  # a reset may overtake what was sent before it
        assert "".join(each.data for each in heard) == "In Ly"
    assert caught.value.arrived == "".join(each.data for each in heard)
    assert caught.value.sent
    assert "In Ly" not in str(caught.value)
    assert len(server.requests) == 1


def test_a_stream_that_stalls_is_given_up_when_the_next_piece_takes_too_long(server: Server, colour: str) -> None:
    server.usual = streams(event("text", "In "), then=stall)
    with MemOS(base_url=server.url, deadline=1.0) as client, pytest.raises(Interrupted) as caught:
        talk(client, colour)
    assert caught.value.arrived == "In "
    assert server.hung_up.wait(10)


def test_an_error_in_mid_stream_raises_its_code(server: Server, colour: str) -> None:
    said = 'data: {"type":"error","code":50002,"content":"model down"}\n\n'
    server.usual = streams(event("text", "In "), said)
    heard: list[ChatEvent] = []
    with MemOS(base_url=server.url) as client, pytest.raises(ServerFault) as caught:
        talk(client, colour, heard)
    assert (caught.value.code, caught.value.message, [each.data for each in heard]) == (50002, "model down", ["In "])
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(40303), BadRequest),
        (refusal(40132, status=401), Unauthorized),
        (says(200, "<html>", {"content-type": "text/html"}), Garbled),
        (says(302, "", {"location": "/x"}), Garbled),
        (says(500, "oops"), ServerFault),
    ],
)
def test_a_refusal_instead_of_a_stream(server: Server, colour: str, answer: Answer, kind: type[MemOSError]) -> None:
    server.usual = answer
    with MemOS(base_url=server.url) as client, pytest.raises(kind):
        talk(client, colour)
    assert len(server.requests) == 1


def test_a_server_that_does_not_stream_is_heard_all_the_same(server: Server, colour: str) -> None:
    server.usual = says(
        200, json.dumps({"code": 0, "data": {"response": "In Lyon."}}), {"content-type": "application/json"}
    )
    with MemOS(base_url=server.url) as client:
        assert talk(client, colour) == [("text", "In Lyon."), ("end", "")]


def test_what_was_surely_not_begun_is_asked_for_again(server: Server, colour: str, quick: None) -> None:
    server.script.extend([refusal(50004), refusal(40309, headers={"retry-after": "0"}), says(503), streams(*TALK)])
    with MemOS(base_url=server.url) as client:
        assert talk(client, colour) == HEARD
    assert len(server.requests) == 4


def test_nobody_there(colour: str, quick: None) -> None:
    with MemOS(base_url="http://127.0.0.1:1/api", retry=Retry(tries=2)) as client, pytest.raises(Unreachable) as caught:
        talk(client, colour)
    assert not caught.value.sent
    assert not isinstance(caught.value, Interrupted)


def test_leaving_a_stream_closes_its_connection_at_once(server: Server) -> None:
    server.usual = streams(event("text", "In "), then=stall)
    with MemOS(base_url=server.url) as client:
        with closing(client.stream_chat(**ASKED)) as events:
            assert next(events).data == "In "
        assert server.hung_up.wait(10)


async def test_leaving_an_awaited_stream_closes_its_connection_at_once(server: Server) -> None:
    server.usual = streams(event("text", "In "), then=stall)
    async with MemOS(base_url=server.url).aio as client:
        async with aclosing(client.stream_chat(**ASKED)) as events:
            assert (await anext(events)).data == "In "
        assert await asyncio.to_thread(server.hung_up.wait, 10)


async def test_cancelling_closes_the_connection_at_once(server: Server) -> None:
    server.usual = streams(event("text", "In "), then=stall)
    begun = asyncio.Event()

    async def listen() -> None:
        async for _ in client.stream_chat(**ASKED):
            begun.set()

    async with MemOS(base_url=server.url).aio as client:
        task = asyncio.create_task(listen())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(server.hung_up.wait, 10)
        server.usual = streams(*TALK)
        assert [each.type async for each in client.stream_chat(**ASKED)][-1] == "end"


async def test_closing_the_client_ends_its_streams(server: Server) -> None:
    server.usual = streams(event("text", "In "), then=stall)
    client = MemOS(base_url=server.url).aio
    events = client.stream_chat(**ASKED)
    assert (await anext(events)).data == "In "
    await client.close()
    assert await asyncio.to_thread(server.hung_up.wait, 10)
    with pytest.raises(Interrupted):
        await anext(events)


def test_a_plain_stream_inside_a_running_loop(server: Server) -> None:
    server.usual = streams(*TALK)

    async def cell() -> list[ChatEvent]:
        with MemOS(base_url=server.url) as client:
            return list(client.stream_chat(**ASKED))

    assert len(asyncio.run(cell())) == 4


def test_awaited_streams_on_several_loops_and_at_once(server: Server) -> None:
    server.usual = streams(*TALK)

    async def several() -> list[list[str]]:
        async def one() -> list[str]:
            return [each.type async for each in client.aio.stream_chat(**ASKED)]

        return await asyncio.gather(*(one() for _ in range(8)))

    with MemOS(base_url=server.url) as client:
        for _ in range(3):
            assert asyncio.run(several()) == [["reasoning", "text", "text", "end"]] * 8


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_key_that_the_stream_repeats_is_masked_wherever_it_is_cut(server: Server, colour: str, size: int) -> None:
    whole = "".join([event("text", f"your key is {KEY}, {KEY[:9]}"), event("end")])
    server.usual = streams(*(whole[at : at + size] for at in range(0, len(whole), size)))
    with MemOS(base_url=server.url, api_key=KEY) as client:
        assert talk(client, colour) == [("text", f"your key is ***, {KEY[:9]}"), ("end", "")]


async def test_ones_own_async_http_client_streams_on_ones_own_loop(server: Server) -> None:
    server.usual = streams(*TALK)
    with httpx.Client() as plain:
        async with httpx.AsyncClient() as mine:
            client = MemOS(base_url=server.url, http_client=plain, async_http_client=mine)
            assert [each.type async for each in client.aio.stream_chat(**ASKED)][-1] == "end"
            assert [each.type for each in client.stream_chat(**ASKED)][-1] == "end"
            client.close()
            assert not mine.is_closed
            assert not plain.is_closed


@pytest.mark.parametrize("ask", [lambda c: c.chat, lambda c: c.stream_chat, lambda c: c.aio.stream_chat])
@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"query": " "}, "query"),
        ({"temperature": 2.5}, "temperature"),
        ({"top_p": -0.1}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"memory_limit_number": 26}, "memory_limit_number"),
        ({"relativity": 1.5}, "relativity"),
        ({"filter": {"user": {"and": [{"app_id": "x"}]}}}, "filter"),
        ({"stream": True}, "stream"),
    ],
)
def test_bad_arguments_raise_at_once(ask: Callable[[MemOS], Any], wrong: dict[str, Any], field: str) -> None:
    with MemOS(base_url="http://127.0.0.1:1/api") as client, pytest.raises(Invalid) as caught:
        ask(client)(**{**ASKED, **wrong})
    assert caught.value.field == field
