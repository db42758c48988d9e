"""What every part of the engine stands on: the file, the clock, the second stage, and their end."""

import os
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Final

from memos_integrations._file import Synchronous
from memos_integrations.engine import _defaults
from memos_integrations.engine._chat import Model
from memos_integrations.engine._embedding import Embed
from memos_integrations.engine._extract import piece
from memos_integrations.engine._extraction import Extractor
from memos_integrations.engine._knowledge_reading import Fetch, Reader
from memos_integrations.engine._knowledge_store import count_unread
from memos_integrations.engine._refine import Refiner
from memos_integrations.engine._rows import Owner
from memos_integrations.engine._store import SWEPT_AT_CLOSING, Store
from memos_integrations.engine._words import TOKENIZER
from memos_integrations.wire.calls import AddMessage, Chat, ExtractMemory, SearchMemory

__all__ = ["Core"]

CLOSING_SECONDS: Final = 5.0
_EXTRACTING: Final = (AddMessage.path, ExtractMemory.path)
_EMBEDDING: Final = (SearchMemory.path,)


class Core:
    """The file and the clock. Parts of the engine (`_engine`, `_revising`, …) derive from it, one a topic."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        clock: Callable[[], float] = time.time,
        synchronous: Synchronous = "NORMAL",
        model: Model | None = None,
        fetch: Fetch | None = None,
        extractor: Extractor | None = None,
        embedder: Embed | None = None,
    ) -> None:
        self._clock, self._model = clock, model
        self._extractor, self._embedder = extractor, embedder
        self._store = Store(os.fspath(path), synchronous, tokenizer=TOKENIZER, measure=piece)
        self._refiner = Refiner(self._store)
        self._reader = Reader(self._store, lambda: round(clock() * 1000), fetch)
        self._close = weakref.finalize(self, _shut, (self._refiner, self._reader), self._store)
        self._close.atexit = False  # whoever writes at the end of the process does so first, and then closes it
        with self._store.reading():
            left, unread = self._store.count_running(), count_unread(self._store)
        if left:
            self._refiner.wake()
        if unread:
            self._reader.wake()

    def close(self) -> None:
        """Finishes what was accepted, within five seconds, and closes the file. What is left is done by the next."""
        if self._close.detach():  # not called: once the interpreter is ending, a finalizer does nothing
            _shut((self._refiner, self._reader), self._store)

    def settle(self, timeout: float | None = None) -> int:
        """Waits until what was accepted is refined, and files are read, or `timeout` seconds have passed.

        Says how many tasks and files are left.
        """
        until = None if timeout is None else time.monotonic() + timeout
        for worker in (self._refiner, self._reader):
            worker.settle(None if until is None else max(0.0, until - time.monotonic()))
        with self._store.reading():
            return self._store.count_running() + count_unread(self._store)

    def waits(self, path: str) -> bool:
        """Whether the answer to a call of `path` may wait for a model."""
        return (
            path == Chat.path
            or bool(self._extractor and path in _EXTRACTING)
            or bool(self._embedder and path in _EMBEDDING)
        )

    def _owner(self, call: _defaults.Selecting, project: str) -> Owner | None:
        return self._store.owner(project, *_defaults.subject(call))

    def _now(self) -> int:
        return round(self._clock() * 1000)


def _shut(workers: Sequence[Refiner], store: Store) -> None:
    until = time.monotonic() + CLOSING_SECONDS
    ended = [worker.stop(max(0.0, until - time.monotonic())) for worker in workers]
    if all(ended):
        store.settle_sweep(SWEPT_AT_CLOSING)
    store.close(max(0.0, until - time.monotonic()))
