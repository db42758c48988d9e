"""The second stage: rough facts become what they are, and preferences are told apart. One worker, durable by the file.

The file is the queue: a task is `running` there until it is refined, in one transaction, by whoever comes first. So
nothing accepted is lost with a process, and two processes on one file do each task once.
"""

import logging
import os
import threading
import time
import weakref
from contextlib import suppress
from typing import Final

from memos_integrations.engine import _conflicts
from memos_integrations.engine._defaults import EVENTS, PREFERENCES, TOOLS
from memos_integrations.engine._deriving import tell_events, tell_tools
from memos_integrations.engine._extract import refined_type, stated, text_of
from memos_integrations.engine._extracting_told import RULES, Rules
from memos_integrations.engine._rows import StoredTurn, Task
from memos_integrations.engine._store import Store
from memos_integrations.engine._words import tokens
from memos_integrations.errors import MemOSError

_logger = logging.getLogger(__name__)

_SHARING: Final = 0.02  # seconds in which tasks may join one commit, while other writers wait
_RESTING: Final = 0.05  # seconds that the thread waits for more work: to start one costs as much as half an add
_WORKING: Final = 0.8  # of the time for stopping; the rest is for the task in hand


def refine(store: Store, task: Task, told: Rules = RULES) -> None:
    """Refines `task`, inside the caller's transaction; by the rules where nothing was `told`."""
    turns = store.turns_of(task)
    store.refine({turn.number for turn in turns if not told.facts(turn)}, refined_type)
    for turn in turns:
        text = text_of(turn.body) if turn.role == "user" else ""
        if not told.preferences(turn) and text and wants(task.views, PREFERENCES):
            _tell_preferences(store, task, turn, text)
        if not told.events(turn) and text and wants(task.views, EVENTS):
            tell_events(store, task.number, turn, text)
    if wants(task.views, TOOLS):
        tell_tools(store, task, turns)
    told.rest()
    _conflicts.settle(store, task)
    store.finish(task.number, "completed")


def wants(views: tuple[str, ...] | None, view: str) -> bool:
    """Whether an add that was restricted to `views` (None: not restricted) is to give `view`."""
    return views is None or view in views


def _tell_preferences(store: Store, task: Task, turn: StoredTurn, text: str) -> None:
    for preference in stated(text, turn.name):
        store.add_preference(task.number, turn, preference, tokens(preference.text))


class Refiner:
    """Refines what runs, on a thread of its own that lives while there is work, and a moment longer."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._asked = self._rests = self._stopping = False
        _refiners.add(self)

    def after_fork_in_child(self) -> None:
        """Forgets the parent's thread, and a lock that it may have held."""
        self._changed, self._thread, self._rests = threading.Condition(), None, False

    def wake(self) -> None:
        """There may be work: begins, unless begun already."""
        with self._changed:
            self._asked = True
            self._changed.notify_all()
            if not self._stopping and (self._thread is None or not self._thread.is_alive()):
                self._start()

    def settle(self, timeout: float | None) -> None:
        """Waits until all is refined, or `timeout` seconds have passed."""
        self.wake()
        with self._changed:
            self._changed.wait_for(self._is_idle, timeout)

    def stop(self, timeout: float) -> bool:
        """Ends the thread within `timeout` seconds, after its work or else after the task in hand; whether it ended."""
        if self._thread is threading.current_thread():  # when a collection happens to run there
            self._stopping = True
            return False
        until = time.monotonic() + timeout
        with self._changed:
            self._changed.wait_for(self._is_idle, timeout * _WORKING)
            self._stopping, thread = True, self._thread
            self._changed.notify_all()
        self._end_waits()
        if thread is not None:  # a daemon, and its work is one transaction: what it can't end here leaves no trace
            thread.join(max(0.0, until - time.monotonic()))
        return thread is None or not thread.is_alive()

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._work, name="memos-refiner", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # the interpreter is ending; the file keeps the task for the next process
            self._thread = None

    def _work(self) -> None:
        while self._is_asked():
            while not self._stopping and self._step():
                pass

    def _is_idle(self) -> bool:
        return self._thread is None or (self._rests and not self._asked)

    def _is_asked(self) -> bool:
        with self._changed:
            self._rests = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._asked or self._stopping, _RESTING)
            self._rests = False
            asked, self._asked = self._asked and not self._stopping, False
            if not asked:
                self._thread = None
                self._changed.notify_all()
            return asked

    def _step(self) -> bool:
        """Refines what waits, in one commit while that is soon; False when none is left, or none can be done now."""
        task, more, until = None, True, time.monotonic() + _SHARING
        try:
            with self._store.writing():
                while more:
                    task = None  # what fails is the one in hand; those before it are taken back, and done again
                    task = self._store.running()
                    if task is not None:
                        refine(self._store, task)
                    more = task is not None and not self._stopping and time.monotonic() < until
        except MemOSError as error:
            return self._postponed(error)
        except Exception as error:  # noqa: BLE001 -- a bug must not stop the other tasks
            return self._failed(task, error)
        return task is not None

    def _end_waits(self) -> None:
        """Gives up what is waited for; here nothing is."""

    def _postponed(self, error: MemOSError) -> bool:
        _logger.warning("refinement waits for a later call: %s", error)
        return False

    def _failed(self, task: Task | None, error: Exception) -> bool:
        """Gives a task up; the error's words may hold user text."""
        _logger.error("a task failed in refinement: %s", type(error).__name__)
        with suppress(MemOSError):  # then it is tried again by the next process
            if task is not None:
                with self._store.writing():
                    self._store.finish(task.number, "failed")
        return task is not None


_refiners: "weakref.WeakSet[Refiner]" = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for refiner in list(_refiners):
        refiner.after_fork_in_child()


if hasattr(os, "register_at_fork"):  # not on Windows, which knows no fork
    os.register_at_fork(after_in_child=_after_fork_in_child)
