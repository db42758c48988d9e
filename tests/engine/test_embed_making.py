"""Vectors in the making: which memories get one, when, and when it goes."""

import logging
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from memos_integrations.engine import _core
from memos_integrations.engine._embedding import name_of, packed
from tests.engine.conftest import Talk, in_a_child
from tests.engine.embedders import LONG, TOPICS, Topics, counts, filled, opened, settled, vectors
from tests.engine.feedback import feed

PUPPY, AUTO = "I bought a puppy.", "I love my auto."


class Gate:
    """Lets nothing through before `open` is set."""

    def __init__(self) -> None:
        self.open, self.reached = threading.Event(), threading.Event()

    def __call__(self, _: Sequence[str]) -> None:
        self.reached.set()
        self.open.wait(LONG)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


@pytest.fixture
def topics() -> Topics:
    return Topics()


@pytest.fixture
def talk(topics: Topics) -> Iterator[Talk]:
    talk = opened(topics)
    yield talk
    talk.engine.close()


@pytest.mark.parametrize("later", [True, False])
def test_each_fact_and_preference_gets_one_in_the_background(talk: Talk, topics: Topics, later: bool) -> None:
    talk.add(PUPPY, AUTO, async_mode=later)
    talk.add("Noted.", role="assistant", async_mode=later)
    settled(talk)
    assert counts(talk) == (3, 1, 0)
    assert sorted(topics.texts) == sorted([PUPPY, AUTO, AUTO, "Noted."])
    assert threading.current_thread().name not in topics.threads


def test_an_add_does_not_wait_for_the_embedder_nor_do_searches_of_the_file(gate: Gate) -> None:
    talk = opened(Topics(before=gate))
    talk.add(PUPPY)
    assert gate.reached.wait(LONG)
    talk.add(AUTO)
    assert talk.page().total == 2
    assert counts(talk)[0] == 0
    gate.open.set()
    settled(talk)
    talk.engine.close()


def test_they_are_kept_and_not_made_again(path: Path) -> None:
    filled(path, Topics(), PUPPY, AUTO)
    again = Topics()
    talk = opened(again, path)
    with closing(talk.engine):
        settled(talk)
        assert (again.asked, counts(talk)) == ([], (2, 1, 0))
        assert talk.facts("Hund") == [PUPPY]


def test_what_an_older_file_holds_gets_its_vectors(path: Path) -> None:
    filled(path, None, PUPPY, AUTO)
    talk = opened(Topics(), path)
    with closing(talk.engine):
        settled(talk)
        assert counts(talk) == (2, 1, 0)


def test_what_was_added_without_the_embedder_gets_its_vector_later(path: Path) -> None:
    filled(path, Topics(), PUPPY)
    filled(path, None, AUTO)
    again = Topics()
    filled(path, again, "More.")
    assert sorted(set(again.texts)) == sorted([AUTO, "More."])


def test_another_embedder_makes_them_anew_and_never_meets_the_other_ones(path: Path, gate: Gate) -> None:
    filled(path, Topics(), PUPPY, AUTO)
    other = Topics(list(reversed(TOPICS)), name="other", before=gate)
    talk = opened(other, path)
    with closing(talk.engine):
        assert gate.reached.wait(LONG)
        vector = packed([other.vector("Hund")], 1)[0]
        with talk.engine._store.reading():
            assert talk.engine._near(vector) is None
        gate.open.set()
        settled(talk)
        with talk.engine._store.writing():
            talk.engine._store.execute("update fact_vector set embedder = 1")
        assert talk.facts("Hund") == []
        with talk.engine._store.writing():
            talk.engine._store.execute("update fact_vector set embedder = 2")
        assert talk.facts("Hund") == [PUPPY]
        assert counts(talk) == (2, 1, 0)
        assert len(other.texts) >= 3


def test_vectors_of_another_length_are_made_anew_too(path: Path) -> None:
    filled(path, Topics(), PUPPY, AUTO)
    shorter = Topics(TOPICS[:2])
    filled(path, shorter, "More.")
    assert sorted(set(shorter.texts)) == sorted([PUPPY, AUTO, "More."])
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("select distinct length(data) from fact_vector").fetchall() == [(12,)]


