"""Filters that are none: refused in a body as it comes over the wire, with the place named (contract §5, §1.4)."""

import json
from typing import Any

import pytest

from memos_integrations.engine import Engine, route
from memos_integrations.wire.envelope import Reply, Request

FINE = {"scene": "home"}


def refusal(engine: Engine, path: str, **members: Any) -> tuple[int, str]:
    reply = route(engine, Request("POST", path, json.dumps(members).encode()))
    assert isinstance(reply, Reply)
    envelope = json.loads(reply.body)
    assert envelope["data"] is None
    return envelope["code"], envelope["message"]


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"or": [FINE]}, "groups do not nest"),
        ({"and": [FINE]}, "groups do not nest"),
        ({"a": 1, "b": 2}, "exactly one field"),
        ({}, "exactly one field"),
        ({"user_id": "u"}, "user_id is no field of a filter"),
        ({"create_time": {"eq": "2026-08-01"}}, "create_time takes an object with gt or gte or lt or lte"),
        ({"create_time": {"gte": "2026-08-01", "in": "2026-08-02"}}, "create_time takes an object"),
        ({"create_time": {}}, "create_time takes an object"),
        ({"create_time": "2026-08-01"}, "create_time takes an object"),
        ({"create_time": {"gte": 1785585600000}}, "create_time is compared with text"),
        ({"create_time": {"gte": "yesterday"}}, 'create_time is compared with "YYYY-MM-DD"'),
        ({"update_time": {"gte": "2026-8-1"}}, 'update_time is compared with "YYYY-MM-DD"'),
        ({"update_time": {"gte": "2026-02-30"}}, "update_time is compared with"),
        ({"update_time": {"lt": "2026-08-01T12:00:00"}}, "update_time is compared with"),
        ({"update_time": {"lt": "2026-08-01 25:00:00"}}, "update_time is compared with"),
        ({"tags": "zoo"}, "tags takes an object with contains"),
        ({"tags": ["zoo"]}, "tags takes an object with contains"),
        ({"tags": {"in": "zoo"}}, "tags takes an object with contains"),
        ({"tags": {"contains": ["zoo"]}}, "tags is compared with text"),
        ({"related_id": "u"}, "related_id takes a list"),
        ({"related_id": []}, "related_id takes a list of at least one id"),
        ({"related_id": [1]}, "related_id takes a list of texts"),
        ({"info": "home"}, "info takes an object"),
        ({"info": {}}, "info takes an object"),
        ({"info": {"a": {"b": 1}}}, "info takes an object"),
        ({"agent_id": ["bot"]}, "takes text, a number or true/false"),
        ({"app_id": {"contains": "shop"}}, "takes text, a number or true/false"),
        ({"scene": None}, "takes text, a number or true/false"),
        ({"n": {"gt": 1}}, "takes text, a number or true/false"),
        ("scene", "must be an object"),
        (None, "must be an object"),
    ],
)
def test_a_condition_that_is_none(engine: Engine, condition: object, words: str) -> None:
    for path, members in (("search/memory", {"query": "x", "user_id": "u"}), ("get/memory", {"user_id": "u"})):
        code, message = refusal(engine, path, **members, filter={"and": [FINE, condition]})
        assert code == 40000
        assert message.startswith(f"{path}: filter.and.1 ")
        assert words in message
    code, message = refusal(engine, "delete/memory", filter={"or": [condition]})
    assert (code, message.startswith("delete/memory: filter.or.0 ")) == (40000, True)


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        ({"and": [FINE], "or": [FINE]}, 40000, 'filter takes one "and" group'),
        ({"and": [FINE], "user": {"and": [FINE]}}, 40000, 'filter takes one "and" group'),
        ({}, 40000, 'filter takes one "and" group'),
        ({"and": []}, 40000, "filter.and is a list of at least 1"),
        ({"or": []}, 40000, "filter.or is a list of at least 1"),
        ({"user": {"or": []}}, 40000, "filter.user.or is a list of at least 1"),
        ({"and": FINE}, 40000, "filter.and must be a list"),
        ({"user": [FINE]}, 40000, "filter.user must be an object"),
        ({"user": {}}, 40000, 'filter.user holds exactly one of "and" and "or"'),
        ({"agent": {"and": [FINE], "or": [FINE]}}, 40000, "filter.agent holds exactly one"),
        ({"agent": {"or": [FINE, {"user_id": "u"}]}}, 40000, "filter.agent.or.1 user_id is no field"),
        ({"somebody": {"and": [FINE]}}, 40000, "filter.somebody"),
        (FINE, 40000, "filter.scene"),
        ("scene", 40000, "filter must be an object"),
        ([FINE], 40000, "filter must be an object"),
        (5, 40000, "filter must be an object"),
    ],
)
def test_a_filter_that_is_none(engine: Engine, given: object, code: int, words: str) -> None:
    """An empty list has a code of its own among those of contract §1.4."""
    told, message = refusal(engine, "search/memory", query="x", user_id="u", filter=given)
    assert (told, message.startswith(f"search/memory: {words}")) == (code, True)


@pytest.mark.parametrize("path", ["get/memory", "chat"])
def test_a_map_of_sources_is_for_searching(engine: Engine, path: str) -> None:
    code, message = refusal(engine, path, query="x", user_id="u", conversation_id="c", filter={"user": {"and": [FINE]}})
    assert (code, "no map of sources" in message) == (40000, True)
