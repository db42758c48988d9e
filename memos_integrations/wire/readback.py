"""Was it written? What a conversation, read back, says of a write whose reply was lost. Pure.

MemOS has no idempotency key, so this is all there is: the newest 50 messages (`get/message`, contract §2.2), what is
known to have been delivered before, and the times that the server gave to what it keeps.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from email.utils import parsedate_to_datetime
from enum import Enum

from memos_integrations.wire.answers import StoredMessage, Time
from memos_integrations.wire.call import MAX_PAGE
from memos_integrations.wire.calls import AddMessage, GetMessage
from memos_integrations.wire.message import Message

__all__ = [
    "MOST",
    "Delivered",
    "Digest",
    "Heard",
    "Sought",
    "Verdict",
    "clock_of",
    "digests",
    "heard",
    "read_back",
    "said",
    "verdict",
]

MOST = 40
"""Messages of a call that can be read back with room to spare for what others write meanwhile."""

Digest = Callable[[str, str], bytes]
"""Of a role and a text: what is compared, and kept, in place of text."""

_SLACK = 2.0  # seconds: a Date header and a create_time tell whole seconds only
_QUARTER = 900.0  # seconds: time zones differ by multiples of it
_WIDEST = 26 * 3600.0  # seconds between the outermost of them
_LATELY = 600.0  # seconds in which what was delivered must be seen, or the reading lags behind


class Verdict(Enum):
    """What came of a write."""

    THERE = "there"
    ABSENT = "absent"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message that is known to be there: `at` is when its delivery was over, in seconds of the server's clock.

    `begun` is when the delivery began; None: at the same moment. Not `sure`: it may be there.
    """

    digest: bytes
    at: float
    begun: float | None = None
    sure: bool = True

    def spans(self, moment: float) -> bool:
        """Whether the server may have given it that time."""
        begun = self.at if self.begun is None else self.begun
        return begun - _SLACK <= moment <= self.at + _SLACK


@dataclass(frozen=True, slots=True)
class Heard:
    """A message as it was read back: `at` is its create_time, `exact` when no time zone had to be guessed."""

    digest: bytes
    at: float | None
    exact: bool = False


def read_back(call: AddMessage) -> GetMessage | None:
    """The call that reads `call`'s conversation back; None where it can't be, or tells nothing of these messages."""
    readable = isinstance(call.user_id, str) and call.conversation_id is not None and len(call.turns) <= MAX_PAGE
    if not readable or not any(_words(message.role, message.content) for message in call.turns):
        return None
    user, conversation = call.users[0], call.conversation_id
    return GetMessage(user_id=user, conversation_id=conversation or "", message_limit_number=MAX_PAGE)


def digests(messages: Sequence[Message], digest: Digest) -> list[bytes]:
    """Of what `get/message` shows: what user and assistant said in plain text."""
    words = (_words(message.role, message.content) for message in messages)
    return [digest(*each) for each in words if each is not None]


def heard(messages: Sequence[StoredMessage], digest: Digest, zone: tzinfo) -> list[Heard]:
    """The same of what was read back; `zone` is the server's, for times without one."""
    found = ((_words(message.role or "", message.content), message) for message in messages)
    return [Heard(digest(*words), *_moment(message.create_time, zone)) for words, message in found if words is not None]


def said(call: AddMessage, zone: tzinfo) -> frozenset[float]:
    """When its messages were said, as far as that can be read."""
    moments = (_moment(message.chat_time, zone)[0] for message in call.turns)
    return frozenset(moment for moment in moments if moment is not None)


