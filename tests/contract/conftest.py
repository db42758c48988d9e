"""One contract, four ways to keep it: in this process or over HTTP on loopback, plain or awaited."""

import asyncio
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from memos_integrations import MemOS
from memos_integrations.engine import Engine, route
from memos_integrations.wire.envelope import AsyncTransport, Reply, Request
from tests.fakes import client_over

BASE = "/api/openmem/v1/"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, engine: Engine, *rest: Any) -> None:
        self.engine = engine
        super().__init__(*rest)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        reply = route(self.engine, Request("POST", self.path.removeprefix(BASE), body))
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Silence."""


class _Server(ThreadingHTTPServer):
    daemon_threads = False


class Caller:
    """Calls by name, on whichever wire and in whichever colour."""

    def __init__(self, client: MemOS, runner: asyncio.Runner | None, engine: Engine) -> None:
        self.client, self._runner, self.engine = client, runner, engine

    def transported(self, request: Request) -> Reply:
        """What another client's own bytes get."""
        shared = self.client._shared
        if self._runner is None:
            return shared.transport.send(request, 10)
        return self._runner.run(_sent(shared.aio_transport, request))

    def __getattr__(self, name: str) -> Any:
        if self._runner is None:
            return getattr(self.client, name)
        call = getattr(self.client.aio, name)

        async def ask(**arguments: Any) -> Any:
            return await call(**arguments)

        runner = self._runner
        return lambda **arguments: runner.run(ask(**arguments))


async def _sent(transport: AsyncTransport, request: Request) -> Reply:
    return await transport.send(request, 10)


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine(":memory:")
    yield engine
    engine.close()


@pytest.fixture(params=["in process", "over HTTP"])
def wired(request: pytest.FixtureRequest, engine: Engine) -> Iterator[MemOS]:
    if request.param == "in process":
        with client_over(engine) as client:
            yield client
        return
    server = _Server(("127.0.0.1", 0), partial(_Handler, engine))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        with MemOS(base_url=f"http://127.0.0.1:{server.server_port}{BASE}") as client:
            yield client
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(params=["plain", "awaited"])
def memos(request: pytest.FixtureRequest, wired: MemOS, engine: Engine) -> Iterator[Caller]:
    if request.param == "plain":
        yield Caller(wired, None, engine)
        return
    with asyncio.Runner() as runner:
        yield Caller(wired, runner, engine)
