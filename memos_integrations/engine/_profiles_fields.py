"""Every SQL statement about single fields of profiles, each value bound: by what a model fills in, and by their ids."""
# ruff: noqa: S608 -- every part of a statement is from this folder; values of the caller are bound

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from memos_integrations.engine._extraction import Field
from memos_integrations.engine._profiles_store import drop_fields, touch
from memos_integrations.engine._profiles_tree import field_id
from memos_integrations.engine._queries import Queries
from memos_integrations.engine._rows import Task
from memos_integrations.engine._store import Store

__all__ = ["Fillable", "Place", "drop", "fill", "fillable", "filled", "named", "put"]

_PARTS: Final = re.compile(r"(.+)_(.{36})_[0-9a-f]{16}", re.DOTALL)  # of an id: whose, of which template
_PROFILE: Final = """profile p join owner o on o.number = p.owner
    join profile_template x on x.number = p.template and x.project = o.project"""


@dataclass(frozen=True, slots=True)
class Fillable:
    """A field that a model may fill in: the number of its profile, and the field as an extractor is asked for it."""

    profile: int
    field: Field


@dataclass(frozen=True, slots=True)
class Place:
    """Where a field is: the number of its profile, and its path."""

    profile: int
    path: str


def fillable(store: Queries, owner: int) -> tuple[Fillable, ...]:
    """The fields of the owner's profiles that are marked as updatable."""
    found = f"""select p.number, f.path, f.value from {_PROFILE} join profile_field f on f.profile = p.number
        where p.owner = ? and f.updatable order by p.number, f.path"""
    return tuple(Fillable(number, Field(path, value)) for number, path, value in store.execute(found, (owner,)))


def fill(store: Store, task: Task, chosen: Fillable, value: str, now: int) -> None:
    """Gives an updatable field of the task's owner `value`, if it is as it was, and remembers that the task did.

    A profile that is younger than the task is left alone: what was said before is not its (contract §2.14).
    """
    changed = """update profile_field set value = ?, updated = ?
        where profile = ? and path = ? and value = ? and updatable and exists (select 1 from profile p
            join task t on t.owner = p.owner and t.created >= p.created
            where p.number = profile_field.profile and t.number = ?)"""
    values = (value, now, chosen.profile, chosen.field.path, chosen.field.value, task.number)
    if store.execute(changed, values).rowcount:
        touch(store, [chosen.profile], now)
        noted = "insert or ignore into profile_change (task, profile, path) values (?, ?, ?)"
        store.execute(noted, (task.number, chosen.profile, chosen.field.path))


def filled(store: Queries, task: int) -> list[str]:
    """The public ids of the fields that a task filled in, of those that are still there."""
    found = f"""select o.kind, o.name, x.public, c.path from {_PROFILE} join profile_change c on c.profile = p.number
        where c.task = ? order by c.profile, c.path"""
    return [field_id((kind, name), public, path) for kind, name, public, path in store.execute(found, (task,))]


def named(store: Queries, project: str, publics: Iterable[str]) -> list[Place]:
    """Where the fields of those public ids are, as far as they are the project's."""
    return [place for public in dict.fromkeys(publics) if (place := _named(store, project, public)) is not None]


def _named(store: Queries, project: str, public: str) -> Place | None:
    parts = _PARTS.fullmatch(public)
    if parts is None:
        return None
    found = f"""select o.kind, p.number, f.path from {_PROFILE} join profile_field f on f.profile = p.number
        where o.project = ? and o.name = ? and x.public = ?"""
    name, template = parts.groups()
    for kind, number, path in store.execute(found, (project, name, template)).fetchall():
        if field_id((kind, name), template, path) == public:
            return Place(number, path)
    return None


def put(store: Store, place: Place, value: str, now: int) -> None:
    """Gives a field that value, whoever may fill it in."""
    changed = "update profile_field set value = ?, updated = ? where profile = ? and path = ? and value <> ?"
    if store.execute(changed, (value, now, place.profile, place.path, value)).rowcount:
        touch(store, [place.profile], now)


def drop(store: Store, places: Iterable[Place], now: int) -> None:
    """Takes fields out of their profiles, with their values."""
    for place in places:
        touch(store, drop_fields(store, [place.profile], [place.path]), now)
