import asyncio
import copy
import json
import logging
import pickle
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

import memos_integrations.client as room
from memos_integrations.client import AsyncMemOS, Degraded, Event, MemOS, Recalled, Recorded, Retry, _client, _shared
from memos_integrations.errors import Garbled, Invalid, NotFound, RateLimited, ServerFault, Unreachable, Unsupported
from memos_integrations.wire.calls import GetStatus, SearchMemory
from memos_integrations.wire.envelope import Reply, Request
from tests.client.server import FOUND, Server, ok, refusal, reset, says
from tests.fakes import Unstreamed

SEARCH = {"query": "tea", "user_id": "u"}
DONE = {"task_id": "t", "status": "completed"}
EVENTS: list[Event] = [
    Recalled("c", 1, 2, 0, 3.5, ("m",)),
    Recorded("c", 2, 1.0, None),
    Degraded("", "recall", "Unreachable", 0, 3000.0, 0),
]


@dataclass
class Plain(Unstreamed):
    """A transport that answers from memory, as the embedded engine's does."""

    closed: int = 0
    seconds: list[float] = field(default_factory=list)

    def send(self, request: Request, seconds: float) -> Reply:
        self.seconds.append(seconds)
        return Reply(200, json.dumps({"code": 0, "data": FOUND}).encode())

    def close(self) -> None:
        self.closed += 1


@dataclass
class Waiting(Unstreamed):
    plain: Plain = field(default_factory=Plain)

    async def send(self, request: Request, seconds: float) -> Reply:
        await asyncio.sleep(0)
        return self.plain.send(request, seconds)

    async def close(self) -> None:
        await asyncio.sleep(0)
        self.plain.close()


def over(**options: Any) -> tuple[MemOS, Plain, Waiting]:
    plain, waiting = Plain(), Waiting()
    return MemOS.over(plain, waiting, address=":memory:", **options), plain, waiting


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    asked: list[float] = []

    async def pause_aio(seconds: float) -> None:
        asked.append(seconds)

    monkeypatch.setattr(_client, "_pause", asked.append)
    monkeypatch.setattr(_client, "_pause_aio", pause_aio)
    return asked


def test_what_the_room_offers() -> None:
    assert room.__all__ == sorted(room.__all__, key=lambda name: (not name.isupper(), name)), "constants first"
    assert all(hasattr(room, name) for name in room.__all__)


def test_a_call_and_its_answer(server: Server) -> None:
    server.script.extend([ok(), ok(DONE), ok([DONE])])
    with MemOS(base_url=server.url + "/", api_key="mpg-0123456789") as client:
        assert client.search_memory(query="tea", user_id="u").memory_detail_list[0].memory_value == "likes tea"
        assert client.get_status(task_id="t").status == client.send(GetStatus(task_id="t")).status == "completed"
    path, headers, body = server.requests[0]
    names = {name.lower(): value for name, value in headers.items()}
    assert (path, json.loads(body)) == ("/api/search/memory", SEARCH)
    assert names["authorization"] == "Token mpg-0123456789"
    assert names["content-type"] == "application/json"
    assert names["user-agent"].startswith("memos-integrations/")


async def test_the_same_awaited(server: Server) -> None:
    async with AsyncMemOS(base_url=server.url) as client:
        found = await client.search_memory(query="tea", user_id="u")
    assert found.memory_detail_list[0].memory_value == "likes tea"
    assert "authorization" not in {name.lower() for name in server.requests[0][1]}


def test_refusals_carry_code_and_words(server: Server) -> None:
    server.script.extend([refusal(50131, "task not found"), says(302, "", {"location": "/elsewhere"})])
    with MemOS(base_url=server.url) as client:
        with pytest.raises(NotFound, match="task not found"):
            client.get_status(task_id="t")
        with pytest.raises(Garbled, match="redirection"):
            client.get_status(task_id="t")
    assert [path for path, _, _ in server.requests] == ["/api/get/status"] * 2


def test_retries_wait_as_they_are_told(server: Server, pauses: list[float]) -> None:
    server.script.extend([refusal(40309, status=429, headers={"Retry-After": "2"}), says(502), says(200, "<html>")])
    with MemOS(base_url=server.url, retry=Retry(jitter=0)) as client:
        client.search_memory(query="tea", user_id="u")
    assert pauses == [2.0, 0.5, 1.0]
    assert len(server.requests) == 4


