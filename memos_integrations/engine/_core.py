"""What every part of the engine stands on: the file, the clock, the second stage, and their end."""

import os
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Final

from memos_integrations._file import Synchronous
from memos_integrations.engine import _defaults
from memos_integrations.engine._chat import Model
from memos_integrations.engine._embedding import Asker, Embed, query_vector
from memos_integrations.engine._extract import piece
from memos_integrations.engine._extracting import Learner
from memos_integrations.engine._extraction import Extractor
from memos_integrations.engine._knowledge_reading import Fetch, Reader
from memos_integrations.engine._knowledge_store import count_unread
from memos_integrations.engine._pieces import Waiting
from memos_integrations.engine._refine import Refiner
from memos_integrations.engine._rows import Owner
from memos_integrations.engine._store import SWEPT_AT_CLOSING, Store
from memos_integrations.engine._vectors import Near, near
from memos_integrations.engine._vectors_making import Maker, WatchedStore
from memos_integrations.engine._words import TOKENIZER
from memos_integrations.wire.calls import AddMessage, Chat, ChatCompletions, ExtractMemory, SearchMemory

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
        self._asker = Asker(embedder) if embedder else None
        self._store, self._maker = _opened(os.fspath(path), synchronous, self._asker)
        self._learner = None if extractor is None else Learner(self._store, extractor, lambda: round(clock() * 1000))
        self._refiner = self._learner or Refiner(self._store)
        self._reader = Reader(self._store, lambda: round(clock() * 1000), fetch)
        self._workers = tuple(filter(None, (self._refiner, self._reader, self._maker)))
        self._close = weakref.finalize(self, _shut, self._workers, self._store)
        self._close.atexit = False  # whoever writes at the end of the process does so first, and then closes it
        with self._store.reading():
            left, unread = self._store.count_running(), count_unread(self._store)
        if left:
            self._refiner.wake()
        if unread:
            self._reader.wake()
        if self._maker:
            self._maker.wake()

    def close(self) -> None:
        """Finishes what was accepted, within five seconds, and closes the file. What is left is done by the next."""
        if self._close.detach():  # not called: once the interpreter is ending, a finalizer does nothing
            _shut(self._workers, self._store)

    def settle(self, timeout: float | None = None) -> int:
        """Waits until what was accepted is refined, files are read, and vectors made, or `timeout` seconds have passed.

        Says how many tasks, files and vectors are left.
        """
        until = None if timeout is None else time.monotonic() + timeout
        for worker in self._workers:
            worker.settle(None if until is None else max(0.0, until - time.monotonic()))
        with self._store.reading():
            vectors = self._maker.count() if self._maker else 0
            return self._store.count_running() + count_unread(self._store) + vectors

    def waits(self, path: str) -> bool:
        """Whether the answer to a call of `path` may wait for a model."""
        return (
            path in (Chat.path, ChatCompletions.path)
            or (self._learner is not None and path in _EXTRACTING)
            or bool(self._asker and path in _EMBEDDING)
        )

    def _vector(self, call: SearchMemory, seconds: float | None, waiting: Waiting | None) -> bytes | None:
        """The query's, before anything is held; None without an embedder, and where nothing is ranked by it."""
        ranked = _defaults.fact_limit(call) or _defaults.preference_limit(call)
        if self._asker is None or not ranked or not call.query.strip():
            return None
        return query_vector(self._asker, call.query, seconds, waiting)

    def _near(self, vector: bytes | None) -> Near | None:
        """`vector`, where the file's are of the same embedder; inside `reading`."""
        if vector is None or self._asker is None:
            return None
        return near(self._store, self._asker.name, vector)

    def _owner(self, call: _defaults.Selecting, project: str) -> Owner | None:
        return self._store.owner(project, *_defaults.subject(call))

    def _now(self) -> int:
        return round(self._clock() * 1000)


def _opened(path: str, synchronous: Synchronous, asker: Asker | None) -> tuple[Store, Maker | None]:
    """The file, and who makes its vectors where there is an embedder."""
    if asker is None:
        return Store(path, synchronous, tokenizer=TOKENIZER, measure=piece), None
    store = WatchedStore(path, synchronous, tokenizer=TOKENIZER, measure=piece)
    try:
        return store, Maker(store, asker)
    except BaseException:
        store.close()
        raise


def _shut(workers: Sequence[Refiner], store: Store) -> None:
    until = time.monotonic() + CLOSING_SECONDS
    ended = [worker.stop(max(0.0, until - time.monotonic())) for worker in workers]
    if all(ended):
        store.settle_sweep(SWEPT_AT_CLOSING)
    store.close(max(0.0, until - time.monotonic()))
