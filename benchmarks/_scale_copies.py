"""Fills an engine's file with copies of its owners, by its own store and in its own transactions: quicker than by adds.

A copy has rows, postings and ids of its own, so a search meets the file that as many adds would have made; only the
words of an owner and of its copies are the same, and no search looks past its owner.
"""

from collections.abc import Mapping
from typing import Any

from memos_integrations.engine import Engine

__all__ = ["copy_owners"]

_UUID = "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-' || hex(randomblob(2)) || '-' ||"
_PUBLIC = f"{_UUID} hex(randomblob(2)) || '-' || hex(randomblob(6)))"
_MADE = {
    "number": "number + {own}",
    "owner": "owner + {owner}",
    "task": "task + {task}",
    "message": "message + {message}",
}
_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "owner": {"number": "number + {owner}", "name": "name || '+' || {round}"},
    "conversation": {"owner": "owner + {owner}"},
    "task": {
        "number": "number + {task}",
        "owner": "owner + {owner}",
        "first": "first + {message}",
        "end": "end + {message}",
    },
    "message": {"number": "number + {message}", "owner": "owner + {owner}"},
    "fact": {
        "id": "id + ({owner} << 40)",
        "public": _PUBLIC,
        "task": "task + {task}",
        "message": "message + {message}",
    },
    "preference": {**_MADE, "public": _PUBLIC},
    "derived": {**_MADE, "public": _PUBLIC},
    "posting": {"owner": "owner + {owner}", "id": "id + ({owner} << 40)"},
}
"""What differs in a copy, table by table; other columns are copied as they are."""


def copy_owners(path: str, rounds: int) -> None:
    """Copies every owner that the file has so often; the copies of "a" are "a+1", "a+2" …"""
    engine = Engine(path)
    try:
        store: Any = engine._store
        with store.reading():
            last = {table: _last(store, table) for table in ("owner", "task", "message", "preference", "derived")}
        for number in range(1, rounds + 1):
            steps = {table: highest * number for table, highest in last.items()}
            with store.writing():
                for table in _COLUMNS:
                    _copy(store, table, {**steps, "round": number}, last["owner"])
    finally:
        engine.close()


def _last(store: Any, table: str) -> int:
    return int(store.execute(f"select coalesce(max(number), 0) from {table}").fetchone()[0])


def _copy(store: Any, table: str, steps: Mapping[str, int], owners: int) -> None:
    names = [row[1] for row in store.execute(f"pragma table_info({table})")]
    copied = ", ".join(_COLUMNS[table].get(name, f'"{name}"') for name in names)
    values = copied.format(**steps, own=steps.get(table))
    mine = {"owner": "number <= ?", "fact": "id < (? + 1) << 40"}.get(table, "owner <= ?")
    columns = ", ".join(f'"{name}"' for name in names)
    store.execute(f"insert into {table} ({columns}) select {values} from {table} where {mine}", (owners,))
