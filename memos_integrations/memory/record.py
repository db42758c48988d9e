"""Record: which parts of a turn are written, and the one writer a client, off the turn's path."""

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from memos_integrations.client import Degraded, MemOS, Recorded, Retry
from memos_integrations.errors import Garbled, MemOSError, Refused, Unreachable
from memos_integrations.memory.prompt import strip
from memos_integrations.memory.scope import Scope
from memos_integrations.memory.times import said_at
from memos_integrations.wire.call import checked
from memos_integrations.wire.calls import AddMessage
from memos_integrations.wire.codes import not_applied

__all__ = ["Said", "Writer", "held", "hold", "record"]

_log = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 30.0  # seconds between tries while the server can't be reached
_STOPPING = 0.5  # seconds that closing gives to a thread that is about to end


@dataclass(frozen=True, slots=True)
class Said:
    """What the user or the assistant said, when (None: now), and under which `id` the framework knows it, if any."""

    role: Literal["user", "assistant"]
    text: str = field(repr=False)
    at: datetime | None = None
    id: str | None = None


def record(client: MemOS, scope: Scope, turn: Sequence[Said]) -> int:
    """Hands a turn to the client's writer and returns at once; the number of messages that will be written.

    Written is what was said: without text that we injected, without blank messages, and a message with an id once,
    though its turn may be answered anew. Raises nothing for a service's failure: what can't be delivered is tried
    again, or counted by `flush` and `close`.
    """
    handed = client.share(_Handed, _Handed)
    messages = [m for m in (_message(client, said) for said in turn if handed.first(scope, said)) if m["content"]]
    if messages:
        call = checked(AddMessage, {"messages": messages, **scope.marks()})
        client.share(Writer, lambda: Writer(client)).put(call)
    return len(messages)


def _message(client: MemOS, said: Said) -> dict[str, str]:
    text = strip(said.text).strip().encode("utf-8", "replace").decode()
    return {"role": said.role, "content": text, "chat_time": said_at(said.at or datetime.now(UTC), client.timezone)}


_MAX_HELD = 1_024  # turns begun and not yet recorded, and messages handed over, that are kept at hand for each client


class _Held:
    """What users said in turns that have begun: in memory only, bounded."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._said: OrderedDict[tuple[str, str], Said] = OrderedDict()

    def keep(self, key: tuple[str, str], said: Said) -> None:
        with self._lock:
            self._said[key] = said
            self._said.move_to_end(key)
            if len(self._said) > _MAX_HELD:
                self._said.popitem(last=False)

    def take(self, key: tuple[str, str]) -> Said | None:
        with self._lock:
            return self._said.pop(key, None)


class _Handed:
    """Which messages went to the writer: in memory only, bounded. The same id with another text is another message."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[Scope, str, int], None] = OrderedDict()

    def first(self, scope: Scope, said: Said) -> bool:
        """Whether it is the first time; always without an id."""
        if said.id is None:
            return True
        key = (scope, said.id, hash((said.role, said.text)))
        with self._lock:
            first = key not in self._known
            self._known[key] = None
            self._known.move_to_end(key)
            if len(self._known) > _MAX_HELD:
                self._known.popitem(last=False)
        return first


def hold(client: MemOS, scope: Scope, turn: str, said: Said) -> None:
    """Keeps what the user said until the turn is recorded, since a framework may summarise it away in between."""
    client.share(_Held, _Held).keep((scope.user_id, turn), said)


def held(client: MemOS, scope: Scope, turn: str) -> Said | None:
    """Takes back what `hold` kept for that turn, once."""
    return client.share(_Held, _Held).take((scope.user_id, turn))


@dataclass(slots=True)
class _Entry:
    call: AddMessage
    tries: int = 0
    pause: float = 0.0  # seconds before the next try

    def postpone(self, error: MemOSError) -> None:
        self.tries += 1
        asked = error.retry_after if isinstance(error, Refused) else None
        self.pause = min(_LONGEST_PAUSE, asked or _FIRST_PAUSE * 2 ** (self.tries - 1))


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
            self._hurry += 1
            self._changed.notify_all()
            while self._waiting and time.monotonic() < limit:
                if self._at_work():
                    self._changed.wait(limit - time.monotonic())
                else:
                    self._run_once()
            self._hurry -= 1
            return len(self._waiting)

    def _stop(self) -> None:
        """Ends the thread, whatever is left: the client is closed. A send under way ends when its connection goes."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._thread is None, _STOPPING)

    def _at_work(self) -> bool:
        """Sees to it that a thread delivers; False where none can be started, as when the interpreter is ending."""
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="memos-writer", daemon=True)
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
                    self._run_once()
            finally:
                self._thread = None
                self._changed.notify_all()

    def _run_once(self) -> None:
        """Delivers the first in line, or puts it off; holds the lock except while it waits or sends."""
        entry = self._waiting[0]
        if entry.pause:
            self._changed.wait(min(entry.pause, _FIRST_PAUSE) if self._hurry else entry.pause)
        if self._stopped:
            return
        keep = False
        self._changed.release()
        try:
            keep = self._put_off(entry)
        finally:
            self._changed.acquire()
            if not keep:
                self._waiting.popleft()
            self._changed.notify_all()

    def _put_off(self, entry: _Entry) -> bool:
        """Sends; True when it surely was not applied, and is to be tried again."""
        started = time.perf_counter()
        try:
            added = self._client.send(entry.call)
        except MemOSError as error:
            again = not_applied(error)
            entry.postpone(error)
            self._tell(entry, error, again, started)
            return again
        spent = (time.perf_counter() - started) * 1_000
        self._client.emit(Recorded(_conversation(entry), _messages(entry), spent, added.task_id))
        return False

    def _tell(self, entry: _Entry, error: MemOSError, again: bool, started: float) -> None:
        """Once when a turn is first put off, and once when it is given up."""
        if again and entry.tries > 1:
            return
        code = error.code if isinstance(error, Refused) else 0
        spent, name = (time.perf_counter() - started) * 1_000, type(error).__name__
        fate = "kept and tried again" if again else _fate(error)
        _log.warning("a turn could not be recorded (%s, code %d): %s", name, code, fate)
        self._client.emit(Degraded(_conversation(entry), "record", name, code, spent, len(self._waiting)))


def _fate(error: MemOSError) -> str:
    if isinstance(error, Unreachable) and not error.sent:
        return "the client is closed"
    return "unknown, not sent again" if isinstance(error, Garbled | Unreachable) else "refused"


def _conversation(entry: _Entry) -> str:
    return entry.call.conversation_id or ""


def _messages(entry: _Entry) -> int:
    return len(entry.call.messages)
