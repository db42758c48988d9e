"""A block's arguments, a read's own filters, what is cut when tokens run out, and whose client it is."""

import copy
from collections.abc import AsyncIterator
from datetime import UTC
from pathlib import Path
from typing import Any, cast

import pytest
from llama_index.core.utils import get_tokenizer

from memos_integrations._connect import borrow
from memos_integrations.client import Event, MemOS
from memos_integrations.errors import Invalid
from memos_integrations.llama_index import MemOSMemoryBlock
from memos_integrations.llama_index._block_text import told
from memos_integrations.memory.prompt import PROTOCOL, split, strip
from memos_integrations.wire.answers import Fact, Found, Preference, ToolMemory
from tests.fakes import CountingEngine
from tests.llama_index.blocks import put, stock, store
from tests.llama_index.conftest import FACT, QUESTION
from tests.llama_index.models import answer, ask, text_of_all

FOUND = Found(
    memory_detail_list=tuple(
        Fact(id=f"f{n}", memory_value=f"fact {n} <b>", update_time="2026-08-01 10:00:00") for n in range(5)
    ),
    preference_detail_list=tuple(
        Preference(id=f"p{n}", preference=f"preference {n}", preference_type="explicit_preference") for n in range(3)
    ),
    tool_memory_detail_list=(ToolMemory(id="t", experience="tool 0"),),
)


@pytest.fixture
def block(client: MemOS) -> MemOSMemoryBlock:
    return MemOSMemoryBlock(user_id="ada", client=client)


@pytest.fixture
async def kept() -> AsyncIterator[dict[str, Any]]:
    async with store() as kept:
        yield kept


async def test_a_read_s_own_options_are_its_own(
    engine: CountingEngine, block: MemOSMemoryBlock, kept: dict[str, Any]
) -> None:
    memory = stock(block, kept)
    await put(memory, ask(QUESTION))
    mine: dict[str, Any] = {
        "filter": {"and": [{"tags": {"contains": "work"}}]},
        "knowledgebase_ids": ["base"],
        "relativity": 0.4,
        "memory_limit_number": 3,
        "preference_limit_number": 2,
        "include_tool_memory": True,
    }
    await memory.aget(**mine)
    await memory.aget(**mine)
    await memory.aget(initial_token_count=7)
    await memory.aget(relativity=0.1)

    first, second, third = (call.model_dump(mode="json", exclude_none=True, by_alias=True) for call in engine.searched)
    assert {name: first[name] for name in mine} == mine
    assert not set(mine) & set(second)
    assert {name: third.get(name) for name in mine} == {**dict.fromkeys(mine), "relativity": 0.1}


async def test_a_read_s_own_options_stand_beside_the_block_s(client: MemOS, engine: CountingEngine) -> None:
    block = MemOSMemoryBlock(user_id="ada", client=client, memory_limit_number=2, relativity=0.3)
    await block.aget([ask(QUESTION)], session_id="now", relativity=0.0)
    [call] = engine.searched
    assert (call.memory_limit_number, call.relativity) == (2, 0.0)


async def test_two_sessions_each_have_their_own_filter(
    engine: CountingEngine, block: MemOSMemoryBlock, kept: dict[str, Any]
) -> None:
    for name in ("one", "two"):
        memory = stock(block, kept, session_id=name)
        await memory.aget(QUESTION, filter={"and": [{"tags": {"contains": name}}]})
    filters = [call.model_dump(mode="json", exclude_none=True, by_alias=True)["filter"] for call in engine.searched]
    assert filters == [{"and": [{"tags": {"contains": name}}]} for name in ("one", "two")]
    assert [call.conversation_id for call in engine.searched] == ["one", "two"]


async def test_a_read_s_mistake_is_told_before_anything_is_sent(
    engine: CountingEngine, block: MemOSMemoryBlock, kept: dict[str, Any]
) -> None:
    with pytest.raises(Invalid, match="relativity"):
        await stock(block, kept).aget(QUESTION, relativity=2)
    with pytest.raises(Invalid) as wrong:
        await stock(block, kept).aget(QUESTION, filter={"nonsense": {"is": 1}})
    assert wrong.value.field.startswith("filter")
    assert engine.counts == (0, 0)


async def test_a_block_without_a_memory_answers_too(block: MemOSMemoryBlock, engine: CountingEngine) -> None:
    assert await block.aget() == ""
    assert await block.aget([answer("Welcome.")]) == ""
    assert FACT.split(" is ")[1] in await block.aget([ask(QUESTION)])
    assert len(engine.searched) == 1


@pytest.mark.parametrize("tokens", [1, 10, 25, 60, 100])
async def test_what_ranks_lowest_is_cut_line_by_line(block: MemOSMemoryBlock, tokens: int) -> None:
    count = get_tokenizer()
    content = told(FOUND, UTC, UTC)
    cut = await block.atruncate(content, tokens)

    assert cut is not None
    assert len(count(cut)) <= len(count(content)) - tokens
    assert strip(cut) == f"{PROTOCOL}\n\n"  # what is left is a whole block, known by its digest
    lines = [line for line in content.splitlines() if line.startswith("- ")]
    kept = [line for line in cut.splitlines() if line.startswith("- ") and line in lines]
    assert kept == [line for line in lines if line in set(kept)]
    ranked = [
        "fact 0",
        "preference 0",
        "tool 0",
        "fact 1",
        "preference 1",
        "fact 2",
        "preference 2",
        "fact 3",
        "fact 4",
    ]
    assert {name for name in ranked if name in cut} == set(ranked[: len(kept)])
    assert len(kept) < len(ranked)
    assert await block.atruncate(cut, 0) == cut


