"""What an adapter is handed is checked at once, and what is wrong is told in its own words."""

from collections import OrderedDict
from typing import Any

import pytest

from memos_integrations.errors import Invalid
from memos_integrations.memory.handed import known_names, parameters_of, scope_of
from memos_integrations.memory.latest import keep
from memos_integrations.memory.recall import Recall, recall_of
from memos_integrations.memory.scope import first_given


class Adapter:
    def __init__(self, client: object, *, user_id: str, **options: Any) -> None: ...


def test_the_parameters_of_a_method_are_those_that_have_names() -> None:
    assert parameters_of(Adapter.__init__) == {"client", "user_id"}


def test_an_unknown_name_is_told_with_those_that_there_are() -> None:
    known_names("Adapter", {"user_id": "ada"}, {"user_id", "client"})
    with pytest.raises(Invalid, match=r"^Adapter: user is no parameter of it: there are client, user_id$") as caught:
        known_names("Adapter", {"user": "MARKER"}, {"user_id", "client"})
    assert (caught.value.field, caught.value.rule) == ("user", "extra_forbidden")


def test_options_of_a_recall_are_told_beside_those_of_who_takes_them() -> None:
    assert recall_of("Adapter", Adapter.__init__, {"relativity": 0.5}) == Recall(relativity=0.5)
    with pytest.raises(Invalid, match=r"^Adapter: relativty is no parameter") as caught:
        recall_of("Adapter", Adapter.__init__, {"relativty": 0.5}, beside=["verbose"])
    names = set(str(caught.value).partition("there are ")[2].split(", "))
    assert {"client", "user_id", "relativity", "recall_seconds", "on_error", "verbose"} <= names


@pytest.mark.parametrize("name", ["user_id", "conversation_id", "agent_id", "app_id"])
def test_an_id_that_is_no_text_is_told_with_what_to_do(name: str) -> None:
    members: dict[str, Any] = {"user_id": "ada", name: 123}
    with pytest.raises(
        Invalid, match=rf"^Adapter: {name} must be text \(given: int\): give an id as text, str"
    ) as caught:
        scope_of("Adapter", **members)
    assert (caught.value.field, caught.value.rule) == (name, "string_type")


def test_other_mistakes_are_told_in_the_name_of_who_was_given_them() -> None:
    with pytest.raises(
        Invalid, match=r"^Adapter: user_id is at most 100 characters long \(given: text of 101"
    ) as caught:
        scope_of("Adapter", user_id="x" * 101)
    assert "xx" not in str(caught.value)
    with pytest.raises(Invalid, match=r"^Adapter: tags"):
        scope_of("Adapter", user_id="ada", tags=3)


def test_an_id_that_is_too_long_is_told_by_where_it_came_from() -> None:
    assert first_given("conversation_id", argument=None, thread_id="x" * 100) == "x" * 100
    with pytest.raises(Invalid, match=r"^conversation_id from thread_id is at most 100 characters long") as caught:
        first_given("conversation_id", argument=None, thread_id="x" * 101)
    assert "xx" not in str(caught.value)
    assert first_given("conversation_id", argument="monday", thread_id="x" * 101) == "monday"


def test_only_the_latest_are_kept() -> None:
    kept = OrderedDict[str, int]()
    for name, number in (("a", 1), ("b", 2), ("a", 3), ("c", 4)):
        keep(kept, name, number, 2)
    assert list(kept.items()) == [("a", 3), ("c", 4)]


def test_an_option_out_of_bounds_is_told_in_the_name_of_who_was_given_it() -> None:
    with pytest.raises(Invalid, match=r"^Adapter: recall_seconds ") as caught:
        recall_of("Adapter", Adapter.__init__, {"recall_seconds": 0})
    assert caught.value.field == "recall_seconds"
