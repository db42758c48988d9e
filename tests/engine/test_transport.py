import asyncio
import gc
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from memos_integrations.engine import AsyncEngineTransport, Engine, EngineTransport
from memos_integrations.errors import Unreachable
from memos_integrations.wire.answers import Found
from memos_integrations.wire.calls import SearchMemory
from memos_integrations.wire.envelope import Reply, Request, request
from tests.engine.conftest import in_a_child

ASK = request(SearchMemory(query="x", user_id="u"))


class Slow(Engine):
    """Searches wait until `go` is set; `threads` are those that searched."""

    def __init__(self) -> None:
        super().__init__(":memory:")
        self.go = threading.Event()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.entered = asyncio.Event()
        self.threads: set[str] = set()

    def search_memory(self, call: SearchMemory, project: str = "", *more: Any, **named: Any) -> Found:
        self.threads.add(threading.current_thread().name)
        if self.loop:
            self.loop.call_soon_threadsafe(self.entered.set)
        self.go.wait()
        return super().search_memory(call, project, *more, **named)


@pytest.fixture
def slow() -> Iterator[Slow]:
    engine = Slow()
    yield engine
    engine.go.set()
    engine.close()


def ours() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("memos-engine")]


def fine(reply: Reply) -> bool:
    return bool(json.loads(reply.body)["code"] == 0)


def test_plain(engine: Engine) -> None:
    transport = EngineTransport(engine)
    assert fine(transport.send(ASK, 1))
    transport.close()
    transport.close()
    with pytest.raises(Unreachable) as caught:
        transport.send(ASK, 1)
    assert not caught.value.sent
    assert fine(EngineTransport(engine).send(ASK, 1))


async def test_awaited(engine: Engine) -> None:
    transport = AsyncEngineTransport(engine)
    assert ours() == []
    assert fine(await transport.send(ASK, 10))
    assert len(ours()) == 1
    await transport.close()
    await transport.close()
    assert ours() == []
    with pytest.raises(Unreachable) as caught:
        await transport.send(ASK, 1)
    assert not caught.value.sent


async def test_the_loop_goes_on_and_the_default_threads_are_not_used(slow: Slow) -> None:
    transport, slow.loop = AsyncEngineTransport(slow), asyncio.get_running_loop()
    asyncio.get_running_loop().set_default_executor(_Forbidden())
    searches = [asyncio.create_task(transport.send(ASK, 30)) for _ in range(8)]
    await slow.entered.wait()
    assert not any(search.done() for search in searches)
    slow.go.set()
    assert all(map(fine, await asyncio.gather(*searches)))
    assert slow.threads
    assert all(name.startswith("memos-engine") for name in slow.threads)
    await transport.close()


class _Forbidden(ThreadPoolExecutor):
    def submit(self, *_: object, **__: object) -> None:  # type: ignore[override]
        raise AssertionError("the default threads were used")


async def test_time_runs_out(slow: Slow) -> None:
    transport = AsyncEngineTransport(slow)
    with pytest.raises(Unreachable) as caught:
        await transport.send(ASK, 0.01)
    assert caught.value.sent
    slow.go.set()
    assert fine(await transport.send(ASK, 30))
    await transport.close()


async def test_closing_waits_for_the_work_in_hand(slow: Slow) -> None:
    transport, slow.loop = AsyncEngineTransport(slow), asyncio.get_running_loop()
    search = asyncio.create_task(transport.send(ASK, 30))
    await slow.entered.wait()
    closing = asyncio.create_task(transport.close())
    await asyncio.sleep(0)
    assert not closing.done()
    slow.go.set()
    await closing
    assert fine(await search)
    assert ours() == []


def test_from_any_loop_one_after_the_other(engine: Engine) -> None:
    transport = AsyncEngineTransport(engine)
    for _ in range(3):
        assert fine(asyncio.run(transport.send(ASK, 10)))
    asyncio.run(transport.close())
    assert ours() == []


def test_forgotten_it_leaves_no_thread(engine: Engine) -> None:
    transport = AsyncEngineTransport(engine)
    assert fine(asyncio.run(transport.send(ASK, 10)))
    (thread,) = ours()
    del transport
    gc.collect()
    thread.join(30)
    assert not thread.is_alive()


def test_after_a_fork_it_starts_anew(engine: Engine) -> None:
    transport = AsyncEngineTransport(engine)
    assert fine(asyncio.run(transport.send(ASK, 10)))

    def work() -> str:
        answered = fine(asyncio.run(transport.send(ASK, 10)))
        asyncio.run(transport.close())
        return f"{answered} {len(ours())}"

    assert in_a_child(work) == "True 0"
    asyncio.run(transport.close())


def test_a_request_without_a_call() -> None:
    engine = Engine(":memory:")
    assert not fine(EngineTransport(engine).send(Request("POST", "no/call"), 1))
    engine.close()
