"""The one writer a client, through which writes leave a turn's path."""

import contextvars
import logging
import threading
import time
from collections import deque
from dataclasses import dataclass

from memos_integrations.client import Degraded, MemOS, Recorded, Retry
from memos_integrations.errors import Invalid, MemOSError, Refused, Unreachable
from memos_integrations.wire.calls import AddMessage
from memos_integrations.wire.codes import not_applied

__all__ = ["Writer"]

_log = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 30.0  # seconds between tries, where the server asked for none of its own
_DOUBLINGS = 10  # past the longest pause; an outage of a day must not make a number too large
_STOPPING = 0.5  # seconds that closing gives to a thread that is about to end


@dataclass(slots=True)
class _Entry:
    call: AddMessage
    tries: int = 0
    tried_at: float = 0.0
    asked: float = 0.0  # the pause that the server asked for, in seconds; never shortened

    def postpone(self, error: MemOSError, now: float) -> None:
        self.tries, self.tried_at = self.tries + 1, now
        self.asked = (error.retry_after if isinstance(error, Refused) else None) or 0.0

    def due(self, *, hurried: bool) -> float:
        """When it is to be tried next; a flush shortens our own pauses."""
        own = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(self.tries - 1, _DOUBLINGS)) if self.tries else 0.0
        return self.tried_at + max(self.asked, min(own, _FIRST_PAUSE) if hurried else own)


class Writer:
    """Writes leave here, in order, on one thread that lives while there is something to write.

    A write that surely was not applied (no connection, the limiter, a server that says "later") stays first in line
    and is tried again, with growing pauses. A write whose fate is unknown is not sent again, since the API has no
    idempotency key; it and a refused one are told by a warning and a `Degraded` event.
    """

    def __init__(self, client: MemOS) -> None:
        self._client = client.with_options(retry=Retry(tries=1))
        self._waiting: deque[_Entry] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._hurry = 0  # how many flushes want short pauses
        self._stopped = False
        client.on_flush(self.flush)
        client.on_close(self._stop)

    def put(self, call: AddMessage) -> None:
        """Takes `call` to be written; costs a lock and, after a quiet time, a thread's start."""
        with self._changed:
            if not self._stopped:
                self._waiting.append(_Entry(call))
                self._at_work()
                return
        self._tell(_Entry(call), Unreachable("this client is closed", sent=False), False, time.perf_counter())

    def flush(self, timeout: float | None = None) -> int:
        """Waits until nothing is left, or `timeout` seconds (None: the client's deadline); how much is left."""
        limit = time.monotonic() + (self._client.deadline if timeout is None else timeout)
        with self._changed:
            if self._thread is threading.current_thread():
                return len(self._waiting)  # asked by a listener of ours: it can't wait for itself
            self._hurry += 1
            self._changed.notify_all()
            while self._waiting and not self._stopped and time.monotonic() < limit:
                if self._at_work():
                    self._changed.wait(limit - time.monotonic())
                else:
                    self._run_once(limit)
            self._hurry -= 1
            return len(self._waiting)

    def _stop(self) -> None:
        """Ends the thread, whatever is left: the client is closed. A send under way ends when its connection goes."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
            if self._thread is not threading.current_thread():
                self._changed.wait_for(lambda: self._thread is None, _STOPPING)

    def _at_work(self) -> bool:
        """Sees to it that a thread delivers; False where none can be started, as when the interpreter is ending."""
        if self._thread is None:
            # In a context of its own: a run that happens to start it must not be told of other runs' writes.
            run = contextvars.Context().run
            thread = threading.Thread(target=run, args=(self._run,), name="memos-writer", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return False
            self._thread = thread
        return True

    def _run(self) -> None:
        with self._changed:
            try:
                while self._waiting and not self._stopped:
                    self._run_once(None)
            finally:
                self._thread = None
                self._changed.notify_all()

    def _run_once(self, limit: float | None) -> None:
        """Delivers the first in line, or puts it off; holds the lock except while it waits or sends.

        `limit`: when it must be over, on the monotonic clock.
        """
        entry = self._waiting[0]
        if not self._waited_out(entry, limit):
            return
        keep = False
        self._changed.release()
        try:
            keep = self._put_off(entry, limit)
        finally:
            self._changed.acquire()
            if not keep:
                self._waiting.popleft()
            self._changed.notify_all()

    def _waited_out(self, entry: _Entry, limit: float | None) -> bool:
        """Waits for the entry's time; False when the writer is stopped, or the limit comes before."""
        while not self._stopped:
            now = time.monotonic()
            due = entry.due(hurried=self._hurry > 0)
            if limit is not None and max(due, now) >= limit:
                self._changed.wait(limit - now)
                return False
            if due <= now:
                return True
            self._changed.wait(due - now)
        return False

    def _put_off(self, entry: _Entry, limit: float | None) -> bool:
        """Sends; True when it surely was not applied, and is to be tried again."""
        started = time.perf_counter()
        left = None if limit is None else max(0.001, min(self._client.deadline, limit - time.monotonic()))
        try:
            added = self._client.with_options(deadline=left).send(entry.call)
        except MemOSError as error:
            again = not_applied(error)
            entry.postpone(error, time.monotonic())
            self._tell(entry, error, again, started)
            return again
        except Exception as error:  # noqa: BLE001 - a bug of a transport: told by its class, and the line goes on
            self._tell(entry, error, False, started)
            return False
        spent = (time.perf_counter() - started) * 1_000
        self._client.emit(Recorded(_conversation(entry), _messages(entry), spent, added.task_id))
        return False

    def _tell(self, entry: _Entry, error: Exception, again: bool, started: float) -> None:
        """Once when a turn is first put off, and once when it is given up."""
        if again and entry.tries > 1:
            return
        code = error.code if isinstance(error, Refused) else 0
        spent, name = (time.perf_counter() - started) * 1_000, type(error).__name__
        fate = "kept and tried again" if again else _fate(error)
        _log.warning("a turn could not be recorded (%s, code %d): %s", name, code, fate)
        self._client.emit(Degraded(_conversation(entry), "record", name, code, spent, len(self._waiting)))


def _fate(error: Exception) -> str:
    if isinstance(error, Unreachable) and not error.sent:
        return "the client is closed"
    return "refused" if isinstance(error, Refused | Invalid) else "unknown, not sent again"


def _conversation(entry: _Entry) -> str:
    return entry.call.conversation_id or ""


def _messages(entry: _Entry) -> int:
    return len(entry.call.messages)
