"""Memories' vectors in the file: which are still to be made, which are kept, and how near they are to a question's.

A file has one embedder, that of who opened it last with one, and the vectors of no other count. Once there was one,
triggers queue what is new or has other words; they take away the vector of what changes or goes.
"""
# ruff: noqa: S608 -- every part of a statement is from this folder; values of the caller are bound

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from memos_integrations.engine import _ids
from memos_integrations.engine._nearness import cosines
from memos_integrations.engine._queries import LISTED, Queries
from memos_integrations.engine._store import Store
from memos_integrations.engine._where import Where

__all__ = ["MOST_SCANNED", "Near", "Pending", "adopt", "count", "fact_cosines", "keep", "near", "pending"]
__all__ += ["preference_cosines", "refuse", "scanned"]

MOST_SCANNED: Final = 100_000
"""An owner's newest vectors that a question without any known word is compared with."""

_VECTORS: Final = {"fact": "fact_vector", "preference": "preference_vector"}
_KEYS: Final = {"fact": "id", "preference": "number"}
_NEWEST: Final = "select number, name, size from embedder order by number desc limit 1"


@dataclass(frozen=True, slots=True)
class Pending:
    """A memory that has no vector yet; `number` is its place in the queue."""

    number: int
    view: str
    memory: int
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Near:
    """A question's vector, and the number of the embedder that made it."""

    embedder: int
    vector: bytes = field(repr=False)


def adopt(store: Store, name: str) -> None:
    """Makes `name` the file's embedder; what has no vector of its is put into the queue, and what it refused, again."""
    newest = store.execute(_NEWEST).fetchone()
    if newest is None or newest[1] != name:
        _succeed(store, name, None)
    store.execute("update unembedded set refused = 0 where refused")


def _succeed(store: Store, name: str, size: int | None) -> int:
    number = store.execute("insert into embedder (name, size) values (?, ?)", (name, size)).lastrowid
    store.execute("delete from unembedded")
    for view, key in _KEYS.items():
        store.execute(f"insert into unembedded (view, memory) select '{view}', {key} from {view} where not archived")
    return int(number or 0)


def pending(store: Queries, name: str, limit: int) -> list[Pending]:
    """The newest in the queue; none where the file's embedder is not `name`."""
    if not _is_newest(store, name):
        return []
    found = f"select number, view, memory from unembedded where not refused order by number desc limit {int(limit)}"
    queued = store.execute(found).fetchall()
    texts = {view: _texts(store, view, [memory for _, of, memory in queued if of == view]) for view in _KEYS}
    return [Pending(number, view, memory, texts[view][memory]) for number, view, memory in queued]


def count(store: Queries, name: str) -> int:
    """How many have no vector of `name` yet and may get one; none where the file's embedder is another."""
    if not _is_newest(store, name):
        return 0
    return int(store.execute("select count(*) from unembedded where not refused").fetchone()[0])


def keep(store: Store, name: str, made: Sequence[tuple[Pending, bytes]]) -> bool:
    """Stores vectors of what still has the words they are of; False where the file has another embedder by now."""
    number, newest, size = store.execute(_NEWEST).fetchone()
    if newest != name:
        return False
    of_vectors = len(made[0][1]) // 4
    if size is None:
        store.execute("update embedder set size = ? where number = ?", (of_vectors, number))
    elif size != of_vectors:  # the same name for another model
        number = _succeed(store, name, of_vectors)
    for view, table in _VECTORS.items():
        mine = [(one, vector) for one, vector in made if one.view == view]
        texts = _texts(store, view, [one.memory for one, _ in mine])
        same = [(one.memory, vector) for one, vector in mine if texts.get(one.memory) == one.text]
        rows = [(memory, number, vector) for memory, vector in same]
        store.execute_many(f"insert or replace into {table} values (?, ?, ?)", rows)
        done = [(view, memory) for memory, _ in same]
        store.execute_many("delete from unembedded where view = ? and memory = ?", done)
    return True


def refuse(store: Store, one: Pending) -> None:
    """Passes over what the embedder takes no vector of, until the file is opened with an embedder again."""
    store.execute("update unembedded set refused = 1 where number = ?", (one.number,))


def near(store: Queries, name: str, vector: bytes) -> Near | None:
    """A question's vector, where the file's are of the same embedder."""
    newest = store.execute(_NEWEST).fetchone()
    if newest is None or newest[1:] != (name, len(vector) // 4):
        return None
    return Near(newest[0], vector)


def fact_cosines(store: Queries, asked: Near, facts: Iterable[int]) -> dict[int, float]:
    """The cosines of those of the facts that have a vector."""
    return _cosines(store, "fact", asked, facts)


def preference_cosines(store: Queries, asked: Near, numbers: Iterable[int]) -> dict[int, float]:
    """The cosines of those of the preferences that have a vector."""
    return _cosines(store, "preference", asked, numbers)


def scanned(store: Queries, asked: Near, owner: int, where: Where | None) -> dict[int, float]:
    """The cosines of all of the owner's facts that pass `where`, `MOST_SCANNED` of the newest at most."""
    condition = where or Where("1", ())
    join = "join fact m on m.id = v.id join task t on t.number = m.task" if where else ""
    found = f"""select v.id, v.data from fact_vector v {join} where v.id >= ? and v.id < ? and v.embedder = ?
        and {condition.text} order by v.id desc limit ?"""
    values = (*_ids.range_of(owner), asked.embedder, *condition.values, MOST_SCANNED)
    return _compared(asked, store.execute(found, values).fetchall())


def _cosines(store: Queries, view: str, asked: Near, memories: Iterable[int]) -> dict[int, float]:
    key = _KEYS[view]
    found = f"select {key}, data from {_VECTORS[view]} where {key} {LISTED} and embedder = ?"
    return _compared(asked, store.execute(found, (json.dumps(list(memories)), asked.embedder)).fetchall())


def _compared(asked: Near, rows: Sequence[tuple[int, bytes]]) -> dict[int, float]:
    found = cosines(asked.vector, [data for _, data in rows])
    return {memory: cosine for (memory, _), cosine in zip(rows, found, strict=True)}


def _texts(store: Queries, view: str, memories: Sequence[int]) -> dict[int, str]:
    found = f"select {_KEYS[view]}, text from {view} where {_KEYS[view]} {LISTED} and not archived"
    return dict(store.execute(found, (json.dumps(list(memories)),)).fetchall())


def _is_newest(store: Queries, name: str) -> bool:
    newest = store.execute(_NEWEST).fetchone()
    return newest is not None and newest[1] == name
