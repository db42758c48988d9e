"""No turn is lost, no chunk is held up, and no service that fails ends a chain."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.runnables import Runnable, RunnableGenerator, RunnableLambda

from memos_integrations.client import Degraded, Event, MemOS
from memos_integrations.errors import MemOSError, ServerFault
from memos_integrations.langchain import with_memory
from memos_integrations.langchain._writers import is_recorded_around
from memos_integrations.memory.outbox import Outbox
from memos_integrations.memory.record import record
from memos_integrations.wire.answers import Found
from memos_integrations.wire.calls import SearchMemory
from tests.fakes import CountingEngine, client_over
from tests.langchain.chains import GIVEN, RUNS, TURN, Failing, drive, failing, of, run_as
from tests.langchain.models import ANSWER, MARK, QUESTION, Scripted, after_tools, spoken

Remembers = Callable[..., None]
ALONE = [("user", QUESTION)]


def opened(client: MemOS) -> int:
    return Outbox.of(client).status().open


@pytest.mark.parametrize("way", RUNS)
def test_a_run_that_fails_keeps_the_users_words(client: MemOS, engine: CountingEngine, way: str) -> None:
    with pytest.raises(Failing):
        drive(of(client, Scripted(script=failing(1))), way, GIVEN, run_as())
    client.flush()
    assert opened(client) == 1
    assert spoken(engine) == []
    of(client).invoke({"question": "And what did I eat?"}, run_as())
    client.flush()
    assert spoken(engine) == [*ALONE, ("user", "And what did I eat?"), ("assistant", ANSWER)]


def test_words_without_an_answer_go_out_when_the_client_closes() -> None:
    engine = CountingEngine()
    with client_over(engine) as client, pytest.raises(Failing):
        of(client, Scripted(script=failing(1))).invoke(GIVEN, run_as(conversation=None))
    assert spoken(engine) == ALONE


def test_a_stream_that_is_left_half_way_keeps_the_users_words(client: MemOS, engine: CountingEngine) -> None:
    stream = of(client).stream(GIVEN, run_as())
    assert next(stream) == "Your "
    stream.close()
    client.flush()
    assert (opened(client), spoken(engine)) == (1, [])


@pytest.mark.parametrize("close", [True, False])
async def test_an_awaited_stream_that_is_left_half_way(engine: CountingEngine, close: bool) -> None:
    with client_over(engine) as client:
        stream = of(client).astream(GIVEN, run_as())
        async for chunk in stream:
            assert chunk == "Your "
            break
        if close:
            await stream.aclose()
        del stream
        await asyncio.sleep(0)
        await client.aio.flush()
        assert (opened(client), spoken(engine)) == (1, [])
        await client.aio.close()


@pytest.mark.parametrize("kind", ["ainvoke", "astream"])
async def test_a_run_that_is_cancelled_keeps_the_users_words(engine: CountingEngine, kind: str) -> None:
    entered = asyncio.Event()

    async def hang(given: Any) -> str:
        entered.set()
        await asyncio.Event().wait()
        return str(given)

    with client_over(engine) as client:
        chain = with_memory(RunnableLambda(hang), client)

        async def run() -> None:
            if kind == "ainvoke":
                await chain.ainvoke(QUESTION, run_as())
            else:
                assert [chunk async for chunk in chain.astream(QUESTION, run_as())]

        task = asyncio.create_task(run())
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert opened(client) == 1
        await client.aio.close()
    assert spoken(engine) == ALONE


def told_of(events: list[str], pieces: list[Any]) -> Runnable[Any, Any]:
    """Yields `pieces`, and tells when each is asked for."""

    def plain(inputs: Iterator[Any]) -> Iterator[Any]:
        list(inputs)
        for piece in pieces:
            events.append("made")
            yield piece

    async def awaited(inputs: AsyncIterator[Any]) -> AsyncIterator[Any]:
        assert [each async for each in inputs]
        for piece in pieces:
            events.append("made")
            await asyncio.sleep(0)
            yield piece

    return RunnableGenerator(plain, awaited)


PIECES = [AIMessageChunk(content=word) for word in ("Your ", "usual ", "one.")]


@pytest.mark.parametrize("kind", ["stream", "astream"])
def test_each_chunk_passes_as_it_comes_and_unchanged(
    client: MemOS, engine: CountingEngine, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    events, out = list[str](), list[Any]()
    chain = with_memory(told_of(events, PIECES), client)

    def noted(*arguments: Any, **named: Any) -> int:
        events.append("recorded")
        return record(*arguments, **named)

    monkeypatch.setattr("memos_integrations.langchain._chain_memory.record", noted)

    def seen(chunk: Any) -> None:
        events.append("seen")
        out.append(chunk)

    async def awaited() -> None:
        async for chunk in chain.astream(QUESTION, run_as()):
            seen(chunk)

    if kind == "astream":
        asyncio.run(awaited())
    else:
        for chunk in chain.stream(QUESTION, run_as()):
            seen(chunk)
    client.flush()
    assert events == ["made", "seen"] * 3 + ["recorded"]
    assert all(chunk is piece for chunk, piece in zip(out, PIECES, strict=True))
    assert spoken(engine) == TURN


@pytest.mark.parametrize("way", RUNS)
@pytest.mark.parametrize("records", [True, False])
def test_what_runs_within_knows_who_writes_and_nobody_else_does(client: MemOS, way: str, records: bool) -> None:
    known = list[bool]()

    def plain(inputs: Iterator[Any]) -> Iterator[str]:
        for _ in inputs:
            known.append(is_recorded_around())
            yield "a"
            known.append(is_recorded_around())

    async def awaited(inputs: AsyncIterator[Any]) -> AsyncIterator[str]:
        async for _ in inputs:
            known.append(is_recorded_around())
            yield "a"
            known.append(is_recorded_around())

    def outside(value: Any) -> Any:
        assert not is_recorded_around()
        return value

    inner = with_memory(RunnableGenerator(plain, awaited), client, record=records)
    assert drive(inner | RunnableLambda(outside), way, QUESTION, run_as()) == "a"
    assert known == [records, records]
    assert not is_recorded_around()


def test_between_two_chunks_the_caller_is_not_within(client: MemOS) -> None:
    for _ in of(client).stream(GIVEN, run_as()):
        assert not is_recorded_around()


class Broken(CountingEngine):
    """Can't search."""

    def search_memory(self, call: SearchMemory, project: str = "", *more: Any, **named: Any) -> Found:
        raise ServerFault("no", code=50000)


