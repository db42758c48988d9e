"""The second stage with an extractor: each task is read, asked about with nothing held, and refined by the answer.

Whatever the extractor fails at, the rules do. The file stays the queue: a task that runs there is asked about by
whoever comes, and refined by whoever is ready first.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from memos_integrations.engine._extracting_told import RULES, Learned, Rules
from memos_integrations.engine._extracting_work import Work, read
from memos_integrations.engine._extraction import Extraction, Extractor, ToExtract
from memos_integrations.engine._pieces import Waiting
from memos_integrations.engine._refine import Refiner, refine
from memos_integrations.engine._rows import Task
from memos_integrations.engine._store import Store
from memos_integrations.errors import MemOSError

__all__ = ["Learner"]

_logger = logging.getLogger(__name__)

ASKING: Final = 0.9
"""The share of a caller's seconds that an extractor has; the rest is for keeping what it told, or for the rules."""


class Learner(Refiner):
    """Refines what runs by what `extractor` tells; one task at a time in the background, others for who waits."""

    def __init__(self, store: Store, extractor: Extractor, clock: Callable[[], int]) -> None:
        super().__init__(store)
        self._extractor, self._clock = extractor, clock
        self._lock, self._held, self._waits = threading.Lock(), set[int](), set[Waiting]()

    def after_fork_in_child(self) -> None:
        """Forgets also what the parent's threads are at."""
        super().after_fork_in_child()
        self._lock, self._held, self._waits = threading.Lock(), set(), set()

    @contextmanager
    def holding(self, tasks: Iterable[Task]) -> Iterator[None]:
        """While it lasts, nobody else of this process refines these tasks; then whoever comes, what is left of them."""
        numbers = {task.number for task in tasks}
        with self._lock:
            self._held |= numbers
        try:
            yield
        finally:
            with self._lock:
                self._held -= numbers

    def finish(self, tasks: Iterable[Task], waiting: Waiting, begun: float) -> bool:
        """Refines tasks that are held for the caller, who waits since `begun`; whether none is left running.

        What is stored is not refused any more: where the file can't be used now, they are left to the background.
        """
        until = None if waiting.seconds is None else begun + waiting.seconds * ASKING
        try:
            done = [self._finish(task, waiting, until) for task in tasks]
        except MemOSError as error:
            return self._postponed(error)
        return all(done)

    def tell(self, asked: ToExtract, waiting: Waiting) -> Extraction | None:
        """What the extractor tells; None where it fails, or the wait is given up. An error's words may quote lines."""
        with self._given_up_at_the_end(waiting):
            try:
                return None if waiting.over else _checked(self._extractor.extract(asked, waiting))
            except Exception as error:  # noqa: BLE001 -- a plug-in's; the rules take its place
                if not waiting.over:
                    _warn(error)
                return None

    def _step(self) -> bool:
        task = None
        try:
            with self._lock:
                held = tuple(self._held)
            with self._store.reading():
                task = self._store.running(held)
            return task is not None and self._finish(task, Waiting(), None)
        except MemOSError as error:
            return self._postponed(error)
        except Exception as error:  # noqa: BLE001 -- a bug must not stop the other tasks
            return self._failed(task, error)

    def _finish(self, task: Task, waiting: Waiting, until: float | None) -> bool:
        """Refines one task; False where the wait was given up, and it is left to whoever comes next."""
        left = None if until is None else until - time.monotonic()
        own = Waiting(left)
        waiting.on_give_up(own.give_up)
        with self._store.reading():
            work = read(self._store, task) if left is None or left > 0 else None
        found = self.tell(work.asked, own) if work else None
        if own.over or self._stopping:
            return False
        self._keep(task, work, found)
        return True

    def _keep(self, task: Task, work: Work | None, found: Extraction | None) -> None:
        """Refines a task unless it was refined meanwhile; by the rules where what was told can't be kept."""
        if work and found is not None:
            try:
                self._refine(task, Learned(self._store, work, found, self._clock()))
            except MemOSError:
                raise
            except Exception as error:  # noqa: BLE001 -- nothing of it was kept; what it told was not of the form
                _warn(error)
            else:
                return
        self._refine(task, RULES)

    def _refine(self, task: Task, told: Rules) -> None:
        with self._store.writing():
            if self._store.is_running(task):
                refine(self._store, task, told)

    def _end_waits(self) -> None:
        with self._lock:
            waits = list(self._waits)
        for waiting in waits:
            waiting.give_up()

    @contextmanager
    def _given_up_at_the_end(self, waiting: Waiting) -> Iterator[None]:
        with self._lock:
            self._waits.add(waiting)
        try:
            if self._stopping:
                waiting.give_up()
            yield
        finally:
            with self._lock:
                self._waits.discard(waiting)


def _checked(found: object) -> Extraction:
    if not isinstance(found, Extraction):
        raise TypeError
    return found


def _warn(error: Exception) -> None:
    _logger.warning("the extractor failed, and rules took its place: %s", type(error).__name__)
