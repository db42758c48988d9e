"""What an embedder changes in what is found."""

import random
from collections.abc import Iterator
from typing import Any

import numpy
import pytest

from memos_integrations.engine import _nearness, _vectors
from memos_integrations.engine._embedding import packed
from tests.engine.bases import Bases
from tests.engine.conftest import Talk
from tests.engine.embedders import LONG, Topics, opened, settled


@pytest.fixture
def talk() -> Iterator[Talk]:
    talk = opened(Topics())
    yield talk
    talk.engine.close()


def test_of_those_that_share_words_the_nearest_comes_first(talk: Talk) -> None:
    for thing in ("wagen", "puppy", "door"):
        talk.add(f"The new {thing} is red.")
    settled(talk)
    assert talk.facts("Is the new vehicle red?")[0] == "The new wagen is red."
    assert talk.facts("Is the new terrier red?")[0] == "The new puppy is red."


def test_without_it_words_alone_decide() -> None:
    talk = opened(None)
    talk.add("The new wagen is red.", "The new puppy is red.", "The new door is red.")
    orders = {tuple(talk.facts(f"Is the new {thing} red?")) for thing in ("vehicle", "terrier")}
    assert len(orders) == 1
    assert not talk.engine.waits("search/memory")
    talk.engine.close()


def test_what_stands_beside_a_near_one_comes_before_others(talk: Talk) -> None:
    talk.add("The new wagen is red.", "The red one is said to be fast.", conversation_id="c")
    talk.add("The new door is red.", "The red one is said to be heavy.", conversation_id="d")
    settled(talk)
    found = talk.facts("Is the new vehicle red?", relativity=0)
    assert found.index("The red one is said to be fast.") < found.index("The red one is said to be heavy.")


def test_one_without_a_vector_is_neither_first_nor_last(talk: Talk) -> None:
    talk.add("The new wagen is red.", "The new puppy is red.", "The new kite is red.", conversation_id="c")
    settled(talk)
    store = talk.engine._store
    with store.writing():
        store.execute("delete from fact_vector where id in (select id from fact where text like '%kite%')")
    found = talk.facts("Is the new vehicle red?", relativity=0)
    assert found == ["The new wagen is red.", "The new kite is red.", "The new puppy is red."]


def test_who_shares_no_word_is_found_by_its_vector_alone(talk: Talk) -> None:
    talk.add("I bought a puppy.", "The auto broke down.", "Nothing of all this.")
    settled(talk)
    assert talk.facts("Wo ist mein Hund?") == ["I bought a puppy."]
    found = talk.search("Hund").memory_detail_list[0]
    assert found.relativity == pytest.approx(1, abs=0.01)


def test_a_scan_keeps_to_the_filter_and_to_its_limit(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    talk.add("I bought a puppy.", tags=["x"])
    talk.add("I sold a puppy.")
    settled(talk)
    tagged = {"and": [{"tags": {"contains": "x"}}]}
    assert talk.facts("Hund", filter=tagged) == ["I bought a puppy."]
    assert len(talk.facts("Hund")) == 2
    monkeypatch.setattr(_vectors, "MOST_SCANNED", 1)
    assert len(talk.facts("Hund")) == 1


def test_relativity_is_that_of_words_or_of_vectors_whichever_is_more(talk: Talk) -> None:
    talk.add("The new wagen of my aunt in the north is red.", "A puppy of my uncle is white.")
    settled(talk)
    query = "Which vehicle does my aunt drive through mountains, deserts and valleys"
    found = talk.search(query).memory_detail_list[0]
    assert found.memory_value.startswith("The new wagen")
    assert (found.relativity or 0) > 0.9
    assert talk.facts(query, relativity=0.9) == [found.memory_value]


def test_preferences_come_by_their_vectors_alone(talk: Talk) -> None:
    talk.add("I love my vehicle.", "I avoid coffee.", "I like any puppy.")
    settled(talk)
    found = talk.search("What about a love of my terrier?").preference_detail_list
    assert found[0].preference == "I like any puppy."
    assert [round(item.relativity or 0) for item in found] == [1, 0, 0]
    assert talk.preferences("terrier", relativity=0.5) == ["I like any puppy."]


def test_preferences_without_a_vector_come_last(talk: Talk) -> None:
    talk.add("I love my vehicle.", "I avoid coffee.", "I like any puppy.")
    settled(talk)
    store = talk.engine._store
    with store.writing():
        store.execute(
            "delete from preference_vector where number in (select number from preference where text like '%p%')"
        )
    assert talk.preferences("terrier")[-1] == "I like any puppy."


def test_nobody_sees_what_is_another_owners(talk: Talk) -> None:
    talk.add("I bought a puppy.", "I like any puppy.", user_id="v")
    talk.add("I bought a terrier.", project="other")
    talk.add("The auto broke down.", "I avoid coffee.")
    settled(talk)
    for query in ("Hund", "bought a Hund"):
        assert not {"I bought a puppy.", "I like any puppy.", "I bought a terrier."} & {
            *talk.facts(query, relativity=0),
            *talk.preferences(query, relativity=0),
        }
    assert talk.facts("Hund", project="other") == ["I bought a terrier."]
    assert talk.facts("Hund", project="none") == []


def test_public_memory_is_found_by_its_vector_too(talk: Talk) -> None:
    talk.add("I bought a puppy.", user_id="v", allow_public=True)
    settled(talk)
    assert talk.facts("Hund") == ["I bought a puppy."]


def test_pieces_of_knowledge_bases_are_found_by_their_vectors() -> None:
    talk = opened(Topics())
    bases = Bases(talk.engine)
    base = bases.make()
    bases.add(base, b"A terrier needs walks.", b"A wagen needs oil.")
    assert talk.engine.settle(LONG) == 0
    assert bases.facts("Hund", base) == ["A terrier needs walks."]
    assert talk.facts("Hund") == []
    talk.engine.close()


def order_of(monkeypatch: pytest.MonkeyPatch, numpy: Any, vectors: list[bytes]) -> list[int]:
    monkeypatch.setattr(_nearness, "_numpy", lambda: numpy)
    found = _nearness.cosines(vectors[0], vectors)
    return sorted(range(len(found)), key=lambda place: (-found[place], place))


def test_with_numpy_and_without_the_order_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(3)
    rows = [[draw.gauss(0, 1) for _ in range(384)] for _ in range(300)]
    vectors = packed([*rows, *rows[:20], [0.0] * 384], 321)
    monkeypatch.setattr(_nearness, "_TOGETHER", 100)
    assert order_of(monkeypatch, numpy, vectors) == order_of(monkeypatch, None, vectors)
    assert _nearness.cosines(vectors[0], []) == []
    assert _nearness.cosines(vectors[0], vectors)[0] == pytest.approx(1)
