"""Text cut into sentences and into pieces of bearable length. Nothing is lost: the parts put together are the text."""

import re
from itertools import pairwise
from typing import Final

LONG: Final = 2000
"""Characters a turn may have and still be one memory; longer ones are split."""

PIECE: Final = 1000
"""Characters of one piece of a split turn, at most."""

# A run of marks is looked at once, from its first, and never taken back: else a long one takes for ever. The marks are
# listed first, so that the search for one is quick.
_END: Final = re.compile(
    r"""[.!?…。！？\n](?:(?<=[.!?…])(?<![.!?…]{2})[.!?…]*+["'”’)\]]*+\s+|(?<=[。！？])[。！？]*["'”’)\]」』]*\s*|(?<=\n)\s*)"""
)

_ASKING_WORDS: Final = re.compile(
    r"""^\W*(?:(?:and|but|so|also|then|hey|hi|hello|ok|okay|well|oh|please)\b\W*)*
    (?:(?:what|which|who|whom|whose|where|why|how)(?:'s|\s+(?!(?:i|we|my)\b)\w+)
      |when\s+(?:is|are|was|were|do|does|did|can|could|will|would|should|shall)
      |(?:is|are|am|was|were|do|does|did|can|could|would|should|will|may|might|shall|have|has)\s+
       (?:i|you|we|they|he|she|it|there|the|my|your|this|that|these|those|any|some|anyone|someone))\b""",
    re.IGNORECASE | re.VERBOSE,
)
_CHINESE_ASKING: Final = re.compile(r"(?:[吗嘛么呢]|有没有|是不是|能不能|可不可以|好不好|行不行)[\s。.!！…]*$")
_QUESTION_MARK: Final = re.compile(r"[?？][\s\"'”’)\]」』]*$")


def sentences(text: str) -> list[str]:
    """The sentences of `text`, each with the space that follows it."""
    ends = [0, *(match.end() for match in _END.finditer(text)), len(text)]
    return [text[start:end] for start, end in pairwise(ends) if start < end]


def asks(text: str) -> bool:
    """Whether `text` ends in a question mark, so that its point is a question."""
    return _QUESTION_MARK.search(text) is not None


def is_question(sentence: str) -> bool:
    """Whether one sentence is a question, with or without its mark; English and Chinese."""
    if asks(sentence) or _ASKING_WORDS.match(sentence):
        return True
    return not sentence.isascii() and _CHINESE_ASKING.search(sentence) is not None


def pieces(text: str) -> list[str]:
    """`text` as it becomes memories: whole, or in pieces that end where a sentence does, if one ends in time."""
    if len(text) <= LONG:
        return [text]
    parts = [""]
    for sentence in sentences(text):
        for part in _short_enough(sentence):
            if len(parts[-1]) + len(part) > PIECE:
                parts.append("")
            parts[-1] += part
    return parts


def _short_enough(sentence: str) -> list[str]:
    return [sentence[start : start + PIECE] for start in range(0, len(sentence), PIECE)]
