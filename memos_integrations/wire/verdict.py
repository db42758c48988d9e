"""Was it written? What a conversation, read back, says of a write whose reply was lost. Pure.

MemOS has no idempotency key, so this is all there is: the newest 50 messages (`get/message`, contract §2.2), what is
known to have been delivered before, and the times that the server gave to what it keeps.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

__all__ = ["Delivered", "Heard", "Sought", "Verdict", "verdict"]

_SLACK = 2.0  # seconds: a Date header and a create_time tell whole seconds only
_QUARTER = 900.0  # seconds: time zones differ by multiples of it
_WIDEST = 26 * 3600.0  # seconds between the outermost of them
_TELLING = 2  # different messages, found at their times, that are no chance
_ONCE = 2  # once among the told and once among the known
_LATELY = 600.0  # seconds in which what was delivered must be seen, or the reading lags behind


class Verdict(Enum):
    """What came of a write."""

    THERE = "there"
    ABSENT = "absent"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message that is known to be there: `at` is when its delivery was over, in seconds of the server's clock.

    `begun` is when the delivery began; None: at the same moment. Not `sure`: it may be there. `said` is its chat_time.
    """

    digest: bytes
    at: float
    begun: float | None = None
    sure: bool = True
    said: float | None = None

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

    @property
    def at_once(self) -> bool:
        """Whether it was sent when it was said, so that both are one time."""
        return all(abs(self.since - said) <= 2 * _SLACK for said in self.said)

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
    told, plain = _zoned(told, sure, sought, full=full), [one.exact for one in told]
    if _tells_arrivals(told, sure):
        sought = replace(sought, said=frozenset())
    ages = [(one, _age(one, sought)) for one in told]
    fresh = Counter(one.digest for one, age in ages if age is _Age.FRESH)
    unexplained = fresh.copy()
    unexplained.subtract(_before(ages, sought, past))
    shown = fresh >= want and any(unexplained[digest] >= number for digest, number in want.items())
    if shown and not _ahead(ages, sought.now):  # a call is written whole or not at all, so one of its messages tells
        return Verdict.THERE
    if any(unexplained[digest] > 0 for digest in want) or _lags(told, sure, full=full, now=sought.now):
        return Verdict.UNCLEAR  # a part of it may be shown, or not even what was there before
    if full and not _reaches_back(ages, plain, sought):
        return Verdict.UNCLEAR  # it may have been pushed out
    return Verdict.ABSENT if _missing(want, ages, sure, full=full) else Verdict.UNCLEAR


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


def _zoned(told: Sequence[Heard], past: Sequence[Delivered], sought: Sought, *, full: bool) -> Sequence[Heard]:
    """The times as our own latest messages prove the server's zone to be; as they are where they prove none,
    and unknown where they prove several, but not ours. What may have been pushed out proves nothing.
    """
    newest, now = max(past, key=lambda one: one.at, default=None), sought.now
    if now is None or newest is None or all(one.exact for one in told):
        return told
    known = [one for one in past if one.at >= newest.at - _LATELY]
    if full and newest.at < now - _LATELY and len({one.digest for one in known}) <= _TELLING:
        return told
    theirs = [one.at for one in told if one.digest == newest.digest and one.at is not None and not one.exact]
    likely = {shift for at in theirs for shift in [_nearest(at, newest.at)] if abs(shift) <= _WIDEST}
    fitting = [shift for shift in likely if _fits(_moved(told, shift), known, now)]
    if any(fitting) and len(theirs) > sum(one.digest == newest.digest for one in past):
        return _moved(told, None)  # another's same words may only look like ours in another zone
    if len(fitting) == 1:
        kept = [one if fitting[0] == 0.0 or not sought.was_said(one.at) else Heard(one.digest, None) for one in told]
        return _moved(kept, fitting[0])
    return told if not fitting or 0.0 in fitting else _moved(told, None)


def _tells_arrivals(told: Sequence[Heard], past: Sequence[Delivered]) -> bool:
    """Whether messages of ours that were said long before they were sent, in words that nobody repeated, show that the
    server tells when they came, not when they were said.
    """
    times = {one.digest: one.at for one in told}
    often = Counter(one.digest for one in told) + Counter(one.digest for one in past)
    late = [one for one in past if one.said is not None and not one.spans(one.said) and often[one.digest] == _ONCE]
    return sum(one.spans(times[one.digest] or 0.0) for one in late if one.digest in times) >= _TELLING


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
    """What earlier deliveries may have put among the fresh: as much as can be, so the old ones take the earliest."""
    first = sought.first - 2 * _SLACK
    left = sorted((one for one in past if one.sure or one.at < first), key=lambda one: one.at)
    for at, digest in sorted((one.at, one.digest) for one, age in ages if age is _Age.OLD and one.at is not None):
        shown = next((one for one in left if one.digest == digest and one.spans(at)), None)
        if shown is not None:
            left.remove(shown)
    left += [one for one in past if not one.sure]
    guessed = [one for one, age in ages if age is _Age.FRESH and not one.exact]
    return [one.digest for one in left if one.at >= first or any(_may_be(one, each) for each in guessed)]


def _may_be(one: Delivered, told: Heard) -> bool:
    """Whether an earlier one would have that time in another zone than we think."""
    shift = round(((told.at or 0.0) - one.at) / _QUARTER) * _QUARTER
    return told.digest == one.digest and abs(shift) <= _WIDEST and one.spans((told.at or 0.0) - shift)


def _lags(told: Sequence[Heard], past: Sequence[Delivered], *, full: bool, now: float | None) -> bool:
    """Whether the server does not even show what it surely took lately: then a message's absence says nothing."""
    lately = [one for one in past if now is None or one.at >= now - _LATELY]
    if full:
        lately = sorted(lately, key=lambda one: one.at)[-1:]
    return bool(Counter(one.digest for one in lately) - Counter(one.digest for one in told))


def _reaches_back(ages: _Aged, plain: Sequence[bool], sought: Sought) -> bool:
    """Whether what was told begins before the earliest time that `sought` may have been given.

    Of a message sent long after it was said only times that were `plain`, without a zone to guess, tell that: the
    server may keep what it is told in our zone, and what it tells the time of itself in its own.
    """
    times = [(one.at, exact) for (one, age), exact in zip(ages, plain, strict=True) if age is _Age.OLD]
    old = [at for at, exact in times if at is not None and (exact or sought.at_once)]
    return min(old, default=math.inf) < sought.first - _SLACK


def _missing(want: Counter[bytes], ages: _Aged, past: Sequence[Delivered], *, full: bool) -> bool:
    """Whether too few of its messages are there: among those that may be new, or all in all beside the known ones."""
    able = Counter(one.digest for one, age in ages if age is not _Age.OLD)
    if any(able[digest] < number for digest, number in want.items()):
        return True
    if full:
        return False  # known ones may have been pushed out
    known = Counter(one.digest for one in past)
    have = Counter(one.digest for one, _ in ages)
    return any(known[digest] <= have[digest] < known[digest] + number for digest, number in want.items())