def clock_of(date: str | None) -> float | None:
    """A Date header in seconds since the epoch; None for none, or one that can't be read."""
    try:
        return parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Sought:
    """What was sent: the digests of its messages, when they were `said` (a server may tell that as its create_time),
    `since` when it was first sent, and `now`, when it was read back, all in seconds of the server's clock; now None:
    its clock is not known.
    """

    digests: Sequence[bytes]
    said: frozenset[float]
    since: float
    now: float | None

    @property
    def first(self) -> float:
        """The earliest time that the server may have given to it."""
        return min(self.since, *self.said, math.inf)

    def near(self, at: float) -> bool:
        """Whether `at` may be the time that the server gave to it."""
        written = self.now is not None and self.since - _SLACK <= at <= self.now + _SLACK
        return written or self.was_said(at)

    def was_said(self, at: float | None) -> bool:
        """Whether `at` is when one of its messages was said."""
        return at is not None and any(abs(at - said) <= _SLACK for said in self.said)


def verdict(sought: Sought, told: Sequence[Heard], past: Sequence[Delivered], *, full: bool) -> Verdict:
    """Whether `sought` is among what was `told`, beside what is known of the `past`.

    `full`: the server told as many messages as it does at most, so that older ones were left out. It errs only where
    nobody could know better: when somebody unknown says the same words in the same conversation in the very seconds
    of a write of ours (or with the same chat_time), or, where the zone is not the one configured and nothing of ours
    shows that, just as long before as the zones differ; when the server tells its times by another clock than its
    Date header; or when it keeps other words than were sent.
    """
    want = Counter(sought.digests)
    if not want:
        return Verdict.UNCLEAR
    sure = [one for one in past if one.sure]
    told = _zoned(told, sure, sought)
    ages = [(one, _age(one, sought)) for one in told]
    fresh = Counter(one.digest for one, age in ages if age is _Age.FRESH)
    unexplained = fresh.copy()
    unexplained.subtract(_before(ages, sought, past))
    shown = fresh >= want and any(unexplained[digest] >= number for digest, number in want.items())
    if shown and not _ahead(ages, sought.now):  # a call is written whole or not at all, so one of its messages tells
        return Verdict.THERE
    if any(unexplained[digest] > 0 for digest in want) or _lags(told, sure, full=full, now=sought.now):
        return Verdict.UNCLEAR  # a part of it may be shown, or not even what was there before
    return Verdict.ABSENT if _missing(want, ages, sure, sought, full=full) else Verdict.UNCLEAR


class _Age(Enum):
    FRESH, OLD, UNSURE = range(3)


_Aged = Sequence[tuple[Heard, _Age]]


def _age(one: Heard, sought: Sought) -> _Age:
    """Whether it may have been written since then. An old time may be a new one of another time zone than we think."""
    if one.at is None or sought.now is None:
        return _Age.UNSURE
    if sought.near(one.at):
        return _Age.FRESH
    if one.exact:
        return _Age.UNSURE if one.at > sought.now else _Age.OLD
    ahead = _nearest(one.at, sought.now)
    return _Age.UNSURE if abs(ahead) <= _WIDEST and one.at + ahead >= sought.since - _SLACK else _Age.OLD


def _nearest(at: float, moment: float) -> float:
    """The difference of zones that brings `at` nearest before `moment`."""
    return math.floor((moment + _SLACK - at) / _QUARTER) * _QUARTER


def _ahead(ages: _Aged, now: float | None) -> bool:
    """Whether a time lies in the future, so that the zone can't be the one we think."""
    guessed = (one.at for one, age in ages if age is _Age.UNSURE and one.at is not None and not one.exact)
    return now is not None and any(at > now + _SLACK for at in guessed)


def _zoned(told: Sequence[Heard], past: Sequence[Delivered], sought: Sought) -> Sequence[Heard]:
    """The times as our own latest messages prove the server's zone to be; as they are where they prove none,
    and unknown where they prove several, but not ours.
    """
    newest, now = max(past, key=lambda one: one.at, default=None), sought.now
    if now is None or newest is None or all(one.exact for one in told):
        return told
    known = [one for one in past if one.at >= newest.at - _LATELY]
    theirs = (one.at for one in told if one.digest == newest.digest and one.at is not None and not one.exact)
    likely = {shift for at in theirs for shift in [_nearest(at, newest.at)] if abs(shift) <= _WIDEST}
    fitting = [shift for shift in likely if _fits(_moved(told, shift), known, now)]
    if len(fitting) == 1:
        kept = [one if fitting[0] == 0.0 or not sought.was_said(one.at) else Heard(one.digest, None) for one in told]
        return _moved(kept, fitting[0])
    return told if not fitting or 0.0 in fitting else _moved(told, None)


