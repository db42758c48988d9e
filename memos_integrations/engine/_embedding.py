"""What a plugged-in embedder is, and how it is asked: within time, its vectors checked."""

import logging
import sys
import threading
import time
from array import array
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from math import hypot, isfinite
from typing import Any, Final, Protocol, runtime_checkable

from memos_integrations.engine._pieces import Waiting
from memos_integrations.errors import BadRequest

__all__ = ["Asker", "Embed", "EmbedderError", "LateError", "WrongVectorsError", "name_of", "packed", "query_vector"]

_logger = logging.getLogger(__name__)

Embed = Callable[[list[str]], Iterable[Iterable[float]]]
"""Texts to their vectors, one each, all of one length; a NumPy array is fine.

Called on threads of the engine's, by one at a time, never on an event loop. Its attribute `name`, else its module and
qualified name, is kept beside its vectors, which are made anew for an embedder of another name.
"""

_MOST_AT_ONCE: Final = 64  # questions that wait for one callable
_TOGETHER: Final = 16  # texts that a callable is asked for at once, so that a search waits no longer than for so many
_QUERY_SECONDS: Final = 10.0
_TURN_SECONDS: Final = 2.0  # that a search waits for others who ask a callable
_QUERY_SHARE: Final = 0.8  # of a search's time; the rest is for the search without it


@runtime_checkable
class Timed(Protocol):
    """An embedder that keeps to a time, may be given up, and is asked by any number of threads at once."""

    @property
    def batch(self) -> int:
        """How many texts it takes at once."""
        ...

    def vectors(self, texts: Sequence[str], waiting: Waiting) -> Iterable[Iterable[float]]:
        """As `Embed`. Raises `Refused`."""
        ...


class EmbedderError(Exception):
    """An embedder gave no vectors. `kind`: the class of what it raised; `refused`: it may be because of the texts."""

    def __init__(self, kind: str, *, refused: bool = False) -> None:
        super().__init__(kind)
        self.kind, self.refused = kind, refused


class LateError(Exception):
    """It took too long, or was given up."""


class WrongVectorsError(ValueError):
    """No finite vectors, one a text, all of one length."""


class Asker:
    """An embedder as the engine asks it; vectors come normalised, as float32. For any thread."""

    def __init__(self, embed: Embed) -> None:
        self.name, self._embed = name_of(embed), embed
        self._timed: Timed | None = embed if isinstance(embed, Timed) else None
        self.batch = self._timed.batch if self._timed else _TOGETHER
        self._size = 0
        self.after_fork_in_child()

    def after_fork_in_child(self) -> None:
        """Forgets threads of the parent, which may have held what follows."""
        self._turn, self._room = threading.Lock(), threading.Semaphore(_MOST_AT_ONCE)

    def vectors(self, texts: list[str], waiting: Waiting) -> list[bytes]:
        """The texts' vectors. Raises `EmbedderError`, also where they are not there in time."""
        try:
            found = packed(self._asked(texts, waiting), len(texts))
            if self._size not in {0, len(found[0])}:
                raise WrongVectorsError
        except Exception as error:  # noqa: BLE001 -- it is the application's; its words may hold user text
            raise EmbedderError(type(error).__name__, refused=isinstance(error, BadRequest | ValueError)) from None
        self._size = len(found[0])
        return found

    def _asked(self, texts: list[str], waiting: Waiting) -> Iterable[Iterable[float]]:
        if self._timed is not None:
            return self._timed.vectors(texts, waiting)
        if not self._room.acquire(blocking=False):
            raise LateError
        return _Question(self._embed, texts).answered(waiting, self._turn, self._room)


class _Question:
    """Texts that a callable is asked for, on a thread of its own: who waits no longer leaves it behind."""

    def __init__(self, embed: Embed, texts: list[str]) -> None:
        self._embed, self._texts = embed, texts
        self._begun, self._done, self._over = threading.Event(), threading.Event(), False
        self._vectors: list[Iterable[Iterable[float]]] = []
        self._error: BaseException | None = None

    def answered(self, waiting: Waiting, turn: threading.Lock, room: threading.Semaphore) -> Iterable[Iterable[float]]:
        """The vectors. Raises what the callable raised, or `LateError`."""
        thread = threading.Thread(target=self._ask, args=(turn, room), name="memos-embedder", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is ending
            room.release()
            raise LateError from None
        self._wait(waiting)
        self._over = True
        if isinstance(self._error, Exception):
            raise self._error
        if not self._vectors:
            raise LateError
        return self._vectors[0]

    def _wait(self, waiting: Waiting) -> None:
        waiting.on_give_up(self._end)
        if waiting.seconds is None:
            self._done.wait()
            return
        until = time.monotonic() + waiting.seconds
        if self._begun.wait(min(_TURN_SECONDS, waiting.seconds)):
            self._done.wait(max(0.0, until - time.monotonic()))

    def _end(self) -> None:
        self._begun.set()
        self._done.set()

    def _ask(self, turn: threading.Lock, room: threading.Semaphore) -> None:
        try:
            with turn:
                self._begun.set()
                if not self._over:
                    self._vectors.append(self._embed(self._texts))
        except BaseException as error:  # noqa: BLE001 -- told to the one who waits
            self._error = error
        finally:
            room.release()
            self._end()


def query_vector(asker: Asker, query: str, seconds: float | None, waiting: Waiting | None) -> bytes | None:
    """A query's vector; None where it fails or is late, which a warning tells. `seconds` is the whole search's time."""
    bounded = Waiting(_QUERY_SECONDS if seconds is None else min(_QUERY_SECONDS, seconds * _QUERY_SHARE))
    if waiting is not None:
        waiting.on_give_up(bounded.give_up)
    try:
        return asker.vectors([query], bounded)[0]
    except EmbedderError as error:
        _logger.warning("the embedder failed (%s): a search went by words alone", error.kind)
        return None


def name_of(embed: Any) -> str:
    """What an embedder's vectors are known by."""
    name = getattr(embed, "name", None)
    if isinstance(name, str) and name.strip():
        return name
    while isinstance(embed, partial):
        embed = embed.func
    named = embed if hasattr(embed, "__qualname__") else type(embed)
    return f"{named.__module__}.{named.__qualname__}"


def packed(vectors: Iterable[Iterable[float]], count: int) -> list[bytes]:
    """`count` vectors, normalised, as little-endian float32; a zero vector stays one. Raises `ValueError`."""
    try:
        rows = [[float(number) for number in vector] for vector in vectors]
    except (TypeError, ValueError, OverflowError):
        raise WrongVectorsError from None
    if len(rows) != count or len({len(row) for row in rows}) != 1 or not rows[0]:
        raise WrongVectorsError
    return [_normalised(row) for row in rows]


def _normalised(row: list[float]) -> bytes:
    length = hypot(*row)
    if not isfinite(length):
        raise WrongVectorsError
    numbers = array("f", [number / length for number in row] if length else row)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()