async def test_retries_wait_as_they_are_told_when_awaited(server: Server, pauses: list[float]) -> None:
    server.script.extend([refusal(40309, status=429, headers={"Retry-After": "2"}), reset, says(200, "<html>")])
    async with AsyncMemOS(base_url=server.url, retry=Retry(jitter=0)) as client:
        await client.search_memory(query="tea", user_id="u")
    assert pauses == [2.0, 0.5, 1.0]
    assert len(server.requests) == 4


def test_a_retry_after_past_the_deadline_is_not_waited_for(server: Server, pauses: list[float]) -> None:
    server.script.append(refusal(40309, headers={"Retry-After": "60"}))
    with MemOS(base_url=server.url) as client, pytest.raises(RateLimited) as caught:
        client.search_memory(query="tea", user_id="u")
    assert (caught.value.retry_after, pauses) == (60, [])


def test_a_write_whose_fate_is_unknown_is_sent_once(server: Server, pauses: list[float]) -> None:
    server.usual = reset
    with MemOS(base_url=server.url) as client:
        with pytest.raises(Unreachable) as caught:
            client.add_message(messages=[{"role": "user", "content": "tea"}], user_id="u")
        assert caught.value.sent
        server.usual = says(500)
        with pytest.raises(ServerFault):
            client.delete_memory(user_id="u")
    assert (len(server.requests), pauses) == (2, [])


def test_each_try_gets_what_is_left_of_the_deadline() -> None:
    client, plain, waiting = over(deadline=12)
    client.search_memory(query="tea", user_id="u")
    client.with_options(deadline=3).search_memory(query="tea", user_id="u")
    asyncio.run(client.with_options(deadline=4).aio.send(SearchMemory(query="tea", user_id="u")))
    asyncio.run(client.aio.with_options(deadline=5).send(SearchMemory(query="tea", user_id="u")))
    assert plain.seconds == [12.0, 3.0]
    assert waiting.plain.seconds == [4.0, 5.0]


def test_options_change_only_what_is_given() -> None:
    client, plain, _ = over()
    other = client.with_options(retry=Retry(tries=1))
    assert (other.deadline, other.retry, client.retry) == (client.deadline, Retry(tries=1), Retry())
    assert (other.address, other.timezone) == (client.address, client.timezone)
    with other, pytest.raises(Invalid, match="deadline"):
        client.with_options(deadline=0)
    assert plain.closed == 1  # closing one closes what they share


@pytest.mark.parametrize("deadline", [0, -1, float("nan"), float("inf"), 100_000, "30"])
def test_a_deadline_that_makes_no_sense_is_refused(deadline: Any) -> None:
    with pytest.raises(Invalid) as caught:
        MemOS(base_url="http://h", deadline=deadline)
    assert caught.value.field == "deadline"


def test_the_async_half_is_one_and_shares_all(server: Server) -> None:
    client = MemOS(base_url=server.url)
    assert client.aio is client.aio
    assert client.aio.share(dict, dict) is client.share(dict, dict)
    assert client.aio.address == client.address == server.url
    client.close()
    with pytest.raises(Unreachable, match="closed"):
        asyncio.run(client.aio.search_memory(query="tea", user_id="u"))


def test_one_thing_is_kept_for_all_that_share_however_many_ask_at_once() -> None:
    client, _, _ = over()
    made, start = [], threading.Barrier(8)

    class Kept:
        def __init__(self) -> None:
            made.append(self)
            client.on_flush(lambda timeout: 0)  # what is made may register itself

    def ask() -> None:
        start.wait()
        client.with_options(deadline=1).share(Kept, Kept)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert over()[0].share(Kept, Kept) is not made[0]


