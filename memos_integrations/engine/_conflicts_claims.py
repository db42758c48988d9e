"""What a statement claims that a later one may take back. Computes only; the languages' tables are beside it.

A claim is of what one has one of at a time (a home, a name, an employer), or a stance: whether one likes, uses or does
something. Rules that would rather overlook a change than see one where there is none: a statement counts only where its
whole beginning fits, in the first person (or "my wife"), and nothing in it supposes, limits, reports or plans.
"""

import re
from collections.abc import Container
from dataclasses import dataclass
from typing import Final

from memos_integrations.engine._sentences import sentences
from memos_integrations.engine._words import EAST_ASIAN, fold, is_east_asian, stem

__all__ = ["Claim", "Search", "contents", "exact", "is_of_others", "is_pasted", "leans", "replaces", "rest", "wording"]

LONGEST_TEXT: Final = 1_000
"""Characters of a memory that is read for claims; a longer one is a pasted text."""

MOST_SENTENCES: Final = 12
"""Sentences of a memory that is read for claims; more are a pasted text, too."""

Search = tuple[str, ...]
"""Search words that a memory has, all of them."""

STANCE: Final = "stance"  # what stances' topics begin with
_LIKING: Final = frozenset(("like", "take"))
_LIGHT_WORDS: Final = "a an the please just really very so actually truly absolutely"
_LIGHT: Final = frozenset(_LIGHT_WORDS.split())
_WORD: Final = re.compile(rf"[{EAST_ASIAN}]+|(?:(?![{EAST_ASIAN}])[^\W_])+")
_LATIN_WORD: Final = re.compile(r"[^\W_]+")  # the same in a text without East Asian characters
_APOSTROPHE: Final = re.compile("[’‘ʼ´`]")
_NOT: Final = (
    ("can", re.compile(r"\bcan't\b|\bcannot\b"), "can not"),
    ("won't", re.compile(r"\bwon't\b"), "will not"),
    ("n't", re.compile(r"n't\b"), " not"),
)
_OTHERS_WORDS: Final = re.compile(
    r"""["“”«»„「」『』]|```|(?:^|\s)['‘](?=\w)
    |(?<![.@])\b(?:translat|proofread|paraphras|rephras|rewrit|summari[sz]|lyric|role-?play|pretend|imagin|hypothetical
      |fiction      |storie?s?\b|novel|poem|dialogue|quot|grammar|fill\ in|(?<!\.)examples?\b)
    |翻译|润色|改写|扮演|假设|假装|想象|小说|故事|台词|例句|造句
    |:[^\S\n]*\n|：[^\S\n]*\n""",
    re.IGNORECASE | re.VERBOSE,
)
_LEANS: Final = re.compile(
    r"^\W*(?:it|it['’]s|its|that|that['’]s|this|these|those|there|they|them|he|she|his|her|which|who|because|since|but"
    r"|and|so|too|also|both|then|maybe|not|or)\b|^\W*(?:它|那|这|他|她|因为|但|而且|所以|也|然后)",
    re.IGNORECASE,
)
_COURTESY: Final = re.compile(
    r"\W*(?:(?:oh|ok|okay|hi|hello|hey|well|so|thanks|thank you|yes|yeah|no|sure|good (?:morning|evening|news)"
    r"|by the way|there|你好|您好|嗨|谢谢|对了|好的|早上好|晚上好)\W*)*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Claim:
    """`topic` is what it is about, `value` what it says of that, in folded stems; of a stance, its field.

    `holds`: it says that this is so, not that it isn't. `anew`: it says that this was not always so. `sole`: there is
    but one of the kind, so that another value needs no such word. `whole`: the sentence says nothing else. `searches`
    tell what memories of the same topic have among their words: those of any one search.
    """

    topic: tuple[str, ...]
    value: tuple[str, ...]
    holds: bool
    anew: bool
    sole: bool
    whole: bool
    searches: tuple[Search, ...]


def replaces(newer: Claim, older: Claim) -> bool:
    """Whether `newer`, said after `older`, takes it back."""
    if newer.topic != older.topic:
        return False
    if newer.topic[0] == STANCE:
        return newer.holds != older.holds and _of_one_field(newer, older)
    if not older.holds:
        return False
    new, old = frozenset(newer.value), frozenset(older.value)
    if not newer.holds:
        return new == old
    return (newer.sole or newer.anew) and not (new <= old or old <= new)


def _of_one_field(newer: Claim, older: Claim) -> bool:
    """Liking is liking; who no longer drinks coffee is not to be served any for having loved it once."""
    return newer.value == older.value or (newer.anew and {newer.value[0], older.value[0]} == _LIKING)


def is_pasted(text: str, told: list[str]) -> bool:
    """Whether a memory's text, `told` in sentences, is more than one says of oneself."""
    return len(text) > LONGEST_TEXT or len(told) > MOST_SENTENCES


def is_of_others(text: str) -> bool:
    """Whether a text quotes, invents, or gives words to work on, so that what it says may be nobody's."""
    return _OTHERS_WORDS.search(text) is not None


def leans(text: str) -> bool:
    """Whether a text means nothing without what was said before it, as far as its beginning tells."""
    return _LEANS.match(text) is not None


def rest(text: str, lost: Container[int]) -> str:
    """`text` without its sentences at these places; "" when nothing that matters is left.

    A sentence stays that the next one leans on ("I live in Lyon. It's lovely.").
    """
    told = sentences(text)
    kept = [
        sentence
        for place, sentence in enumerate(told)
        if place not in lost or (place + 1 < len(told) and place + 1 not in lost and leans(told[place + 1]))
    ]
    if len(kept) == len(told):
        return text
    return "".join(kept).strip() if any(not _COURTESY.fullmatch(sentence) for sentence in kept) else ""


def exact(text: str) -> tuple[str, ...]:
    """The words of `text`, folded; two texts of the same words say the same."""
    return tuple(_words(text))


def wording(text: str) -> tuple[str, ...]:
    """The words of `text` as a statement is compared: folded, stemmed, without those that add nothing."""
    return tuple(stem(word) for word in _words(text) if word not in _LIGHT)


def contents(tokens: list[str]) -> int:
    """How many content words there are among search words: characters count, pairs of them don't."""
    return len({token for token in tokens if len(token) == 1 or not is_east_asian(token)})


def _words(text: str) -> list[str]:
    folded = _APOSTROPHE.sub("'", fold(text))
    for mark, found, put in _NOT:
        if mark in folded:
            folded = found.sub(put, folded)
    return (_WORD if is_east_asian(folded) else _LATIN_WORD).findall(folded)