def test_of_two_embedders_on_one_file_the_later_one_counts(path: Path) -> None:
    first, second = opened(Topics(name="a"), path), opened(Topics(name="b"), path)
    with closing(first.engine), closing(second.engine):
        first.add(PUPPY)
        settled(second)
        assert first.engine.settle(LONG) == 0
        assert counts(second) == (1, 0, 0)
        assert second.facts("Hund") == [PUPPY]
        assert first.facts("Hund") == []


def test_other_words_get_another_vector(talk: Talk, topics: Topics) -> None:
    talk.add("I moved to Lyon.", conversation_id="c")
    settled(talk)
    feed(talk, 'Replace "Lyon" with "Metz"')
    settled(talk)
    assert "I moved to Metz." in topics.texts
    assert counts(talk)[2] == 0


@pytest.mark.parametrize("selector", [{"user_id": "u"}, {"memory_ids": True}])
def test_what_is_deleted_leaves_no_vector_and_no_place_in_the_queue(talk: Talk, selector: dict[str, Any]) -> None:
    talk.add(PUPPY, AUTO)
    talk.add(PUPPY, user_id="v")
    settled(talk)
    before = vectors(talk)
    page = talk.page()
    ids = [fact.id for fact in page.memory_detail_list] + [liking.id for liking in page.preference_detail_list]
    talk.delete(**({"memory_ids": ids} if "memory_ids" in selector else selector))
    assert counts(talk) == (1, 0, 0)
    assert vectors(talk)["fact"] < before["fact"]


def test_what_is_deleted_while_it_is_asked_about_stays_deleted(gate: Gate) -> None:
    talk = opened(Topics(before=gate))
    talk.add(PUPPY, AUTO)
    assert gate.reached.wait(LONG)
    talk.delete(user_id="u")
    gate.open.set()
    settled(talk)
    assert counts(talk) == (0, 0, 0)
    talk.engine.close()


def test_what_is_archived_loses_its_vector(talk: Talk) -> None:
    talk.add("I like coriander.")
    settled(talk)
    feed(talk, "Forget that I like coriander.")
    settled(talk)
    kept = vectors(talk)
    assert kept["preference"] == set()


def test_closing_waits_for_no_embedder_that_hangs(
    path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(_core, "CLOSING_SECONDS", 0.1)
    talk = opened(Topics(before=gate), path)
    talk.add(PUPPY)
    assert gate.reached.wait(LONG)
    maker = talk.engine._maker
    assert maker
    thread = maker._thread
    assert thread
    with caplog.at_level(logging.WARNING):
        talk.engine.close()
        thread.join(LONG)
    assert not thread.is_alive()
    assert not caplog.records
    gate.open.set()
    filled(path, Topics())
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("select count(*) from fact_vector").fetchone() == (1,)


def test_two_processes_make_each_vector_for_both(path: Path) -> None:
    talk = opened(Topics(), path)
    with closing(talk.engine):
        talk.add(PUPPY)
        settled(talk)
        script = (
            "import sys\n"
            "from tests.engine.embedders import Topics, filled\n"
            "from pathlib import Path\n"
            "filled(Path(sys.argv[1]), Topics(), 'I bought a terrier.')\n"
        )
        subprocess.run([sys.executable, "-c", script, str(path)], check=True, cwd=Path(__file__).parents[2])
        assert counts(talk) == (2, 0, 0)
        assert set(talk.facts("Hund")) == {PUPPY, "I bought a terrier."}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forks_child_makes_its_own(path: Path, gate: Gate) -> None:
    talk = opened(Topics(before=gate), path)
    with closing(talk.engine):
        talk.add(PUPPY)
        assert gate.reached.wait(LONG)

        def work() -> str:
            gate.open.set()
            talk.add("I bought a terrier.")
            left = talk.engine.settle(LONG)
            return f"{left} {counts(talk)}"

        assert in_a_child(work) == "0 (2, 0, 0)"


def test_names() -> None:
    assert name_of(Topics(name="mine")) == "mine"
    assert name_of(vectors) == "tests.engine.embedders.vectors"
    assert name_of(partial(vectors)) == "tests.engine.embedders.vectors"
    assert name_of(Gate()) == "tests.engine.test_embed_making.Gate"
    assert name_of(Gate().__call__) == "tests.engine.test_embed_making.Gate.__call__"
