"""The outbox: what is to be written waits in a file until MemOS has it, each turn once."""

import logging
import math
import os
import threading
import time
import weakref
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from memos_integrations._file import PRIVATE
from memos_integrations.client import IN_MEMORY, MemOS, OutboxOptions
from memos_integrations.errors import Invalid, ServerFault, Unreachable, Unsupported
from memos_integrations.memory._crew import Crew
from memos_integrations.memory._delivery import Delivery
from memos_integrations.memory._holders import is_gone, new_holder, retire
from memos_integrations.memory._line import Line
from memos_integrations.memory._look import Look, look
from memos_integrations.memory._opening import opened
from memos_integrations.memory._queue import State
from memos_integrations.memory._shelf import Listed
from memos_integrations.memory._status import OutboxStatus, together, told
from memos_integrations.wire.calls import AddMessage

__all__ = ["Outbox", "OutboxStatus", "outbox_file"]

_log = logging.getLogger(__name__)
_POLL = 5.0  # seconds between two looks for what other processes left behind
_PACE = 4.0  # seconds in which no more of a conversation is sent than a reading shows: servers tell whole seconds
_FORGETTING = 3_600.0  # seconds between two times at which what is too old is forgotten
_STEP = 0.1  # seconds between two looks at what other processes deliver, while somebody waits for it
_GRACE = 15.0  # seconds beyond a call's deadline for which a conversation is still its holder's


