"""How far a task is, and what it did (contract §2.12)."""

from collections.abc import Iterable, Mapping
from typing import Final

from memos_integrations.engine import _profiles_fields
from memos_integrations.engine._defaults import EVENTS, FACTS, PREFERENCES, PROFILES, SKILLS, TOOLS
from memos_integrations.engine._queries import EVENT, FACT, PREFERENCE, SKILL, TOOL, Queries
from memos_integrations.engine._rows import Task
from memos_integrations.wire.answers import TaskStatus

TABLES: Final = {FACTS: FACT, PREFERENCES: PREFERENCE, EVENTS: EVENT, TOOLS: TOOL, SKILLS: SKILL}
_VERBS: Final = ("added", "updated", "deleted")  # an archived memory counts as deleted: it is found no more


def told(store: Queries, task_id: str, tasks: Iterable[Task]) -> TaskStatus:
    """The state of all owners' parts of a task; when completed, the ids of what it added and changed."""
    tasks = tuple(tasks)
    status = _joint(task.status for task in tasks)
    views = {verb: _views(store, verb, tasks) for verb in _VERBS} if status == "completed" else {}
    return TaskStatus(task_id=task_id, status=status, memory_views={verb: told for verb, told in views.items() if told})


def _views(store: Queries, verb: str, tasks: Iterable[Task]) -> Mapping[str, Mapping[str, list[str]]]:
    found = {
        view: [public for task in tasks for public in _ids(store, verb, task, table)] for view, table in TABLES.items()
    }
    if verb == "updated":
        found[PROFILES] = [public for task in tasks for public in _profiles_fields.filled(store, task.number)]
    return {view: {"memory_ids": ids} for view, ids in found.items() if ids}


def _ids(store: Queries, verb: str, task: Task, table: str) -> list[str]:
    if verb == "added":
        return store.made_from(table, task.first, task.end)
    return [public for done, public in store.changed_by(task.number, table) if done == verb]


def _joint(statuses: Iterable[str]) -> str:
    """One status for the owners' parts of a task: running while one runs, failed where one failed."""
    known = set(statuses)
    return next((status for status in ("running", "failed") if status in known), "completed")
