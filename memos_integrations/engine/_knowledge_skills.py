"""Every SQL statement about the skills in knowledge bases, each value bound."""
# ruff: noqa: S608 -- every part of a statement is from this folder; values of the caller are bound

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from memos_integrations.engine._affinity import Liking, read
from memos_integrations.engine._knowledge_store import Base, Unread, is_running
from memos_integrations.engine._queries import LISTED, MARK, Queries
from memos_integrations.engine._rows import Origin
from memos_integrations.engine._skills import words
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
    resolving: bool


def add(store: Store, file: Unread, body: dict[str, Any], now: int) -> None:
    """The skill in a file, unless the file is gone, or was read by another process."""
    if not is_running(store, file.number):
        return
    task = store.add_task(str(uuid.uuid4()), file.owner, Origin(), now)
    store.finish(task, "completed")
    new = """insert into skill (public, base, file, task, mode, body, words, said, updated)
        values (?, ?, ?, ?, 'fine', ?, ?, ?, ?)"""
    values = (str(uuid.uuid4()), file.base, file.number, task, json.dumps(body), _words(body), now, now)
    store.execute(new, values)


def words_of(store: Queries, bases: Iterable[Base], where: Where | None) -> list[Liking]:
    """What ranking reads of the bases' newest skills that pass `where`."""
    condition = where or _EVERY
    found = f"""select m.number, m.words from skill m join task t on t.number = m.task
        where m.base {LISTED} and not m.archived and {condition.text} order by m.number desc limit ?"""
    values = (json.dumps([each.number for each in bases]), *condition.values, MOST)
    return [Liking(number, read(words)) for number, words in store.execute(found, values)]


def skills(store: Queries, numbers: Iterable[int]) -> dict[int, StoredSkill]:
    """These skills by number."""
    found = f"""select m.number, m.public, m.body, m.said, m.updated, coalesce(k.resolving, 0)
        from skill m {MARK} where m.number {LISTED}"""
    rows = store.execute(found, (json.dumps(list(numbers)),))
    return {
        number: StoredSkill(number, public, json.loads(body), said, updated, bool(resolving))
        for number, public, body, said, updated, resolving in rows
    }


def change(store: Store, number: int, body: dict[str, Any], now: int) -> None:
    """Gives one another value; the file that it was made of stays as it is."""
    changed = "update skill set body = ?, words = ?, updated = ? where number = ?"
    store.execute(changed, (json.dumps(body), _words(body), now, number))


def delete(store: Store, numbers: Sequence[int]) -> None:
    """Takes skills out; the files that they were made of stay."""
    listed = (json.dumps(list(numbers)),)
    store.execute(f"delete from task where number in (select task from skill where number {LISTED})", listed)
    store.execute(f"delete from skill where number {LISTED}", listed)


def _words(body: dict[str, Any]) -> str:
    return " ".join(dict.fromkeys(tokens(words(body))))
