"""What a block makes of a history that `Memory` flushes: each turn is written once, read or unread, before or after."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from memos_integrations.client import MemOS
from tests.fakes import CountingEngine
from tests.later import said_in
from tests.llama_index.blocks import Words, of_ada, opened, put, stock, store, turn
from tests.llama_index.conftest import said_to
from tests.llama_index.models import answer, ask, turned


@pytest.fixture
async def kept() -> AsyncIterator[dict[str, Any]]:
    async with store() as kept:
        yield kept


async def test_what_is_flushed_unread_is_written_and_what_was_read_is_not_again(
    client: MemOS, engine: CountingEngine, kept: dict[str, Any]
) -> None:
    memory = stock(of_ada(client), kept, token_limit=40, token_flush_size=10, tokenizer_fn=Words())
    texts = [f"{n} one two three four five six" for n in range(6)]
    for text in texts:
        await put(memory, ask(text))
        await memory.aget()
        await put(memory, answer(f"answer {text}"))
    await put(memory, ask("Unread so far."), answer("So it is."), ask(texts[0]))
    await memory.aget()
    await put(memory, answer("Again."))
    await memory.aget()

    assert len(await memory.aget_all()) > len(await memory.aget())  # it did flush
    expected = [pair for text in texts for pair in (("user", text), ("assistant", f"answer {text}"))]
    more = [("user", "Unread so far."), ("assistant", "So it is."), ("user", texts[0]), ("assistant", "Again.")]
    assert said_to(client, engine) == [*expected, *more]


async def test_a_restart_after_a_flush_writes_nothing_twice(path: Path, tmp_path: Path) -> None:
    said = list[tuple[str, str]]()
    for number in range(4):
        async with store(tmp_path / "chat.db") as kept, opened(path) as client:
            options: dict[str, Any] = {"token_limit": 30, "token_flush_size": 5, "tokenizer_fn": Words()}
            memory = stock(of_ada(client), kept, **options)
            for question in ("Yes yes yes yes.", f"Number {number} one two three?"):
                await put(memory, ask(question))
                await memory.aget()
                await put(memory, answer("Good good good good."))
                said += [("user", question), ("assistant", "Good good good good.")]
            assert len(await memory.aget_all()) > 4 or number < 2
    assert await asyncio.to_thread(said_in, path, "ada", "now") == said[:-2]


async def test_capture_flush_writes_what_is_flushed_alone_and_once(
    client: MemOS, engine: CountingEngine, kept: dict[str, Any]
) -> None:
    # One turn is below the limit in LlamaIndex 0.13 too, which counts a tool call's words; three are above it in 0.14.
    options: dict[str, Any] = {"token_limit": 26, "token_flush_size": 5, "tokenizer_fn": Words()}
    block = of_ada(client, capture="flush")
    memory = stock(block, kept, **options)
    await turn(memory, "One two three four?", "Five six seven eight.")
    assert said_to(client, engine) == []
    await turn(memory, "Nine ten eleven twelve?", "One two three four.")
    await turn(memory, "Again?", "Yes.")
    first = [("user", "One two three four?"), ("assistant", "Five six seven eight.")]
    assert said_to(client, engine)[:2] == first

    flushed = turned("One two three four?", "Five six seven eight.")
    await block.aput(flushed, from_short_term_memory=True, session_id="now")
    await of_ada(client, capture="flush").aput(flushed, from_short_term_memory=True, session_id="now")
    assert said_to(client, engine).count(first[0]) == 1
    assert flushed == turned("One two three four?", "Five six seven eight.")  # a caller's messages stay as they are


async def test_a_flush_does_not_repeat_what_reads_had_written(
    client: MemOS, engine: CountingEngine, kept: dict[str, Any]
) -> None:
    await turn(stock(of_ada(client), kept), "One?", "Two.")
    later = of_ada(client, capture="flush")
    await later.aput(turned("One?", "Two.", "Three?", "Four."), from_short_term_memory=True, session_id="now")
    expected = [("user", "One?"), ("assistant", "Two."), ("user", "Three?"), ("assistant", "Four.")]
    assert said_to(client, engine) == expected
    assert await later.asave(stock(later, kept)) == 0


async def test_a_flush_before_the_first_read_of_a_restart_repeats_nothing(
    client: MemOS, engine: CountingEngine
) -> None:
    history = turned("One?", "1.", "Two?", "2.", "Three?", "3.")
    first = of_ada(client)
    for end in range(1, 7):
        await first.aget(history[:end], session_id="now")
    later = of_ada(client)
    await later.aput(history[:2], from_short_term_memory=True, session_id="now")
    await later.aget([*history[2:], ask("Four?")], session_id="now")
    await later.aget([*history[2:], ask("Four?"), answer("4.")], session_id="now")
    assert [text for _, text in said_to(client, engine)] == ["One?", "1.", "Two?", "2.", "Three?", "3.", "Four?", "4."]


async def test_a_repeat_after_a_flush_is_a_turn_of_its_own(client: MemOS, engine: CountingEngine) -> None:
    block, yes = of_ada(client), turned("Yes.", "Good.")
    for end in (1, 2, 3, 4):
        await block.aget([*yes, *yes][:end], session_id="now")
    await block.aput(yes, from_short_term_memory=True, session_id="now")
    for end in (3, 4):
        await block.aget([*yes, *yes][:end], session_id="now")
    assert said_to(client, engine) == [("user", "Yes."), ("assistant", "Good.")] * 3


async def test_what_was_flushed_is_not_saved_again(client: MemOS, engine: CountingEngine, kept: dict[str, Any]) -> None:
    block = of_ada(client, capture="flush")
    memory = stock(block, kept)
    await put(memory, *turned("One?", "1."))
    assert await block.asave(memory) == 2
    await block.aput(turned("Two?", "2."), from_short_term_memory=True, session_id="now")
    await put(memory, *turned("Two?", "2."))
    assert await block.asave(memory) == 0
    assert [text for _, text in said_to(client, engine)] == ["One?", "1.", "Two?", "2."]
