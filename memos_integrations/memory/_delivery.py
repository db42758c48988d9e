"""One delivery: send what is in line, or look for what was sent, and say what came of it."""

import logging
import math
import random
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from memos_integrations.client import Degraded, MemOS, Parked, Recorded
from memos_integrations.errors import MemOSError, RateLimited, Refused, Unreachable
from memos_integrations.memory._line import Batch, Doubt, Line, Marks
from memos_integrations.memory._reading import as_sent, reading
from memos_integrations.memory.breaker import Breaker
from memos_integrations.memory.degraded import named
from memos_integrations.wire.answers import Added, StoredMessages, TaskStatus
from memos_integrations.wire.call import MAX_PAGE
from memos_integrations.wire.codes import Fate, fate
from memos_integrations.wire.readback import digests, heard, marked, said
from memos_integrations.wire.verdict import Delivered, Sought, Verdict, verdict

__all__ = ["Delivery"]

_log = logging.getLogger(__name__)
_LOOKS: Final = 2  # readings that must not find it before it is sent again
_FAULTS: Final = 4  # failures inside the server that an entry may meet
_UNCLEAR: Final = 10  # readings that may tell nothing
_QUIET_AFTER: Final = 5  # tries in a row that failed, whatever the conversation, before all of them pause
_UNKNOWN: Final = "unknown"


