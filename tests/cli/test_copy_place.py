"""How much of a conversation is at the target: said only where nothing else can be so."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos_integrations.moving._place import Elsewhere, Held, locate, which
from memos_integrations.wire.verdict import Verdict

Keys = Sequence[object | None]
KEYS = st.lists(st.sampled_from(["a", "b", "c", None]), max_size=12)
WINDOW = 4


def key(message: Mapping[str, Any]) -> object:
    return message["key"]


def shown(keys: Keys, *, window: int = 99) -> Held:
    """What a target shows that holds these messages: of the newest, those that have a key."""
    newest = [each for each in keys[-window:] if each is not None]
    return Held(newest, key, whole=len(keys) < window)


def possible(keys: Keys, held: Held, window: int) -> set[int]:
    """After how many of our messages the target would show just that."""
    return {number for number in range(len(keys) + 1) if shown(keys[:number], window=window) == held}


@given(KEYS, st.data(), st.sampled_from([WINDOW, 99]))
def test_a_place_is_never_wrong(keys: Keys, data: st.DataObject, window: int) -> None:
    there = data.draw(st.integers(0, len(keys)))
    held = shown(keys[:there], window=window)
    told = locate(keys, held)
    if isinstance(told, int) and (held.shown or not held.whole):
        assert told == there
    elif isinstance(told, int):
        assert told == 0  # nothing is shown: what the target does not show is sent again
    else:
        assert told is Elsewhere.UNCLEAR
        assert len(possible(keys, held, window)) > 1 or None in keys or not held.whole


@given(KEYS, st.data(), st.sampled_from([WINDOW, 99]))
def test_a_verdict_is_never_wrong(keys: Keys, data: st.DataObject, window: int) -> None:
    before = data.draw(st.integers(0, len(keys)))
    after = data.draw(st.integers(before, len(keys)))
    for there, found in ((before, Verdict.ABSENT), (after, Verdict.THERE)):
        told = which(keys, shown(keys[:there], window=window), before, after)
        assert told in {found, Verdict.UNCLEAR}


@pytest.mark.parametrize(
    ("ours", "theirs", "place"),
    [
        ("abc", "", 0),
        ("abc", "ab", 2),
        ("abc", "abc", 3),
        ("abc", "abcx", 3),
        ("abc", "ax", Elsewhere.DIFFERENT),
        ("abc", "x", Elsewhere.DIFFERENT),
        ("", "x", 0),
    ],
)
def test_where_all_is_shown(ours: str, theirs: str, place: int | Elsewhere) -> None:
    assert locate(list(ours), shown(list(theirs))) == place


@pytest.mark.parametrize(
    ("ours", "theirs", "place"),
    [
        ("abcdefg", "abcdef", 6),
        ("abcdefg", "xcdef", 6),
        ("abcabcabc", "abcabc", Elsewhere.UNCLEAR),
        ("abcdefg", "abcdx", Elsewhere.DIFFERENT),
        ("aaaaaaaa", "aaaa", Elsewhere.UNCLEAR),
    ],
)
def test_where_the_newest_four_are_shown(ours: str, theirs: str, place: int | Elsewhere) -> None:
    assert locate(list(ours), shown(list(theirs), window=WINDOW)) == place


def test_what_the_target_does_not_show_may_be_there_or_not() -> None:
    assert locate(["a", None, "b"], shown(["a"])) is Elsewhere.UNCLEAR
    assert locate(["a", None, "b"], shown(["a", None, "b"])) == 3
    assert which(["a", None], shown(["a"]), 1, 2) is Verdict.UNCLEAR
