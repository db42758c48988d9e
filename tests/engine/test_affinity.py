"""What was read of preferences is kept by their words, so nothing that is changed elsewhere is told as it was."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos_integrations.engine import Engine
from memos_integrations.engine._affinity import KEPT, Liking, bearings, read
from memos_integrations.engine._words import tokens
from memos_integrations.wire.calls import UpdateMemory
from tests.engine.conftest import Clock, Talk

TEA, JAZZ, TRAINS = "I only drink tea.", "I love jazz.", "I prefer trains to planes."


@pytest.fixture
def both(tmp_path: Path, clock: Clock) -> Iterator[tuple[Talk, Talk]]:
    """Two engines on one file."""
    engines = [Engine(tmp_path / "memos.db", clock=clock) for _ in "ab"]
    yield Talk(engines[0]), Talk(engines[1])
    for engine in engines:
        engine.close()


def found(talk: Talk, query: str) -> list[tuple[str, float | None]]:
    """The preferences that bear on `query` at all, with their relativities."""
    return [(item.preference, item.relativity) for item in talk.search(query, relativity=0.01).preference_detail_list]


def test_a_preference_that_another_engine_changed_is_found_by_its_new_words(both: tuple[Talk, Talk]) -> None:
    here, there = both
    here.add(TEA, JAZZ)
    assert [text for text, _ in found(here, "which jazz?")] == [JAZZ]
    (one,) = [item for item in there.page().preference_detail_list if item.preference == JAZZ]
    there.engine.update_memory(UpdateMemory(memory_id=one.id, content="I love opera."))
    assert found(here, "which jazz?") == []
    assert found(here, "which opera?") == found(there, "which opera?") != []


def test_a_preference_that_another_engine_deleted_or_archived_is_found_no_more(both: tuple[Talk, Talk]) -> None:
    here, there = both
    here.add(TEA, JAZZ, TRAINS)
    assert {text for text, _ in found(here, "tea, jazz, trains?")} == {TEA, JAZZ, TRAINS}
    (one,) = [item for item in there.page().preference_detail_list if item.preference == TRAINS]
    there.delete(memory_ids=[one.id])
    there.add("I hate jazz.")
    assert {text for text, _ in found(here, "tea, jazz, trains?")} == {TEA, "I hate jazz."}


def test_users_of_the_same_words_are_told_apart(both: tuple[Talk, Talk]) -> None:
    here, there = both
    here.add(TEA, user_id="ann")
    there.add(TEA, JAZZ, user_id="ben")
    assert here.preferences("tea?", user_id="ann") == there.preferences("tea?", user_id="ann") == [TEA]
    assert set(here.preferences("tea?", user_id="ben")) == {TEA, JAZZ}


texts = st.lists(st.sampled_from([TEA, JAZZ, TRAINS, "I avoid fried food.", "我讨厌早起。", ""]), max_size=6)


@given(texts, st.sampled_from(["what tea?", "how do I travel by train?", "cooking for dinner", "早起", "?"]))
def test_bearings_do_not_depend_on_what_was_read_before(said: list[str], query: str) -> None:
    stored = [" ".join(dict.fromkeys(tokens(text))) for text in said]
    kept = bearings(query, [Liking(number, read(words)) for number, words in enumerate(stored)])
    fresh = bearings(query, [Liking(number, frozenset(words.split())) for number, words in enumerate(stored)])
    assert kept == fresh


def test_what_is_kept_is_bounded() -> None:
    for number in range(KEPT + 10):
        read(f"word{number}")
    assert read.cache_info().currsize <= KEPT
