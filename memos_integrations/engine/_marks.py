"""What users set on a memory by its id: a title of its own, and its status; every statement, each value bound."""
# ruff: noqa: S608 -- every part of a statement is from this folder; values of the caller are bound

from typing import Final

from memos_integrations.engine._queries import EVENT, FACT, PREFERENCE, SKILL, TOOL, UPLOADED
from memos_integrations.engine._store import Store
from memos_integrations.engine._words import tokens

__all__ = ["archive", "entitle", "resolve", "revive"]

_PLACES: Final = {
    FACT: ("fact", "id"),
    PREFERENCE: ("preference", "number"),
    UPLOADED: ("skill", "number"),
    **dict.fromkeys((EVENT, TOOL, SKILL), ("derived", "number")),
}


def entitle(store: Store, table: str, public: str, title: str, now: int) -> None:
    """Gives a memory a title of its own in the place of its first words."""
    _mark(store, public, "title", title)
    _touch(store, table, public, now)


def resolve(store: Store, table: str, public: str, resolving: bool, now: int) -> None:
    """Marks a memory as being resolved, or no more; it is found all the same."""
    _mark(store, public, "resolving", resolving)
    _touch(store, table, public, now)


def revive(store: Store, table: str, number: int, now: int) -> None:
    """Lets an archived memory be found again."""
    if table == FACT:
        store.revive_fact(number, tokens, now)
    else:
        _set_archived(store, table, number, False, now)


def archive(store: Store, table: str, number: int, now: int) -> None:
    """Keeps a memory to be read by its id alone."""
    if table == FACT:
        store.archive_fact(number, tokens, now)
    else:
        _set_archived(store, table, number, True, now)


def _set_archived(store: Store, table: str, number: int, archived: bool, now: int) -> None:
    place, key = _PLACES[table]
    store.execute(f"update {place} set archived = ?, updated = ? where {key} = ?", (archived, now, number))


def _mark(store: Store, public: str, name: str, value: str | bool) -> None:
    new = f"insert into mark (public, {name}) values (?, ?) on conflict (public) do update set {name} = excluded.{name}"
    store.execute(new, (public, value))


def _touch(store: Store, table: str, public: str, now: int) -> None:
    store.execute(f"update {_PLACES[table][0]} set updated = ? where public = ?", (now, public))
