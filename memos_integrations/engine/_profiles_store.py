"""Every SQL statement about templates and profiles, each value bound. A field is a row, so that a template's change is
a few statements however many profiles follow it.
"""
# ruff: noqa: S608 -- every part of a statement is from this folder; values of the caller are bound

import json
import uuid
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import Final

from memos_integrations.engine._profiles_tree import Held, Leaf, Leaves, parsed
from memos_integrations.engine._queries import LISTED, Queries
from memos_integrations.engine._where import Where

__all__ = [
    "Profile",
    "Template",
    "add_template",
    "bind",
    "bound_to",
    "count_profiles",
    "count_templates",
    "delete_profile",
    "delete_template",
    "drop_fields",
    "fields",
    "held",
    "profile",
    "profiles",
    "replace_template",
    "set_field",
    "template",
    "templates",
    "touch",
]

_EVERY: Final = Where("1", ())
_TEMPLATE: Final = """select x.number, x.public, x.name, x.fields, x.created, x.updated,
    (select count(*) from profile p where p.template = x.number) from profile_template x"""
# What a filter may ask of a profile (`_where`'s m and t): its times, and whose it is. It has no tags, app or info.
_OWNED: Final = """profile p join owner o on o.number = p.owner
    join profile_template x on x.number = p.template and x.project = o.project"""
_ORIGIN: Final = """(select json_array(name) related, case kind when 'agent' then json_array(name) else '[]' end agents,
    null app, '[]' tags, '{}' info from owner where number = ?) t"""
_MINE: Final = f"""(select p.number, p.public, x.public template, x.project, x.fields, p.created said, p.updated,
    '' mode from {_OWNED} where p.owner = ?) m join {_ORIGIN}"""
_HELD: Final = f"""(select x.public template, f.path, f.value, f.updatable, f.created said, f.updated, '' mode, p.number
    from {_OWNED} join profile_field f on f.profile = p.number where p.owner = ? and f.value <> '') m join {_ORIGIN}"""


@dataclass(frozen=True, slots=True)
class Template:
    """A template with all that an answer tells of it; `instances` counts its profiles."""

    number: int
    public: str
    name: str
    fields: Leaves
    created: int
    updated: int
    instances: int


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile, without its fields; `order` is its template's fields, in the template's order."""

    number: int
    public: str
    template: str
    project: str
    created: int
    updated: int
    order: tuple[str, ...]


# Templates


def add_template(store: Queries, project: str, name: str, fields: Leaves, now: int) -> str:
    """A new template of the project; returns its public id."""
    public = str(uuid.uuid4())
    new = "insert into profile_template (public, project, name, fields, created, updated) values (?, ?, ?, ?, ?, ?)"
    store.execute(new, (public, project, name, _kept(fields), now, now))
    return public


def template(store: Queries, project: str, public: str) -> Template | None:
    """The project's template of that public id."""
    row = store.execute(f"{_TEMPLATE} where x.project = ? and x.public = ?", (project, public)).fetchone()
    return _template(*row) if row else None


def templates(store: Queries, project: str, limit: int, start: int) -> list[Template]:
    """The project's newest templates; of those made at once, the greatest id first (contract §2.14)."""
    found = f"{_TEMPLATE} where x.project = ? order by x.created desc, x.public desc limit ? offset ?"
    return [_template(*row) for row in store.execute(found, (project, limit, start))]


def count_templates(store: Queries, project: str) -> int:
    """How many templates the project has."""
    return int(store.execute("select count(*) from profile_template where project = ?", (project,)).fetchone()[0])


def replace_template(store: Queries, number: int, name: str, fields: Leaves, now: int) -> None:
    """Gives a template another name and other fields; its profiles are changed by `set_field` and `drop_fields`."""
    changed = "update profile_template set name = ?, fields = ?, updated = ? where number = ?"
    store.execute(changed, (name, _kept(fields), now, number))


def delete_template(store: Queries, number: int) -> None:
    """A template with all of its profiles."""
    store.execute(
        "delete from profile_field where profile in (select number from profile where template = ?)", (number,)
    )
    store.execute("delete from profile where template = ?", (number,))
    store.execute("delete from profile_template where number = ?", (number,))


# Profiles


def bind(store: Queries, bound: Template, owner: int, now: int) -> None:
    """A profile of the template for the owner, its fields as in the template; one that is there stays as it is."""
    new = "insert or ignore into profile (public, template, owner, created, updated) values (?, ?, ?, ?, ?)"
    if store.execute(new, (str(uuid.uuid4()), bound.number, owner, now, now)).rowcount:
        number = profile(store, bound.number, owner)
        rows = [(number, path, leaf.value, leaf.updatable, now, now) for path, leaf in bound.fields.items()]
        store.execute_many("insert into profile_field values (?, ?, ?, ?, ?, ?)", rows)