class Outbox:
    """What is to be written waits here, in one file that outlives the process, until MemOS has it: each turn once.

    `Outbox.of(client)` is the one of a client; adapters put their turns in it. Threads of its own deliver them: in
    order within a conversation, several conversations at once, neighbours of one conversation in one call. Several
    clients and processes may share a file; an entry leaves through a client of its own address and key alone.

    A write that surely was not applied is sent again, after growing pauses and when the server asked for it. One whose
    fate is unknown is looked for first, in the conversation's newest 50 messages; what can't be read back is sent
    once. What is refused, and what nobody can find out about, is parked: see `entries`, `retry` and `drop`.
    """

    def __init__(self, client: MemOS, options: OutboxOptions | None = None, *, beside: bool = False) -> None:
        """`beside`: it is another one's, which flushes it with itself."""
        self._client, self._options = client, options or client.outbox_options
        self._line, self._path, self._destination = opened(client, self._options)
        self._delivery = Delivery(client, self._line, self._undelivered)
        self._crew = Crew(self._step)
        self._holder = new_holder()
        self._pace = _PACE if client.address.startswith("http") else 0.0
        self._stopped, self._untidy = False, False
        self._polled, self._forgot = -math.inf, time.monotonic()
        self._lock = threading.Lock()
        self._spare: Outbox | None = None
        weakref.finalize(self, _end, self._crew, self._line).atexit = False
        if not beside:
            client.on_flush(self.flush)
        client.on_close(self._stop)
        if self._path not in PRIVATE:
            self._crew.wake()  # what an earlier process left

    @staticmethod
    def of(client: MemOS) -> "Outbox":
        """The outbox of `client`, opened now if need be, which reads and writes a file."""
        return client.share(Outbox, lambda: Outbox(client))

    def put(self, call: AddMessage, turn: str | None = None, *, beside: Collection[str] = ()) -> int:
        """Puts `call` in line and returns when that is in the file; the number of messages put.

        `turn` names the turn that it closes: what of it was put before is left out. `beside`: see `open`. Raises
        `OutboxFull`, and `Unreachable` when the client is closed.
        """
        self._check_open()
        if (other := self._other(call, turn)) is not None:
            return other.put(call, turn, beside=beside)
        try:
            messages, first = self._line.put(self._destination, call, turn, time.time(), beside)
        except (ServerFault, Unsupported) as error:
            return self._put_aside(call, turn, error, beside)
        if first:  # else whoever delivers the conversation goes on with it
            self._crew.wake()
        return messages

    def open(self, call: AddMessage, turn: str, *, reused: bool = False, beside: Collection[str] = ()) -> None:
        """Keeps the user's words of a turn until it is closed by `put`. Unless it is, they are written alone: when the
        conversation's next turn opens, or after `orphan_after` seconds. `reused`: the name of a closed turn may begin
        another. `beside` names turns of the conversation that go on meanwhile and stay open. Raises what `put` raises.
        """
        self._check_open()
        if (other := self._other(call, turn)) is not None:
            other.open(call, turn, reused=reused, beside=beside)
            return
        try:
            self._line.open(self._destination, call, turn, time.time(), reused=reused, beside=beside)
        except (ServerFault, Unsupported) as error:
            self._spared(error).open(call, turn, reused=reused, beside=beside)
        self._crew.wake()  # somebody has to know until when it may stay open

    def opened(self, call: AddMessage, turn: str) -> AddMessage | None:
        """What `open` keeps for that turn of `call`'s conversation; None when it is closed."""
        kept = None if self._spare is None else self._spare.opened(call, turn)
        return self._line.opened(self._destination, call, turn) if kept is None else kept

    def knows(self, call: AddMessage, turn: str) -> bool:
        """Whether words of that turn were put or kept here in the last 30 days, whatever came of them."""
        known = self._spare is not None and self._spare.knows(call, turn)
        return known or self._line.knows(self._destination, call, turn)

    def look(self, user_id: str, conversation_id: str) -> Look:
        """What waits for that conversation, and what arrived there of late."""
        mine = look(self._line, self._destination, user_id, conversation_id)
        return mine if self._spare is None else mine.beside(self._spare.look(user_id, conversation_id))

    def flush(self, timeout: float | None = None) -> int:
        """Waits until nothing is in line, `timeout` seconds at most (None: the client's deadline); how much is left.

        Meanwhile our own pauses between tries are short; those that the server asked for are not. Parked entries and
        open turns are not waited for.
        """
        limit = time.monotonic() + (self._client.deadline if timeout is None else timeout)
        if self._crew.includes_me():
            return self._undelivered()  # asked by a listener of ours: it can't wait for itself
        if self._client.closing and self._path in PRIVATE and not self._stopped:
            self._line.orphaned(self._destination, math.inf, time.time())  # nobody can answer them any more
        self._delivery.hurried += 1
        try:
            seen = self._crew.steps
            while self._delivery.unfinished and not self._stopped and (now := time.monotonic()) < limit:
                self._help(limit - now, seen)
                seen = self._crew.steps
        finally:
            self._delivery.hurried -= 1
        left = self._undelivered()
        if not left and time.monotonic() < limit:
            self._clean()
        return left if self._spare is None else left + self._spare.flush(max(0.0, limit - time.monotonic()))

    def status(self) -> OutboxStatus:
        """What it holds: counts and seconds, no text."""
        mine = told(self._path, self._line.counts(), self._destination, time.time())
        return mine if self._spare is None else together(mine, self._spare.status())

    def entries(self, *states: State) -> list[Listed]:
        """Every entry of this client's destination, or those that are "open", "waiting", "sending" or "parked"."""
        mine = self._line.listed(states, self._destination)
        return mine if self._spare is None else [*mine, *self._spare.entries(*states)]

    def retry(self, number: int | None = None) -> int:
        """Puts that parked entry in line again, or all of them; returns how many."""
        again = self._line.retry(number, time.time(), self._destination)
        self._crew.wake()
        if self._spare is not None and (number is None or not again):
            again += self._spare.retry(number)
        return again

    def drop(self, number: int | None = None) -> int:
        """Deletes that entry, unless it is being sent, or all that are parked, with their text; returns how many."""
        dropped = self._line.drop(number, time.time(), self._destination)
        if self._spare is not None and (number is None or not dropped):
            dropped += self._spare.drop(number)
        return dropped

    def _help(self, seconds: float, seen: int) -> None:
        """Sees to it that something is done, and waits for it; without a thread to do it, does it."""
        with suppress(ServerFault):  # a file that is locked; then the pauses stay as they are
            self._line.hurry(self._destination, time.time(), self._client.retry.first)
        pause = min(seconds, _POLL if self._path in PRIVATE else _STEP)
        if self._crew.wake():
            self._crew.wait(pause, seen)
            return
        wait = _STEP  # where the file can't be used now
        with suppress(ServerFault):
            wait = self._step(seconds)
        if wait > 0:
            self._crew.wait(min(wait, pause), seen)

    def _step(self, limit: float = math.inf) -> float:
        """Delivers one batch within `limit` seconds; else the seconds until there may be one."""
        if self._stopped:
            return math.inf
        if (quiet := self._delivery.quiet) > 0:
            return quiet
        now, seconds = time.time(), min(self._client.deadline, max(limit, 0.001))
        self._tidy(now)
        batch = self._line.claim(self._destination, self._holder, now, now + seconds + _GRACE, self._pace)
        if batch is None:
            return self._wait(now)
        due = self._line.next_due(self._destination)
        if due is not None and due <= now:
            self._crew.wake()
        self._untidy = True
        self._delivery.deliver(batch, seconds)
        return 0.0

    def _tidy(self, now: float) -> None:
        """Frees what processes hold that are gone, and lets go what nobody came back for."""
        if time.monotonic() - self._polled < _POLL:
            return
        self._polled = time.monotonic()
        for holder in self._line.holders():
            if is_gone(holder):
                self._line.free(holder)
        self._line.orphaned(self._destination, now - self._options.orphan_after, now)
        if time.monotonic() - self._forgot >= _FORGETTING:
            self._forgot = time.monotonic()
            self._line.forget(now)
        if not self._undelivered():
            self._clean()

    def _clean(self) -> None:
        """Cuts the log, in which delivered text can still be read."""
        if self._untidy and not self._stopped:
            self._untidy = False
            self._untidy = not self._line.cut_log()

    def _wait(self, now: float) -> float:
        due, opened = self._line.next_due(self._destination), self._line.next_orphan(self._destination)
        times = [] if due is None else [due - now]
        if opened is not None:  # and not before it is looked for
            polled = self._polled + _POLL - time.monotonic()
            times.append(max(opened + self._options.orphan_after - now, polled))
        if self._path not in PRIVATE:
            times.append(_POLL)
        return max(0.001, min(times)) if times else math.inf

    def _undelivered(self) -> int:
        try:
            return 0 if self._stopped else self._line.undelivered(self._destination)
        except (ServerFault, Unsupported):
            return 1  # the file can't be read now: nobody can say that nothing is left

    def _check_open(self) -> None:
        if self._stopped:
            raise Unreachable("this client is closed: make a new one", sent=False)

    def _spared(self, error: Exception) -> "Outbox":
        """Another in memory, for what the file does not take. A full disk shall lose nothing while we live."""
        if self._path in PRIVATE:
            raise error
        with self._lock:
            if self._spare is None:
                _log.warning("the outbox's file takes nothing (%s): turns wait in this process", type(error).__name__)
                kept = OutboxOptions(path=IN_MEMORY, orphan_after=self._options.orphan_after)
                self._spare = Outbox(self._client, kept, beside=True)
            return self._spare

    def _other(self, call: AddMessage, turn: str | None) -> "Outbox | None":
        """The one in memory, where it has what comes before in the conversation, or what the turn began with."""
        spare = self._spare
        if spare is None or (turn is not None and spare.knows(call, turn)):
            return spare
        return spare if spare._line.holds(spare._destination, call) else None  # noqa: SLF001 - of its own class

    def _put_aside(self, call: AddMessage, turn: str | None, error: Exception, beside: Collection[str]) -> int:
        """Into memory, without what of the turn is in the file: that leaves from there."""
        rest: AddMessage | None = call
        with suppress(ServerFault, Unsupported):
            rest = self._line.unspoken(self._destination, call, turn)
        return 0 if rest is None else self._spared(error).put(rest, turn, beside=beside)

    def _stop(self) -> None:
        """Ends the threads, whatever is left: the client is closed. A send under way ends when its connection goes."""
        self._stopped = True
        self._crew.stop()
        with suppress(ServerFault, Unsupported):
            if not self._crew.busy:
                self._line.free(self._holder)
            self._line.forget(time.time())
            self._line.cut_log()
        retire(self._holder)
        self._line.close()


@contextmanager
def outbox_file(path: str | os.PathLike[str]) -> Iterator[Line]:
    """An outbox's file to look into, of all its destinations; closed on leaving. Raises `Invalid`, `Unsupported`."""
    if not Path(path).is_file():
        raise Invalid("there is no outbox at this path: nothing waits there", field="path", rule="missing")
    line = Line(str(path), max_bytes=1 << 62)
    try:
        yield line
    finally:
        line.close()


def _end(crew: Crew, line: Line) -> None:
    crew.stop()
    line.close()
