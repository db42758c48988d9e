"""The filter grammar: what it takes, and where it points when it refuses."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from memos_integrations.errors import Invalid
from memos_integrations.wire.call import checked
from memos_integrations.wire.calls import SearchMemory
from memos_integrations.wire.filters import Condition, Filter

GOOD: list[dict[str, Any]] = [
    {"and": [{"tags": {"contains": "travel"}}, {"create_time": {"gte": "2026-01-01"}}, {"scene": "support"}]},
    {"or": [{"agent_id": "a"}, {"app_id": "b"}, {"score": 3}, {"vip": True}, {"ratio": 0.5}]},
    {"user": {"and": [{"app_id": "shop"}]}, "knowledgebase": {"or": [{"biz_id": "42"}]}},
    {"and": [{"update_time": {"gt": "2026-01-01", "lte": "2026-01-31 23:59:59"}}]},
    {"and": [{"related_id": ["u", "a"]}]},
    {"and": [{"info": {"scene": "x"}}]},
]
BAD: list[tuple[dict[str, Any], str]] = [
    ({}, 'one "and" group, one "or" group'),
    ({"and": []}, "at least 1"),
    ({"and": [{"a": "b"}], "or": [{"a": "b"}]}, 'one "and" group'),
    ({"and": [{"a": "b"}], "user": {"and": [{"a": "b"}]}}, 'one "and" group'),
    ({"user": {}}, "exactly one of"),
    ({"nobody": {"and": [{"a": "b"}]}}, 'neither "and" nor "or" nor a source'),
    ({"and": [{"": "b"}]}, "names a field"),
    ({"and": [{"tags": {"contains": ""}}]}, "not empty"),
    ({"and": [{}]}, "exactly one field"),
    ({"and": [{"a": "b", "c": "d"}]}, "exactly one field"),
    ({"and": [{"and": [{"a": "b"}]}]}, "do not nest"),
    ({"and": [{"user_id": "u"}]}, "user_id is no field"),
    ({"and": [{"a": ["b"]}]}, "text, a number or true/false"),
    ({"and": [{"a": float("inf")}]}, "text, a number or true/false"),
    ({"and": [{"a": None}]}, "text, a number or true/false"),
    ({"and": [{"tags": "travel"}]}, "tags takes an object with contains"),
    ({"and": [{"tags": {"contains": 3}}]}, "compared with text"),
    ({"and": [{"tags": {"in": "x"}}]}, "tags takes an object with contains"),
    ({"and": [{"create_time": "2026-01-01"}]}, "create_time takes an object"),
    ({"and": [{"create_time": {"after": "2026-01-01"}}]}, "create_time takes an object"),
    ({"and": [{"create_time": {"gt": "1 Jan 2026"}}]}, "YYYY-MM-DD"),
    ({"and": [{"create_time": {"gt": "2026-1-1"}}]}, "YYYY-MM-DD"),
    ({"and": [{"create_time": {"gt": "2026-02-30"}}]}, "YYYY-MM-DD"),
    ({"and": [{"related_id": "u"}]}, "list of at least one id"),
    ({"and": [{"related_id": []}]}, "list of at least one id"),
    ({"and": [{"related_id": [1]}]}, "list of texts"),
    ({"and": [{"info": {}}]}, "info takes an object"),
    ({"and": [{"info": {"x": [1]}}]}, "info takes an object"),
]


@pytest.mark.parametrize("given", GOOD)
def test_the_grammar_is_taken_and_sent_as_given(given: dict[str, Any]) -> None:
    call = checked(SearchMemory, {"query": "q", "user_id": "u", "filter": given})
    assert json.loads(call.body())["filter"] == given


@pytest.mark.parametrize(("given", "words"), BAD)
def test_anything_else_is_refused_at_its_place(given: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words) as caught:
        checked(SearchMemory, {"query": "q", "user_id": "u", "filter": given})
    assert caught.value.field.startswith("filter")


def test_a_model_does_as_well_as_a_dict() -> None:
    model = Filter.model_validate(GOOD[0])
    assert json.loads(SearchMemory(query="q", user_id="u", filter=model).body())["filter"] == GOOD[0]


def test_the_group_of_a_source() -> None:
    whole, split = Filter.model_validate(GOOD[0]), Filter.model_validate(GOOD[2])
    user, base = whole.group("user"), split.group("knowledgebase")
    assert user is not None
    assert base is not None
    assert [c.root for c in user.conditions] == GOOD[0]["and"]
    assert [c.root for c in base.conditions] == [{"biz_id": "42"}]
    assert split.group("public") is None


def test_conditions_read_flat() -> None:
    def tests(root: dict[str, Any]) -> list[tuple[str, str, Any]]:
        return list(Condition(root).tests)

    assert tests({"scene": "x"}) == [("scene", "eq", "x")]
    assert tests({"info": {"a": 1, "b": "c"}}) == [("a", "eq", 1), ("b", "eq", "c")]
    assert tests({"related_id": ["u"]}) == [("related_id", "any", ("u",))]
    assert tests({"create_time": {"gt": "2026-01-01", "lt": "2026-02-01"}}) == [
        ("create_time", "gt", "2026-01-01"),
        ("create_time", "lt", "2026-02-01"),
    ]


def test_a_condition_of_ones_own_is_checked_too() -> None:
    with pytest.raises(ValidationError, match="exactly one field"):
        Condition({"a": 1, "b": 2})
