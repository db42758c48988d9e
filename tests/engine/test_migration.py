"""Files of the first layout, which knew neither feedback nor archived memories."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from memos_integrations.engine import Engine, _ids, _schema
from tests.engine.conftest import NOON_MS, Talk
from tests.engine.feedback import by_id, facts, feed, verbs

FACT = _ids.fact_id(1, 1, 1)


@pytest.fixture
def old(path: Path) -> Path:
    """A file as the first version left it, with a fact and a preference."""
    connection = sqlite3.connect(path)
    for statement in _schema.MIGRATIONS[0]:
        connection.execute(statement)
    rows: dict[str, tuple[object, ...]] = {
        "owner": (1, "", "user", "u", 1, 2),
        "conversation": (1, 1, "c", 1),
        "task": (1, "task", 1, "completed", NOON_MS, 1, 2, "[]", '["u"]', None, '["zoo"]', "{}", None),
        "message": (1, "m1", 1, 1, "user", "", '{"role":"user","content":"I like Lyon."}', NOON_MS, NOON_MS),
        "fact": (FACT, "f1", 1, 1, "UserMemory", "fine", "user", "", "", "I like Lyon.", 2, 0, 0, NOON_MS, NOON_MS),
        "preference": (1, "p1", 1, 1, 1, 1, "fine", "I like Lyon.", "Because.", "like lyon", NOON_MS, NOON_MS),
    }
    for table, row in rows.items():
        connection.execute(f"insert into {table} values ({', '.join('?' * len(row))})", row)
    connection.executemany("insert into posting values (1, ?, ?)", [("like", FACT), ("lyon", FACT)])
    connection.execute("insert into setting values ('tokenizer', '1')")
    connection.execute(f"pragma application_id = {_schema.APPLICATION}")
    connection.execute("pragma user_version = 1")
    connection.commit()
    connection.close()
    return path


@pytest.fixture
def talk(old: Path) -> Iterator[Talk]:
    engine = Engine(old)
    yield Talk(engine)
    engine.close()


def test_what_it_holds_is_found(talk: Talk) -> None:
    assert talk.facts("Lyon") == talk.preferences("Lyon") == ["I like Lyon."]
    assert talk.page(filter={"and": [{"tags": {"contains": "zoo"}}]}).total == 1
    assert by_id(talk, "f1").status == by_id(talk, "p1").status == "activated"


def test_it_takes_feedback(talk: Talk) -> None:
    assert verbs(talk, feed(talk, 'Replace "Lyon" with "Metz"')) == {"updated": {"detail_factual": 1, "preference": 1}}
    assert talk.facts("Metz") == talk.preferences("Metz") == ["I like Metz."]
    feed(talk, "Forget that I like Metz.")
    assert facts(talk) == set()
    assert by_id(talk, "f1").status == by_id(talk, "p1").status == "archived"
    talk.delete(memory_ids=["f1", "p1"])


def test_it_takes_more(talk: Talk) -> None:
    talk.add("The parrots sing.", conversation_id="c")
    assert facts(talk) == {"I like Lyon.", "The parrots sing."}


def test_it_is_brought_up_once(old: Path) -> None:
    for _ in range(2):
        Engine(old).close()
    connection = sqlite3.connect(old)
    assert connection.execute("pragma user_version").fetchone() == (len(_schema.MIGRATIONS),)
    assert connection.execute("select archived from fact").fetchall() == [(0,)]
    connection.close()
