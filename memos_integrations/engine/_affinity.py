"""How near an owner's preferences are to a question: by shared words, then by shared fields of life. Computes only.

A preference and the question it bears on share few words by nature ("I avoid textbooks", "how should I learn
Spanish?"), so the fields of everyday life (`_fields`) count as much as one rare word does.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain
from math import sqrt
from typing import Final, NamedTuple

from memos_integrations.engine._fields import fields_of
from memos_integrations.engine._nearness import clipped
from memos_integrations.engine._rank import rarity
from memos_integrations.engine._words import tokens

_FIELDS: Final = 4.0
_GIVEN: Final = 0.2

KEPT: Final = 1 << 12
"""Stored preferences of which what was read is kept, by their words: two owners' who have as many as are ranked."""


class Liking(NamedTuple):
    """What ranking reads of a stored preference: its search words, whether it is of the conversation asked from."""

    number: int
    words: frozenset[str]
    given: bool = False


class Bearing(NamedTuple):
    """A preference ranked; `relativity` (0..1) is what a caller's threshold cuts by."""

    number: int
    score: float
    relativity: float


@lru_cache(maxsize=KEPT)
def read(stored: str) -> frozenset[str]:
    """The search words of a memory that stores them with spaces between."""
    return frozenset(stored.split())


def bearings(query: str, likings: Sequence[Liking]) -> list[Bearing]:
    """All preferences, those that bear most on `query` first, then in the order given (newest first, that is)."""
    words = tuple(dict.fromkeys(tokens(query)))
    asked = frozenset(words)
    shared = [liking.words & asked for liking in likings]
    counts = Counter(chain.from_iterable(shared))
    weights = {word: rarity(counts[word], len(likings)) for word in words}
    fields, whole = fields_of(words), sum(weights.values())
    scores = [sum(weights[word] for word in words if word in one) if one else 0.0 for one in shared]
    if fields:
        near = (_likeness(fields, _fields_of(liking.words)) for liking in likings)
        scores = [score + _FIELDS * likeness for score, likeness in zip(scores, near, strict=True)]
    top = max(scores, default=0.0)
    ranked = [
        Bearing(liking.number, score + _GIVEN * top * liking.given, min(1.0, score / whole) if whole else 0.0)
        for liking, score in zip(likings, scores, strict=True)
    ]
    return sorted(ranked, key=lambda bearing: -bearing.score)


def nearest(ranked: Sequence[Bearing], cosines: Mapping[int, float]) -> list[Bearing]:
    """`ranked` by their cosines alone, the highest first; what has none keeps its order, at the end."""
    near = [
        Bearing(one.number, cosines[one.number], clipped(cosines[one.number]))
        for one in ranked
        if one.number in cosines
    ]
    rest = [one for one in ranked if one.number not in cosines]
    return [*sorted(near, key=lambda bearing: -bearing.score), *rest]


_fields_of: Final = lru_cache(maxsize=KEPT)(fields_of)


def _likeness(left: Mapping[int, float], right: Mapping[int, float]) -> float:
    """The cosine of two bags of fields, 0..1."""
    shared = sum(weight * right.get(field, 0.0) for field, weight in left.items())
    return shared / sqrt(_square(left) * _square(right)) if shared else 0.0


def _square(bag: Mapping[int, float]) -> float:
    return sum(weight * weight for weight in bag.values())
