"""Embedders that fail: what is told, what is tried again, and what is found meanwhile."""

import logging
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.engine.embedders import LONG, Topics, counts, filled, opened, settled

PUPPY, AUTO = "I bought a puppy.", "I love my auto."


def fails_at(*words: str, error: type[Exception] = OSError) -> Topics:
    """One that fails at texts with these words; at all, where there are none."""

    def before(texts: Sequence[str]) -> None:
        if not words or any(word in text for text in texts for word in words):
            raise error("SECRETq7X")

    return Topics(before=before)


def test_a_failing_embedder_is_told_once_and_asked_again_with_the_next_add(caplog: pytest.LogCaptureFixture) -> None:
    failing = fails_at()
    talk = opened(failing)
    with closing(talk.engine), caplog.at_level(logging.WARNING):
        talk.add(PUPPY, AUTO)
        assert talk.engine.settle(LONG) == 3
        assert [record.message for record in caplog.records] == [
            "the embedder failed (OSError): search goes by words where there is no vector yet"
        ]
        caplog.clear()
        assert PUPPY in talk.facts("puppy")
        assert [record.message for record in caplog.records] == [
            "the embedder failed (OSError): a search went by words alone"
        ]
        failing.before = None
        talk.add("More.")
        settled(talk)
        assert counts(talk) == (3, 1, 0)


def test_one_text_that_is_refused_holds_up_no_other(caplog: pytest.LogCaptureFixture, path: Path) -> None:
    picky = fails_at("auto", error=ValueError)
    with caplog.at_level(logging.WARNING):
        filled(path, picky, PUPPY, "The auto is red.", "Tea is hot.")
    assert [record.message for record in caplog.records] == [
        "the embedder takes no vector of a memory (ValueError): it is found by words alone"
    ]
    talk = opened(Topics(), path)
    with closing(talk.engine):
        settled(talk)
        assert counts(talk) == (3, 0, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]],
        [[1.0], [1.0, 2.0]],
        [[], []],
        [[float("nan"), 1.0], [1.0, 1.0]],
        [[float("inf"), 1.0], [1.0, 1.0]],
        [[None, 1.0], [1.0, 1.0]],
        ["no", "no"],
        [1.0, 2.0],
        None,
        [[10**400, 1], [1, 1]],
    ],
)
def test_wrong_vectors_are_none(wrong: Any, caplog: pytest.LogCaptureFixture) -> None:
    talk = opened(lambda texts: wrong)
    with closing(talk.engine), caplog.at_level(logging.WARNING):
        talk.add(PUPPY, "Tea is hot.")
        assert talk.engine.settle(LONG) == 2
        assert talk.facts("puppy")[0] == PUPPY
        assert counts(talk)[:2] == (0, 0)
    assert all("PUPPY" not in record.message for record in caplog.records)
    assert "WrongVectorsError" in caplog.text


def test_a_vector_of_nothing_is_near_to_nothing() -> None:
    talk = opened(lambda texts: [[float("puppy" in text), 0.0] for text in texts])
    with closing(talk.engine):
        talk.add(PUPPY, "Tea is hot.")
        settled(talk)
        assert talk.facts("zzz puppyish") == [PUPPY]
        assert talk.facts("zzz") == []