def test_flush_runs_last_to_first_with_what_is_left_of_the_time() -> None:
    client, _, _ = over()
    given: list[tuple[int, float | None]] = []
    for number in (1, 2):
        client.on_flush(_flusher(number, given))
    assert client.flush() == 3
    assert client.flush(timeout=9.0) == 3
    assert asyncio.run(client.aio.flush(0)) == 3
    assert [number for number, _ in given] == [2, 1] * 3
    assert given[0][1] is given[1][1] is None
    assert 0 < (given[3][1] or 0) <= (given[2][1] or 0) <= 9.0
    assert (given[4][1], given[5][1]) == (0.0, 0.0)
    client.close()


def _flusher(number: int, given: list[tuple[int, float | None]]) -> Callable[[float | None], int]:
    def flush(timeout: float | None) -> int:
        given.append((number, timeout))
        return number

    return flush


@pytest.mark.parametrize("how", ["plain", "beside a loop", "awaited"])
def test_closing_flushes_first_warns_and_is_done_once(caplog: pytest.LogCaptureFixture, how: str) -> None:
    client, plain, waiting = over()
    steps: list[str] = []

    def flush(timeout: float | None) -> int:
        assert timeout is not None
        assert 0 < timeout <= 10
        client.search_memory(query="tea", user_id="u")  # it is still open
        steps.append("flush")
        return 3

    client.on_flush(flush)
    client.on_close(lambda: steps.append("close"))

    async def beside() -> None:
        client.close()

    for _ in range(2):
        if how == "plain":
            client.close()
        else:
            asyncio.run(beside() if how == "beside a loop" else client.aio.close())
    assert steps == ["flush", "close"]
    assert (plain.closed, waiting.plain.closed) == (1, 1)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "3 writes undelivered" in record.getMessage()
    assert client.flush() == 3  # it runs nothing any more
    assert steps == ["flush", "close"]
    with pytest.raises(Unreachable, match="closed") as caught:
        client.search_memory(query="tea", user_id="u")
    assert not caught.value.sent


def test_closing_goes_on_where_a_step_fails() -> None:
    client, plain, waiting = over()

    def broken(*_: object) -> Any:
        raise ZeroDivisionError

    client.on_flush(broken)
    client.on_close(broken)
    with pytest.raises(ZeroDivisionError):
        client.close()
    assert (plain.closed, waiting.plain.closed) == (1, 1)


def test_what_is_open_at_exit_is_closed_whatever_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    clients = [over() for _ in range(3)]

    def broken(timeout: float | None) -> int:
        raise ZeroDivisionError

    clients[1][0].on_flush(broken)
    monkeypatch.setattr(_shared, "_open", [client._shared for client, _, _ in clients])
    with pytest.raises(ZeroDivisionError):
        _shared._at_exit()
    assert [(plain.closed, waiting.plain.closed) for _, plain, waiting in clients] == [(1, 1)] * 3


async def test_awaiting_a_flush_keeps_the_loop_free() -> None:
    client, _, _ = over()
    free = threading.Event()
    client.on_flush(lambda timeout: 0 if free.wait(10) else 1)
    waiting = asyncio.create_task(client.aio.flush())
    asyncio.get_running_loop().call_soon(free.set)
    assert await waiting == 0
    await client.aio.close()


async def test_what_a_flush_raises_reaches_the_one_who_awaits() -> None:
    client, _, _ = over()

    def broken(timeout: float | None) -> int:
        raise ZeroDivisionError

    client.on_flush(broken)
    with pytest.raises(ZeroDivisionError):
        await client.aio.flush()
    with pytest.raises(ZeroDivisionError):
        await client.aio.close()


def test_plain_closing_leaves_the_threads_own_loop_alone() -> None:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    over()[0].close()
    assert asyncio.get_event_loop() is loop
    asyncio.set_event_loop(None)
    loop.close()


async def test_plain_calls_work_inside_a_running_loop(server: Server) -> None:
    with MemOS(base_url=server.url) as client:
        assert client.search_memory(query="tea", user_id="u").memory_detail_list
        assert (await client.aio.search_memory(query="tea", user_id="u")).memory_detail_list


def test_events_reach_every_listener_and_a_broken_one_hurts_nobody(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Event] = []

    def broken(event: Event) -> None:
        raise ValueError("marker")

    client, _, _ = over(on_event=[broken, heard.append])
    for event in EVENTS:
        client.aio.emit(event)
    assert heard == EVENTS
    (record,) = caplog.records
    assert "ValueError" in record.getMessage()
    assert "marker" not in caplog.text
    single, _, _ = over(on_event=heard.append)
    single.emit(EVENTS[0])
    assert heard[-1] is EVENTS[0]


