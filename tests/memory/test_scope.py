"""Whose memory it is: nobody's by default, and the same for as long as it is held."""

import copy
import pickle
from typing import Any

import pytest
from pydantic import ValidationError

from memos_integrations import Scope
from memos_integrations.errors import Invalid
from memos_integrations.memory.scope import first_given, new_conversation


def test_a_scope_is_a_frozen_value() -> None:
    scope = Scope(user_id="u", conversation_id="c", tags=["a"], info={"x": 1})
    assert scope == Scope(user_id="u", conversation_id="c", tags=("a",), info={"x": 1})
    assert hash(scope) == hash(Scope(user_id="u", conversation_id="c"))
    with pytest.raises(ValidationError, match="frozen"):
        scope.user_id = "other"


def test_there_is_no_default_user() -> None:
    with pytest.raises(Invalid, match="user_id is required"):
        Scope()  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"user_id": ""}, "user_id"),
        ({"user_id": "  "}, "user_id"),
        ({"user_id": "x" * 101}, "user_id"),
        ({"user_id": 5}, "user_id"),
        ({"user_id": "u", "conversation_id": ""}, "conversation_id"),
        ({"user_id": "u", "tags": "abc"}, "tags"),
        ({"user_id": "u", "info": {"x": [1]}}, "info.x"),
        ({"user_id": "u", "info": {"x": "\ud800"}}, "info.x"),
        ({"user_id": "u", "session": "s"}, "session"),
    ],
)
def test_bad_members_are_refused(members: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        Scope(**members)
    assert caught.value.field == field


def test_another_conversation_of_the_same_owner() -> None:
    scope = Scope(user_id="u", conversation_id="c", agent_id="a", tags=["t"], info={"x": "y"})
    assert scope.within("d") == Scope(user_id="u", conversation_id="d", agent_id="a", tags=["t"], info={"x": "y"})


def test_marks_hold_only_what_was_given() -> None:
    assert Scope(user_id="u").marks() == {"user_id": "u"}
    whole = Scope(user_id="u", conversation_id="c", agent_id="a", app_id="p", tags=["t"], info={"x": 1})
    assert set(whole.marks()) == {"user_id", "conversation_id", "agent_id", "app_id", "tags", "info"}


def test_a_scope_travels() -> None:
    scope = Scope(user_id="u", tags=["a"], info={"x": ("y",)})
    for twin in (copy.deepcopy(scope), pickle.loads(pickle.dumps(scope))):
        assert twin == scope
    assert Scope.model_validate_json(scope.model_dump_json()) == scope


def test_a_scope_tells_nobody_who_it_is() -> None:
    mark = "MARKER7f3a"
    scope = Scope(user_id=mark, conversation_id=mark, agent_id=mark, app_id=mark, tags=[mark], info={"x": mark})
    assert mark not in repr(scope) + str(scope)


def test_the_first_source_given_is_taken() -> None:
    assert first_given("user_id", argument=None, context="a", configurable="b") == "a"
    assert first_given("user_id", argument=None, context=None) is None


@pytest.mark.parametrize("wrong", ["", " ", 5, b"u", ["u"]])
def test_a_source_of_another_kind_is_refused_rather_than_passed_over(wrong: object) -> None:
    with pytest.raises(Invalid, match="user_id from context must be text"):
        first_given("user_id", argument=None, context=wrong, configurable="b")


def test_a_conversation_made_for_a_run_is_its_own() -> None:
    assert new_conversation() != new_conversation()
    assert Scope(user_id="u", conversation_id=new_conversation())
