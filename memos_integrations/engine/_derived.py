"""Events, tool memories and skills: what is derived from turns beside facts and preferences; one table, a view each."""
# ruff: noqa: S608 -- every part of a statement is from this folder; values of the caller are bound

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from memos_integrations.engine._affinity import Liking, bearings, read
from memos_integrations.engine._queries import EVENT, LISTED, MARK, MARKED, SKILL, TOOL, Queries
from memos_integrations.engine._rows import StoredTurn, Told
from memos_integrations.engine._store import Store
from memos_integrations.engine._where import Where
from memos_integrations.engine._words import tokens

__all__ = [
    "MOST",
    "Derived",
    "add",
    "archive",
    "change",
    "count_same",
    "delete",
    "derived",
    "newest",
    "ranked",
    "told",
]

MOST: Final = 2_000
"""An owner's newest memories of a view that are ranked; they are few as a rule."""

_EVERY: Final = Where("1", ())
_TASK: Final = "join task t on t.number = m.task"
_VIEW: Final = {EVENT: "event", TOOL: "tool_memory", SKILL: "skill"}


@dataclass(frozen=True, slots=True)
class Derived:
    """One with all that an answer tells of it; `body` is what its view tells besides."""

    number: int
    public: str
    text: str
    body: dict[str, Any]
    said: int
    updated: int
    conversation: str
    message: int
    title: str
    resolving: bool
    info: dict[str, Any]
    tags: tuple[str, ...]


def add(store: Store, view: str, source: tuple[int, StoredTurn], text: str, body: dict[str, Any]) -> None:
    """A new one of `view`, from (task, turn)."""
    task, turn = source
    new = """insert into derived (public, owner, conversation, task, message, mode, view, text, body, words, said,
        updated) values (?, ?, ?, ?, ?, 'fine', ?, ?, ?, ?, ?, ?)"""
    origin = (str(uuid.uuid4()), turn.owner, turn.conversation, task, turn.number, _VIEW[view])
    store.execute(new, (*origin, text, json.dumps(body), _words(text), turn.said, turn.said))


def count_same(store: Queries, view: str, owner: int, text: str) -> int:
    """How many the owner has that say just this."""
    found = "select count(*) from derived where owner = ? and view = ? and text = ? and not archived"
    return int(store.execute(found, (owner, _VIEW[view], text)).fetchone()[0])


def ranked(
    store: Queries, view: str, owner: int, query: str, *, where: Where | None, given: Iterable[int]
) -> dict[int, float]:
    """The owner's, those that bear most on `query` first, then the newest, each with its relativity."""
    condition = where or _EVERY
    found = f"""select m.number, m.words, m.conversation {LISTED} from derived m {_TASK}
        where m.owner = ? and m.view = ? and not m.archived and {condition.text}
        order by m.said desc, m.number desc limit ?"""
    values = (json.dumps(list(given)), owner, _VIEW[view], *condition.values, MOST)
    likings = [Liking(number, read(words), bool(near)) for number, words, near in store.execute(found, values)]
    return {bearing.number: bearing.relativity for bearing in bearings(query, likings)}


def newest(store: Queries, view: str, owner: int, where: Where | None, *, limit: int, start: int) -> list[int]:
    """The owner's newest that pass `where`."""
    condition = where or _EVERY
    found = f"""select m.number from derived m {_TASK} where m.owner = ? and m.view = ? and not m.archived
        and {condition.text} order by m.said desc, m.number desc limit ? offset ?"""
    rows = store.execute(found, (owner, _VIEW[view], *condition.values, limit, start))
    return [row[0] for row in rows]


def derived(store: Queries, numbers: Iterable[int]) -> dict[int, Derived]:
    """These by number."""
    found = f"""select m.number, m.public, m.text, m.body, m.said, m.updated, c.name, m.message, {MARKED}, t.info,
        t.tags from derived m {_TASK} {MARK} join conversation c on c.owner = m.owner and c.number = m.conversation
        where m.number {LISTED}"""
    rows = store.execute(found, (json.dumps(list(numbers)),))
    return {row[0]: _read(row) for row in rows}


def told(store: Queries, view: str, owner: int) -> list[Told]:
    """The words of all of the owner's of `view`."""
    found = """select m.number, 'user', m.text, c.name from derived m
        join conversation c on c.owner = m.owner and c.number = m.conversation
        where m.owner = ? and m.view = ? and not m.archived"""
    return [Told(*row) for row in store.execute(found, (owner, _VIEW[view]))]


def change(store: Store, number: int, text: str, body: dict[str, Any], now: int) -> None:
    """Gives one other words."""
    changed = "update derived set text = ?, body = ?, words = ?, updated = ? where number = ?"
    store.execute(changed, (text, json.dumps(body), _words(text), now, number))


def archive(store: Store, number: int, now: int) -> None:
    """Keeps one to be read by its id alone."""
    store.execute("update derived set archived = 1, updated = ? where number = ?", (now, number))


def delete(store: Store, numbers: Sequence[int]) -> set[int]:
    """Takes them out; returns the messages they were made from."""
    listed = (json.dumps(list(numbers)),)
    messages = {row[0] for row in store.execute(f"select message from derived where number {LISTED}", listed)}
    store.execute(f"delete from derived where number {LISTED}", listed)
    return messages


def _read(row: tuple[Any, ...]) -> Derived:
    body, info, tags = json.loads(row[3]), json.loads(row[10]), tuple(json.loads(row[11]))
    return Derived(*[*row[:3], body, *row[4:10], info, tags])


def _words(text: str) -> str:
    return " ".join(dict.fromkeys(tokens(text)))
