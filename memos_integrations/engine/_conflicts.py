"""What is said anew takes the place of what was said before of the same thing; what is said twice is kept once.

Without a model: rules (`_conflicts_english`, `_conflicts_chinese`) tell what a user's statement claims, and a later
claim of the same topic archives the earlier, or takes the sentence out that made it. Later is what was said later,
whichever came first. When in doubt both are kept. Messages stay as they were, and so do events: they happened.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from memos_integrations.engine import _conflicts_chinese, _conflicts_english
from memos_integrations.engine import _conflicts_store as sql
from memos_integrations.engine._conflicts_claims import (
    Claim,
    contents,
    exact,
    is_of_others,
    is_pasted,
    leans,
    replaces,
    rest,
    wording,
)
from memos_integrations.engine._conflicts_store import Remembered
from memos_integrations.engine._extract import piece, speaker, text_of
from memos_integrations.engine._queries import FACT
from memos_integrations.engine._rows import Task
from memos_integrations.engine._sentences import asks, is_question, sentences
from memos_integrations.engine._store import Store
from memos_integrations.engine._words import is_east_asian, tokens

__all__ = ["settle"]

LEAST_CONTENT = 3
"""Content words of a fact that is kept once when it is said twice; "Thank you so much!" is worth no look."""

MOST_ALIKE = 300
"""Memories of one topic that are compared, the newest: who says more of it at once has pasted a text."""

UPDATED, DELETED = "updated", "deleted"  # how get/status tells of what was changed, and of what was archived


class _Made(NamedTuple):
    """A claim, the place of its sentence in the memory, and when it was said: the time, then the message."""

    claim: Claim
    place: int
    when: tuple[int, int]


@dataclass(eq=False, slots=True)
class _Memory:
    """A memory and what it claims; `words`: equal where two say the same; `lost`: places of sentences, to whom."""

    row: Remembered
    speaker: str
    made: list[_Made]
    words: tuple[str, ...]
    lost: dict[int, Remembered] = field(default_factory=dict)

    @property
    def when(self) -> tuple[int, int]:
        """When it was said, then which message says it."""
        return self.row.said, self.row.message

    def lose(self, place: int, to: Remembered) -> None:
        """Notes it; of several who take it back, the first who said so, whatever the order in which they are met."""
        if place not in self.lost or (to.said, to.message) < (self.lost[place].said, self.lost[place].message):
            self.lost[place] = to


def settle(store: Store, task: Task) -> None:
    """Compares what is remembered of `task` with all that its owner said, inside the caller's transaction."""
    own = _read(store, sql.of_task(store, task))
    near = {message for memory in own for message in _near(store, task.owner, memory)}
    near -= {memory.row.message for memory in own}
    every = own + (_read(store, sql.of_messages(store, task.owner, near)) if near else [])
    for same in _together(every, lambda memory: [(memory.speaker, memory.row.table, memory.words)]):
        _keep_newest(same)
    for alike in _together(every, lambda memory: [(memory.speaker, made.claim.topic) for made in memory.made]):
        newest = sorted(alike, key=lambda memory: memory.when)[-MOST_ALIKE:]
        for later in newest:
            for earlier in newest:
                _compare(later, earlier)
    if any(memory.made for memory in own):
        _compare_with_gone(store, task.owner, own, every)
    for memory in every:
        if memory.lost:
            _take_back(store, memory)


def _read(store: Store, rows: Iterable[Remembered]) -> list[_Memory]:
    """The memories whose speaker is known: in a conversation of several users, those that name one."""
    known = (row for row in rows if row.name or not row.shared)
    return [_memory(store, row, speaker(row.name) if row.name else "") for row in known]


def _memory(store: Store, row: Remembered, said_by: str) -> _Memory:
    words = exact(row.text) if row.table == FACT else wording(row.text)
    return _Memory(row, said_by, list(_made(store, row)), words)


def _near(store: Store, owner: int, memory: _Memory) -> Iterator[int]:
    """The messages of what may say the same as `memory`, or claim something of the same topics."""
    if searches := {search for made in memory.made for search in made.claim.searches}:
        yield from sql.having(store, owner, searches)
    row = memory.row
    if row.table != FACT:
        yield from sql.having(store, owner, {tuple(tokens(row.text))})
    elif row.length >= LEAST_CONTENT and not asks(row.text):
        yield from sql.alike(store, owner, row.number, memory.words)


