"""Which run speaks, so that runs on one memory at once keep their turns apart.

A workflow's run is known by LlamaIndex's own tag, which all its steps carry (llama-index-workflows 2). Outside of
workflows a turn goes on in the task, or the thread, that asked: what they start later inherits a context variable.
"""

import asyncio
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Collection, Iterable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from llama_index_instrumentation.dispatcher import active_instrument_tags

from memos_integrations.llama_index._older import run_of_caller
from memos_integrations.memory.latest import keep

_runtime: Any = None
with suppress(ImportError):  # llama-index-workflows 1 has it not
    from workflows import plugins

    _runtime = plugins.basic_runtime

__all__ = ["Runs", "new_turn", "present_run"]

_RUN = "llamaindex.run_id"
_MOST = 256  # turns and runs that are kept in mind for each memory
_NEAR = 8  # memories that one task may speak with in turn; turns of one run
_THREAD_SECONDS = 60.0  # a thread that asked and does nothing more can't be told from one that waits for its model

_asked: ContextVar[tuple[tuple[str, str | None, str], ...]] = ContextVar("memos_asked", default=())


def new_turn() -> str:
    """A name that no other turn has, of any memory."""
    return uuid4().hex


def present_run() -> str | None:
    """The workflow's run that calls; None outside of such."""
    run = active_instrument_tags.get().get(_RUN)
    if isinstance(run, str):
        return run
    return run_of_caller() if _runtime is None else None


class Runs:
    """Whose turn is whose among the runs of one memory, in this process alone; the caller locks it."""

    def __init__(self) -> None:
        self._name = new_turn()
        self._turns = OrderedDict[str, list[str]]()  # of a workflow's run, its latest turns
        self._askers = OrderedDict[str, _Asker | None]()  # None: it is over, another turn followed
        self._promised = OrderedDict[str, None]()

    def mine(self, opened: Collection[str] = ()) -> str | None:
        """The turn that the present task or thread began last, or is about to begin; else of the workflow's run the
        last one that is among `opened`, or the last; None when it began none.
        """
        run = present_run()
        near = next((turn for name, of, turn in _asked.get() if (name, of) == (self._name, run)), None)
        if near is not None or run is None:
            return near
        turns = self._turns.get(run, [])
        return next((turn for turn in reversed(turns) if turn in opened), turns[-1] if turns else None)

    def promise(self) -> str:
        """The name of the turn that the present run is about to begin: engines ask first and put later."""
        mine = self.mine()
        if mine is None or mine not in self._promised:
            mine = new_turn()
            self._note(mine)
            keep(self._promised, mine, None, _MOST)
        return mine

    def begin(self, turn: str | None = None) -> str:
        """The present run begins that turn (None: its promised one, or a new one); others of its task are over."""
        if turn is None:
            turn = self.promise()
        self._promised.pop(turn, None)
        asker = _Asker.present()
        self._askers |= {name: None for name, each in self._askers.items() if each is not None and asker.follows(each)}
        keep(self._askers, turn, asker, _MOST)
        self._note(turn)
        return turn

    def living(self, turns: Iterable[str]) -> frozenset[str]:
        """Those of `turns` whose run goes on, as far as one can tell."""
        askers = {turn: self._askers.get(turn) for turn in turns}
        return frozenset(turn for turn, asker in askers.items() if asker is not None and asker.goes_on)

    def knows(self, turn: str) -> bool:
        """Whether that turn was begun here, lately; one of a restored memory was begun elsewhere."""
        return turn in self._askers

    @property
    def in_workflow(self) -> bool:
        """Whether the present run is a workflow's."""
        return present_run() is not None

    def _note(self, turn: str) -> None:
        run = present_run()
        others = [each for each in _asked.get() if each[0] != self._name]
        _asked.set(((self._name, run, turn), *others[: _NEAR - 1]))
        if run is not None:
            keep(self._turns, run, [*self._turns.get(run, []), turn][-_NEAR:], _MOST)


@dataclass(frozen=True, slots=True)
class _Asker:
    """Who asked: a workflow's run, and the task or thread in which it did."""

    run: str | None
    task: "weakref.ref[asyncio.Task[Any]] | None"
    thread: "weakref.ref[threading.Thread] | None"
    since: float = field(default_factory=time.monotonic)

    @classmethod
    def present(cls) -> "_Asker":
        task = _task()
        thread = None if task is not None else weakref.ref(threading.current_thread())
        return cls(present_run(), None if task is None else weakref.ref(task), thread)

    @property
    def goes_on(self) -> bool:
        """Whether it may still be answered."""
        if self.run is not None and _is_running(self.run):
            return True
        task = None if self.task is None else self.task()
        thread = None if self.thread is None else self.thread()
        if task is not None:
            return not task.done()
        return thread is not None and thread.is_alive() and time.monotonic() - self.since < _THREAD_SECONDS

    def follows(self, other: "_Asker") -> bool:
        """Whether `other` is over since this one asks, in the same task or thread."""
        same_task = self.task is not None and other.task is not None and self.task() is other.task()
        same_thread = self.thread is not None and other.thread is not None and self.thread() is other.thread()
        return same_task or same_thread


def _task() -> "asyncio.Task[Any] | None":
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def _is_running(run: str) -> bool:
    try:
        return _runtime is not None and bool(_runtime.get_external_adapter(run).is_running)
    except (AttributeError, RuntimeError):  # it is over, or another runtime's
        return False
