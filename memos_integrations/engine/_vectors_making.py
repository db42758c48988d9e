"""Vectors in the making: in the background, some at a time, durable by the file's queue; nothing is held meanwhile."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from memos_integrations.engine import _vectors as sql
from memos_integrations.engine._embedding import Asker, EmbedderError
from memos_integrations.engine._pieces import Waiting
from memos_integrations.engine._refine import Refiner
from memos_integrations.engine._store import Store
from memos_integrations.engine._vectors import Pending
from memos_integrations.errors import MemOSError

__all__ = ["Maker", "WatchedStore"]

_logger = logging.getLogger(__name__)

_PROBE: Final = "memory"  # what an embedder that refuses texts must take, or it refuses all


class WatchedStore(Store):
    """The engine's file, that says when something was written, whoever of this process wrote it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.written: Callable[[], None] = _nothing
        super().__init__(*arguments, **options)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """As `Store`'s; then, where it was not a part of another one, `written` is called."""
        within = self._line() is not None
        with super().writing():
            yield
        if not within:
            self.written()


def _nothing() -> None:
    """Nobody wants to know yet."""


class Maker(Refiner):
    """Makes the vectors that the file still needs, on a thread of its own that lives only while there is work."""

    def __init__(self, store: WatchedStore, asker: Asker) -> None:
        super().__init__(store)
        self._asker, self._waiting = asker, Waiting()
        self._told = False  # that the embedder fails
        with store.writing():
            sql.adopt(store, asker.name)
        store.written = self.wake

    def after_fork_in_child(self) -> None:
        """Forgets the parent's threads, and what they may have held."""
        super().after_fork_in_child()
        self._asker.after_fork_in_child()
        self._waiting = Waiting()

    def count(self) -> int:
        """How many vectors are still to be made; inside `reading`."""
        return sql.count(self._store, self._asker.name)

    def _end_waits(self) -> None:
        self._waiting.give_up()

    def _step(self) -> bool:
        """Makes some vectors; False when none is left, or none can be made now."""
        try:
            with self._store.reading():
                some = sql.pending(self._store, self._asker.name, self._asker.batch)
            return bool(some) and self._make(some)
        except EmbedderError as error:
            if not self._told:
                self._warn("the embedder failed (%s): search goes by words where there is no vector yet", error.kind)
            self._told = True
        except MemOSError as error:
            self._warn("vectors wait for a later call: %s", error)
        except Exception as error:  # noqa: BLE001 -- a bug must not end the thread with others waiting for it
            _logger.error("vectors could not be made: %s", type(error).__name__)  # noqa: TRY400
        return False

    def _make(self, some: Sequence[Pending]) -> bool:
        """Whether it can go on."""
        try:
            vectors = self._asker.vectors([one.text for one in some], self._waiting)
        except EmbedderError as error:
            if not error.refused:
                raise
            return self._sift(some, error)
        self._told = False
        with self._store.writing():
            return sql.keep(self._store, self._asker.name, list(zip(some, vectors, strict=True)))

    def _sift(self, some: Sequence[Pending], error: EmbedderError) -> bool:
        """Passes over the one that is refused, unless any would be: then it is no fault of the words."""
        self._asker.vectors([_PROBE], self._waiting)
        if len(some) > 1:
            half = len(some) // 2
            return self._make(some[:half]) and self._make(some[half:])
        self._warn("the embedder takes no vector of a memory (%s): it is found by words alone", error.kind)
        with self._store.writing():
            sql.refuse(self._store, some[0])
        return True

    def _warn(self, words: str, told: object) -> None:
        if not self._stopping:
            _logger.warning(words, told)
