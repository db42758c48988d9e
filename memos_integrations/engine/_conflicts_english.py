"""What English statements claim of the one who makes them. Computes only."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from memos_integrations.engine._conflicts_claims import STANCE, Claim, Search, wording
from memos_integrations.engine._conflicts_english_said import NAMES, OPENS, PARTS, SAID, STANCES, SWITCHED
from memos_integrations.engine._conflicts_places import level
from memos_integrations.engine._conflicts_topics import ATTRIBUTES, FOUND_BY, USED
from memos_integrations.engine._pattern import pattern
from memos_integrations.engine._words import fold, stem, tokens

__all__ = ["claims"]

_UNSURE: Final = re.compile(  # "may" and "will" in small letters, the others are a month and a name
    r"""\b(?:(?i:if|would|could|might|maybe|perhaps|probably|possibly|guess|suppose|wish|hoping|dream|used\ to|formerly
    |previously|almost|nearly|temporarily|temporary|part-time|weekends?|weekdays?|sometimes|usually|half|also|either
    |another|second|both|other|originally|until|told|says?|said|plan|planning|going\ to|about\ to|want|wanted|when
    |unless|whenever|not\ only|ago|joking|kidding|besides|except|too(?!\ now)|twice|never\ mind
    |(?:as|until|by)\ a\ child|was|were|game|should\ i|in\ my\ opinion)|may|will)\b|['’](?:ll|d)\b|\bor\b"""
    r"|\b(?i:in|back\ in|around)\s(?:19|20)\d\d\b",
    re.VERBOSE,
)
_ANEW: Final = re.compile(
    r"\b(?:now|nowadays|these days|any ?more|any longer|no longer|again|instead|new|from now on|going forward)\b",
    re.IGNORECASE,
)


@cache
def _opens() -> re.Pattern[str]:
    return pattern(OPENS, PARTS)


