"""Facts found by words, put into another order by an embedder's vectors; or found by these alone."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from memos_integrations.engine._ids import conversation_of
from memos_integrations.engine._nearness import clipped, spread
from memos_integrations.engine._queries import Queries
from memos_integrations.engine._rank import CONVERSATION, NEXT, PREVIOUS, Hit
from memos_integrations.engine._vectors import Near, fact_cosines, scanned
from memos_integrations.engine._where import Where

__all__ = ["RERANKED", "WEIGHT", "by_vectors", "reranked"]

RERANKED: Final = 100
"""The best facts by words that vectors put into another order."""

WEIGHT: Final = 0.8
"""What the nearest of them gains, as a share of the best score by words."""

_MIDDLE: Final = 0.5
"""What one gains that has no vector yet, as a share of what the nearest does."""


def reranked(store: Queries, near: Near, hits: Sequence[Hit], best: float) -> list[Hit]:
    """`hits` by words and vectors; `best` is the best score by words. Relativity is by whichever says more."""
    first, rest = hits[:RERANKED], hits[RERANKED:]
    found = fact_cosines(store, near, {hit.id + step for hit in first for step in (-1, 0, 1)})
    bearing = _bearing([hit.id for hit in first if hit.id in found], found)
    share = spread(list(bearing.values()))
    again = [
        replace(
            hit,
            score=hit.score + WEIGHT * best * (share(bearing[hit.id]) if hit.id in bearing else _MIDDLE),
            relativity=max(hit.relativity, clipped(found.get(hit.id, 0.0))),
        )
        for hit in first
    ]
    return [*_ordered(again), *rest]


def by_vectors(store: Queries, near: Near, owner: int, where: Where | None) -> list[Hit]:
    """All of the owner's that pass `where`, by their vectors alone: another language, say, shares no word with them."""
    found = scanned(store, near, owner, where)
    return _ordered([Hit(fact, cosine, clipped(cosine)) for fact, cosine in found.items()])


def _bearing(facts: Sequence[int], found: Mapping[int, float]) -> dict[int, float]:
    """How near facts are with what stands around them, which counts as it does for words."""
    homes = dict[int, float]()
    for fact in facts:
        home = conversation_of(fact)
        homes[home] = max(homes.get(home, 0.0), found[fact])
    return {
        fact: found[fact]
        + PREVIOUS * max(0.0, found.get(fact - 1, 0.0))
        + NEXT * max(0.0, found.get(fact + 1, 0.0))
        + CONVERSATION * homes[conversation_of(fact)]
        for fact in facts
    }


def _ordered(hits: Sequence[Hit]) -> list[Hit]:
    return sorted(hits, key=lambda hit: (-hit.score, -hit.id))