@pytest.mark.parametrize("way", RUNS)
def test_a_service_that_fails_ends_no_chain(caplog: pytest.LogCaptureFixture, way: str) -> None:
    events: list[Event] = []
    with client_over(Broken(), on_event=events.append) as client:
        model = Scripted(script=after_tools(0))
        assert drive(of(client, model), way, GIVEN, run_as()) == ANSWER
        assert model.handed[0][0].text == "Be kind.\n"
        assert [event for event in events if isinstance(event, Degraded) and event.what == "recall"]
    told = [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]
    assert QUESTION not in caplog.text
    assert "ada" not in caplog.text
    assert sum("recall failed" in each for each in told) == 1


def test_on_error_raise_lets_it_through_and_keeps_the_words() -> None:
    with client_over(Broken()) as client:
        with pytest.raises(MemOSError):
            of(client, on_error="raise").invoke(GIVEN, run_as())
        assert opened(client) == 1
        (entry,) = Outbox.of(client).entries("open")
        assert Outbox.of(client).drop(entry.number) == 1


async def test_an_awaited_chain_calls_nothing_that_waits(
    engine: CountingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outbox's file is another thread's business, the search the client's own loop's."""
    loop, places = threading.get_ident(), list[int]()

    def placed(*arguments: Any, **named: Any) -> int:
        places.append(threading.get_ident())
        return record(*arguments, **named)

    monkeypatch.setattr("memos_integrations.langchain._chain_memory.record", placed)
    with client_over(engine) as client:
        monkeypatch.setattr(Outbox, "open", _off(loop, Outbox.open))
        monkeypatch.setattr(Outbox, "put", _off(loop, Outbox.put))
        chain = of(client)
        await chain.ainvoke(GIVEN, run_as())
        assert [chunk async for chunk in chain.astream(GIVEN, run_as())]
        await chain.abatch([GIVEN], run_as())
        await client.aio.flush()
        assert len(places) == 3
        assert loop not in places
        assert spoken(engine) == TURN * 3
        await client.aio.close()


def _off(loop: int, function: Callable[..., Any]) -> Callable[..., Any]:
    def elsewhere(*arguments: Any, **named: Any) -> Any:
        assert threading.get_ident() != loop
        return function(*arguments, **named)

    return elsewhere


async def test_a_plain_run_beside_a_running_loop_works(
    client: MemOS, engine: CountingEngine, remembers: Remembers
) -> None:
    remembers()
    model = Scripted(script=after_tools(0))
    assert of(client, model).invoke(GIVEN, run_as()) == ANSWER
    assert "".join(of(client, model).stream(GIVEN, run_as())) == ANSWER
    client.flush()
    assert MARK in str(model.handed)
    assert spoken(engine) == TURN * 2


def test_a_run_of_many_turns_shows_each_answer_once(client: MemOS, engine: CountingEngine) -> None:
    """A stream's chunks are put together, with their tool calls."""
    chain = with_memory(Scripted(script=after_tools(0)), client)
    out = list(chain.stream([HumanMessage(QUESTION)], run_as()))
    assert [chunk.text for chunk in out] == ["Your ", "usual ", "one."]
    assert not isinstance(out[0], AIMessage) or isinstance(out[0], AIMessageChunk)
    asking = with_memory(Scripted(script=after_tools(1)), client)
    assert list(asking.stream([HumanMessage("Again?")], run_as()))
    client.flush()
    assert spoken(engine) == TURN
    assert opened(client) == 1
