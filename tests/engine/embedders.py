"""Embedders that know a few topics, and do as they are told."""

import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from memos_integrations.engine import Engine
from tests.engine.conftest import Clock, Talk

TOPICS = ("dog puppy hund terrier", "car auto vehicle wagen", "tea drink coffee tee", "paris france lyon city")
LONG = 30.0  # seconds that a test waits for what must come

Hook = Callable[[Sequence[str]], object]


class Topics:
    """How much a text says of each topic. `before` is called with what is asked, and may raise or wait."""

    def __init__(self, topics: Sequence[str] = TOPICS, *, name: str = "topics", before: Hook | None = None) -> None:
        self.topics, self.name, self.before = [topic.split() for topic in topics], name, before
        self.asked: list[Sequence[str]] = []
        self.threads = set[str]()

    def __call__(self, texts: Sequence[str]) -> list[list[float]]:
        self.asked.append(list(texts))
        self.threads.add(threading.current_thread().name)
        if self.before is not None:
            self.before(texts)
        return [self.vector(text) for text in texts]

    def vector(self, text: str) -> list[float]:
        words = text.casefold()
        return [*(float(sum(word in words for word in topic)) for topic in self.topics), 0.1]

    @property
    def texts(self) -> list[str]:
        """All that it was asked, one after another."""
        return [text for texts in self.asked for text in texts]


def opened(embedder: object, path: str | Path = ":memory:") -> Talk:
    """An engine with this embedder; close its `engine`."""
    return Talk(Engine(path, clock=Clock(), embedder=embedder))  # type: ignore[arg-type]


def settled(talk: Talk) -> Talk:
    """The same, with all vectors made."""
    assert talk.engine.settle(LONG) == 0
    return talk


def vectors(talk: Talk) -> dict[str, set[int]]:
    """Which memories have a vector, by view."""
    store = talk.engine._store
    with store.reading():
        return {
            "fact": {row[0] for row in store.execute("select id from fact_vector")},
            "preference": {row[0] for row in store.execute("select number from preference_vector")},
        }


def counts(talk: Talk) -> tuple[int, int, int]:
    """How many vectors of facts and of preferences there are, and how many are to be made."""
    store = talk.engine._store
    kept = vectors(talk)
    with store.reading():
        queued = int(store.execute("select count(*) from unembedded").fetchone()[0])
    return len(kept["fact"]), len(kept["preference"]), queued


def filled(path: Path, embedder: object, *texts: str) -> None:
    """Leaves these texts in a file, with the vectors that the embedder makes."""
    talk = opened(embedder, path)
    with closing(talk.engine):
        if texts:
            talk.add(*texts)
        talk.engine.settle(LONG)
