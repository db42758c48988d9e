"""The answers of the latest turns, shared by all who ask during a turn."""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from memos_integrations.memory.latest import keep
from memos_integrations.wire.answers import Found

__all__ = ["Pending", "Turns"]

_MAX_TURNS = 1_024  # turns whose memories are kept at hand, for each client

Pending = Future[Found | None]
Key = tuple[str, ...]


class Turns:
    """In memory only, bounded, one a client (so one a destination). An answer of None: who was to bring it gave up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: OrderedDict[Key, tuple[str, Pending]] = OrderedDict()

    def claim(self, key: Key, query: str | None) -> tuple[bool, Pending | None]:
        """(False, another's answer), (True, the answer that is mine to bring), or (False, None) with nothing to ask.

        A turn whose text was edited asks anew.
        """
        with self._lock:
            asked, answer = self._answers.get(key, ("", None))
            if answer is not None and query in {None, asked}:
                self._answers.move_to_end(key)
                return False, answer
            if query is None:
                return False, None
            answer = Pending()
            answer.set_running_or_notify_cancel()  # so that an asker's cancellation can't cancel it for the others
            keep(self._answers, key, (query, answer), _MAX_TURNS)
            return True, answer

    @contextmanager
    def settling(self, key: Key, answer: Pending) -> Iterator[None]:
        """Leaves no asker waiting: an owner that was cancelled or failed says so, and the next one asks anew."""
        try:
            yield
        finally:
            if not answer.done():
                self._forget(key, answer)
                answer.set_result(None)

    def _forget(self, key: Key, answer: Pending) -> None:
        with self._lock:
            if self._answers.get(key, ("", None))[1] is answer:
                del self._answers[key]
