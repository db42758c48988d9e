"""What the benchmark of sizes stores and asks: made up, the same on every run; and an embedding that costs little.

Words follow Zipf's law: English's commonest hundred first, then made-up ones. Needs the standard library only.
"""

import random
import zlib
from collections.abc import Iterator
from functools import cache
from itertools import accumulate, count
from math import sqrt

__all__ = ["CONVERSATION", "DIMENSIONS", "embedding", "memories", "questions"]

CONVERSATION = 20
"""Memories of one conversation."""

DIMENSIONS = 256

_COMMON = """
the to i and a of you it in that is my for was on have with we be but so this me at are not just like had do
they about up all as if out what can from get or one when how there an your more would been really time know
good some go he she her his our them then now because very also will think make people did into see day after
new who back love last work way could other their first by only over than here well year home feel want much
"""
_VOCABULARY = 30_000
_ONSETS = (
    "b",
    "br",
    "c",
    "ch",
    "d",
    "fl",
    "g",
    "gr",
    "h",
    "j",
    "k",
    "l",
    "m",
    "n",
    "p",
    "pl",
    "r",
    "s",
    "sh",
    "st",
    "tr",
    "v",
)
_VOWELS = ("a", "ai", "e", "ea", "i", "o", "oo", "u")
_CODAS = ("ck", "d", "l", "ll", "m", "n", "nd", "r", "rt", "s", "t", "x")
_STATING = 0.04
"""The share of memories that state a preference; about as many do in conversations between people."""


def memories(owner: str, wanted: int) -> Iterator[str]:
    """What an owner says: sentences of 12 to 28 words. "a+1", "a+2" … say what "a" says."""
    chance, (words, sums) = random.Random(owner.partition("+")[0]), _vocabulary()
    for _ in range(wanted):
        said = chance.choices(words, cum_weights=sums, k=chance.randint(12, 28))
        said[:0] = ["I", "prefer"] if chance.random() < _STATING else []
        yield f"{' '.join(said).capitalize()}."


def questions(owner: str, wanted: int) -> Iterator[str]:
    """Questions without end about an owner's `wanted` memories, each with three words of one of them."""
    chance, told, common = random.Random(f"{owner}?"), list(memories(owner, wanted)), set(_COMMON.split())
    for _ in count():
        said = chance.choice(told).lower().rstrip(".").split()
        telling = [word for word in said if word not in common] or said
        first, second, third = chance.choices(telling, k=3)
        yield f"What did I say about {first}, {second} and {third}?"


def embedding(text: str) -> list[float]:
    """A unit vector by hashing words: it stands where a model would, at no cost, and finds by shared words."""
    vector = [0.0] * DIMENSIONS
    for word in text.lower().split():
        hashed = zlib.crc32(word.strip(".,?").encode())
        vector[hashed % DIMENSIONS] += 1.0 if hashed & 1024 else -1.0
    length = sqrt(sum(value * value for value in vector if value)) or 1.0
    return [value / length if value else 0.0 for value in vector]


@cache
def _vocabulary() -> tuple[list[str], list[float]]:
    chance, words = random.Random(1), dict.fromkeys(_COMMON.split())
    while len(words) < _VOCABULARY:
        words["".join(chance.choice(_ONSETS) + chance.choice(_VOWELS) for _ in "12") + chance.choice(_CODAS)] = None
    return list(words), list(accumulate(1 / (rank + 2.7) for rank in range(1, _VOCABULARY + 1)))
