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
_WIDEST = 14 * 3600.0
_SHORTLY = 60.0  # seconds in which a time that is off by a time zone is still told from chance
_LATELY = 600.0  # seconds in which what was delivered must be seen, or the reading lags behind


class Verdict(Enum):
    """What came of a write."""

    THERE = "there"
    ABSENT = "absent"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message that is known to be there: `at` is when its delivery was over, in seconds of the server's clock."""

    digest: bytes
    at: float


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

    def near(self, at: float, slack: float) -> bool:
        """Whether `at` may be the time that the server gave to it."""
        return at >= self.since - slack or any(abs(at - said) <= slack for said in self.said)


def verdict(sought: Sought, told: Sequence[Heard], past: Sequence[Delivered], *, full: bool) -> Verdict:
    """Whether `sought` is among what was `told`, beside what is known of the `past`.

    `full`: the server told as many messages as it does at most, so that older ones were left out.
    """
    want, now = Counter(sought.digests), sought.now
    ages = [(one.digest, _age(one, sought)) for one in told]
    fresh = Counter(digest for digest, age in ages if age is _Age.FRESH)
    unsure = Counter(digest for digest, age in ages if age is _Age.UNSURE)
    recent = Counter(one.digest for one in past if sought.near(one.at, 2 * _SLACK))
    if all(fresh[digest] - recent[digest] >= number for digest, number in want.items()):
        return Verdict.THERE
    flooded = full and all(age is not _Age.OLD for _, age in ages)
    if any(fresh[digest] + unsure[digest] < number for digest, number in want.items()) and not flooded:
        return Verdict.UNCLEAR if _lags(told, past, full=full, now=now) else Verdict.ABSENT
    if full:
        return _by_window(want, told, past)
    shortly = now is None or now - sought.since <= _SHORTLY
    return _by_count(want, told, past, credible=shortly or all(one.at is None for one in told))


class _Age(Enum):
    FRESH, OLD, UNSURE = range(3)


def _age(one: Heard, sought: Sought) -> _Age:
    """Whether it may have been written since then. An old time may be a new one of another time zone than we think."""
    if one.at is None or sought.now is None:
        return _Age.UNSURE
    if sought.near(one.at, _SLACK) and one.at <= sought.now + _SLACK:
        return _Age.FRESH
    latest = sought.now + _SLACK
    ahead = math.floor((latest - one.at) / _QUARTER) * _QUARTER  # the shift that brings it nearest before now
    if one.exact or abs(ahead) > _WIDEST:
        return _Age.OLD
    return _Age.UNSURE if one.at + ahead >= sought.since - _SLACK else _Age.OLD


def _lags(told: Sequence[Heard], past: Sequence[Delivered], *, full: bool, now: float | None) -> bool:
    """Whether the server does not even show what it surely took lately: then a message's absence says nothing."""
    newest = max(past, key=lambda one: one.at, default=None)
    if newest is None or full or (now is not None and newest.at < now - _LATELY):
        return False
    return all(one.digest != newest.digest for one in told)


def _by_count(want: Counter[bytes], told: Sequence[Heard], past: Sequence[Delivered], *, credible: bool) -> Verdict:
    """The whole conversation was told: there must be more of it than was known before."""
    have, known = Counter(one.digest for one in told), Counter(one.digest for one in past)
    if all(have[digest] >= known[digest] + number for digest, number in want.items()):
        return Verdict.THERE if credible else Verdict.UNCLEAR
    whole = all(have[digest] >= known[digest] for digest in want)
    return Verdict.ABSENT if whole else Verdict.UNCLEAR


def _by_window(want: Counter[bytes], told: Sequence[Heard], past: Sequence[Delivered]) -> Verdict:
    """Only the newest messages were told: which story fits better, with these messages at its end or without?"""
    if not past:
        return Verdict.UNCLEAR
    have, width = Counter(one.digest for one in told), len(told)
    before = [one.digest for one in sorted(past, key=lambda one: one.at)]
    fits = [(have & Counter(story[-width:])).total() for story in (before, [*before, *want.elements()])]
    if fits[0] == fits[1]:
        return Verdict.UNCLEAR
    return Verdict.THERE if fits[1] > fits[0] else Verdict.ABSENT


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
