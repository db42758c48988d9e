"""A model's answer on its way out: events to bytes, and ways to give it up from any thread."""

import threading
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Protocol

from memos_integrations.errors import Invalid, Refused, ServerFault
from memos_integrations.wire.events import ChatEvent, event_bytes, failure_bytes

__all__ = ["Answering", "Pieces", "Waiting"]


class Answering(Protocol):
    """An answer as it is made. Read in one thread at a time; `close` there, `stop` from any other."""

    def __iter__(self) -> Iterator[ChatEvent]:
        """Itself."""
        ...

    def __next__(self) -> ChatEvent:
        """The next event, waited for. Raises `Refused` when the model fails."""
        ...

    def close(self) -> None:
        """Gives the answer up, and the connection to the model with it; may be called twice."""
        ...

    def stop(self) -> None:
        """Makes a `__next__` under way in another thread come to its end."""
        ...


class Waiting:
    """How long somebody waits for a model: `seconds` (None: as long as the model may take), or until `give_up`.

    What waits on their behalf registers how to stop it; the last one registered counts. For any thread.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = seconds
        self._lock, self._stop, self._over = threading.Lock(), _nothing, False

    @property
    def over(self) -> bool:
        """Whether nobody waits any more."""
        return self._over

    def on_give_up(self, stop: Callable[[], None]) -> None:
        """`give_up` will call `stop`; where that is past, it is called at once."""
        with self._lock:
            self._stop = stop
        if self._over:
            stop()

    def give_up(self) -> None:
        """Ends the wait; may be called twice."""
        with self._lock:
            self._over = True
            stop = self._stop
        stop()


def _nothing() -> None:
    """There is nothing to stop as yet."""


class Pieces(Iterator[bytes]):
    """The bytes of a stream of events. The first event is there once this is made, or its error was raised.

    An error after that becomes the stream's last event. `close` may be called from any thread, at any time.
    """

    def __init__(self, answering: Answering, told: Callable[[Exception], Invalid | Refused]) -> None:
        self._answering, self._told = answering, told
        self._reading, self._closed = threading.Lock(), False
        try:
            self._events: Iterator[ChatEvent] = chain([next(answering)], answering)
        except BaseException:
            answering.close()
            raise

    def __next__(self) -> bytes:
        try:
            with self._reading:
                piece = None if self._closed else self._piece()
        finally:
            if self._closed:
                self._close_if_free()
        if piece is None:
            raise StopIteration
        return piece

    def close(self) -> None:
        """Gives the answer up; what waits for the next piece in another thread comes to its end."""
        self._closed = True
        if not self._close_if_free():
            self._answering.stop()

    def _close_if_free(self) -> bool:
        """Closes the answer unless it is being read; who reads looks here again afterwards, so one of the two does."""
        free = self._reading.acquire(blocking=False)
        if free:
            try:
                self._answering.close()
            finally:
                self._reading.release()
        return free

    def _piece(self) -> bytes | None:
        try:
            event = next(self._events, None)
        except Exception as error:  # noqa: BLE001 -- told to the one who reads the stream
            self._closed = True
            said = self._told(error)
            return failure_bytes(said if isinstance(said, Refused) else ServerFault(str(said)))
        return None if event is None else event_bytes(event)
