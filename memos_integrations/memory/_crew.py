"""Threads that live while there is work, and then one that waits for it."""

import contextvars
import logging
import math
import os
import threading
import time
import weakref
from collections.abc import Callable

__all__ = ["Crew"]

_log = logging.getLogger(__name__)
_MOST = 8  # threads at a time
_STOPPING = 0.5  # seconds that stopping gives to threads that are about to end
_AFTER_A_STUMBLE = 5.0  # seconds before a step that raised is tried again
_LONGEST_WAIT = 3_600.0  # seconds; what comes later is looked at again then


class Crew:
    """Calls `step`, a bound method, again and again: it does one thing and returns 0, or the seconds until there may be
    something to do (math.inf: not before `wake`). Holds its owner weakly, and ends with it.
    """

    def __init__(self, step: Callable[[], float]) -> None:
        self._step, self._pid = weakref.WeakMethod(step), os.getpid()
        lock = threading.RLock()
        self._changed, self._done = threading.Condition(lock), threading.Condition(lock)
        self._threads: set[threading.Thread] = set()
        self._idle, self._calls, self._stopped, self._stumbled = 0, 0, False, False
        self.steps = 0
        """How many steps did something: for `wait`."""

    def wake(self) -> bool:
        """There is something to do. False when no thread is there or can be started: the interpreter is ending."""
        with self._changed:
            self._calls += 1
            if self._idle:
                self._changed.notify_all()
            elif len(self._threads) < _MOST and not self._stopped:
                self._start()
            return bool(self._threads)

    def wait(self, seconds: float, since: int) -> None:
        """Until some thread has done something `since` there were that many steps, `seconds` at most."""
        with self._done:
            if self.steps == since and not self._stopped:
                self._done.wait(min(seconds, _LONGEST_WAIT))

    @property
    def busy(self) -> bool:
        """Whether any thread is left."""
        return bool(self._threads)

    def includes_me(self) -> bool:
        """Whether one of these threads is asking."""
        return threading.current_thread() in self._threads

    def stop(self) -> None:
        """Ends the threads; one that is in the middle of a step ends after it, and is not waited for long."""
        if os.getpid() != self._pid:
            return  # a fork's child: the threads are its parent's, and the lock may be held for ever
        until = time.monotonic() + _STOPPING
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
            self._done.notify_all()
            others = self._threads - {threading.current_thread()}
        for thread in others:
            thread.join(max(0.0, until - time.monotonic()))

    def _start(self) -> None:
        # In a context of its own: a run that happens to start it must not be told of other runs' writes.
        run = contextvars.Context().run
        thread = threading.Thread(target=run, args=(self._live,), name="memos-outbox", daemon=True)
        self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError:
            self._threads.discard(thread)

    def _live(self) -> None:
        try:
            while self._go_on():
                pass
        finally:
            with self._changed:
                self._threads.discard(threading.current_thread())
                self._did_something()

    def _go_on(self) -> bool:
        calls, seconds = self._calls, self._stepped()
        with self._changed:
            if self._stopped or math.isnan(seconds):
                return False
            if seconds <= 0:
                self._did_something()
            if seconds <= 0 or self._calls != calls:
                return True
            if self._idle or seconds == math.inf:
                self._changed.notify_all()  # the one that waits has to know until when
                return False
            self._idle += 1
            self._changed.wait(min(seconds, _LONGEST_WAIT))
            self._idle -= 1
            return not self._stopped

    def _did_something(self) -> None:
        self.steps += 1
        self._done.notify_all()

    def _stepped(self) -> float:
        """NaN when the owner is gone."""
        step = self._step()
        if step is None:
            return math.nan
        try:
            seconds = step()
        except Exception as error:  # noqa: BLE001 - told once, by its class; what waits stays in line
            if not (self._stopped or self._stumbled):
                _log.warning("the outbox stumbled (%s), and goes on in %.0f s", type(error).__name__, _AFTER_A_STUMBLE)
            self._stumbled = True
            return _AFTER_A_STUMBLE
        self._stumbled = False
        return seconds