def _made(store: Store, row: Remembered) -> Iterator[_Made]:
    told = sentences(row.text)
    if is_pasted(row.text, told):
        return
    language = _conflicts_chinese if is_east_asian(row.text) else _conflicts_english
    for place, sentence in enumerate(map(str.strip, told)):
        found = list(language.claims(sentence))  # looked for first, since there is none as a rule
        if found and not is_question(sentence) and not is_of_others(row.text):
            when = _said(store, row, sentence), row.message
            yield from (_Made(claim, place, when) for claim in found)


def _said(store: Store, row: Remembered, sentence: str) -> int:
    """When a sentence was said: what isn't of the turn itself is a correction, as young as that."""
    if row.updated == row.said:
        return row.said
    turn = store.turns([row.message])[row.message]
    return row.said if sentence in text_of(turn.body) else row.updated


def _together(every: Iterable[_Memory], keys: Callable[[_Memory], Iterable[Hashable]]) -> list[list[_Memory]]:
    """The memories that share a key; one that is alone with its own is left out."""
    groups = defaultdict[Hashable, dict[_Memory, None]](dict)
    for memory in every:
        for key in keys(memory):
            groups[key][memory] = None
    return [list(group) for group in groups.values() if len(group) > 1]


def _keep_newest(same: list[_Memory]) -> None:
    """Of memories that say the same, preferences in content and facts word for word, each gives way to the next."""
    if not _may_be_merged(same[0].row):
        return
    ordered = sorted(same, key=lambda memory: memory.when)
    later: _Memory | None = None
    for memory, after in zip(ordered[-2::-1], ordered[:0:-1], strict=True):
        if after.when != memory.when:
            later = after
        if later is not None:
            for place in range(len(sentences(memory.row.text))):
                memory.lose(place, later.row)


def _may_be_merged(row: Remembered) -> bool:
    """Whether two of these words mean the same, too."""
    if leans(row.text):
        return False
    return row.table != FACT or (contents(tokens(row.text)) >= LEAST_CONTENT and not asks(row.text))


def _compare(newer: _Memory, older: _Memory) -> None:
    """Notes what of `older` is taken back by `newer`, if it is."""
    if newer.row.message == older.row.message or newer.speaker != older.speaker:
        return
    for late in newer.made:
        for early in older.made:
            if early.claim.whole and late.when > early.when and replaces(late.claim, early.claim):
                older.lose(early.place, newer.row)


def _compare_with_gone(store: Store, owner: int, own: list[_Memory], every: list[_Memory]) -> None:
    """What was taken back in the meantime takes back, too: else the order of arrival would decide.

    It counts only where a later claim of the same topic let a memory stand ("I no longer live in Paris" says nothing of
    Lyon, but "I live in Paris", which it took back, was said after "I live in Lyon").
    """
    spared = [memory for memory in own if any(_spares(other, memory) for other in every)]
    turns = store.turns(sql.gone(store, owner)) if spared else {}
    for turn in turns.values():
        for memory in spared:
            row = replace(memory.row, text=text_of(turn.body), message=turn.number, said=turn.said, updated=turn.said)
            if turn.role == "user" and speaker(turn.name) == memory.speaker:
                _compare(_memory(store, row, memory.speaker), memory)


def _spares(newer: _Memory, older: _Memory) -> bool:
    pairs = ((late, early) for late in newer.made for early in older.made if early.claim.whole)
    return newer.speaker == older.speaker and any(
        late.claim.topic == early.claim.topic and late.when > early.when and early.place not in older.lost
        for late, early in pairs
    )


def _take_back(store: Store, memory: _Memory) -> None:
    """Archives it, or takes out the sentences that hold no more; noted with the task that came last."""
    row, text = memory.row, rest(memory.row.text, memory.lost)
    if text == row.text:
        return
    task = max(row.task, *(newer.task for newer in memory.lost.values()))
    now = max(row.arrived, *(newer.arrived for newer in memory.lost.values()))
    store.note_change(task, row.table, row.number, UPDATED if text else DELETED)
    if row.table == FACT and text:
        store.change_fact(row.number, piece(text), tokens, now)
    elif row.table == FACT:
        store.archive_fact(row.number, tokens, now)
    elif text:
        store.change_preference(row.number, f"{row.name}: {text}" if row.name else text, tokens(text), now)
    else:
        store.archive_preference(row.number, now)
