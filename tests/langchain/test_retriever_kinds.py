"""Which kinds of memory come back as documents, how many of each, in what order, and what their metadata tells."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.runnables import ConfigurableField

from memos_integrations.client import MemOS
from memos_integrations.langchain import MemOSRetriever
from memos_integrations.wire.answers import Found
from memos_integrations.wire.calls import SearchMemory
from tests.fakes import CountingEngine, client_over
from tests.langchain.models import QUESTION

KINDS: Any = ("fact", "preference", "tool")
TRAJECTORY = {
    "tool_type": "ToolTrajectoryMemory",
    "tool_value": "look_up(tea) failed, then search(tea)",
    "tool_used_status": [{"used_tool": "look_up", "error_type": "timeout", "success_rate": "0.2"}],
    "relativity": 0.6,
    "create_time": 1785578400000,
    "conversation_id": "earlier",
}


class Answering(CountingEngine):
    """Finds four of each kind, whatever it was asked for, or the one answer it was given."""

    def __init__(self, answer: Any = None) -> None:
        super().__init__()
        self.answer = answer or {
            "memory_detail_list": [{"id": f"f{i}", "memory_value": f"fact {i}"} for i in range(4)],
            "preference_detail_list": [{"id": f"p{i}", "preference": f"preference {i}"} for i in range(4)],
            "tool_memory_detail_list": [{"id": f"t{i}", "tool_value": f"tool {i}"} for i in range(4)],
        }

    def search_memory(self, call: SearchMemory, project: str = "", *more: Any, **named: Any) -> Found:
        super().search_memory(call.model_copy(update={"knowledgebase_ids": None}), project)
        self.searched[-1] = call
        return Found.model_validate(self.answer)


@pytest.fixture
def engine() -> CountingEngine:
    return Answering()


@pytest.fixture
def client(engine: CountingEngine) -> Iterator[MemOS]:
    with client_over(engine) as client:
        yield client


def ids(documents: list[Document]) -> list[str | None]:
    return [document.id for document in documents]


def found(answer: Any, **options: Any) -> list[Document]:
    with client_over(Answering(answer)) as client:
        return MemOSRetriever(client, user_id="ada", include=KINDS, **options).invoke(QUESTION)


def test_the_kinds_take_turns_in_the_order_given(client: MemOS) -> None:
    assert ids(MemOSRetriever(client, user_id="ada", include=KINDS, k=7).invoke(QUESTION)) == [
        "f0", "p0", "t0", "f1", "p1", "t1", "f2"
    ]  # fmt: skip
    turned = MemOSRetriever(client, user_id="ada", include=["tool", "fact", "tool"])
    assert ids(turned.invoke(QUESTION, k=3)) == ["t0", "f0", "t1"]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"fact_k": 1}, ["f0", "p0", "t0", "p1", "t1", "p2", "t2", "p3"]),
        ({"fact_k": 1, "preference_k": 1, "tool_k": 2}, ["f0", "p0", "t0", "t1"]),
        ({"fact_k": 1, "preference_k": 1, "tool_k": 25, "k": 3}, ["f0", "p0", "t0"]),
        ({"tool_k": 1, "k": 2}, ["f0", "p0"]),
    ],
    ids=str,
)
async def test_each_kind_has_a_most_of_its_own(client: MemOS, options: Any, wanted: list[str]) -> None:
    retriever = MemOSRetriever(client, user_id="ada", include=KINDS, **options)
    assert ids(await retriever.ainvoke(QUESTION)) == wanted
    changed = retriever.configurable_fields(k=ConfigurableField(id="most")).with_config(configurable={"most": 2})
    assert ids(await changed.ainvoke(QUESTION)) == wanted[:2]


@pytest.mark.parametrize(
    ("options", "k", "asked"),
    [
        ({}, None, (8, 8, True, None, None)),
        ({"include": KINDS}, None, (8, 8, True, 8, True)),
        ({"include": KINDS, "fact_k": 2, "tool_k": 5}, None, (2, 8, True, 5, True)),
        ({"include": KINDS, "fact_k": 2, "tool_k": 5}, 3, (2, 3, True, 3, True)),
        ({"include": ["tool"]}, None, (0, 0, False, 8, True)),
    ],
    ids=str,
)
def test_no_more_is_asked_for_than_can_come_back(
    client: MemOS, engine: CountingEngine, options: Any, k: int | None, asked: tuple[Any, ...]
) -> None:
    more: dict[str, Any] = {} if k is None else {"k": k}
    MemOSRetriever(client, user_id="ada", **options).invoke(QUESTION, **more)
    call = engine.searched[-1]
    assert asked == (
        call.memory_limit_number,
        call.preference_limit_number,
        call.include_preference,
        call.tool_memory_limit_number,
        call.include_tool_memory,
    )


def test_a_tool_memory_tells_all_that_is_known_of_it() -> None:
    learned = {"id": "t1", **TRAJECTORY, "experience": "Search knows teas, look_up does not."}
    (document,) = found({"tool_memory_detail_list": [learned]})
    assert (document.id, document.page_content) == ("t1", "Search knows teas, look_up does not.")
    assert document.metadata == {
        "id": "t1",
        "kind": "tool",
        "score": 0.6,
        "create_time": 1785578400000,
        "update_time": None,
        "conversation_id": "earlier",
        "tool_type": "ToolTrajectoryMemory",
        "tool_value": TRAJECTORY["tool_value"],
        "tool_used_status": TRAJECTORY["tool_used_status"],
    }
    json.dumps(document.metadata)


def test_a_tool_memorys_text_is_its_value_where_nothing_was_learned() -> None:
    schema = {"name": "look_up", "parameters": {"word": "text", "in": "中文"}}
    answer = [
        {"id": "t1", **TRAJECTORY},
        {"id": "t2", "tool_value": schema},
        {"id": "t3"},
        {"id": "t4", "tool_value": {}},
    ]
    text, told = found({"tool_memory_detail_list": answer})[:2]
    assert text.page_content == TRAJECTORY["tool_value"]
    assert json.loads(told.page_content) == schema
    assert "中文" in told.page_content
    assert told.metadata["tool_value"] == schema
    assert len(found({"tool_memory_detail_list": answer})) == 2


def test_what_is_blank_takes_no_place() -> None:
    answer = {
        "memory_detail_list": [{"id": "f0", "memory_value": " "}, {"id": "f1", "memory_value": "text"}],
        "preference_detail_list": [{"id": "p0", "preference": "likes"}],
    }
    assert ids(found(answer, fact_k=1)) == ["f1", "p0"]


def test_a_knowledge_bases_facts_are_known_by_their_metadata() -> None:
    both = [
        {"id": "f0", "memory_value": "own", "conversation_id": "earlier"},
        {"id": "f1", "memory_value": "the base's", "conversation_id": "default_session"},
    ]
    told = found({"memory_detail_list": both}, knowledgebase_ids=["kb1"])
    assert [document.metadata.get("knowledgebase", False) for document in told] == [False, True]
    unasked = found({"memory_detail_list": both})
    assert [document.metadata.get("knowledgebase", False) for document in unasked] == [False, False]
