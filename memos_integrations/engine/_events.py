"""A user's statement of something that happened or will: when, where and who, in the words used. Computes only.

By rule, English and Chinese: a statement that names a time or a place is an event.
"""

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import Final

from memos_integrations.engine._sentences import is_question, sentences
from memos_integrations.engine._sieve import english_words
from memos_integrations.engine._words import is_east_asian

__all__ = ["Happened", "happened"]

LISTENED: Final = 20_000
"""Characters of a turn that are searched for events; what is longer is a pasted document."""

_MONTH: Final = (
    "(?:January|February|March|April|May|June|July|August|September|October|November|December"
    "|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)"
)
_DAY: Final = "(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_PART: Final = rf"(?:week(?:end)?|month|year|night|morning|afternoon|evening|spring|summer|autumn|fall|winter|{_DAY})"
_NUMBER: Final = r"(?:\d{1,4}|an?|two|three|four|five|six|seven|eight|nine|ten|a\s+few|a\s+couple\s+of)"
_SPOKEN: Final = re.compile(
    rf"""\b(?:(?:the\s+day\s+(?:before\s+yesterday|after\s+tomorrow)|yesterday|today|tonight|tomorrow)
        (?:\s+(?:morning|afternoon|evening|night))?
    |(?:last|next|this)\s+{_PART}
    |{_NUMBER}\s+(?:minute|hour|day|week|month|year)s?\s+(?:ago|from\s+now)
    |in\s+{_NUMBER}\s+(?:minute|hour|day|week|month|year)s?
    |(?:on|every|until|since|by)\s+{_DAY}s?
    |at\s+\d{{1,2}}(?::\d{{2}})?\s*(?:am|pm|a\.m\.|p\.m\.|o['’]?clock)|at\s+\d{{1,2}}:\d{{2}}
    |at\s+(?:noon|midnight)
    |(?:in|since|until|by|during)\s+(?:19|20)\d{{2}}|\d{{4}}-\d{{2}}-\d{{2}}(?:[T\s]\d{{2}}:\d{{2}})?)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_TELLING_WORDS: Final = """
    day yesterday today tonight tomorrow week weekend month year night morning afternoon evening spring summer autumn
    fall winter monday tuesday wednesday thursday friday saturday sunday mondays tuesdays wednesdays thursdays fridays
    saturdays sundays minute minutes hour hours days weeks months years noon midnight
"""
_TELLING: Final = frozenset(_TELLING_WORDS.split())  # what is spoken of time has one of these, or a digit
_DIGIT: Final = re.compile(r"\d")
_DATED: Final = (
    re.compile(rf"\b{_MONTH}\.?\s+\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s+\d{{4}})?\b"),
    re.compile(rf"\b\d{{1,2}}(?:st|nd|rd|th)?(?:\s+of)?\s+{_MONTH}\b\.?(?:,?\s+\d{{4}})?"),
    re.compile(rf"\b(?:in|during|since|until|by|last|next|this)\s+{_MONTH}\b(?:,?\s+\d{{4}})?"),
)
_A_MONTH: Final = re.compile("Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec")
_CHINESE: Final = re.compile(
    "(?:大前天|大后天|前天|昨天|今天|明天|后天|昨晚|今晚|明晚|今早|去年|今年|明年|前年|后年)(?:早上|上午|中午|下午|晚上)?"
    "|(?:上个?|这个?|下个?)(?:周[一二三四五六日天]?|星期[一二三四五六日天]?|月|季度)"
    "|(?:\\d{4}年)?\\d{1,2}月(?:\\d{1,2}[日号])?|\\d{4}年"
    "|(?<![\\d一二三四五六七八九十两几])[\\d一二三四五六七八九十两几]{1,6}(?:分钟|小时|天|周|个月|年)(?:前|后)"
    "|(?:早上|上午|中午|下午|晚上)?(?<![\\d一二三四五六七八九十两])[\\d一二三四五六七八九十两]{1,3}点(?:半|\\d{1,2}分)?"
)
_NAME: Final = r"[A-Z][\w'’-]*"
_PLACE: Final = re.compile(
    rf"\b(?:in|at|to|from|near|around|visit(?:ed|ing)?)\s+((?:the\s+)?{_NAME}(?:\s+(?:(?:of|de|du|la|le)\s+)?{_NAME})*)"
)
_PLACED: Final = frozenset(("in", "at", "to", "from", "near", "around", "visit", "visited", "visiting"))
_CAPITAL: Final = re.compile(r"\s[A-Z]")
_CHINESE_PLACE: Final = re.compile(
    "(?:在|去了?|到了?|来自|搬到了?)"
    "((?:北京|上海|广州|深圳|杭州|成都|香港|台北|东京|巴黎|伦敦|纽约|[\u4e00-\u9fff]{1,8}?)"
    "(?:市|省|县|区|国|州|岛|山|湖|机场|车站|大学|公园|医院)|北京|上海|广州|深圳|杭州|成都|香港|台北|东京|巴黎|伦敦|纽约)"
)
_NO_PLACE: Final = re.compile(
    rf"(?:{_MONTH}|{_DAY}s?|I|I['’]\w+|English|Chinese|French|German|Spanish|Japanese|AM|PM)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Happened:
    """What a statement tells: its words, and those of them that say when and where."""

    text: str
    times: tuple[str, ...]
    places: tuple[str, ...]


def happened(text: str) -> list[Happened]:
    """The events that a user's text states, one a sentence at most."""
    found = []
    for sentence in sentences(text[:LISTENED]):
        said = sentence.strip()
        if said and not is_question(said):
            words = english_words(said)
            times, places = _times(said, words), _places(said, words)
            if times or places:
                found.append(Happened(said, times, places))
    return found


def _times(sentence: str, words: Set[str]) -> tuple[str, ...]:
    spans = (match.span() for form in _forms(sentence, words) for match in form.finditer(sentence))
    kept, last = list[str](), 0
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):  # of those that overlap the first, in full
        if start >= last:
            kept.append(sentence[start:end])
            last = end
    return tuple(dict.fromkeys(kept))


def _forms(sentence: str, words: Set[str]) -> Iterator[re.Pattern[str]]:
    """Those that may be there: most sentences tell no time, and looking for it takes long."""
    if _DIGIT.search(sentence) or not _TELLING.isdisjoint(words):
        yield _SPOKEN
    if _A_MONTH.search(sentence):
        yield from _DATED
    if is_east_asian(sentence):
        yield _CHINESE


def _places(sentence: str, words: Set[str]) -> tuple[str, ...]:
    named = list[str]()
    if _CAPITAL.search(sentence) and not _PLACED.isdisjoint(words):
        named += [match[1] for match in _PLACE.finditer(sentence) if not _NO_PLACE.match(match[1])]
    if is_east_asian(sentence):
        named += [match[1] for match in _CHINESE_PLACE.finditer(sentence)]
    return tuple(dict.fromkeys(named))