def _moved(told: Sequence[Heard], shift: float | None) -> list[Heard]:
    """With the times of another zone; None: of nobody knows which."""
    return [one if one.exact or one.at is None else _at(one.digest, one.at, shift) for one in told]


def _at(digest: bytes, at: float, shift: float | None) -> Heard:
    return Heard(digest, None) if shift is None else Heard(digest, at + shift, exact=True)


def _fits(told: Sequence[Heard], known: Sequence[Delivered], now: float) -> bool:
    """Whether all that is `known` was told with its time, and nothing with one that is yet to come."""
    seen = [one for one in told if one.at is not None]
    shown = all(any(t.digest == k.digest and k.spans(t.at or 0.0) for t in seen) for k in known)
    return shown and all((one.at or 0.0) <= now + _SLACK for one in seen)


def _before(ages: _Aged, sought: Sought, past: Sequence[Delivered]) -> list[bytes]:
    """What earlier deliveries may have put among the fresh."""
    left = sorted(past, key=lambda one: one.at)
    for at, digest in sorted((one.at, one.digest) for one, age in ages if age is _Age.OLD and one.at is not None):
        shown = next((one for one in left if one.sure and one.digest == digest and one.spans(at)), None)
        if shown is not None:
            left.remove(shown)
    return [one.digest for one in left if one.at >= sought.first - 2 * _SLACK]


def _lags(told: Sequence[Heard], past: Sequence[Delivered], *, full: bool, now: float | None) -> bool:
    """Whether the server does not even show what it surely took lately: then a message's absence says nothing."""
    lately = [one for one in past if now is None or one.at >= now - _LATELY]
    if full:
        lately = sorted(lately, key=lambda one: one.at)[-1:]
    return bool(Counter(one.digest for one in lately) - Counter(one.digest for one in told))


def _missing(want: Counter[bytes], ages: _Aged, past: Sequence[Delivered], sought: Sought, *, full: bool) -> bool:
    """Whether too few of its messages are there: among those that may be new, or all in all beside the known ones."""
    old = [one for one, age in ages if age is _Age.OLD and (one.exact or not sought.said)]
    oldest = min((one.at for one in old if one.at is not None), default=math.inf)
    if full and oldest >= sought.first - _SLACK:
        return False  # it may have been pushed out
    able = Counter(one.digest for one, age in ages if age is not _Age.OLD)
    if any(able[digest] < number for digest, number in want.items()):
        return True
    if full and (sought.said or not all(one.exact for one, _ in ages)):
        return False
    known = Counter(one.digest for one in past if not full or one.at >= oldest + _LATELY)
    have = Counter(one.digest for one, _ in ages)
    return any(known[digest] <= have[digest] < known[digest] + number for digest, number in want.items())


def _words(role: str, content: object) -> tuple[str, str] | None:
    """Role and text of what is kept as it was said; None for anything else."""
    text = content.strip() if isinstance(content, str) else ""
    return (role, text) if text and role in {"user", "assistant"} else None


def _moment(time: Time, zone: tzinfo) -> tuple[float | None, bool]:
    try:
        if isinstance(time, int) or (time or "").strip().isdecimal():
            return float(time or 0) / 1_000, True
        read = datetime.fromisoformat((time or "").strip())
        if read.tzinfo is not None:
            return read.timestamp(), True
        return read.replace(tzinfo=zone).timestamp(), False
    except (ValueError, OverflowError):
        return None, False
