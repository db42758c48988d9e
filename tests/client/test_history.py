"""Where a long history is cut."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos_integrations.client._history import Marks, adds
from memos_integrations.client._paging import Every
from memos_integrations.errors import Invalid
from memos_integrations.wire.calls import AddMessage, GetMemory

Said = dict[str, Any]


def user(text: str = "q") -> Said:
    return {"role": "user", "content": text}


def answer(text: str = "a") -> Said:
    return {"role": "assistant", "content": text}


def asking(*ids: str) -> Said:
    return {"role": "assistant", "tool_calls": [{"id": each, "function": {"name": "f"}} for each in ids]}


def result(of: str, text: str = "r") -> Said:
    return {"role": "tool", "tool_call_id": of, "content": text}


def sizes(messages: list[Said]) -> list[int]:
    return [len(call.turns) for call in adds(messages, {"user_id": "u"})]


def words(count: int) -> str:
    return "tea " * count


@pytest.mark.parametrize(
    ("messages", "parts"),
    [
        ([user()], [1]),
        ([user(), answer()] * 20, [40]),
        ([user(), answer()] * 21, [40, 2]),
        ([user(), answer(), answer()] * 14, [39, 3]),
        ([answer(), *[user(), answer()] * 20], [39, 2]),
        ([user(), answer(), user(), *[answer()] * 38], [2, 39]),
        ([user(), answer(), user(), *[answer()] * 41, user()], [2, 40, 2, 1]),
        ([user(words(15_000)), answer(), user(words(15_000)), answer()], [2, 2]),
        ([user(words(9_000)), answer(), user(words(9_000)), answer()], [4]),
        ([user(words(15_000)), answer(words(15_000))], [1, 1]),
        ([user(), user(words(40_000)), user()], [1, 1, 1]),
        (
            [user(), *[one for n in range(15) for one in (asking(f"{n}", f"x{n}"), result(f"{n}"), result(f"x{n}"))]],
            [40, 6],
        ),
        (
            [user(), *[one for n in range(14) for one in (asking(f"{n}", f"x{n}"), result(f"{n}"), result(f"x{n}"))]],
            [40, 3],
        ),
        ([user(), *[one for n in range(20) for one in (answer(), asking(f"{n}"), result(f"{n}"))]], [40, 21]),
        ([user(), asking(*map(str, range(50))), *[result(str(n)) for n in range(50)]], [1, 40, 11]),
    ],
)
def test_where_it_is_cut(messages: list[Said], parts: list[int]) -> None:
    assert sizes(messages) == parts


def test_files_count_too() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://h/x.png"}}
    six = {"role": "user", "content": [{"type": "text", "text": "look"}, *[image] * 6]}
    assert sizes([six, six, six, six]) == [3, 1]


MAKE: dict[str, Callable[[int], Said]] = {
    "user": lambda count: user(words(count)),
    "answer": lambda count: answer(words(count)),
    "asking": lambda _: asking("t"),
    "result": lambda _: result("t"),
}
DRAWN = st.lists(
    st.tuples(st.sampled_from(sorted(MAKE)), st.sampled_from([1, 1, 1, 4_000, 12_000, 25_000])), min_size=1, max_size=90
)


def made(drawn: list[tuple[str, int]]) -> list[Said]:
    return [MAKE[kind](count) for kind, count in drawn]


@given(DRAWN)
def test_nothing_is_lost_and_every_part_fits(drawn: list[tuple[str, int]]) -> None:
    calls = adds(made(drawn), {"user_id": "u", "conversation_id": "c"})
    every = [turn for call in calls for turn in call.turns]
    assert every == list(AddMessage(messages=made(drawn), user_id="u").turns)
    for call in calls:
        assert 1 <= len(call.turns) <= 40
        assert len(call.turns) == 1 or sum(len(turn.words.split()) for turn in call.turns) <= 20_000
        assert call.overlong() is None


@given(DRAWN)
def test_whole_turns_side_by_side_would_not_fit_into_one(drawn: list[tuple[str, int]]) -> None:
    calls = adds(made(drawn), {"user_id": "u"})
    begins = [call.turns[0].role == "user" for call in calls] + [True]  # else it goes on with the turn before it
    for at, (one, other) in enumerate(pairwise(calls)):
        both = [*one.turns, *other.turns]
        fits = len(both) <= 40 and sum(len(turn.words.split()) for turn in both) <= 20_000
        assert not (fits and all(begins[at : at + 3]))


def test_bad_arguments_are_named_as_an_adds() -> None:
    with pytest.raises(Invalid) as caught:
        adds([user(), {"role": "robot", "content": "x"}], {"user_id": "u"})
    assert caught.value.field == "messages.1.role"
    for messages, marks in (([], {"user_id": "u"}), ([user()], {})):
        with pytest.raises(Invalid):
            adds(messages, marks)  # type: ignore[arg-type]


def test_the_marks_are_the_calls_own() -> None:
    """Spelled for the checkers once more: they follow the calls."""
    assert set(get_type_hints(Marks)) == set(AddMessage.model_fields) - {"messages"}
    assert set(get_type_hints(Every)) == set(GetMemory.model_fields) - {"page"}
