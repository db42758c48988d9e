"""Every SQL statement about the skills in knowledge bases, each value bound."""
# ruff: noqa: S608 -- every part of a statement is from this folder; values of the caller are bound

import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from memos_integrations.engine._affinity import Liking
from memos_integrations.engine._knowledge_store import Base, Unread, is_running
from memos_integrations.engine._queries import LISTED, Queries
from memos_integrations.engine._rows import Origin
from memos_integrations.engine._store import Store
from memos_integrations.engine._where import Where
from memos_integrations.engine._words import tokens

MOST: Final = 2_000
"""The newest skills that are ranked."""

_EVERY: Final = Where("1", ())


@dataclass(frozen=True, slots=True)
class StoredSkill:
    """A skill with what an answer tells of it."""

    number: int
    public: str
    body: dict[str, Any]
    said: int
    updated: int


def add(store: Store, file: Unread, body: dict[str, Any], now: int) -> None:
    """The skill in a file, unless the file is gone, or was read by another process."""
    if not is_running(store, file.number):
        return
    task = store.add_task(str(uuid.uuid4()), file.owner, Origin(), now)
    store.finish(task, "completed")
    told = f"{body['name']}\n{body['description']}\n{body['procedure']}"
    words = " ".join(dict.fromkeys(tokens(told)))
    new = """insert into skill (public, base, file, task, mode, body, words, said, updated)
        values (?, ?, ?, ?, 'fine', ?, ?, ?, ?)"""
    values = (str(uuid.uuid4()), file.base, file.number, task, json.dumps(body), words, now, now)
    store.execute(new, values)


def words_of(store: Queries, bases: Iterable[Base], where: Where | None) -> list[Liking]:
    """What ranking reads of the bases' newest skills that pass `where`."""
    condition = where or _EVERY
    found = f"""select m.number, m.words from skill m join task t on t.number = m.task
        where m.base {LISTED} and {condition.text} order by m.number desc limit ?"""
    values = (json.dumps([each.number for each in bases]), *condition.values, MOST)
    return [Liking(number, frozenset(words.split())) for number, words in store.execute(found, values)]


def skills(store: Queries, numbers: Iterable[int]) -> dict[int, StoredSkill]:
    """These skills by number."""
    found = f"select number, public, body, said, updated from skill where number {LISTED}"
    rows = store.execute(found, (json.dumps(list(numbers)),))
    return {
        number: StoredSkill(number, public, json.loads(body), said, updated)
        for number, public, body, said, updated in rows
    }


def named(store: Queries, project: str, public: str) -> StoredSkill | None:
    """The skill of that id in a linked base of the project."""
    found = """select m.number from skill m join base b on b.number = m.base
        where b.project = ? and b.linked and m.public = ?"""
    row = store.execute(found, (project, public)).fetchone()
    return skills(store, [row[0]])[row[0]] if row else None
