"""Text to search words: the one tokenizer, for what is stored and for what is asked.

Words are NFKC-normalised, case-folded and stemmed, stop words left out. Chinese, Japanese and Korean, which do not put
spaces where a search needs them, become single characters and pairs of neighbours.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from importlib import import_module
from itertools import pairwise
from typing import Final, Protocol, cast

from memos_integrations.engine._stopwords import STOP_CHARACTERS, STOP_WORDS

TOKENIZER: Final = "1"
"""Raise it with every change of what `tokens` returns: a file indexed by another version is indexed anew on opening."""

LONGEST: Final = 64
"""Characters of a word that count; longer ones (keys, base64) are cut, so that one word cannot fill the index."""

EAST_ASIAN: Final = "\u3005\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_RUN: Final = re.compile(rf"[{EAST_ASIAN}]+|(?:(?![{EAST_ASIAN}])[^\W_])+(?:['\u2019](?![{EAST_ASIAN}])[^\W_]+)*")
_LATIN_RUN: Final = re.compile("[^\\W_]+(?:['\u2019][^\\W_]+)*")  # the same in a text without East Asian characters
_IS_EAST_ASIAN: Final = re.compile(rf"[{EAST_ASIAN}]")
_APOSTROPHE: Final = re.compile("['\u2019]")
_CLITICS: Final = frozenset(("s", "t", "m", "d", "re", "ve", "ll"))


class _Stemmer(Protocol):
    def stem(self, word: str) -> str: ...


class _Snowball:
    """The pure-Python stemmer in PyStemmer's words; its output is the same (a test compares)."""

    def __init__(self) -> None:
        self._stemmer = import_module("snowballstemmer").stemmer("english")

    def stem(self, word: str) -> str:
        return cast(str, self._stemmer.stemWord(word))


class _Compiled:
    """PyStemmer, some twenty times faster, where it is installed."""

    def __init__(self) -> None:
        self._stemmer = import_module("Stemmer").Stemmer("english", 0)  # no cache of its own: stem() has one

    def stem(self, word: str) -> str:
        return cast(str, self._stemmer.stemWord(word))


def _fastest() -> _Stemmer:
    try:
        return _Compiled()
    except ImportError:
        return _Snowball()


_stemmer: Final = _fastest()


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """The stem of a folded word by the English snowball rules, which leave words of other languages nearly whole."""
    return _stemmer.stem(word)


def fold(text: str) -> str:
    """`text` with compatibility forms and case folded away: full-width letters, ligatures, capitals."""
    return unicodedata.normalize("NFKC", text).casefold()


def is_east_asian(text: str) -> bool:
    """Whether `text` holds a Chinese, Japanese or Korean character."""
    return not text.isascii() and _IS_EAST_ASIAN.search(text) is not None


def plain_words(text: str) -> list[str]:
    """Every word of `text` in order, folded, neither stemmed nor stopped; a name's words, for instance."""
    return [word for run in _runs(fold(text)) for word in _parts(run)]


def tokens(text: str) -> list[str]:
    """The search words of `text` in order, repeats included."""
    folded = fold(text)
    if is_east_asian(folded):
        return [token for run in _RUN.findall(folded) for token in _tokens_of(run)]
    runs: list[str] = _LATIN_RUN.findall(folded)
    return [stem for run in runs for stem in (_known_stems(run) if len(run) <= LONGEST else _made_stems(run))]


def _runs(folded: str) -> list[str]:
    found: list[str] = (_RUN if is_east_asian(folded) else _LATIN_RUN).findall(folded)
    return found


def _tokens_of(run: str) -> Iterable[str]:
    if is_east_asian(run[0]):
        return _characters_and_pairs(run)
    return _stems(run)


def _stems(run: str) -> Iterable[str]:
    return _known_stems(run) if len(run) <= LONGEST else _made_stems(run)


def _made_stems(run: str) -> tuple[str, ...]:
    return tuple(stem(word[:LONGEST]) for word in _parts(run) if word not in STOP_WORDS)


_known_stems: Final = lru_cache(maxsize=1 << 16)(_made_stems)


def _parts(run: str) -> Sequence[str]:
    """`caroline's` is caroline, `l'amour` is l and amour."""
    if run.isalnum():
        return (run,)
    first, *rest = _APOSTROPHE.split(run)
    return [first, *(part for part in rest if part not in _CLITICS)]


def _characters_and_pairs(run: str) -> Iterator[str]:
    yield from (character for character in run if character not in STOP_CHARACTERS)
    for left, right in pairwise(run):
        if left not in STOP_CHARACTERS and right not in STOP_CHARACTERS:
            yield left + right
