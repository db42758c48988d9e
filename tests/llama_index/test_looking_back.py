"""What a memory finds when it is asked, and what it found last."""

import json
from collections.abc import Callable

import pytest
from llama_index.core.agent.workflow import FunctionAgent

from memos_integrations.client import MemOS
from memos_integrations.errors import QuotaExceeded
from memos_integrations.llama_index import MemOSMemory
from memos_integrations.wire.answers import Found
from tests.fakes import CountingEngine
from tests.llama_index.conftest import FACT, QUESTION
from tests.llama_index.models import ToldModel, ask, calls, function
from tests.llama_index.services import MARKER

Remembering = Callable[..., MemOSMemory]


async def test_a_query_is_searched_for_now(engine: CountingEngine, remembering: Remembering) -> None:
    memory = remembering(memory_limit_number=1)
    for count in (1, 2):
        found = await memory.arecall("Sencha")
        assert [FACT in fact.memory_value for fact in found.memory_detail_list] == [True]
        assert len(engine.searched) == count
    assert memory.recall("Sencha").memory_detail_list
    assert [call.query for call in engine.searched] == ["Sencha"] * 3
    assert engine.searched[0].memory_limit_number == 1
    assert memory.get_all() == []


async def test_without_a_query_it_is_the_present_question_once_a_turn(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    memory = remembering()
    assert not (await memory.arecall()).memory_detail_list  # nobody asked anything
    assert engine.searched == []
    told = list[str]()

    async def remember() -> str:
        """Tells what is known."""
        told.extend(fact.memory_value for fact in (await memory.arecall()).memory_detail_list)
        return "known"

    await FunctionAgent(tools=[remember], llm=ToldModel(calls("remember"))).run(QUESTION, memory=memory)
    assert "Sencha" in told[0]
    assert await memory.arecall() == memory.recall()
    assert [call.query for call in engine.searched] == [QUESTION]


async def test_placed_nowhere_it_finds_all_the_same(engine: CountingEngine, remembering: Remembering) -> None:
    memory = remembering(placement="off")
    await memory.aput(ask(QUESTION))
    assert await memory.aget() == memory.get_all()
    assert memory.last_recall is None
    assert (await memory.arecall()).memory_detail_list
    assert len(engine.searched) == 1


async def test_what_was_found_last_is_its_own(client: MemOS, remembering: Remembering) -> None:
    memory, other = remembering(), remembering(user_id="bob")
    assert [each.last_recall for each in (memory, other)] == [None, None]
    await function().run(QUESTION, memory=memory)
    mine = memory.last_recall
    assert mine is not None
    assert [other.last_recall] == [None]
    assert "Sencha" in mine.memory_detail_list[0].memory_value
    await other.arecall("Sencha")
    assert memory.last_recall is mine
    theirs: Found | None = other.last_recall
    assert theirs is not None
    assert not theirs.memory_detail_list

    data = memory.to_dict()
    assert "Uji" not in json.dumps(data)
    assert MemOSMemory.from_dict(data).last_recall is None
    assert memory.with_scope().last_recall is None


async def test_a_failure_finds_nothing_or_raises(refusing: MemOS, caplog: pytest.LogCaptureFixture) -> None:
    memory = MemOSMemory.from_defaults(user_id="ada", client=refusing)
    assert not (await memory.arecall(MARKER)).memory_detail_list
    assert not memory.recall(MARKER).memory_detail_list
    assert memory.last_recall is not None
    assert len(caplog.records) == 2
    assert MARKER not in caplog.text
    strict = MemOSMemory.from_defaults(user_id="ada", client=refusing, on_error="raise")
    with pytest.raises(QuotaExceeded):
        await strict.arecall("tea")
    with pytest.raises(QuotaExceeded):
        strict.recall("tea")


async def test_without_a_client_it_finds_nothing(remembering: Remembering, caplog: pytest.LogCaptureFixture) -> None:
    memory = MemOSMemory.from_dict({**remembering().to_dict(), "client_name": None})
    assert not (await memory.arecall("tea")).memory_detail_list
    assert len(caplog.records) == 1  # that it has none
