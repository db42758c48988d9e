"""The two stages of an add, and what becomes of tasks."""

import gc
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from memos_integrations.engine import Engine, _refine
from memos_integrations.engine._store import Store
from memos_integrations.errors import NotFound
from memos_integrations.wire.answers import TaskStatus
from memos_integrations.wire.calls import GetStatus
from tests.engine.conftest import Clock, Talk


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Refinement waits until the event is set."""
    go, step = threading.Event(), _refine.Refiner._step

    def held_step(self: _refine.Refiner) -> bool:
        go.wait()
        return step(self)

    monkeypatch.setattr(_refine.Refiner, "_step", held_step)
    yield go
    go.set()


def status(talk: Talk, task: str | None) -> TaskStatus:
    return talk.engine.get_status(GetStatus(task_id=task or ""))


def test_rough_first_then_refined_in_place(talk: Talk, held: threading.Event, clock: Clock) -> None:
    added = talk.add("I avoid trains.", async_mode=None)
    (rough,) = talk.search("trains").memory_detail_list
    assert (added.status, status(talk, added.task_id).status) == ("running", "running")
    assert status(talk, added.task_id).memory_views == {}
    assert (rough.memory_type, rough.tags) == ("WorkingMemory", ("mode:fast",))
    assert rough.memory_value == "user: [2026-08-01 12:00]: I avoid trains."
    assert talk.preferences("trains") == []
    assert talk.engine.settle(0) == 1
    clock.now += 60
    held.set()
    assert talk.engine.settle(30) == 0
    (fine,), (preference,) = talk.page().memory_detail_list, talk.page().preference_detail_list
    assert (fine.id, fine.memory_type, fine.memory_value) == (rough.id, "UserMemory", "I avoid trains.")
    assert (fine.create_time, fine.tags) == (rough.create_time, ("mode:fine",))
    assert fine.update_time == preference.update_time == rough.create_time
    assert preference.preference == "I avoid trains."
    assert preference.preference_type == "explicit_preference"
    assert preference.reasoning
    done = status(talk, added.task_id)
    assert done.status == "completed"
    assert done.memory_views == {
        "added": {"detail_factual": {"memory_ids": [fine.id]}, "preference": {"memory_ids": [preference.id]}}
    }


def test_many_tasks_are_all_done(talk: Talk) -> None:
    tasks = [talk.add(f"I like parrot {n}.", async_mode=True).task_id for n in range(50)]
    assert talk.engine.settle(60) == 0
    assert {status(talk, task).status for task in tasks} == {"completed"}
    assert talk.page().total == 50


def test_tasks_that_wait_share_a_commit(talk: Talk, held: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    commits, writing = list[None](), Store.writing

    @contextmanager
    def counted(store: Store) -> Iterator[None]:
        with writing(store):
            yield
        commits.append(None)

    monkeypatch.setattr(_refine, "_SHARING", 60)
    for n in range(20):
        talk.add(f"I like parrot {n}.", async_mode=None)
    monkeypatch.setattr(Store, "writing", counted)
    held.set()
    assert talk.engine.settle(60) == 0
    assert len(commits) < 5  # one, and some that find nothing


def test_the_thread_rests_before_it_ends(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_refine, "_RESTING", 600)
    engine, threads = Engine(path), set[threading.Thread | None]()
    for n in range(3):
        Talk(engine).add(f"I like parrot {n}.", async_mode=True)
        assert engine.settle() == 0
        threads.add(engine._refiner._thread)
    engine.close()
    (thread,) = threads
    assert thread is not None
    assert not thread.is_alive()


def test_a_task_without_any_memory_completes(talk: Talk) -> None:
    task = talk.add("Be brief.", role="system").task_id
    assert (status(talk, task).status, status(talk, task).memory_views) == ("completed", {})


def test_an_unknown_task(talk: Talk) -> None:
    with pytest.raises(NotFound) as caught:
        status(talk, "no such task")
    assert caught.value.code == 50131


def test_a_bug_fails_its_task_only(
    talk: Talk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refine = _refine.refine

    def failing(store: Any, task: Any) -> None:
        if any("MARKER" in turn.body for turn in store.turns_of(task)):
            raise ZeroDivisionError("MARKER")
        refine(store, task)

    monkeypatch.setattr(_refine, "refine", failing)
    with caplog.at_level(logging.DEBUG):
        bad = talk.add("I avoid MARKER.", async_mode=True).task_id
        good = talk.add("I avoid trains.", async_mode=True).task_id
        assert talk.engine.settle(30) == 0
    assert (status(talk, bad).status, status(talk, good).status) == ("failed", "completed")
    assert "ZeroDivisionError" in caplog.text
    assert "MARKER" not in caplog.text
    assert talk.facts("MARKER") == ["user: [2026-08-01 12:00]: I avoid MARKER."]


def test_what_was_accepted_is_done_by_the_next_engine(path: Path, held: threading.Event, clock: Clock) -> None:
    first = Engine(path, clock=clock)
    first._refiner._stopping = True  # it dies here
    task = Talk(first).add("I avoid trains.", async_mode=True).task_id
    first.close()
    held.set()
    second = Engine(path, clock=clock)
    assert second.settle(30) == 0
    assert status(Talk(second), task).status == "completed"
    assert Talk(second).preferences("trains") == ["I avoid trains."]
    second.close()


def test_two_engines_on_one_file_do_a_task_once(path: Path) -> None:
    one, two = Engine(path), Engine(path)
    for n in range(40):
        Talk(one if n % 2 else two).add(f"I like parrot {n}.", async_mode=True)
    threads = [threading.Thread(target=engine.settle) for engine in (one, two) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    page = Talk(one).page()
    assert page.total == len({item.preference for item in Talk(two).page(size=50).preference_detail_list}) == 40
    one.close()
    two.close()


def test_closing_finishes_and_leaves_no_thread(path: Path) -> None:
    engine = Engine(path)
    for n in range(20):
        Talk(engine).add(f"I like parrot {n}.", async_mode=True)
    engine.close()
    engine.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("memos-")]
    again = Engine(path)
    assert again._store.count_running() == 0
    again.close()


def test_an_engine_forgotten_is_closed(path: Path) -> None:
    engine = Engine(path)
    Talk(engine).add("I avoid trains.", async_mode=True)
    store = engine._store
    del engine
    gc.collect()
    assert store._closed


def test_a_thread_that_cannot_start_leaves_the_task(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refused)
        talk.add("I avoid trains.", async_mode=True)
        assert talk.engine._store.count_running() == 1
    assert talk.engine.settle(30) == 0
