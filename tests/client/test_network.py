"""The clocked network, by itself."""

import socket
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore
import pytest

from memos_integrations.client import _clock, _network
from memos_integrations.errors import Unreachable
from tests.client.server import Server
from tests.client.test_http import at, sent


class Recorder(httpcore.NetworkBackend, httpcore.NetworkStream):
    """The network below: notes which seconds it was given, and how the clock stood; each step takes one second."""

    def __init__(self, clock: "Clock", refusing: Iterable[str] = ()) -> None:
        self.clock, self.refusing, self.given = clock, set(refusing), list[tuple[str, float | None]]()

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, *_: Any, **__: Any) -> "Recorder":
        self._note(host, timeout)
        if host in self.refusing:
            raise httpcore.ConnectTimeout
        return self

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._note("read", timeout)
        return b"x"

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._note(f"write {len(buffer)}", timeout)

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> "Recorder":
        self._note(f"tls {server_hostname}", timeout)
        return self

    def close(self) -> None:
        self._note("close", None)

    def get_extra_info(self, info: str) -> str:
        return info

    def _note(self, what: str, timeout: float | None) -> None:
        self.given.append((what, timeout))
        self.clock.now += 1.0


class Clock:
    now = 100.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(_clock, "_now", lambda: clock.now)
    return clock


def resolves_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


def test_every_step_on_the_network_gets_what_is_left_of_the_whole(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolves_to(monkeypatch, "10.0.0.1", "10.0.0.1")
    below = Recorder(clock)
    with _clock.until(8.0):
        stream = _network.Clocked(below).connect_tcp("host", 80, 30.0)
        stream = stream.start_tls(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), "host", 30.0)
        stream.write(b"x" * 100_000, 30.0)
        stream.read(10)
        stream.read(10, timeout=2.0)
        stream.read(10)
        stream.read(10)
        with pytest.raises(TimeoutError):
            stream.read(10)
        stream.close()
    assert below.given == [
        ("10.0.0.1", 8.0),
        ("tls host", 7.0),
        ("write 65536", 6.0),
        ("write 34464", 5.0),
        ("read", 4.0),
        ("read", 2.0),
        ("read", 2.0),
        ("read", 1.0),
        ("close", None),
    ]
    assert stream.get_extra_info("socket") == "socket"


def test_the_addresses_of_a_host_share_the_time(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    resolves_to(monkeypatch, "10.0.0.1", "10.0.0.2", "10.0.0.3")
    below = Recorder(clock, refusing=["10.0.0.1", "10.0.0.2", "10.0.0.3"])
    with _clock.until(9.0), pytest.raises(httpcore.ConnectTimeout):
        _network.Clocked(below).connect_tcp("host", 80)
    assert below.given == [("10.0.0.1", 3.0), ("10.0.0.2", 4.0), ("10.0.0.3", 7.0)]
    below.refusing = {"10.0.0.1"}
    with _clock.until(9.0):
        _network.Clocked(below).connect_tcp("host", 80)
    assert [where for where, _ in below.given[3:]] == ["10.0.0.1", "10.0.0.2"]


def test_nested_bounds(clock: Clock) -> None:
    with _clock.until(9.0):
        with _clock.until(2.0):
            assert _clock.left() == 2.0
        assert (_clock.left(), _clock.left(4.0), _clock.left(20.0)) == (9.0, 4.0, 9.0)


def test_a_connection_that_dies_under_the_head_had_nothing_sent(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dead(*_: object, **__: object) -> None:
        raise httpcore.WriteError from BrokenPipeError()

    monkeypatch.setattr(_network._Stream, "write", dead)
    with pytest.raises(Unreachable, match="nothing was sent") as caught:
        sent(at(server), "plain", seconds=0.2)
    assert not caught.value.sent
    assert server.requests == []
