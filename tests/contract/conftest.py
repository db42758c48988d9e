"""One contract, four ways to keep it: in this process or over HTTP on loopback, plain or awaited."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from memos_integrations import MemOS
from memos_integrations.engine import Engine
from memos_integrations.engine._server import make_app
from memos_integrations.wire.envelope import AsyncTransport, Reply, Request
from tests.fakes import client_over
from tests.serving import served


class Caller:
    """Calls by name, on whichever wire and in whichever colour."""

    def __init__(self, client: MemOS, runner: asyncio.Runner | None, engine: Engine) -> None:
        self.client, self._runner, self.engine = client, runner, engine

    def transported(self, request: Request) -> Reply:
        """What another client's own bytes get, sent as JSON, as all of them do."""
        request = replace(request, headers={"content-type": "application/json"})
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
    with served(make_app(engine)) as address, MemOS(base_url=f"{address}/api/openmem/v1") as client:
        yield client


@pytest.fixture(params=["plain", "awaited"])
def memos(request: pytest.FixtureRequest, wired: MemOS, engine: Engine) -> Iterator[Caller]:
    if request.param == "plain":
        yield Caller(wired, None, engine)
        return
    with asyncio.Runner() as runner:
        yield Caller(wired, runner, engine)