def profile(store: Queries, template: int, owner: int) -> int | None:
    """The number of the owner's profile of that template."""
    row = store.execute("select number from profile where template = ? and owner = ?", (template, owner)).fetchone()
    return int(row[0]) if row else None


def bound_to(store: Queries, template: int) -> set[int]:
    """The numbers of all profiles of that template."""
    return {row[0] for row in store.execute("select number from profile where template = ?", (template,))}


def set_field(store: Queries, profiles: Iterable[int], path: str, leaf: Leaf, now: int) -> set[int]:
    """Gives the profiles that field; returns those that had not just this already."""
    named = set(profiles)
    equal = f"select profile from profile_field where profile {LISTED} and path = ? and value = ? and updatable = ?"
    rows = store.execute(equal, (json.dumps(list(named)), path, leaf.value, leaf.updatable))
    changed = named - {row[0] for row in rows}
    put = """insert into profile_field values (?, ?, ?, ?, ?, ?) on conflict (profile, path)
        do update set value = excluded.value, updatable = excluded.updatable, updated = excluded.updated"""
    store.execute_many(put, [(number, path, leaf.value, leaf.updatable, now, now) for number in changed])
    return changed


def drop_fields(store: Queries, profiles: Iterable[int], paths: Iterable[str]) -> set[int]:
    """Takes fields out of profiles, with their values; returns the profiles that had any."""
    these = (json.dumps(list(profiles)), json.dumps(list(paths)))
    there = f"profile {LISTED} and path {LISTED}"
    changed = {row[0] for row in store.execute(f"select distinct profile from profile_field where {there}", these)}
    store.execute(f"delete from profile_field where {there}", these)
    return changed


def touch(store: Queries, profiles: Iterable[int], now: int) -> None:
    """Remembers when profiles changed."""
    store.execute(f"update profile set updated = ? where number {LISTED}", (now, json.dumps(list(profiles))))


def delete_profile(store: Queries, number: int) -> None:
    """A profile with its fields."""
    store.execute("delete from profile_field where profile = ?", (number,))
    store.execute("delete from profile where number = ?", (number,))


# Reading


def fields(store: Queries, profiles: Iterable[int]) -> dict[int, dict[str, Leaf]]:
    """The fields of profiles, by path."""
    these = list(profiles)
    found: dict[int, dict[str, Leaf]] = {number: {} for number in these}
    rows = f"select profile, path, value, updatable from profile_field where profile {LISTED}"
    for number, path, value, updatable in store.execute(rows, (json.dumps(these),)):
        found[number][path] = Leaf(value, bool(updatable))
    return found


def held(store: Queries, owner: int, among: Where | None) -> list[Held]:
    """The fields in all of the owner's profiles that have a value and pass the filter, the newest first."""
    where = among or _EVERY
    found = f"""select m.template, m.path, m.value, m.updatable, m.said, m.updated from {_HELD} where {where.text}
        order by m.updated desc, m.number desc, m.path"""
    rows = store.execute(found, (owner, owner, *where.values))
    return [Held(public, path, Leaf(value, bool(updatable)), *times) for public, path, value, updatable, *times in rows]


def profiles(store: Queries, owner: int, among: Where | None, limit: int, start: int) -> list[Profile]:
    """The owner's newest profiles that pass the filter."""
    where = among or _EVERY
    found = f"""select m.number, m.public, m.template, m.project, m.said, m.updated, m.fields
        from {_MINE} where {where.text} order by m.said desc, m.number desc limit ? offset ?"""
    rows = store.execute(found, (owner, owner, *where.values, limit, start))
    return [
        Profile(number, public, template, project, created, updated, tuple(json.loads(order)))
        for number, public, template, project, created, updated, order in rows
    ]


def count_profiles(store: Queries, owner: int, among: Where | None) -> int:
    """How many profiles of the owner pass the filter."""
    where = among or _EVERY
    found = f"select count(*) from {_MINE} where {where.text}"
    return int(store.execute(found, (owner, owner, *where.values)).fetchone()[0])


def _kept(fields: Leaves) -> str:
    return json.dumps({path: astuple(leaf) for path, leaf in fields.items()})


def _template(number: int, public: str, name: str, kept: str, *rest: int) -> Template:
    return Template(number, public, name, parsed(json.loads(kept)), *rest)
