"""Who waits for whom: readers for nobody, writers for each other, closing for a while."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from memos_integrations import _file
from memos_integrations.engine import Engine, _core, _refine
from memos_integrations.errors import Unsupported
from tests.engine.conftest import Talk

SOON, LONG = 10, 60


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set when a connection of ours begins to write, or to wait for its turn; and it waits long."""
    event, tune = threading.Event(), _file._tune

    def traced(connection: sqlite3.Connection, synchronous: _file.Synchronous) -> None:
        tune(connection, synchronous)
        connection.set_trace_callback(lambda statement: event.set() if statement == "begin immediate" else None)

    monkeypatch.setattr(_file, "_tune", traced)
    monkeypatch.setattr(_file, "BUSY_MS", LONG * 1000)
    return event


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process writes."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")
    try:
        yield
    finally:
        other.execute("rollback")
        other.close()


def started(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_a_search_does_not_wait_for_an_add_that_waits(path: Path, begun: threading.Event) -> None:
    engine = Engine(path)
    talk, found = Talk(engine), list[str]()
    talk.add("The first parrot.")
    begun.clear()
    with locked(path):
        adding = started(lambda: talk.add("The second parrot."))
        assert begun.wait(SOON)
        searching = started(lambda: found.extend(talk.facts("parrot")))
        searching.join(SOON)
        answered, waits = found.copy(), adding.is_alive()
    adding.join(LONG)
    assert (answered, waits) == (["The first parrot."], True)
    assert len(talk.facts("parrot")) == 2
    engine.close()


def test_reading_within_writing_sees_what_was_written(path: Path) -> None:
    engine = Engine(path)
    store = engine._store
    with store.writing():
        store.owe_sweep()
        with store.reading():
            assert store._setting("sweep")
        store.execute("delete from setting where name = 'sweep'")
    with store.reading():
        assert store._setting("sweep") is None
    engine.close()


def test_a_large_transaction_is_seen_whole_or_not_at_all(path: Path) -> None:
    engine = Engine(path)
    talk, sizes = Talk(engine), set[int]()
    adding = started(lambda: [talk.add(*(f"Parrot {n}." for n in range(50))) for _ in range(10)])
    while adding.is_alive():
        sizes.add(talk.page().total or 0)
    adding.join()
    assert talk.page().total == 500
    assert all(size % 50 == 0 for size in sizes)
    engine.close()


def test_closing_does_not_wait_for_a_task_that_waits(
    path: Path, begun: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_core, "CLOSING_SECONDS", 0.1)
    engine, go, step = Engine(path), threading.Event(), _refine.Refiner._step
    monkeypatch.setattr(_refine.Refiner, "_step", lambda self: go.wait(LONG) and step(self))
    Talk(engine).add("I avoid trains.", async_mode=True)
    refiner = engine._refiner._thread
    assert refiner
    begun.clear()
    with locked(path):
        go.set()
        assert begun.wait(SOON)
        closing = started(engine.close)
        closing.join(SOON)
        closed, waits = not closing.is_alive(), refiner.is_alive()
    refiner.join(LONG)
    assert (closed, waits) == (True, True)
    with pytest.raises(Unsupported, match="closed"):
        Talk(engine).facts("trains")
    assert not list(path.parent.glob("*-wal"))  # the last connection is closed too, by the thread that held it
    again = Engine(path)
    assert again.settle(LONG) == 0
    assert Talk(again).preferences("trains") == ["I avoid trains."]
    again.close()