async def test_when_nothing_fits_nothing_is_left(block: MemOSMemoryBlock) -> None:
    content = told(FOUND, UTC, UTC)
    assert await block.atruncate(content, 10_000) is None
    assert await block.atruncate("another's text", 1) is None
    assert await block.atruncate(cast("str", []), 1) is None  # as Memory asks where a block had nothing


async def test_memory_cuts_the_block_within_its_tokens(
    client: MemOS, block: MemOSMemoryBlock, kept: dict[str, Any]
) -> None:
    for number in range(8):
        said = [
            {"role": "user", "content": f"My favourite tea number {number} is from Uji in the year {1990 + number}."}
        ]
        client.add_message(messages=said, user_id="ada", conversation_id="earlier", async_mode=False)
    whole = stock(block, kept, session_id="whole")
    limit = len(get_tokenizer()(await block.aget([ask(QUESTION)])))
    [full] = split(text_of_all(await whole.aget(QUESTION)))[0]
    for spare, fits in ((-40, True), (-5_000, False)):
        memory = stock(block, kept, session_id=f"cut{spare}", token_limit=max(limit + spare, 10))
        await put(memory, ask(QUESTION))
        shown = text_of_all(await memory.aget())
        assert shown.endswith(QUESTION)
        blocks = split(shown)[0]
        assert len(blocks) == (1 if fits else 0)
        assert all(0 < each.count("\n- ") < full.count("\n- ") for each in blocks)
        assert fits or shown == QUESTION


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"user_id": ""}, "user_id"),
        ({"user_id": None}, "user_id"),
        ({"user_id": 7}, "user_id"),
        ({"conversation_id": ""}, "conversation_id"),
        ({"conversation_id": "x" * 101}, "conversation_id"),
        ({"agent_id": " "}, "agent_id"),
        ({"tags": "tea"}, "tags"),
        ({"info": 1}, "info"),
        ({"name": 7}, "name"),
        ({"priority": "high"}, "priority"),
        ({"capture": "always"}, "capture"),
        ({"record_tools": "perhaps"}, "record_tools"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"recall_seconds": 0}, "recall_seconds"),
        ({"filter": {"nonsense": {"is": 1}}}, "filter"),
        ({"on_error": "ignore"}, "on_error"),
        ({"memory_limit": 3}, "memory_limit"),
        ({"client": "memos.db"}, "client"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_mistake_is_told_at_once(client: MemOS, engine: CountingEngine, wrong: dict[str, object], field: str) -> None:
    given: dict[str, Any] = {"user_id": "ada", "client": client, **wrong}
    with pytest.raises(Invalid) as told_at_once:
        MemOSMemoryBlock(**given)
    assert told_at_once.value.field.startswith(field)
    assert engine.counts == (0, 0)


def test_there_is_no_default_user(client: MemOS) -> None:
    for given in ({}, {"client": client}):
        with pytest.raises((TypeError, Invalid), match="user_id"):
            MemOSMemoryBlock(**cast("Any", given))


def test_an_async_client_is_refused_with_what_to_give(client: MemOS) -> None:
    with pytest.raises(Invalid, match=r"\.aio is the async half"):
        MemOSMemoryBlock(user_id="ada", client=cast("MemOS", client.aio))


async def test_a_session_id_that_is_no_conversation_id_is_told(block: MemOSMemoryBlock, kept: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="conversation_id"):
        await stock(block, kept, session_id="x" * 101).aget(QUESTION)


def test_a_borrowed_client_is_shared_and_closed_by_the_last(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MEMOS_BASE_URL", str(tmp_path / "memos.db"))
    one, two = MemOSMemoryBlock(user_id="ada"), MemOSMemoryBlock(user_id="bob")
    client = one._held.now()
    assert client is two._held.now()
    one.close()
    one.close()
    assert not client._shared.closed
    two.close()
    assert client._shared.closed


async def test_on_a_loop_a_client_is_borrowed_at_the_first_use(
    monkeypatch: pytest.MonkeyPatch, kept: dict[str, Any]
) -> None:
    monkeypatch.setenv("MEMOS_BASE_URL", ":memory:")
    borrowed = list[MemOS]()

    def noting() -> MemOS:
        borrowed.append(borrow())
        return borrowed[-1]

    monkeypatch.setattr("memos_integrations.llama_index._holding.borrow", noting)
    block = MemOSMemoryBlock(user_id="ada")
    await block.aclose()  # there is nothing to give back yet
    assert not borrowed
    assert await stock(block, kept).aget(QUESTION) == []
    await block.aclose()
    [client] = borrowed
    assert client._shared.closed


def test_a_client_that_was_handed_over_stays_open(client: MemOS, block: MemOSMemoryBlock) -> None:
    block.close()
    assert not client._shared.closed


async def test_no_id_is_shown(client: MemOS, kept: dict[str, Any], events: list[Event]) -> None:
    marked = "MARKER7f3a"
    block = MemOSMemoryBlock(
        user_id=marked, client=client, conversation_id=marked, agent_id=marked, tags=[marked], info={marked: marked}
    )
    memory = stock(block, kept)
    shown: list[object] = [repr(block), str(block), repr(memory), block.model_dump(), memory.model_dump()]
    assert not [each for each in shown if marked in str(each)]
    assert "capture='read'" in repr(block)


def test_a_block_is_one_whoever_copies_it(block: MemOSMemoryBlock) -> None:
    assert copy.deepcopy(block) is block
