"""Which of many patterns may fit a text at all, told by its words; most patterns fit few texts, and looking takes time.

What a pattern needs is read off its rule in the notation of `_pattern`, cautiously: a word counts only where every text
that fits has it as a whole word. The patterns alone decide; a sieve only leaves out those that can't fit.
"""

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import product
from typing import Final, Generic, TypeVar

from memos_integrations.engine._pattern import named, pattern

__all__ = ["Sieve", "english_words", "needs"]

_Kind = TypeVar("_Kind")

_WORD: Final = re.compile("[a-z]+")
_OPAQUE: Final = "\0"  # what nothing is known of
_CLASS: Final = re.compile(r"\[[^\]]*\]")
_GROUP: Final = re.compile(r"\([^()]*\)")
_WORDS_BETWEEN: Final = re.compile(  # after a space or a word's edge, and with a space at the end of each alternative
    r"(?:(?<=\s)|(?<=\\b))\(\?:[^()|]*\s(?:\|[^()|]*\s)*\)(?:[?*+]|\{[\d,]+\}\??)?"
)
_ITEM: Final = re.compile(r"(?:(?<=\s)|(?<=\\b))(?:\{([^{}]+)\}|([a-z'-]+))(?=\s|\\b)|\{[^{}]*\}")
_PART: Final = re.compile("[_'-]")
_SPELLED: Final = re.compile(r"(?:[a-z]\??)+")
_LETTER: Final = re.compile(r"([a-z])(\??)")


class Sieve(Generic[_Kind]):
    """Patterns in their order, each of a kind."""

    def __init__(self, rules: Iterable[tuple[_Kind, str]], parts: Mapping[str, str]) -> None:
        """`rules` and `parts` are written in the notation of `_pattern`."""
        self._rules: list[tuple[_Kind, re.Pattern[str]]] = []
        self._by_word: dict[str, list[int]] = {}
        self._always: list[int] = []
        for number, (kind, rule) in enumerate(rules):
            self._rules.append((kind, pattern(rule, parts)))
            words = needs(rule, parts)
            for word in words:
                self._by_word.setdefault(word, []).append(number)
            if not words:
                self._always.append(number)

    def may_fit(self, words: Set[str]) -> Sequence[tuple[_Kind, re.Pattern[str]]]:
        """Those that may be found in a text of these `english_words`, in their order: all that are, and few others."""
        found = set(self._always)
        for word in words & self._by_word.keys():
            found.update(self._by_word[word])
        return [self._rules[number] for number in sorted(found)]


def english_words(text: str) -> set[str]:
    """The runs of English letters in `text`, in small letters: the forms of each that `re.IGNORECASE` takes for one."""
    return set(_WORD.findall(text.replace("ſ", "s").replace("ı", "i").replace("İ", "i").lower()))


def needs(rule: str, parts: Mapping[str, str]) -> frozenset[str]:
    """Words of which every text that fits `rule` has at least one; none where no such words can be told."""
    told = _CLASS.sub(_OPAQUE, named(rule, parts))
    while _GROUP.search(told):
        told, removed = _WORDS_BETWEEN.subn("", told, count=1)
        told = told if removed else _GROUP.sub(_OPAQUE, told, count=1)
    branches = [_of_branch(branch) for branch in told.split("|")]
    return frozenset().union(*branches) if all(branches) else frozenset()


def _of_branch(branch: str) -> frozenset[str]:
    """Of the words and lists that a branch has, the most telling one: short words are the common ones."""
    items = [_of_list((item[1] or item[2] or "").split()) for item in _ITEM.finditer(branch)]
    return max(reversed(items), key=lambda words: min(map(len, words), default=0), default=frozenset())


def _of_list(alternatives: Sequence[str]) -> frozenset[str]:
    found = [_of_alternative(alternative) for alternative in alternatives]
    return frozenset().union(*found) if all(found) else frozenset()


def _of_alternative(alternative: str) -> frozenset[str]:
    """The longest word of a phrase, in all its spellings: `colou?rs?` is four."""
    spelled = [part for part in _PART.split(alternative) if _SPELLED.fullmatch(part)]
    letters = _LETTER.findall(max(reversed(spelled), key=len, default=""))
    choices = [(letter, "") if optional else (letter,) for letter, optional in letters]
    found = frozenset(map("".join, product(*choices)))
    return found if "" not in found else frozenset()