def test_listeners_that_cannot_listen_are_refused() -> None:
    async def waits(event: Event) -> None: ...

    for wrong in (waits, [waits], [None], 3):
        with pytest.raises(Invalid) as caught:
            over(on_event=wrong)
        assert caught.value.field == "on_event"


def test_a_client_is_neither_copied_nor_pickled() -> None:
    client, _, _ = over()
    for holder in (client, client.aio):
        for copying in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="holds connections"):
                copying(holder)


def test_it_shows_its_address_and_no_key() -> None:
    client = MemOS(base_url="http://h/v1", api_key="mpg-0123456789")
    assert repr(client) == "<MemOS http://h/v1>"
    assert repr(client.aio) == "<AsyncMemOS http://h/v1>"
    assert client.address == "http://h/v1"


def test_ones_own_http_client_is_used_as_it_is_and_never_closed(server: Server) -> None:
    with httpx.Client(headers={"x-mine": "1"}, timeout=5, follow_redirects=True) as mine:
        server.script.append(says(307, "", {"location": "/elsewhere"}))
        with MemOS(base_url=server.url, http_client=mine) as client:
            with pytest.raises(Garbled):
                client.search_memory(query="tea", user_id="u")
            client.search_memory(query="tea", user_id="u")
            with pytest.raises(Unsupported, match="async_http_client"):
                asyncio.run(client.aio.search_memory(query="tea", user_id="u"))
        assert not mine.is_closed
    assert server.requests[0][1]["x-mine"] == "1"


async def test_ones_own_async_http_client_runs_on_ones_own_loop(server: Server) -> None:
    threads: list[str] = []

    async def note(request: httpx.Request) -> None:
        threads.append(threading.current_thread().name)

    async with httpx.AsyncClient(event_hooks={"request": [note]}) as mine:
        async with AsyncMemOS(base_url=server.url, http_client=mine) as client:
            await client.search_memory(query="tea", user_id="u")
        async with MemOS(base_url=server.url, async_http_client=mine).aio as client:
            await client.search_memory(query="tea", user_id="u")
        assert not mine.is_closed
    assert threads == [threading.current_thread().name] * 2


def test_an_http_client_of_the_wrong_colour_is_refused() -> None:
    plain, waiting = httpx.Client(), httpx.AsyncClient()
    wrong: Any
    for kind, wrong in ((MemOS, waiting), (AsyncMemOS, plain)):
        with pytest.raises(Invalid) as caught:
            kind(base_url="http://h", http_client=wrong)
        assert caught.value.field == "http_client"
    plain.close()
    asyncio.run(waiting.aclose())


def _hooked(**more: Any) -> httpx.Client:
    return httpx.Client(event_hooks={"response": [httpx.Response.raise_for_status]}, **more)


def test_a_users_client_that_raises_for_a_status_gives_the_refusal(server: Server) -> None:
    server.usual = says(404, "gone")
    with _hooked() as theirs, MemOS(base_url=server.url, http_client=theirs) as client, pytest.raises(NotFound):
        client.search_memory(query="q", user_id="u")


def test_a_users_client_that_is_closed_is_no_connection(server: Server) -> None:
    theirs = httpx.Client()
    theirs.close()
    quick = Retry(tries=1)
    with MemOS(base_url=server.url, http_client=theirs, retry=quick) as client, pytest.raises(Unreachable) as caught:
        client.search_memory(query="q", user_id="u")
    assert not caught.value.sent
    assert server.requests == []


def test_a_users_async_client_of_another_loop_is_no_connection(server: Server) -> None:
    theirs = httpx.AsyncClient()
    client = AsyncMemOS(base_url=server.url, http_client=theirs, retry=Retry(tries=1))

    async def ask() -> None:
        await client.search_memory(query="q", user_id="u")

    async def end() -> None:
        await theirs.aclose()
        await client.close()

    asyncio.run(end())
    with pytest.raises(Unreachable):
        asyncio.run(ask())
