"""What is worked out and not kept, whichever way it is asked (contract §2.10, §2.11)."""

import json
from typing import Any

import pytest

from memos_integrations.errors import BadRequest, Invalid
from memos_integrations.wire.envelope import Request
from tests.contract.conftest import Caller

SAID = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "I moved to Lyon. I can't stand loud restaurants.", "chat_time": "2026-08-01 10:00:00"},
    {"role": "assistant", "content": "I like Lyon, too."},
]
TEAS = [
    "Coffee comes from Ethiopia.",
    "I drink green tea.",
    "Tea is drunk in China, and in many more places than that.",
]


def test_what_an_add_would_make_of_it(memos: Caller) -> None:
    extracted = memos.extract_memory(messages=SAID)
    memos.add_message(messages=SAID, user_id="ada", conversation_id="c", async_mode=False)
    kept = memos.get_memory(user_id="ada")
    told = ("memory_key", "memory_value", "memory_type", "tags")
    facts = [{name: getattr(fact, name) for name in told} for fact in reversed(kept.memory_detail_list)]
    assert [fact.model_dump() for fact in extracted.memory_detail_list] == facts
    said = ("preference", "reasoning", "preference_type")
    likings = [{name: getattr(each, name) for name in said} for each in kept.preference_detail_list]
    assert [each.model_dump() for each in extracted.preference_detail_list] == likings
    assert (len(facts), len(likings)) == (2, 1)


def test_nothing_is_stored(memos: Caller) -> None:
    messages = [{"role": "user", "content": "I like tea.", "user_id": "ada"}]
    memos.extract_memory(messages=messages)
    assert memos.get_memory(user_id="ada").total == 0
    assert memos.search_memory(query="tea", user_id="ada").memory_detail_list == ()


@pytest.mark.parametrize(
    ("types", "counts"), [(["memory"], (2, 0)), (["preference"], (0, 1)), (["preference", "memory"], (2, 1))]
)
def test_only_what_is_asked_for(memos: Caller, types: list[str], counts: tuple[int, int]) -> None:
    found = memos.extract_memory(messages=SAID, extraction_types=types)
    assert (len(found.memory_detail_list), len(found.preference_detail_list)) == counts


IMAGE = [{"type": "image_url", "image_url": {"url": "https://h/x.png"}}]


@pytest.mark.parametrize(
    "wrong",
    [
        {"messages": []},
        {"messages": [{"role": "tool", "content": "x"}]},
        {"messages": [{"role": "user", "content": IMAGE}]},
        {"extraction_types": []},
        {"extraction_types": ["event"]},
    ],
)
def test_what_can_not_be_extracted(memos: Caller, wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        memos.extract_memory(**{"messages": SAID, **wrong})


def test_documents_are_ordered_by_what_they_share_with_the_query(memos: Caller) -> None:
    answer = memos.rerank(query="Do I drink green tea?", documents=TEAS)
    assert [each.index for each in answer.results] == [1, 2, 0]
    assert [each.text for each in answer.results] == [TEAS[1], TEAS[2], TEAS[0]]
    scores = [each.relevance_score for each in answer.results]
    assert 1 >= scores[0] > scores[1] > scores[2] == 0
    assert answer.usage["prompt_tokens"] == answer.usage["total_tokens"] > 0
    assert answer.id


def test_chinese_documents(memos: Caller) -> None:
    answer = memos.rerank(query="我喜欢喝什么茶？", documents=["今天下雨。", "我喜欢喝绿茶。"])
    assert [each.index for each in answer.results] == [1, 0]


def test_as_many_as_asked_for(memos: Caller) -> None:
    assert [each.index for each in memos.rerank(query="green tea", documents=TEAS, top_n=1).results] == [1]
    assert len(memos.rerank(query="green tea", documents=TEAS, top_n=9).results) == 3


def test_no_model_is_pretended(memos: Caller) -> None:
    """The names of the contract are of models that are not here: the answer says what it was."""
    assert memos.rerank(query="tea", documents=TEAS, model="memos-reranker-4b").model == "lexical"


@pytest.mark.parametrize(
    "wrong", [{"documents": []}, {"query": " "}, {"top_n": 0}, {"documents": "tea"}, {"documents": [1]}]
)
def test_what_can_not_be_ranked(memos: Caller, wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        memos.rerank(**{"query": "tea", "documents": TEAS, **wrong})


def test_the_answer_has_no_envelope_and_a_refusal_has_one(memos: Caller) -> None:
    body = json.loads(memos.transported(Request("POST", "rerank", b'{"query":"tea","documents":["tea"]}')).body)
    assert set(body) == {"id", "model", "usage", "results"}
    assert body["results"] == [
        {"index": 0, "document": {"text": "tea"}, "relevance_score": body["results"][0]["relevance_score"]}
    ]
    refused = json.loads(memos.transported(Request("POST", "rerank", b'{"query":"tea","documents":[]}')).body)
    assert (refused["code"], refused["data"]) == (40003, None)


LONG = "tea " * 8_001


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("add/message", {"user_id": "u", "messages": [{"role": "user", "content": LONG * 5}]}, 40013),
        ("search/memory", {"user_id": "u", "query": LONG * 5}, 40305),
        ("chat", {"user_id": "u", "conversation_id": "c", "query": LONG}, 40305),
        ("chat", {"user_id": "u", "conversation_id": "c", "query": LONG, "stream": True}, 40305),
        ("extract/memory", {"messages": [{"role": "user", "content": LONG}]}, 40305),
        ("rerank", {"query": "tea", "documents": [LONG]}, 40305),
    ],
)
def test_more_tokens_than_it_takes(memos: Caller, path: str, body: dict[str, Any], code: int) -> None:
    reply = memos.transported(Request("POST", path, json.dumps(body).encode()))
    told = json.loads(reply.body)
    assert (reply.status, told["code"]) == (200, code)
    assert "by a low estimate" in told["message"]


def test_too_many_tokens_never_leave(memos: Caller) -> None:
    with pytest.raises(Invalid) as caught:
        memos.extract_memory(messages=[{"role": "user", "content": LONG}])
    assert (caught.value.field, caught.value.rule) == ("messages", "too_many_tokens")
    assert not isinstance(caught.value, BadRequest)
