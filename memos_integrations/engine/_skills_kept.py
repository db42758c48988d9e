"""Skills in the file: those that conversations taught an owner, and what changes them and the uploaded ones."""

from typing import Any

from memos_integrations.engine import _derived, _knowledge_skills
from memos_integrations.engine._derived import Derived
from memos_integrations.engine._queries import SKILL, UPLOADED, Queries
from memos_integrations.engine._rows import StoredTurn, Task
from memos_integrations.engine._skills import same_name, words
from memos_integrations.engine._store import Store

__all__ = ["body", "change", "learn"]


def learn(store: Store, task: Task, turn: StoredTurn, body: dict[str, Any], now: int) -> None:
    """A new skill of the task's owner, in the place of the one that has its name."""
    older = [each for each in _of(store, task.owner) if same_name(each.body, body)]
    if any(each.body == body for each in older):
        return
    for each in older:
        if task.first <= each.message < task.end:
            _derived.delete(store, [each.number])  # nobody was told of it yet
        else:
            _derived.archive(store, each.number, now)
            store.note_change(task.number, SKILL, each.number, "deleted")
    _derived.add(store, SKILL, (task.number, turn), words(body), body)


def body(store: Queries, table: str, number: int) -> dict[str, Any]:
    """A skill's value; `table` is that of learned or of uploaded ones."""
    found = _knowledge_skills.skills if table == UPLOADED else _derived.derived
    return found(store, [number])[number].body


def change(store: Store, table: str, number: int, body: dict[str, Any], now: int) -> None:
    """Gives a skill another value, found by its words from now on."""
    if table == UPLOADED:
        _knowledge_skills.change(store, number, body, now)
    else:
        _derived.change(store, number, words(body), body, now)


def _of(store: Queries, owner: int) -> list[Derived]:
    numbers = [told.number for told in _derived.told(store, SKILL, owner)]
    return list(_derived.derived(store, numbers).values())
