"""The outbox's threads: as many as there is work for, one that waits, none when nobody needs them."""

import gc
import logging
import math
import threading
import weakref
from collections.abc import Callable, Iterator

import pytest

from memos_integrations.memory import _crew
from memos_integrations.memory._crew import Crew

SOON = 30.0


class Owner:
    """Does what the test says, and lets it know."""

    def __init__(self, *steps: Callable[[], float]) -> None:
        self.steps, self.count, self.lock = list(steps), 0, threading.Lock()
        self.went = threading.Condition(self.lock)

    def step(self) -> float:
        with self.lock:
            self.count += 1
            step = self.steps.pop(0) if self.steps else None
            self.went.notify_all()
        return math.inf if step is None else step()

    def until(self, count: int) -> bool:
        with self.lock:
            return self.went.wait_for(lambda: self.count >= count, SOON)


@pytest.fixture
def crews() -> Iterator[list[Crew]]:
    crews: list[Crew] = []
    yield crews
    for crew in crews:
        crew.stop()
        assert not crew.busy


def ended(crew: Crew) -> bool:
    for thread in list(crew._threads):
        thread.join(SOON)
    return not crew.busy


def test_a_thread_steps_while_there_is_work_and_ends(crews: list[Crew]) -> None:
    owner = Owner(lambda: 0.0, lambda: 0.0)
    crews.append(crew := Crew(owner.step))
    assert not crew.busy
    assert crew.wake()
    assert owner.until(3)
    assert ended(crew)
    assert owner.count == 3


def test_the_one_that_waits_is_woken(crews: list[Crew]) -> None:
    owner = Owner(lambda: 1_000.0, lambda: 1_000.0)
    crews.append(crew := Crew(owner.step))
    crew.wake()
    assert owner.until(1)
    crew.wake()
    assert owner.until(2)


def test_a_wake_in_the_middle_of_a_step_is_not_missed(crews: list[Crew]) -> None:
    crew: Crew

    def step() -> float:
        with crew._changed:
            crew._calls += 1  # what wake() does where it may start no thread
        return math.inf

    owner = Owner(step)
    crews.append(crew := Crew(owner.step))
    crew.wake()
    assert owner.until(2)


def test_one_that_ends_tells_the_one_that_waits(crews: list[Crew]) -> None:
    gate, owner = threading.Event(), Owner()
    owner.steps = [lambda: float(gate.wait(SOON)) * 5.0, lambda: 1_000.0]
    crews.append(crew := Crew(owner.step))
    crew.wake()
    assert owner.until(1)
    crew.wake()
    assert owner.until(2)
    gate.set()  # the first has something to do in 5 s, but the second will wait for 1,000
    assert owner.until(3)


def test_it_is_never_more_than_eight(crews: list[Crew]) -> None:
    gate, owner = threading.Event(), Owner()
    owner.steps = [lambda: float(gate.wait(SOON)) * 0.0 for _ in range(20)]
    crews.append(crew := Crew(owner.step))
    for n in range(1, 12):
        assert crew.wake()
        assert owner.until(min(n, 8))
    assert (owner.count, len(crew._threads)) == (8, 8)
    gate.set()
    assert owner.until(28)
    assert ended(crew)


def test_a_wait_longer_than_threads_can_is_cut(crews: list[Crew]) -> None:
    owner = Owner(lambda: 1e30, lambda: 1_000.0)
    crews.append(crew := Crew(owner.step))
    crew.wake()
    assert owner.until(1)
    crew.wake()
    assert owner.until(2), "the thread lives, and was woken"


def test_who_waits_hears_of_what_was_done_and_not_of_looks(crews: list[Crew]) -> None:
    owner = Owner(lambda: 1_000.0, lambda: 0.0, lambda: 1_000.0)
    crews.append(crew := Crew(owner.step))
    crew.wake()
    assert owner.until(1)
    assert crew.steps == 0, "a look is nothing to tell"
    seen = crew.steps
    crew.wake()
    crew.wait(SOON, seen)
    assert crew.steps > seen
    crew.wait(SOON, seen)  # done before: over at once


def test_a_step_that_raises_is_told_once_and_tried_again(
    crews: list[Crew], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> float:
        raise ValueError("marker")

    monkeypatch.setattr(_crew, "_AFTER_A_STUMBLE", 0.001)
    owner = Owner(broken, broken, broken)
    crews.append(crew := Crew(owner.step))
    with caplog.at_level(logging.WARNING):
        crew.wake()
        assert owner.until(4)
    (told,) = caplog.records
    assert "ValueError" in told.getMessage()
    assert "marker" not in caplog.text


def test_it_ends_with_its_owner(crews: list[Crew]) -> None:
    owner = Owner(lambda: 0.005, lambda: 0.005)
    crews.append(crew := Crew(owner.step))
    crew.wake()
    assert owner.until(1)
    gone = weakref.ref(owner)
    del owner
    gc.collect()
    assert ended(crew)
    assert gone() is None


def test_after_the_end_nobody_is_started(crews: list[Crew]) -> None:
    owner = Owner()
    crews.append(crew := Crew(owner.step))
    crew.stop()
    assert not crew.wake()
    crew.wait(SOON, crew.steps)  # and nobody is waited for
    assert owner.count == 0


def test_without_threads_it_says_so(crews: list[Crew], monkeypatch: pytest.MonkeyPatch) -> None:
    def ending(thread: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    crews.append(crew := Crew(Owner().step))
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", ending)
        assert not crew.wake()


def test_it_knows_its_own_threads(crews: list[Crew]) -> None:
    told: list[bool] = []
    owner = Owner(lambda: told.append(crew.includes_me()) or math.inf)  # type: ignore[func-returns-value]
    crews.append(crew := Crew(owner.step))
    crew.wake()
    assert ended(crew)
    assert (told, crew.includes_me()) == ([True], False)