@cache
def _ends() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What may end a sentence without adding to its claim, and where what is claimed may go over into other things."""
    return pattern(
        r"(?:[\s,]*\b<TIME>\b)*(?:,? {because since as} {it it's they they're}\b[^;]*)?\W*$", PARTS
    ), pattern("<MORE>", PARTS)


@cache
def _rules() -> tuple[tuple[str, re.Pattern[str], str], ...]:
    """Compiled when first needed, which takes a moment."""
    return tuple((topic, pattern(rule, NAMES), meaning) for topic, rule, meaning in SAID)


@cache
def _stances() -> tuple[tuple[str, bool, re.Pattern[str]], ...]:
    return tuple((field, holds, pattern(rule, NAMES)) for field, holds, rule in STANCES)


@cache
def _switch() -> re.Pattern[str]:
    return pattern(SWITCHED, NAMES)


_NO_THING: Final = re.compile(
    r"\b(?:it|that|this|these|those|you|your|him|his|her|hers|them|their|how|what|where|why|who|to|not|no|so|more|most"
    r"|less|than|only|just|everything|anything|nothing|one|ones|some of|one of|enough|being|and|again)\b",
    re.IGNORECASE,
)
_NO_FAVOURITE: Final = re.compile(
    r"\b(?:part|thing|memory|moment|one|time|way|bit|aspect|scene|line|photo|picture|pic|so far"
    r"|quote|activity|character|episode|of)\b",
    re.IGNORECASE,
)
_BRIEF: Final = frozenset(map(stem, ("short", "shortly", "brief", "briefly", "concise", "concisely")))
_GAPS: Final = re.compile(r"[\s()-]+")
_LIKING: Final = frozenset(map(stem, ("like", "love", "enjoy")))
_SEVERAL: Final = frozenset(("sister", "brother", "son", "daughter"))  # unless named, not known to be the same one
LONGEST_SENTENCE: Final = 240
"""Characters of a sentence that is read; a longer one says much more than a claim."""
_LONGEST_THING: Final = 5  # words


def claims(sentence: str) -> Iterator[Claim]:
    """What `sentence` claims."""
    opens = _opens().match(sentence) if len(sentence) <= LONGEST_SENTENCE else None
    if opens is None or _UNSURE.search(sentence):
        return
    tail, more = _ends()
    said = sentence[opens.end("lead") :]
    found = list(_claims(tail.sub("", said, count=1), sentence, whole=True))
    if not found and (over := more.search(said)):
        found = list(_claims(tail.sub("", said[: over.start()], count=1), sentence, whole=False))
    yield from found


def _claims(said: str, sentence: str, *, whole: bool) -> Iterator[Claim]:
    for topic, rule, meaning in _rules():
        if found := rule.fullmatch(said):
            yield from _attribute(topic, found, meaning, sentence, whole=whole)
            return
    if found := _switch().fullmatch(said):
        yield from _switched(found)
        return
    for field, holds, rule in _stances():
        if found := rule.fullmatch(said):
            yield from _stance(field, found, holds, sentence, whole=whole)
            return


def _attribute(topic: str, found: re.Match[str], meaning: str, sentence: str, *, whole: bool) -> Iterator[Claim]:
    said = found.groupdict()
    value = wording(said["value"])
    about = _about(topic, said)
    if not value or about is None:
        return
    if topic == "length":
        value = ("short",) if value[0] in _BRIEF else ("long",)
    if about[-1] in {"phone", "email"}:
        value = (_GAPS.sub("", fold(said["value"])),)
    who = wording(said.get("who") or "")
    holds, anew = meaning != "ended", meaning == "anew" or _ANEW.search(sentence) is not None
    sole = len(who) != 1 or who[0] not in _SEVERAL
    yield Claim(
        (*about, *who),
        value,
        holds,
        anew,
        sole,
        whole,
        _searches(topic, about, said.get("who") or "", said.get("what") or ""),
    )


def _about(topic: str, said: dict[str, str | None]) -> tuple[str, ...] | None:
    what = said.get("what") or ""
    if topic == "home":
        return topic, level(said["value"] or "")
    if topic == "attribute":
        return topic, ATTRIBUTES.get(" ".join(what.casefold().replace("-", "").split()), what.casefold())
    if topic == "favourite":
        return None if _NO_FAVOURITE.search(what) else (topic, *wording(what))
    return (topic,)


def _searches(topic: str, about: tuple[str, ...], who: str, what: str) -> tuple[Search, ...]:
    if topic == "favourite":
        return (tuple(tokens(what)),)
    if topic == "attribute":
        return tuple(tuple(tokens(each)) for each in FOUND_BY.get(about[1], about[1:]))
    if topic == "name" and who:
        return (tuple(tokens(who)),)
    return tuple(tuple(tokens(each)) for each in FOUND_BY[topic])


def _stance(field: str, found: re.Match[str], holds: bool, sentence: str, *, whole: bool) -> Iterator[Claim]:
    said = found.groupdict()
    thing, verb = said.get("thing") or "", stem((said.get("verb") or "").casefold())
    words = wording(re.sub(r"^(?:my|our|any|some)\s+", "", thing, flags=re.IGNORECASE))
    if _NO_THING.search(thing) or len(words) > _LONGEST_THING or not (words or verb):
        return
    if verb in _LIKING:
        field = "like"
    if not words and verb not in {"smoke", "vape", "drive"}:
        return
    anew = bool(said.get("ended")) or _ANEW.search(sentence) is not None
    searches = (tuple(tokens(thing)) or (verb,),)
    yield Claim((STANCE, *(words or (verb,))), (field or verb,), holds, anew, True, whole, searches)


def _switched(found: re.Match[str]) -> Iterator[Claim]:
    """Whoever switched from one thing to another uses, drinks, plays … the first no more."""
    thing = found["old"] or found["gone"]
    words = wording(re.sub(r"^(?:my|our)\s+", "", thing, flags=re.IGNORECASE))
    if not words or _NO_THING.search(thing):
        return
    searches = (tuple(tokens(thing)) or words,)
    for field in USED:
        yield Claim((STANCE, *words), (field,), False, False, True, False, searches)
    yield Claim(("employer",), words, False, True, True, False, searches)
