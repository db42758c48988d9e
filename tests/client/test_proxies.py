"""Proxies of the environment: which one is meant is decided as httpx decides it, and both kinds of request pass it."""

import socket
import threading
import traceback
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from memos_integrations.client._proxies import proxy_for
from memos_integrations.client._settings import settings
from memos_integrations.errors import Unreachable
from tests.client.server import Server, authority, drip_head, stall
from tests.client.test_http import COLOURS, sent

KEY = "mpg-marker-0123456789"
URLS = [
    "http://memos.example/v1",
    "https://memos.example/v1",
    "https://api.memos.example:8443/v1",
    "https://notmemos.example/v1",
    "http://localhost:8000/v1",
    "http://127.0.0.1:8000/v1",
    "http://127.0.0.10/v1",
    "https://[::1]:8000/v1",
]
NO_PROXIES = [
    "",
    "*",
    "memos.example",
    ".memos.example",
    "MEMOS.EXAMPLE",
    "other.example, memos.example",
    "memos.example:8443",
    "localhost,127.0.0.1,::1",
    "127.0.0.1:8000",
    "127.0.0.0/8",
    "http://memos.example",
    "https://*.memos.example",
    "all://api.memos.example",
]
PROXIES = [
    {"HTTP_PROXY": "http://one:1"},
    {"HTTPS_PROXY": "two:2"},
    {"ALL_PROXY": "http://user:p%40ss@three:3"},
    {"HTTP_PROXY": "http://one:1", "ALL_PROXY": "socks5://four:4"},
]


class Tunnels:
    """A proxy that opens one tunnel after another, and notes the heads of what it is asked."""

    def __init__(self, *, mute: bool = False) -> None:
        self.heads: list[bytes] = []
        self.hung_up = threading.Event()
        self._mute = mute
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self.url = f"http://user:word@127.0.0.1:{self._listening.getsockname()[1]}"

    def _serve(self) -> None:
        while True:
            near, _ = self._listening.accept()
            with near:
                head = near.recv(65_536)
                if not head:
                    return
                self.heads.append(head)
                host, _, port = head.split()[1].partition(b":")
                if self._mute:
                    near.recv(1)
                    self.hung_up.set()
                    continue
                with socket.create_connection((host.decode(), int(port))) as far:
                    near.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    back = threading.Thread(target=_pour, args=(far, near))
                    back.start()
                    _pour(near, far)
                    back.join()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        socket.create_connection(self._listening.getsockname()[:2]).close()
        self._thread.join()
        self._listening.close()


def _pour(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):  # either end may hang up first
        while piece := source.recv(65_536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def secure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    authority().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with Server(tls=True) as server:
        yield server


@pytest.mark.parametrize("no_proxy", NO_PROXIES)
@pytest.mark.parametrize("given", PROXIES[:3])
def test_the_proxy_is_the_one_that_httpx_would_take(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], no_proxy: str
) -> None:
    for name, value in {**given, "NO_PROXY": no_proxy}.items():
        monkeypatch.setenv(name, value)
    with httpx.Client() as client:
        for url in map(httpx.URL, URLS):
            pool: Any = client._transport_for_url(url)
            theirs = getattr(pool._pool, "_proxy_url", None)
            ours = proxy_for(url)
            assert (ours and (ours.url.raw_host, ours.url.port)) == (theirs and (theirs.host, theirs.port)), url


def test_of_two_proxies_the_more_exact_one_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in PROXIES[3].items():
        monkeypatch.setenv(name, value)
    plain, secure = proxy_for(httpx.URL("http://h")), proxy_for(httpx.URL("https://h"))
    assert plain
    assert secure
    assert (plain.url.host, secure.url.scheme) == ("one", "socks5")


@pytest.mark.parametrize("colour", COLOURS)
def test_https_goes_through_a_tunnel_that_sees_no_key(
    secure: Server, monkeypatch: pytest.MonkeyPatch, colour: str
) -> None:
    with Tunnels() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert sent(settings(base_url=secure.url, api_key=KEY), colour).status == 200
    (head,) = proxy.heads
    assert head.startswith(f"CONNECT {secure.url.split('/')[2]} HTTP/1.1\r\n".encode())
    assert b"Proxy-Authorization: Basic dXNlcjp3b3Jk\r\n" in head
    assert KEY.encode() not in head
    (_, headers, _) = secure.requests[0]
    assert headers["authorization"] == f"Token {KEY}"
    assert not [name for name in headers if name.lower().startswith("proxy")]


@pytest.mark.parametrize("colour", COLOURS)
def test_a_deadline_holds_inside_a_tunnel(secure: Server, monkeypatch: pytest.MonkeyPatch, colour: str) -> None:
    secure.usual = drip_head
    with Tunnels() as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        with pytest.raises(Unreachable) as caught:
            sent(settings(base_url=secure.url, api_key=KEY), colour, seconds=1.0)
    assert caught.value.sent


@pytest.mark.parametrize("colour", COLOURS)
def test_a_proxy_that_never_answers_had_nothing_sent_through_it(monkeypatch: pytest.MonkeyPatch, colour: str) -> None:
    with Tunnels(mute=True) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with pytest.raises(Unreachable, match="nothing was sent") as caught:
            sent(settings(base_url="https://memos.invalid", api_key=KEY), colour, seconds=0.5)
        assert proxy.hung_up.wait(10)
    assert not caught.value.sent


@pytest.mark.parametrize("colour", COLOURS)
def test_a_proxy_that_refuses_is_no_reply(server: Server, monkeypatch: pytest.MonkeyPatch, colour: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", server.url)  # which knows no CONNECT: 501
    with pytest.raises(Unreachable, match="ProxyError") as caught:
        sent(settings(base_url="https://memos.invalid", api_key=KEY), colour)
    assert not caught.value.sent
    assert "Unsupported" not in "".join(traceback.format_exception(caught.value))  # its own words


def test_a_deadline_holds_through_a_plain_proxy(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url)
    server.usual = stall
    with pytest.raises(Unreachable):
        sent(settings(base_url="http://memos.invalid/v1"), "awaited", seconds=0.6)
    assert server.hung_up.wait(10)


@pytest.mark.parametrize("colour", COLOURS)
def test_a_socks_proxy_is_asked_or_what_it_needs_is_named(
    server: Server, monkeypatch: pytest.MonkeyPatch, colour: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    kind, words = (Unreachable, "nothing was sent") if find_spec("socksio") else (RuntimeError, "socksio")
    with pytest.raises(kind, match=words):
        sent(settings(base_url=server.url), colour)
    assert server.requests == []