class Delivery:
    """Delivers batches through one client, and keeps the pace of its server."""

    def __init__(self, client: MemOS, line: Line, waiting: Callable[[], int]) -> None:
        self._client = client.with_options(retry=replace(client.retry, tries=1), verify=False)
        self._line, self._waiting = line, waiting
        self._breaker = client.share(Breaker, Breaker)
        self._failed_in_row, self._asked_until, self._quiet_until = 0, 0.0, 0.0
        self._under_way = set[int]()  # threads
        self._chance = random.Random().random  # noqa: S311 - no secret; of its own, so that nobody's seed is disturbed
        self.hurried = 0
        """How many wait for the end, so that our own pauses are short."""

    @property
    def quiet(self) -> float:
        """Seconds for which the server wants nothing, or does not answer anyway."""
        now = time.monotonic()
        if self.hurried:
            self._quiet_until = min(self._quiet_until, now + self._client.retry.first)
        return max(0.0, self._asked_until - now, self._quiet_until - now)

    @property
    def unfinished(self) -> bool:
        """Whether anything is in line, or another thread has yet to tell what came of it."""
        return self._waiting() > 0 or bool(self._under_way - {threading.get_ident()})

    def deliver(self, batch: Batch, seconds: float) -> None:
        """Sends `batch`, or looks for it, within `seconds`; the outcome is in the file, and told, when this returns."""
        me = threading.get_ident()
        self._under_way.add(me)
        try:
            self._deliver(batch, seconds)
        finally:
            self._under_way.discard(me)

    def _deliver(self, batch: Batch, seconds: float) -> None:
        started, patient = time.perf_counter(), self._client.with_options(deadline=seconds)
        if not batch.fresh:
            self._look(batch, patient, started)
            return
        try:
            added = patient.send(as_sent(self._client, self._line, batch))
        except MemOSError as error:
            self._note(error)
            self._failed(batch, error, started)
        except Exception as error:  # noqa: BLE001 - a transport's bug: who knows what was sent
            self._in_doubt(batch, error, batch.doubt.faults + 1, started)
        else:
            self._arrived(batch, added, started)

    def _look(self, batch: Batch, patient: MemOS, started: float) -> None:
        asked = reading(self._client, self._line, batch)
        if asked is None:
            self._park(batch, batch.doubt, started)
            return
        try:
            told = patient.send(asked)
        except MemOSError as error:
            self._note(error)
            final = fate(error) is Fate.FINAL
            self._looked_in_vain(batch, final, started, 0.0 if final else self._put_off(error))
            return
        except Exception:  # noqa: BLE001 - a transport's bug, which may stay
            self._looked_in_vain(batch, True, started)
            return
        self._answered()
        self._found(batch, self._verdict(batch, told), started)

    def _verdict(self, batch: Batch, told: StoredMessages | TaskStatus) -> Verdict:
        if isinstance(told, TaskStatus):
            return Verdict.THERE  # a task is known once its messages are written; that it is not tells nothing
        messages, digest, zone = told.message_detail_list, self._line.digest, self._client.timezone
        since, now = self._server(batch.sent), self._client.server_time(time.time())
        sought = Sought(digests(batch.call.turns, digest), said(batch.call, zone), since, now)
        past = [self._by_server(one) for one in self._line.known(batch)]
        return verdict(sought, heard(messages, digest, zone), past, full=len(messages) >= MAX_PAGE)

    def _marks(self, batch: Batch) -> Marks:
        return marked(batch.call, self._line.digest, self._client.timezone)

    def _by_server(self, one: Delivered) -> Delivered:
        begun = self._server(one.at if one.begun is None else one.begun)
        return replace(one, at=self._server(one.at), begun=begun)

    def _server(self, moment: float) -> float:
        told = self._client.server_time(moment)
        return -math.inf if told is None else told

    def _found(self, batch: Batch, found: Verdict, started: float) -> None:
        doubt, now = batch.doubt, time.time()
        if found is Verdict.THERE:
            self._arrived(batch, None, started)
        elif found is Verdict.UNCLEAR:
            self._looked_in_vain(batch, True, started)
        elif doubt.looks + 1 < _LOOKS or now < doubt.settled:
            looks = replace(doubt, looks=min(doubt.looks + 1, _LOOKS - 1), error=doubt.error or _UNKNOWN)
            self._line.unsure(batch, now, due=max(now + self._client.retry.look, doubt.settled), doubt=looks)
        elif doubt.faults >= _FAULTS and len(batch.entries) > 1:
            self._line.alone(batch, now)
        elif doubt.faults >= _FAULTS:
            self._park(batch, doubt, started)
        else:
            self._line.postponed(batch, now, due=now + self._pause(batch))

    def _looked_in_vain(self, batch: Batch, counts: bool, started: float, asked: float = 0.0) -> None:
        """A failed reading is not a no. Those that will fail again for all we know are counted."""
        doubt, now = replace(batch.doubt, unclear=batch.doubt.unclear + counts), time.time()
        if doubt.unclear >= _UNCLEAR:
            self._park(batch, replace(doubt, error=_UNKNOWN), started)
        else:
            self._line.unsure(batch, now, due=now + self._pause(batch), doubt=doubt, asked=now + asked)

    def _arrived(self, batch: Batch, added: Added | None, started: float) -> None:
        self._answered()
        self._line.delivered(batch, self._marks(batch), time.time())
        spent, task = _since(started), added.task_id if added else None
        self._client.emit(Recorded(_conversation(batch), len(batch.call.turns), spent, task))

    def _failed(self, batch: Batch, error: MemOSError, started: float) -> None:
        what, now = fate(error, patient=True), time.time()
        if what is Fate.NOT_APPLIED:
            asked = self._put_off(error)
            self._tell(batch, error, started)
            self._line.postponed(batch, now, due=now + self._pause(batch), asked=now + asked)
        elif what is Fate.UNKNOWN:
            inside = isinstance(error, Refused) and bool(error.code)
            self._in_doubt(batch, error, batch.doubt.faults + inside, started)
        elif len(batch.entries) > 1:
            self._answered()
            self._line.alone(batch, now)
        else:
            self._answered()
            self._park(batch, _doubt(error), started)

    def _in_doubt(self, batch: Batch, error: Exception, faults: int, started: float) -> None:
        """Nobody knows whether it was applied: it is looked for, if it can be. A server that took that long to say
        nothing is given as long again before absence counts: it may be slow, not gone.
        """
        now = time.time()
        doubt = replace(_doubt(error), faults=faults, settled=now + _since(started) / 1_000)
        if reading(self._client, self._line, batch) is None:
            self._park(batch, replace(doubt, error=_UNKNOWN), started)
            return
        self._tell(batch, error, started)
        self._line.unsure(batch, now, due=now + self._pause(batch), doubt=doubt)

    def _park(self, batch: Batch, doubt: Doubt, started: float) -> None:
        doubt = doubt if doubt.error else replace(doubt, error=_UNKNOWN)
        maybe = self._marks(batch) if doubt.error == _UNKNOWN else []
        self._line.parked(batch, maybe, time.time(), doubt)
        why = "nobody knows whether it arrived" if doubt.error == _UNKNOWN else f"it was refused ({doubt.error})"
        _log.warning(
            "a turn could not be recorded and is parked: %s, code %d; see `memos-integrations outbox list`",
            why,
            doubt.code,
        )
        spent = _since(started)
        self._client.emit(Degraded(_conversation(batch), "record", doubt.error, doubt.code, spent, self._waiting()))
        self._client.emit(Parked(_conversation(batch), batch.entries, doubt.error, doubt.code, spent))

    def _tell(self, batch: Batch, error: Exception, started: float) -> None:
        """Once for each entry that is put off."""
        if batch.tries:
            return
        name, code = named(error)
        _log.warning("a turn could not be recorded yet (%s, code %d): it is kept and tried again", name, code)
        waiting = self._waiting()
        self._client.emit(Degraded(_conversation(batch), "record", name, code, _since(started), waiting))

    def _pause(self, batch: Batch) -> float:
        retry = self._client.retry
        pause = min(retry.first * retry.factor ** min(batch.tries, 32), retry.longest)
        pause = min(pause, retry.first) if self.hurried else pause
        return pause * (1 - retry.jitter * self._chance())

    def _put_off(self, error: MemOSError) -> float:
        """The seconds for which the server wants no more of this conversation. A limiter speaks to all of them, and a
        server that is gone is not asked for each.
        """
        asked = (error.retry_after or 0.0) if isinstance(error, Refused) else 0.0
        self._slow_down(asked if isinstance(error, RateLimited) else 0.0)
        return asked

    def _slow_down(self, asked: float) -> None:
        retry, self._failed_in_row = self._client.retry, self._failed_in_row + 1
        pause = 0.0
        if self._failed_in_row >= _QUIET_AFTER:
            grown = retry.first * retry.factor ** min(self._failed_in_row - _QUIET_AFTER, 32)
            pause = min(grown, retry.first if self.hurried else retry.longest)
        now = time.monotonic()
        self._asked_until, self._quiet_until = max(self._asked_until, now + asked), max(self._quiet_until, now + pause)

    def _answered(self) -> None:
        self._failed_in_row = 0
        self._breaker.succeeded()

    def _note(self, error: MemOSError) -> None:
        """What a write's refusal says of searching is little; that nobody answers says much."""
        if isinstance(error, Unreachable):
            self._breaker.failed(error)


def _doubt(error: Exception) -> Doubt:
    """What is kept of a failure: its class, and MemOS's code and words."""
    code, words = (error.code, error.message) if isinstance(error, Refused) else (0, "")
    return Doubt(error=type(error).__name__, code=code, words=words)


def _conversation(batch: Batch) -> str:
    return batch.call.conversation_id or ""


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1_000
