"""The async client from many loops, one after another and at once, and what becomes of a call that is cut short."""

import asyncio
import contextvars
import gc
import threading
import weakref

import pytest

from memos_integrations.client import AsyncMemOS, MemOS, _pool
from memos_integrations.client._loop import LoopThread
from memos_integrations.errors import Unreachable
from tests.client.server import Server, stall


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("memos-")]


async def nothing() -> None:
    await asyncio.sleep(0)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_many_loops_share_one_connection_and_leave_nothing(server: Server, name: str) -> None:
    client = MemOS(base_url=server.url.replace("127.0.0.1", name))
    for _ in range(10):
        asyncio.run(client.aio.search_memory(query="tea", user_id="u"))
    assert "memos-http" in threads()
    client.close()
    assert threads() == []
    assert (len(server.requests), server.connections) == (10, 1)


async def test_cancelling_reaches_the_request_and_frees_its_place(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_pool, "_CONNECTIONS", 1)
    server.script.append(stall)
    async with AsyncMemOS(base_url=server.url) as client:
        call = asyncio.create_task(client.search_memory(query="tea", user_id="u"))
        assert await asyncio.to_thread(server.arrived.acquire, True, 10)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await asyncio.to_thread(server.hung_up.wait, 10)
        assert (await client.search_memory(query="tea", user_id="u")).memory_detail_list
    assert server.connections == 2


async def test_a_time_out_of_ones_own_works_as_ever(server: Server) -> None:
    server.usual = stall
    async with AsyncMemOS(base_url=server.url) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.search_memory(query="tea", user_id="u")
        assert await asyncio.to_thread(server.hung_up.wait, 10)


async def test_closing_ends_the_calls_under_way_and_says_so(server: Server) -> None:
    server.usual = stall
    client = AsyncMemOS(base_url=server.url)
    calls = [asyncio.create_task(client.add_message(messages=[{"role": "user", "content": "x"}], user_id="u"))]
    assert await asyncio.to_thread(server.arrived.acquire, True, 10)
    await client.close()
    with pytest.raises(Unreachable, match="closed during the call") as caught:
        await calls[0]
    assert caught.value.sent
    assert threads() == []


def test_closing_from_another_thread_while_calls_run(server: Server) -> None:
    server.usual = stall
    client = MemOS(base_url=server.url)

    def close() -> None:
        assert server.arrived.acquire(timeout=10)
        client.close()

    closing = threading.Thread(target=close)
    closing.start()
    with pytest.raises(Unreachable, match="closed"):
        asyncio.run(client.aio.search_memory(query="tea", user_id="u"))
    closing.join()
    assert threads() == []


def test_a_client_that_nobody_holds_any_more_closes_itself(server: Server) -> None:
    client = MemOS(base_url=server.url)
    client.search_memory(query="tea", user_id="u")
    asyncio.run(client.aio.search_memory(query="tea", user_id="u"))
    gone = weakref.ref(client)
    del client
    gc.collect()
    assert gone() is None
    assert server.ended.acquire(timeout=10)
    assert server.ended.acquire(timeout=10)
    assert threads() == []


async def test_a_collection_on_the_loop_thread_itself_does_not_wait_for_itself() -> None:
    thread = LoopThread(nothing)

    async def end() -> None:
        thread.stop()
        thread.join()  # would be for ever

    await thread.run(end())
    thread.join()
    assert threads() == []


async def test_what_is_set_for_the_caller_holds_on_the_loop_thread() -> None:
    word = contextvars.ContextVar("word", default="none")
    word.set("mine")

    async def read() -> tuple[str, str]:
        return word.get(), threading.current_thread().name

    thread = LoopThread(nothing)
    assert await thread.run(read()) == ("mine", "memos-http")
    await asyncio.wrap_future(thread.stop())
    thread.join()


async def test_stopping_waits_for_what_is_to_be_finished_and_cancels_the_rest() -> None:
    steps: list[str] = []
    started = threading.Event()

    gate = asyncio.Event()

    async def last() -> None:
        steps.append("last")
        gate.set()

    async def finishing() -> None:
        await gate.wait()
        steps.append("finished")

    async def work() -> None:
        thread.finish(finishing())
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            steps.append("cancelled")

    thread = LoopThread(last)
    call = asyncio.create_task(thread.run(work()))
    assert await asyncio.to_thread(started.wait, 10)
    await asyncio.wrap_future(thread.stop())
    with pytest.raises(Unreachable):
        await call
    thread.join()
    assert steps == ["cancelled", "last", "finished"]


async def test_a_stopped_thread_takes_nothing_and_stops_again_at_once() -> None:
    for used in (True, False):
        thread = LoopThread(nothing)
        if used:
            await thread.run(nothing())
        for _ in range(2):
            await asyncio.wrap_future(thread.stop())
            thread.join()
        with pytest.raises(Unreachable, match="closed") as caught:
            await thread.run(nothing())
        assert not caught.value.sent


async def test_cancelling_the_one_who_waits_for_the_end_does_no_harm() -> None:
    thread = LoopThread(nothing)
    await thread.run(nothing())
    waiting = asyncio.ensure_future(asyncio.wrap_future(thread.stop()))
    waiting.cancel()
    thread.join()
    assert thread.stop().done()


async def test_where_no_thread_can_be_started_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    thread = LoopThread(nothing)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(Unreachable, match="interpreter is ending") as caught:
            await thread.run(nothing())
    assert not caught.value.sent
    await thread.run(nothing())
    await asyncio.wrap_future(thread.stop())
    thread.join()
