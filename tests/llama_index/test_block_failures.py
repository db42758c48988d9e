"""A service that fails never fails a run with a block in its `Memory`; what was said arrives once, later."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.memory import Memory

from memos_integrations import connect
from memos_integrations.client import Degraded, Event, MemOS, Retry
from memos_integrations.errors import QuotaExceeded, Refused
from memos_integrations.llama_index import MemOSMemoryBlock
from memos_integrations.wire.answers import Added, Found
from memos_integrations.wire.calls import AddMessage, SearchMemory
from tests.fakes import CountingEngine, client_over
from tests.faults.kinds import BROKEN, HANG, HTML, Fault, before
from tests.faulty import Faulty
from tests.later import said_in, threads_at_files
from tests.llama_index.blocks import Words, put, stock, store
from tests.llama_index.conftest import QUESTION
from tests.llama_index.models import ToldModel, answer, ask, calls, function, turned
from tests.llama_index.turns import context, simple

MARKER = "MARKER7f3a"


class Refusing(CountingEngine):
    """Refuses everything, in words that no log may show."""

    def add_message(self, call: AddMessage, project: str = "", *more: Any, **named: Any) -> Added:
        super().add_message(call, project, *more, **named)
        raise QuotaExceeded(MARKER, code=40300)

    def search_memory(self, call: SearchMemory, project: str = "", *more: Any, **named: Any) -> Found:
        super().search_memory(call, project, *more, **named)
        raise QuotaExceeded(MARKER, code=40300)


@pytest.fixture
def refusing(events: list[Event]) -> Iterator[MemOS]:
    with client_over(Refusing(), on_event=events.append) as client:
        yield client


@pytest.fixture
async def kept() -> AsyncIterator[dict[str, Any]]:
    async with store() as kept:
        yield kept


async def test_a_refusing_service_ends_no_run(
    refusing: MemOS, events: list[Event], kept: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "memos_integrations")
    memory = stock(MemOSMemoryBlock(user_id="ada", client=refusing), kept)
    script = (calls("now"), calls("now"), answer(f"It is {MARKER}."))
    assert str(await function(*script).run(f"How late is it? {MARKER}", memory=memory)) == f"It is {MARKER}."
    refusing.flush()

    assert [event.what for event in events if isinstance(event, Degraded)] == ["recall", "record"]
    assert MARKER not in "".join(r.getMessage() for r in caplog.records if r.name.startswith("memos"))
    assert MARKER not in repr(events)


@pytest.mark.parametrize("seen", [BROKEN, HTML, HANG], ids=lambda seen: seen.name)
async def test_a_service_that_answers_nonsense_or_nothing_ends_no_run_and_gets_each_turn_once(
    seen: Any, tmp_path: Path, kept: dict[str, Any]
) -> None:
    well = threading.Event()

    def strikes(path: str, number: int) -> Fault | None:
        return None if well.is_set() or path == "accept" else before(seen)

    with Faulty(strikes) as server:
        retry = Retry(tries=1, first=0.01, longest=0.05, look=0.05)
        file = tmp_path / "outbox.db"
        options: dict[str, Any] = {"api_key": "k", "deadline": 0.3, "outbox": file, "retry": retry}
        client = await asyncio.to_thread(connect, server.base_url, **options)
        memory = stock(MemOSMemoryBlock(user_id="ada", client=client, recall_seconds=0.2), kept)
        assert str(await function(calls("now"), answer("Noon.")).run("One?", memory=memory)) == "Noon."
        assert str(await function(answer("Later.")).run("Two?", memory=memory)) == "Later."
        well.set()
        assert await client.aio.flush(timeout=30) == 0
        await client.aio.close()
        said = server.ledger.texts("now", "ada")
    assert said == ["One?", "Noon.", "Two?", "Later."]


@pytest.mark.parametrize("make", [simple, context])
async def test_streams_come_to_their_end(refusing: MemOS, kept: dict[str, Any], make: Callable[..., Any]) -> None:
    memory = stock(MemOSMemoryBlock(user_id="ada", client=refusing), kept)
    chat = make(ToldModel(answer("one two three four")), memory)
    told = await chat.astream_chat(QUESTION)
    assert [token async for token in told.async_response_gen()] == ["one ", "two ", "three ", "four"]


@pytest.fixture
def closed() -> MemOS:
    with client_over(CountingEngine()) as client:
        return client


async def test_a_closed_client_ends_no_run_and_no_flush(
    closed: MemOS, kept: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    block = MemOSMemoryBlock(user_id="ada", client=closed)
    memory = stock(block, kept, token_limit=10, token_flush_size=5, tokenizer_fn=Words())
    for number in range(3):
        run = function(answer("One two three four five six.")).run(f"Number {number} one two three?", memory=memory)
        assert str(await run) == "One two three four five six."
    await block.aput(turned("One?", "Two."), from_short_term_memory=True, session_id="x" * 101)
    assert [record for record in caplog.records if "flushed out could not be recorded (Invalid)" in record.getMessage()]


async def test_an_error_is_raised_where_it_was_asked_for(refusing: MemOS, kept: dict[str, Any]) -> None:
    memory = stock(MemOSMemoryBlock(user_id="ada", client=refusing, on_error="raise"), kept)
    with pytest.raises(Refused):
        await memory.aget(QUESTION)


async def agent(memory: Memory, block: MemOSMemoryBlock) -> None:
    await function(calls("now"), answer("Noon.")).run("When?", memory=memory)


async def reads(memory: Memory, block: MemOSMemoryBlock) -> None:
    await put(memory, ask("When?"))
    await memory.aget()
    await put(memory, answer("Noon."))
    await block.asave(memory)


async def puts(memory: Memory, block: MemOSMemoryBlock) -> None:
    await block.aput(turned("When?", "Noon."), session_id="now")


@pytest.mark.parametrize("use", [agent, reads, puts])
async def test_an_awaited_block_touches_no_file_on_its_loop(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kept: dict[str, Any],
    use: Callable[[Memory, MemOSMemoryBlock], Awaitable[None]],
) -> None:
    path = tmp_path / "memos.db"
    monkeypatch.setenv("MEMOS_BASE_URL", str(path))
    with threads_at_files(monkeypatch) as threads:
        block = MemOSMemoryBlock(user_id="ada")
        await use(stock(block, kept), block)
        await block.aclose()
    assert threads
    assert threading.get_ident() not in threads
    assert await asyncio.to_thread(said_in, path, "ada", "now") == [("user", "When?"), ("assistant", "Noon.")]
