"""What may be asked: the limits hold before anything is sent, and a refusal names place and rule, never content."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos_integrations.errors import Invalid
from memos_integrations.wire.call import Call, checked
from memos_integrations.wire.calls import CALLS, AddMessage, DeleteMemory, GetMessage, SearchMemory

HELLO = [{"role": "user", "content": "hello"}]
GOOD: dict[str, dict[str, Any]] = {
    "add/message": {"messages": HELLO, "user_id": "u"},
    "get/message": {"user_id": "u", "conversation_id": "c"},
    "search/memory": {"query": "q", "user_id": "u"},
    "get/memory": {"user_id": "u"},
    "delete/memory": {"user_id": "u"},
    "get/status": {"task_id": "t"},
}
LONG = "x" * 101

BAD: list[tuple[str, dict[str, Any], str, str]] = [
    ("add/message", {"messages": []}, "messages", "too_short"),
    ("add/message", {"messages": "hello"}, "messages", "tuple_type"),
    ("add/message", {"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role", "literal_error"),
    ("add/message", {"messages": [{"role": "user"}]}, "messages.0", "missing"),
    ("add/message", {"messages": [{"role": "user", "content": "a\ud800"}]}, "messages.0.content", "string_unicode"),
    ("add/message", {"messages": [{"role": "user", "content": 5}]}, "messages.0.content", "string_type"),
    ("add/message", {"user_id": None}, "", "subject"),
    ("add/message", {"user_id": ""}, "user_id", "string_too_short"),
    ("add/message", {"user_id": LONG}, "user_id", "string_too_long"),
    ("add/message", {"user_id": ["u"] * 21}, "user_id", "too_long"),
    ("add/message", {"conversation_id": LONG}, "conversation_id", "string_too_long"),
    ("add/message", {"allow_memory_view": ["dreams"]}, "allow_memory_view.0", "literal_error"),
    ("add/message", {"custom_extract_prompt": {"dreams": "x"}}, "custom_extract_prompt.dreams", "literal_error"),
    ("add/message", {"info": {"a": float("nan")}}, "info.a", "finite_number"),
    ("add/message", {"info": {"\ud800": "x"}}, "info.\ufffd\ufffd\ufffd", "string_unicode"),
    ("add/message", {"info": {"a": object()}}, "info.a", "string_type"),
    ("get/message", {"message_limit_number": 0}, "message_limit_number", "greater_than_equal"),
    ("get/message", {"message_limit_number": 51}, "message_limit_number", "less_than_equal"),
    ("get/message", {"conversation_id": " "}, "conversation_id", "blank"),
    ("search/memory", {"query": ""}, "query", "string_too_short"),
    ("search/memory", {"query": " \n"}, "query", "blank"),
    ("search/memory", {"query": 3}, "query", "string_type"),
    ("search/memory", {"agent_id": "a"}, "", "subject"),
    ("search/memory", {"user_id": None}, "", "subject"),
    ("search/memory", {"user_id": LONG}, "user_id", "string_too_long"),
    ("search/memory", {"relativity": 1.1}, "relativity", "less_than_equal"),
    ("search/memory", {"relativity": -0.1}, "relativity", "greater_than_equal"),
    ("search/memory", {"relativity": float("nan")}, "relativity", "finite_number"),
    ("search/memory", {"memory_limit_number": 26}, "memory_limit_number", "less_than_equal"),
    ("search/memory", {"top_k": 3}, "top_k", "extra_forbidden"),
    ("get/memory", {"size": 51}, "size", "less_than_equal"),
    ("get/memory", {"page": 0}, "page", "greater_than_equal"),
    ("get/memory", {"agent_id": "a"}, "", "subject"),
    ("get/memory", {"filter": {"user": {"and": [{"a": "b"}]}}}, "filter", "filter"),
    ("delete/memory", {"user_id": None}, "", "subject"),
    ("delete/memory", {"memory_ids": ["m"]}, "", "subject"),
    ("delete/memory", {"user_id": None, "user_ids": ["a", "b"]}, "", "subject"),
    ("delete/memory", {"user_id": None, "memory_ids": []}, "memory_ids", "too_short"),
    ("get/status", {"task_id": ""}, "task_id", "string_too_short"),
]


@pytest.mark.parametrize("path", GOOD)
def test_a_good_call_is_sent_without_what_was_left_out(path: str) -> None:
    assert json.loads(checked(CALLS[path], GOOD[path]).body()) == GOOD[path]


@pytest.mark.parametrize(("path", "change", "field", "rule"), BAD)
def test_a_bad_argument_is_refused_by_place_and_rule(path: str, change: dict[str, Any], field: str, rule: str) -> None:
    with pytest.raises(Invalid) as caught:
        checked(CALLS[path], {**GOOD[path], **change})
    assert (caught.value.field, caught.value.rule) == (field, rule)
    assert str(caught.value).startswith(f"{path}: ")
    assert isinstance(caught.value, ValueError)


def test_a_refusal_says_what_was_given_and_what_is_allowed() -> None:
    with pytest.raises(Invalid, match=r"user_id is at most 100 characters long \(given: text of 101 characters\)"):
        checked(SearchMemory, {"query": "q", "user_id": LONG})
    with pytest.raises(Invalid, match=r"memory_limit_number is at most 25 \(given: 26\)"):
        checked(SearchMemory, {"query": "q", "user_id": "u", "memory_limit_number": 26})
    with pytest.raises(Invalid, match=r"exactly one of user_id and agent_id"):
        checked(SearchMemory, {"query": "q"})


def test_several_faults_are_counted() -> None:
    with pytest.raises(Invalid, match=r"\(and 1 more place\)"):
        checked(SearchMemory, {"query": "q", "user_id": LONG, "relativity": 2})


def test_owners_of_a_group_conversation() -> None:
    call = AddMessage(messages=HELLO, user_id=["a", "b"], agent_id="x")
    assert (call.users, call.agents) == (("a", "b"), ("x",))
    assert AddMessage(messages=HELLO, user_id="a").users == ("a",)


def test_the_older_spelling_of_a_user_to_delete() -> None:
    assert DeleteMemory(user_ids=["a"]).user == "a"
    assert DeleteMemory(user_ids=["a", "b"], memory_ids=["m"]).user is None


@pytest.mark.parametrize("value", ["\ud800", {"k": "\udfff"}])
def test_text_that_no_json_can_carry_is_refused_before_it_is_sent(value: Any) -> None:
    call = AddMessage(messages=[{"role": "user", "content": "x", "extra": value}], user_id="u")
    with pytest.raises(Invalid, match="no JSON can carry"):
        call.body()


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip))
def test_any_text_survives_the_way_to_the_wire(text: str) -> None:
    call = SearchMemory(query=text, user_id="u")
    assert json.loads(call.body())["query"] == text


def _planted(mark: str) -> list[Call[Any]]:
    part = {"type": "text", "text": mark}
    tool = {"id": mark, "function": {"name": mark, "arguments": mark}}
    group = {"and": [{"tags": {"contains": mark}}, {"scene": mark}, {"related_id": [mark]}, {"info": {"x": mark}}]}
    messages = [
        {"role": "user", "content": [part, {"type": "image_url", "image_url": {"url": mark}}], "chat_time": mark},
        {"role": "assistant", "tool_calls": [tool], "role_name": mark, "more": mark},
    ]
    texts = (mark, mark)
    return [
        checked(
            AddMessage,
            {
                "messages": messages, "user_id": texts, "agent_id": mark, "conversation_id": mark, "app_id": mark,
                "tags": texts, "info": {"k": mark}, "allow_knowledgebase_ids": texts, "source": mark,
                "custom_extract_prompt": {"image": mark},
            },
        ),
        checked(SearchMemory, {"query": mark, "user_id": mark, "filter": group, "knowledgebase_ids": texts}),
        checked(GetMessage, {"user_id": mark, "conversation_id": mark, "source": mark}),
        checked(DeleteMemory, {"memory_ids": texts}),
    ]  # fmt: skip


def test_no_content_shows_in_a_repr() -> None:
    mark = "MARKER7f3a"
    for call in _planted(mark):
        shown = repr(call) + str(call) + repr(list(call))
        assert mark in call.body().decode()
        assert mark not in repr(call) + str(call), shown
    add = _planted(mark)[0]
    assert isinstance(add, AddMessage)
    assert all(mark not in repr(turn) + str(turn) + repr(turn.content) + repr(turn.tool_calls) for turn in add.turns)


@pytest.mark.parametrize("path", GOOD)
def test_no_content_shows_in_a_refusal(path: str) -> None:
    mark = "MARKER7f3a" * 20
    for name in CALLS[path].model_fields:
        for wrong in (mark, [mark], {"and": [{mark: [mark]}]}, [{"role": mark, "content": mark}]):
            error = refusal(CALLS[path], {**GOOD[path], name: wrong})
            assert error is None or error.__cause__ is None
            assert "MARKER7f3a" not in f"{error!s}{error!r}{vars(error) if error else ''}", (name, wrong)


def refusal(call: type[Call[Any]], arguments: dict[str, Any]) -> Invalid | None:
    try:
        checked(call, arguments)
    except Invalid as error:
        return error
    return None
