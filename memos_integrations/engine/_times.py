"""Times as people write them: when something was said, and what a question says of when. The engine's zone is UTC."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from memos_integrations.engine._words import fold

_NAMES: Final = """january jan,february feb,march mar,april apr,may,june jun,july jul,august aug,september sept sep,
    october oct,november nov,december dec"""
_MONTHS: Final = {name: number for number, names in enumerate(_NAMES.split(","), start=1) for name in names.split()}
_MONTH: Final = "|".join(sorted(_MONTHS, key=len, reverse=True))

# "2026-08-01 10:00[:00[.000]]", with or without the time and a zone; the documented form and ISO's.
_ISO: Final = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,6})?)?(?:Z|[+-]\d{2}:?\d{2})?)?")
# "1:56 pm on 8 May, 2023", as chat exports write it.
_SPOKEN: Final = re.compile(
    rf"(\d{{1,2}}):(\d{{2}})\s*([ap])\.?m\.?,?\s+(?:on\s+)?(\d{{1,2}})\s+({_MONTH})\.?,?\s+(\d{{4}})"
)

_FIRST_YEAR, _LAST_YEAR = 1900, 2999  # outside of these a "time" is some other number

_DAYS: Final = (
    re.compile(rf"\b(?P<month>{_MONTH})\.? (?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:,? (?P<year>\d{{4}}))?\b"),
    re.compile(rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<month>{_MONTH})\b\.?(?:,? (?P<year>\d{{4}}))?"),
    re.compile(rf"\b(?P<month>{_MONTH})\.?,? (?:of )?(?P<year>\d{{4}})\b"),
    re.compile(rf"\b(?:in|during|last|this|of) (?P<month>{_MONTH})\b(?!\.?,? \d)"),
    re.compile(r"\b(?P<year>\d{4})-(?P<number>\d{1,2})(?:-(?P<day>\d{1,2}))?\b"),
    re.compile(r"(?:(?P<year>\d{4})年)?(?P<number>\d{1,2})月(?:(?P<day>\d{1,2})[日号])?"),
)

_WHEN: Final = re.compile(
    r"\bwhen\b|\bhow (?:long|recently)\b|\b(?:what|which) (?:date|day|month|year|time|season)s?\b|\bsince when\b"
    r"|什么时候|何时|几时|哪天|哪一天|哪年|几月|几号|多久|いつ|언제"
)
_TELLING: Final = """
    yesterday today tonight tomorrow ago week weeks weekend weekends month months year years day days morning night
    evening afternoon last next recently soon since until monday tuesday wednesday thursday friday saturday sunday
    january february march april june july august september october november december summer winter spring autumn fall
    昨 今 明 前 后 周 月 年 天 号
"""
_TIME_WORDS: Final = frozenset(_TELLING.split())


@dataclass(frozen=True, slots=True)
class Day:
    """A day, or a month of which the day is not told; the year may be left open too."""

    month: int
    day: int | None = None
    year: int | None = None

    def holds(self, moment: datetime) -> bool:
        """Whether `moment` falls on it."""
        return self.month == moment.month and self.day in (None, moment.day) and self.year in (None, moment.year)


def moment(text: str | None) -> int | None:
    """When `text` says, in epoch milliseconds; None when it is in no form we know, such as "last Tuesday"."""
    stripped = (text or "").strip()
    when = _iso(stripped) or _spoken(stripped.lower())
    return round(when.timestamp() * 1000) if when and _FIRST_YEAR <= when.year <= _LAST_YEAR else None


def instant(milliseconds: int) -> datetime:
    """Epoch milliseconds as a time in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def days_named(query: str) -> tuple[Day, ...]:
    """The days and months that a question names, such as "May 8, 2023", "in June" or "5月8日"."""
    folded = fold(query)
    return tuple(_day(match) for form in _DAYS for match in form.finditer(folded) if _day_is_real(match))


def asks_when(query: str) -> bool:
    """Whether the answer to `query` is a time."""
    return _WHEN.search(fold(query)) is not None


def tells_time(words: Iterable[str]) -> bool:
    """Whether folded words (or characters, in Chinese) hold one that tells a time, such as "yesterday"."""
    return not _TIME_WORDS.isdisjoint(words)


def _iso(text: str) -> datetime | None:
    if not _ISO.fullmatch(text):
        return None
    try:
        when = datetime.fromisoformat(text.replace(",", "."))
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _spoken(text: str) -> datetime | None:
    parts = _SPOKEN.fullmatch(text)
    if parts is None:
        return None
    hour = int(parts[1]) % 12 + (12 if parts[3] == "p" else 0)
    try:
        return datetime(int(parts[6]), _MONTHS[parts[5]], int(parts[4]), hour, int(parts[2]), tzinfo=UTC)
    except ValueError:
        return None


def _parts(match: re.Match[str]) -> tuple[int, int | None, int | None]:
    found = match.groupdict()
    month = _MONTHS[found["month"]] if found.get("month") else int(found["number"])
    day, year = found.get("day"), found.get("year")
    return month, int(day) if day else None, int(year) if year else None


def _day_is_real(match: re.Match[str]) -> bool:
    month, day, _ = _parts(match)
    return 1 <= month <= 12 and (day is None or 1 <= day <= 31)


def _day(match: re.Match[str]) -> Day:
    month, day, year = _parts(match)
    return Day(month, day, year)
