"""How many tokens a text has at least: an estimate without a tokenizer. Computes only."""

import re
from collections.abc import Iterable
from typing import Final

__all__ = ["ADD", "ANSWER", "QUERY", "exceeds", "least"]

ADD: Final = 40_000  # §1.5: the messages of an add
QUERY: Final = 40_000  # §1.5: the query of a search
ANSWER: Final = 8_000  # §1.5: what chat, extract and rerank are given

_CHARACTERS_OF_ONE: Final = 2
"""Chinese, Japanese and Korean characters that a token holds, in the tokenizers with the largest vocabularies."""

_LONGEST: Final = 64
"""Other characters that a token holds; a word, however long, is cut no coarser."""

# With their own punctuation and the full-width forms, which tokenizers join to what stands beside them.
_EAST_ASIAN: Final = re.compile(
    "[\u2e80-\u303f\u3040-\u30ff\u3100-\u31ff\u3200-\u33ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\uff00-\uffef\U00020000-\U0003ffff]"
)


def least(text: str) -> int:
    """The tokens of `text`, estimated low: what stands between blanks is one at least, and so are two Chinese,
    Japanese or Korean characters, and 64 of anything else. Tokenizers count a third more in English prose, half as much
    again to three times as much in Chinese.
    """
    characters = 0
    if not text.isascii():
        text, characters = _EAST_ASIAN.subn(" ", text)
    words = text.split()
    return max(len(words), sum(map(len, words)) // _LONGEST) + characters // _CHARACTERS_OF_ONE


def exceeds(texts: Iterable[str], most: int) -> int:
    """How many tokens `texts` have together by `least`, where that is more than `most`; else 0.

    No token is less than a character, so texts of ordinary length are not even looked at.
    """
    texts = tuple(texts)
    if sum(map(len, texts)) <= most:
        return 0
    found = sum(map(least, texts))
    return found if found > most else 0
