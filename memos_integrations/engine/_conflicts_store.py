"""What the settling of conflicts reads of the file; every statement, each value bound."""
# ruff: noqa: S608 -- every part of a statement is from this folder; values of the caller are bound

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, Final

from memos_integrations.engine import _ids
from memos_integrations.engine._conflicts_claims import Search
from memos_integrations.engine._queries import LISTED, PREFERENCE, Queries
from memos_integrations.engine._rows import Task
from memos_integrations.engine._store import Store

__all__ = ["Remembered", "alike", "gone", "having", "of_messages", "of_task"]

FEW: Final = 16
"""Memories that have a word, so few that their texts may as well be compared at once."""

MOST: Final = 1_000
"""Memories of one search that are compared, the newest; it bounds the time of an add."""

WORDS: Final = 8
"""Words of a search that are looked up; SQLite joins no more than 500 lists, and a long text has more words."""

_FACT: Final = """select 'fact', m.id, m.message, m.task, m.text, m.name, m.said, m.updated, t.created,
    json_array_length(t.related) - json_array_length(t.agents) > 1, m.length
    from fact m join task t on t.number = m.task
    where m.role = 'user' and m.type <> 'WorkingMemory'"""
_PREFERENCE: Final = """select 'preference', m.number, m.message, m.task, m.text, s.name, m.said, m.updated, t.created,
    json_array_length(t.related) - json_array_length(t.agents) > 1, 0 from preference m join task t on t.number = m.task
    join message s on s.number = m.message where s.role = 'user'"""


@dataclass(frozen=True, slots=True)
class Remembered:
    """A fact or preference made of what a user said, `name` being the speaker's; `arrived`: when its task did.

    `shared`: it was said in a conversation of several users. `length`: a fact's search words.
    """

    table: str
    number: int
    message: int
    task: int
    text: str
    name: str
    said: int
    updated: int
    arrived: int
    shared: bool
    length: int


def of_task(store: Queries, task: Task) -> list[Remembered]:
    """What is remembered of a task's messages, as far as it can be found, if its owner is a user.

    What agents, knowledge bases and the public remember, several people may have said.
    """
    among = """and m.message >= ?1 and m.message < ?2 and not m.archived
        and exists (select 1 from owner o where o.number = t.owner and o.kind = 'user') and"""
    both = f"{_FACT} {among} m.id >> 40 = ?3 union all {_PREFERENCE} {among} +m.owner = ?3"  # +: not all of the owner's
    return _rows(store, both, (task.first, task.end, task.owner))


def of_messages(store: Queries, owner: int, messages: Iterable[int]) -> list[Remembered]:
    """What is remembered of an owner's messages that are refined, as far as it can be found."""
    among = "and m.message in (select value from json_each(?1)) and not m.archived and"
    both = f"{_FACT} {among} m.id >> 40 = ?2 union all {_PREFERENCE} {among} +m.owner = ?2"  # +: as above
    return _rows(store, both, (json.dumps(list(messages)), owner))


def gone(store: Queries, owner: int) -> list[int]:
    """The messages of an owner's memories that were archived or changed."""
    facts = "select message from fact where id >= ? and id < ? and (archived or updated <> said)"
    likings = "select message from preference where owner = ? and (archived or updated <> said)"
    rows = store.execute(f"{facts} union {likings} order by 1", (*_ids.range_of(owner), owner))
    return [row[0] for row in rows]


def having(store: Queries, owner: int, searches: Collection[Search]) -> list[int]:
    """The messages of facts that may have all words of one of `searches`."""
    single = [words[0] for words in searches if len(words) == 1]
    found = f"select id from posting where owner = ? and word {LISTED} order by id desc limit ?"
    rows = store.execute(found, (owner, json.dumps(single), MOST)).fetchall() if single else []
    facts = [row[0] for row in rows]
    facts += [fact for words in searches if len(words) != 1 for fact in _few(store, owner, words)]
    return _messages(store, facts) if facts else []


def alike(store: Store, owner: int, fact: int, words: Sequence[str]) -> list[int]:
    """The messages of other facts that may have just these words, as `fact` has, which is found so from now on."""
    same = int.from_bytes(blake2b(" ".join(words).encode(), digest_size=8).digest(), signed=True)
    store.execute("update fact set same = ? where id = ?", (same, fact))
    found = "select message from fact where same = ? and id >= ? and id < ? and id <> ? order by id desc limit ?"
    rows = store.execute(found, (same, *_ids.range_of(owner), fact, MOST))
    return [row[0] for row in rows]


def _messages(store: Queries, facts: list[int]) -> list[int]:
    found = f"select distinct message from fact where id {LISTED}"
    return [row[0] for row in store.execute(found, (json.dumps(facts),))]


def _few(store: Queries, owner: int, words: Search) -> list[int]:
    """The facts that have one of `words`, if these are few, else those that have all that are looked at."""
    for word in words[:WORDS]:
        found = "select id from posting where owner = ? and word = ? limit ?"
        rows = store.execute(found, (owner, word, FEW + 1)).fetchall()
        if len(rows) <= FEW:
            return [row[0] for row in rows]
    return _every(store, owner, words[:WORDS])


def _every(store: Queries, owner: int, words: Sequence[str]) -> list[int]:
    every = " intersect ".join(["select id from posting where owner = ? and word = ?"] * len(words))
    values = [value for word in words for value in (owner, word)]
    rows = store.execute(f"{every} order by 1 desc limit ?", (*values, MOST)).fetchall() if words else []
    return [row[0] for row in rows]


def _rows(store: Queries, select: str, values: tuple[Any, ...]) -> list[Remembered]:
    rows = (Remembered(*row) for row in store.execute(select, values))
    return [replace(row, text=_own(row)) if row.name else row for row in rows]


def _own(row: Remembered) -> str:
    """The text without the speaker's name, which preferences have before it."""
    return row.text.removeprefix(f"{row.name}: ") if row.table == PREFERENCE else row.text
