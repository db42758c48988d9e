from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos_integrations.engine._affinity import Liking, bearings
from memos_integrations.engine._fields import fields_of
from memos_integrations.engine._ids import LAST_POSITION, conversation_of, fact_id, owner_of, range_of
from memos_integrations.engine._rank import MOST_WORDS, Coverage, Question, Row, question, rank, rarity
from memos_integrations.engine._times import Day
from memos_integrations.engine._words import tokens

PLAIN = Question(("tea",), frozenset(), when=False, days=())
MAY_8 = 1_683_504_000_000


def row(
    place: int, conversation: int = 1, *, length: int = 5, speaker: str = "", asks: bool = False, timed: bool = False
) -> Row:
    return Row(fact_id(1, conversation, place), length, speaker, asks, timed, said=0, assistant=False)


def order(
    asked: Question, matching: list[Row], others: list[Row] | None = None, given: frozenset[int] = frozenset()
) -> list[int]:
    rows = {found.id: found for found in [*matching, *(others or [])]}
    coverage = Coverage({"tea": 2.0})
    coverage.add("tea", [found.id for found in matching])
    return [hit.id for hit in rank(asked, coverage, rows, average=5, given=given)]


@given(st.integers(1, 1 << 22), st.integers(1, (1 << 22) - 1), st.integers(1, LAST_POSITION))
def test_ids_tell_their_parts(owner: int, conversation: int, position: int) -> None:
    fact = fact_id(owner, conversation, position)
    first, end = range_of(owner)
    assert first <= fact < end
    assert owner_of(fact) == owner
    assert conversation_of(fact) == conversation_of(fact_id(owner, conversation, 1))
    assert conversation_of(fact) != conversation_of(fact_id(owner, conversation + 1, position))
    assert fact < 1 << 63


def test_names_are_taken_out_unless_nothing_is_left() -> None:
    assert question("Does Caroline like tea?", ["caroline"]).words == ("like", "tea")
    assert question("Caroline?", ["caroline"]).words == ("carolin",)


def test_a_document_as_a_query_is_cut() -> None:
    assert len(question(" ".join(f"word{n}" for n in range(10_000)), []).words) == MOST_WORDS


def test_rare_words_weigh_more() -> None:
    assert rarity(1, 100) > rarity(10, 100) > rarity(100, 100) > 0


def test_short_turns_come_first() -> None:
    long, short = row(1, length=50), row(5, length=3)
    assert order(PLAIN, [long, short]) == [short.id, long.id]


def test_of_equals_the_newest_comes_first() -> None:
    first, second = row(1), row(5)
    assert order(PLAIN, [first, second]) == [second.id, first.id]


def test_the_turn_after_a_match_is_found_too() -> None:
    match, after, far = row(5), row(6), row(9)
    assert order(PLAIN, [match], [after, far])[:2] == [match.id, after.id]


@pytest.mark.parametrize(
    ("asked", "better"),
    [
        (replace(PLAIN, speakers=frozenset(["ann"])), {"speaker": "ann smith"}),
        (replace(PLAIN, when=True), {"timed": True}),
        (replace(PLAIN, days=(Day(5, 8),)), {"said": MAY_8}),
    ],
)
def test_what_the_question_names_counts(asked: Question, better: dict[str, Any]) -> None:
    favoured, other = row(1)._replace(**better), row(5)
    assert order(PLAIN, [favoured, other]) == [other.id, favoured.id]
    assert order(asked, [favoured, other]) == [favoured.id, other.id]


def test_questions_and_assistants_come_last() -> None:
    asking, assistant, plain = row(1, asks=True), row(5)._replace(assistant=True), row(9)
    assert order(PLAIN, [asking, assistant, plain]) == [plain.id, asking.id, assistant.id]


def test_the_conversation_given_counts() -> None:
    here, there = row(1, conversation=1), row(1, conversation=2)
    assert order(PLAIN, [here, there])[0] == there.id
    assert order(PLAIN, [here, there], given=frozenset([conversation_of(here.id)]))[0] == here.id


def test_a_conversation_about_it_counts() -> None:
    alone, one, two = row(1, conversation=2), row(1), row(20)
    assert order(PLAIN, [alone, one, two])[-1] == alone.id


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 3), st.sampled_from("abc")), min_size=1, max_size=40))
def test_relativity_is_between_none_and_all(facts: list[tuple[int, int, str]]) -> None:
    weights = {"a": rarity(1, 9), "b": rarity(3, 9), "c": rarity(9, 9), "unknown": rarity(0, 9)}
    rows, coverage = {}, Coverage(weights)
    for place, conversation, word in facts:
        found = row(place, conversation)
        rows[found.id] = found
        coverage.add(word, [found.id])
    hits = rank(replace(PLAIN, words=tuple(weights)), coverage, rows, average=5, given=frozenset())
    assert {hit.id for hit in hits} == set(rows)
    assert all(0 <= hit.relativity <= 1 for hit in hits)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_nothing_asked_nothing_ranked() -> None:
    assert rank(PLAIN, Coverage({}), {}, average=0, given=frozenset()) == []


def liking(number: int, text: str, *, given: bool = False) -> Liking:
    return Liking(number, frozenset(tokens(text)), given)


def ranked(query: str, *likings: Liking) -> list[int]:
    return [bearing.number for bearing in bearings(query, likings)]


def test_shared_words_come_before_shared_fields_and_those_before_the_newest() -> None:
    newest, kosher, restaurants = (
        liking(3, "I hate jazz"),
        liking(2, "I keep kosher"),
        liking(1, "I avoid chain restaurants"),
    )
    assert ranked("Which restaurants are good for dinner?", newest, kosher, restaurants) == [1, 2, 3]


def test_without_any_likeness_the_order_given_stays() -> None:
    assert ranked("xyzzy", liking(7, "I hate jazz"), liking(2, "I keep kosher")) == [7, 2]
    assert all(bearing.relativity == 0 for bearing in bearings("the", [liking(1, "I hate jazz")]))


def test_preferences_of_the_conversation_given_come_first() -> None:
    assert ranked("jazz", liking(1, "I hate jazz"), liking(2, "I hate jazz", given=True)) == [2, 1]


def test_fields_bridge_words_in_both_languages() -> None:
    assert fields_of(tokens("dinner")).keys() & fields_of(tokens("kosher")).keys()
    assert fields_of(tokens("餐厅")).keys() & fields_of(tokens("素食")).keys()
    assert fields_of(["xyzzy"]) == {}
