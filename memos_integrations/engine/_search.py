"""Finding an owner's facts and preferences: what is asked of the file, and in which order."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Final

from memos_integrations.engine import _derived, _ids
from memos_integrations.engine._affinity import Bearing, bearings, nearest
from memos_integrations.engine._portrait import asks_for_portrait
from memos_integrations.engine._queries import Queries
from memos_integrations.engine._rank import (
    Coverage,
    Hit,
    Question,
    Row,
    by_length,
    question,
    rank,
    rarity,
    speaker_candidates,
)
from memos_integrations.engine._reranking import by_vectors, reranked
from memos_integrations.engine._rows import Owner
from memos_integrations.engine._vectors import Near, preference_cosines
from memos_integrations.engine._where import Where

THRESHOLD: Final = 0.2
"""The least relativity of a fact unless the caller says otherwise. It keeps 95 % of what bears on a question."""

KNOWN_ENOUGH: Final = 2000
"""Facts known by rare words, past which common words only add to those."""

CANDIDATES: Final = 200
NEIGHBOURS_OF: Final = 50
MOST_PREFERENCES: Final = 2000
"""An owner's newest preferences that are ranked; they are few as a rule."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A search: of whom, for what, from which conversation, among which, and how much of it."""

    owner: Owner
    query: str
    conversation: str | None
    where: Where | None
    relativity: float | None
    near: Near | None = None


def find_facts(store: Queries, wanted: Wanted, limit: int) -> list[Hit]:
    """The facts that bear on the query, best first, cut by relativity; with relativity 0, filled up with the newest.

    A question about oneself as a whole is filled up with the newest of what the user said of themselves.
    """
    least = THRESHOLD if wanted.relativity is None else wanted.relativity
    portrait = wanted.relativity is None and asks_for_portrait(wanted.query)
    found = [hit for hit in _ranked(store, wanted, limit) if hit.relativity >= least][:limit]
    if len(found) == limit or not (least == 0 or portrait):
        return found
    known = {hit.id for hit in found}
    newest = store.newest(wanted.owner.number, wanted.where, limit + len(found), own=portrait)
    return (found + [Hit(fact, 0.0, 0.0) for fact in newest if fact not in known])[:limit]


def find_preferences(store: Queries, wanted: Wanted, limit: int) -> list[Bearing]:
    """The preferences, those nearest to the query first, then the newest; cut only where the caller asked for it."""
    given = _given(store, wanted)
    likings = store.likings(wanted.owner.number, wanted.where, given, MOST_PREFERENCES)
    ranked = bearings(wanted.query, likings)
    if wanted.near:
        ranked = nearest(ranked, preference_cosines(store, wanted.near, (each.number for each in likings)))
    return [bearing for bearing in ranked if bearing.relativity >= (wanted.relativity or 0.0)][:limit]


def find_derived(store: Queries, wanted: Wanted, view: str, limit: int) -> dict[int, float]:
    """The events or tool memories, as preferences are found, each with its relativity."""
    if not limit:
        return {}
    near = _derived.ranked(
        store, view, wanted.owner.number, wanted.query, where=wanted.where, given=_given(store, wanted)
    )
    kept = ((number, relativity) for number, relativity in near.items() if relativity >= (wanted.relativity or 0.0))
    return dict(islice(kept, limit))


def _ranked(store: Queries, wanted: Wanted, limit: int) -> list[Hit]:
    asked = question(wanted.query, store.speakers(wanted.owner.number, speaker_candidates(wanted.query)))
    coverage = _covered(store, wanted, asked)
    if wanted.near and not coverage.known:
        return by_vectors(store, wanted.near, wanted.owner.number, wanted.where)
    rows = _rows(store, wanted, coverage, limit)
    number = wanted.owner.number
    given = frozenset(_ids.conversation_of(_ids.fact_id(number, near, 0)) for near in _given(store, wanted))
    hits = rank(asked, coverage, rows, average=wanted.owner.average, given=given)
    passing = [hit for hit in hits if rows[hit.id].passes]
    if not wanted.near:
        return passing
    by_words = (coverage.known.get(row.id, 0.0) * by_length(row.length, wanted.owner.average) for row in rows.values())
    return reranked(store, wanted.near, passing, max(by_words, default=0.0))


def _covered(store: Queries, wanted: Wanted, asked: Question) -> Coverage:
    """Which facts share which words with the question, by rare words first."""
    number = wanted.owner.number
    counts = {word: store.count(number, word) for word in asked.words}
    coverage = Coverage({word: rarity(count, wanted.owner.facts) for word, count in counts.items()})
    for word in sorted(counts, key=counts.__getitem__):
        if len(coverage.known) >= KNOWN_ENOUGH and wanted.where is None:
            coverage.add(word, store.having_of(number, word, coverage.known))
        else:
            coverage.add(word, store.having(number, word))
    return coverage


def _rows(store: Queries, wanted: Wanted, coverage: Coverage, limit: int) -> dict[int, Row]:
    """The best candidates and the neighbours of the very best; more of them while too few pass the filter."""
    count = CANDIDATES
    while True:
        rows = store.rows(_with_neighbours(coverage.best(count)), wanted.where)
        if count >= len(coverage.known) or sum(row.passes for row in rows.values()) >= 3 * limit:
            return rows
        count *= 8


def _with_neighbours(best: list[int]) -> Iterable[int]:
    return {*best, *(fact + step for fact in best[:NEIGHBOURS_OF] for step in (-1, 1))}


def _given(store: Queries, wanted: Wanted) -> list[int]:
    return store.conversations(wanted.owner.number, wanted.conversation) if wanted.conversation else []
