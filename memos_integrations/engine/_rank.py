"""Query and stored words to order: BM25 over presence, then the structure of conversations. Computes only.

The scheme and its weights were measured on conversations of two people (docs/recall.md has the figures); they are not
delicate. `B` of a fact is its BM25 score, `m` the best B of a search; the structure's weights are shares of m.
"""

import heapq
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Final, NamedTuple

from memos_integrations.engine._ids import conversation_of
from memos_integrations.engine._times import Day, asks_when, days_named, instant
from memos_integrations.engine._words import plain_words, tokens

_K1: Final = 1.2
_LENGTH_SHARE: Final = 0.3  # BM25's b
_PRIOR: Final = 50
"""Facts assumed beside an owner's own, so that words differ little in weight while there are few facts to judge by."""

MOST_WORDS: Final = 256
"""Different words of a query that are looked up; a pasted document's further ones say little more."""

PREVIOUS: Final = 0.5
NEXT: Final = 0.25
CONVERSATION: Final = 0.7
_SPEAKER: Final = 0.5
_WHEN: Final = 0.15
_DAY: Final = 0.5
_QUESTION: Final = 0.3
_GIVEN: Final = 0.2
_ASSISTANT: Final = 0.4
_WHOLE: Final = 0.33
"""The share of a query of many clauses that counts for all of it."""

_CLAUSE_END: Final = re.compile(r"[,;:.!?…，；：。！？\n]+")


class Row(NamedTuple):
    """What ranking reads of a stored fact. `length` is in search words, `said` in epoch milliseconds."""

    id: int
    length: int
    speaker: str
    asks: bool
    timed: bool
    said: int
    assistant: bool
    passes: bool = True


@dataclass(frozen=True, slots=True)
class Question:
    """A query as it is ranked by: its search words without the speakers it names, and what it says of when.

    `clauses` are the words of each clause: a long query asks for several things, and who bears on one of them, bears.
    """

    words: tuple[str, ...]
    speakers: frozenset[str]
    when: bool
    days: tuple[Day, ...]
    clauses: tuple[frozenset[str], ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """A fact found: `score` orders, `relativity` (0..1) is what a threshold cuts by."""

    id: int
    score: float
    relativity: float


def question(query: str, speakers: Iterable[str]) -> Question:
    """`query` read once; `speakers` are those of its `plain_words` that are names of the owner's speakers."""
    named = frozenset(speakers)
    names = {token for name in named for token in tokens(name)}
    words = tuple(dict.fromkeys(tokens(query)))
    rest = tuple(word for word in words if word not in names)
    clauses = tuple(frozenset(tokens(clause)) for clause in _CLAUSE_END.split(query))
    return Question((rest or words)[:MOST_WORDS], named, asks_when(query), days_named(query), clauses)


def speaker_candidates(query: str) -> list[str]:
    """The words of `query` that could be a speaker's name."""
    return list(dict.fromkeys(plain_words(query)))


def rarity(having: int, total: int) -> float:
    """The weight of a word that `having` of `total` facts have (BM25's idf)."""
    return log(1 + (total + _PRIOR - having + 0.5) / (having + 0.5))


class Coverage:
    """How much of a question each fact covers: the summed rarity of the words they share."""

    def __init__(self, rarities: Mapping[str, float]) -> None:
        self.rarities = rarities
        self.known: dict[int, float] = {}
        self._hits: dict[str, Counter[int]] = {}

    def add(self, word: str, ids: Sequence[int]) -> None:
        """Counts `word`, once, for the facts that have it."""
        weight, known = self.rarities[word], self.known
        for fact in ids:
            known[fact] = known.get(fact, 0.0) + weight
        self._hits[word] = Counter(map(conversation_of, ids))

    def best(self, count: int) -> list[int]:
        """The `count` facts that cover most, best first; of equals the newest."""
        return heapq.nlargest(count, self.known, key=lambda fact: (self.known[fact], fact))

    def of_conversation(self, conversation: int) -> float:
        """How much of the question a whole conversation covers; repeats count less and less."""
        counts = ((self.rarities[word], of.get(conversation, 0)) for word, of in self._hits.items())
        return sum(rarity * (_K1 + 1) * n / (n + _K1) for rarity, n in counts if n)


def rank(
    asked: Question, coverage: Coverage, rows: Mapping[int, Row], *, average: float, given: frozenset[int]
) -> list[Hit]:
    """The rows in order, best first. `average` is the owner's mean length, `given` the conversation asked from."""
    scores = {row.id: coverage.known.get(row.id, 0.0) * by_length(row.length, average) for row in rows.values()}
    top = max(scores.values(), default=0.0)
    conversations = _shares(coverage, {conversation_of(fact) for fact in rows})
    whole = _asked_for(asked, coverage.rarities)
    hits = []
    for row in rows.values():
        own, before, after = scores[row.id], scores.get(row.id - 1, 0.0), scores.get(row.id + 1, 0.0)
        if row.assistant and not own:
            continue  # what the assistant said is context to its neighbours; found itself only by its own words
        home = conversation_of(row.id)
        structure = CONVERSATION * conversations[home] + _GIVEN * (home in given) + _of_turn(asked, row)
        score = own + PREVIOUS * before + NEXT * after + top * structure
        hits.append(Hit(row.id, score, min(1.0, (own + max(before, after)) / whole) if whole else 0.0))
    return sorted(hits, key=lambda hit: (-hit.score, -hit.id))


def _asked_for(asked: Question, rarities: Mapping[str, float]) -> float:
    """What a fact would have to cover to bear on the query in full: its weightiest clause, or a good part of it all."""
    whole = sum(rarities.values())
    clauses = [sum(rarities.get(word, 0.0) for word in clause) for clause in asked.clauses]
    return max(_WHOLE * whole, *clauses) if clauses else whole


def by_length(length: int, average: float) -> float:
    """BM25's factor for a fact that has a word once."""
    return (_K1 + 1) / (1 + _K1 * (1 - _LENGTH_SHARE + _LENGTH_SHARE * length / (average or 1)))


def _shares(coverage: Coverage, conversations: Iterable[int]) -> dict[int, float]:
    covered = {conversation: coverage.of_conversation(conversation) for conversation in conversations}
    most = max(covered.values(), default=0.0) or 1.0
    return {conversation: cover / most for conversation, cover in covered.items()}


def _of_turn(asked: Question, row: Row) -> float:
    """What speaks for a turn beside its words, as a share of the best score."""
    share = -_QUESTION * row.asks - _ASSISTANT * row.assistant + _WHEN * (asked.when and row.timed)
    if asked.speakers and not asked.speakers.isdisjoint(row.speaker.split()):
        share += _SPEAKER
    if asked.days and any(day.holds(instant(row.said)) for day in asked.days):
        share += _DAY
    return share
