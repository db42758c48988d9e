"""Connections of our own: they ask as httpx would, take what servers may send, and leave nothing behind."""

import asyncio
import gc
import gzip
import socket
import zlib
from typing import Any

import httpx
import pytest

from memos_integrations.client import MemOS
from memos_integrations.client._http import AsyncHttpTransport, HttpTransport
from memos_integrations.client._settings import settings
from memos_integrations.errors import Unreachable
from memos_integrations.wire.envelope import Request
from tests.client.server import Answer, Server
from tests.client.test_http import COLOURS, KEY, SEARCH, at, sent
from tests.client.test_streams import HEARD, TALK, talk

REQUESTS = [
    SEARCH,
    Request("POST", "x/y", b"{}", {"a": "1 ü&", "b": ""}, {"X-B": "2", "Accept": "text/event-stream"}),
    Request("POST", "x", b""),
    Request("GET", "get/memory/a%2Fb%20c"),
    Request("GET", "x", query={"q": "/?#"}),
]


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("request_", REQUESTS, ids=lambda asked: f"{asked.method} {asked.path}")
@pytest.mark.parametrize("path", ["", "/ü b/%7Ev1"])
def test_they_ask_what_httpx_would_ask(server: Server, colour: str, request_: Request, path: str) -> None:
    where = settings(base_url=(server.url + path).replace(" ", "%20"), api_key=KEY)
    sent(where, colour, asked=request_)
    with httpx.Client(headers={"accept-encoding": "gzip, deflate"}) as mine:
        HttpTransport(where, mine).send(request_, 5.0)
    ours, theirs = [
        (asked[0], {name.lower(): value for name, value in asked[1].items()}, asked[2]) for asked in server.requests
    ]
    assert ours == theirs


@pytest.mark.parametrize("url", ["http://localhost/v1", "http://[::1]:81/v1", "http://bücher.example:8443/v1"])
def test_the_host_is_told_as_httpx_tells_it(url: str, monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url)  # which takes requests to any host
    where = settings(base_url=url)
    sent(where, "plain")
    with httpx.Client() as mine:
        HttpTransport(where, mine).send(SEARCH, 5.0)
    ours, theirs = server.requests
    assert (ours[0], ours[1]["host"]) == (theirs[0], theirs[1]["Host"])


def raw(*pieces: bytes, end: bool = False) -> Answer:
    def answer(handler: Any) -> None:
        for piece in pieces:
            handler.wfile.write(piece)
        handler.close_connection = end

    return answer


CHUNKED = b"HTTP/1.1 200 OK\r\nX-Twice: a\r\nx-twice: b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nte\r\n"


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize(
    "answer",
    [
        raw(CHUNKED, b"1;ext=1\r\na\r\n0\r\ntrailer: x\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\n\r\nte", b"a", end=True),
        raw(b"HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\ntea", end=True),
        raw(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\ntea"),
        raw(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-encoding: identity\r\n\r\ntea"),
        raw(b"HTTP/1.1 200 OK\r\ncontent-encoding: deflate\r\n\r\n", zlib.compress(b"tea"), end=True),
        raw(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n", gzip.compress(b"tea"), end=True),
    ],
)
def test_a_body_arrives_however_it_is_framed(server: Server, colour: str, answer: Answer) -> None:
    server.usual = answer
    assert (sent(at(server), colour).status, sent(at(server), colour).body) == (200, b"tea")


@pytest.mark.parametrize("colour", COLOURS)
def test_a_packed_stream_is_unpacked_as_it_comes(server: Server, colour: str) -> None:
    packing = zlib.compressobj(wbits=31)
    pieces = [packing.compress(each.encode()) + packing.flush(zlib.Z_SYNC_FLUSH) for each in TALK]

    def answer(handler: Any) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n")
        handler.wfile.write(b"content-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n")
        for piece in [*pieces, packing.flush()]:
            handler.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        handler.wfile.write(b"0\r\n\r\n")

    server.usual = answer
    with MemOS(base_url=server.url) as client:
        assert talk(client, colour) == HEARD


@pytest.mark.parametrize("colour", COLOURS)
def test_a_head_without_end_is_no_reply(server: Server, colour: str) -> None:
    server.usual = raw(b"HTTP/1.1 200 OK\r\n", b"x-marker: " + b"x" * 200_000, end=True)
    with pytest.raises(Unreachable, match="RemoteProtocolError") as caught:
        sent(at(server), colour)
    assert "marker" not in str(caught.value)


@pytest.mark.parametrize("colour", COLOURS)
def test_a_connection_whose_end_was_announced_is_not_used_again(server: Server, colour: str) -> None:
    server.usual = raw(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 13\r\n\r\n", b'{"code":0}   ')
    plain, waiting = HttpTransport(at(server)), AsyncHttpTransport(at(server))
    for _ in range(2):
        if colour == "plain":
            assert plain.send(SEARCH, 5.0).status == 200
        else:
            assert asyncio.run(waiting.send(SEARCH, 5.0)).status == 200
    plain.close()
    asyncio.run(waiting.close())
    assert server.connections == 2


@pytest.mark.parametrize("colour", COLOURS)
def test_a_handshake_that_is_given_up_leaves_no_socket(colour: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        where = settings(base_url=f"https://127.0.0.1:{mute.getsockname()[1]}", api_key=KEY)
        with pytest.raises(Unreachable) as caught:
            asyncio.run(_given_up(where, mute)) if colour == "awaited" else sent(where, colour, seconds=0.3)
    assert not caught.value.sent
    gc.collect()  # an unclosed socket would say so


async def _given_up(where: Any, mute: socket.socket) -> None:
    waiting = AsyncHttpTransport(where)
    try:
        await waiting.send(SEARCH, 0.3)
    finally:
        near, _ = mute.accept()
        with near:  # the transport is still open: what hung up is the call
            near.settimeout(10)
            while await asyncio.to_thread(near.recv, 65_536):
                pass
        await waiting.close()
