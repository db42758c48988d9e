"""The file: layouts old and new, other people's files, and what stays in it."""

import os
import sqlite3
import warnings
from pathlib import Path
from typing import Any

import pytest

from memos_integrations import _file
from memos_integrations.engine import Engine, _core, _revising, _schema
from memos_integrations.errors import MemOSError, ServerFault, Unsupported
from memos_integrations.wire.calls import AddKnowledgebaseFile, CreateKnowledgebase
from tests.engine.conftest import Talk, in_a_child


def version(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("pragma user_version").fetchone()[0])
    finally:
        connection.close()


def setting(path: Path, name: str) -> str | None:
    connection = sqlite3.connect(path)
    try:
        row = connection.execute("select value from setting where name = ?", (name,)).fetchone()
        return str(row[0]) if row else None
    finally:
        connection.close()


def changed(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.fixture
def filled(path: Path) -> Path:
    engine = Engine(str(path))
    Talk(engine).add("I avoid trains.", "The parrots are running.", conversation_id="c")
    engine.close()
    return path


def test_it_opens_again_with_all_it_had(filled: Path) -> None:
    engine = Engine(filled, synchronous="FULL")
    assert Talk(engine).facts("parrot") == ["The parrots are running.", "I avoid trains."]
    assert Talk(engine).preferences("trains") == ["I avoid trains."]
    engine.close()


def test_the_file_keeps_a_log_that_is_read_beside_a_writer(filled: Path) -> None:
    connection = sqlite3.connect(filled)
    assert connection.execute("pragma journal_mode").fetchone() == ("wal",)
    connection.close()


def test_an_older_layout_is_brought_up_to_date(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    newer = [*_schema.MIGRATIONS, ("alter table fact add column mood text", "update fact set mood = 'calm'")]
    monkeypatch.setattr(_schema, "MIGRATIONS", newer)
    engine = Engine(filled)
    with engine._store.reading():
        assert engine._store.execute("select distinct mood from fact").fetchall() == [("calm",)]
    assert Talk(engine).facts("parrot")[0] == "The parrots are running."
    engine.close()
    assert version(filled) == len(newer)


def test_a_migration_that_fails_changes_nothing(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(_schema, "MIGRATIONS", [*_schema.MIGRATIONS, ("drop table posting", "no statement")])
        with pytest.raises(ServerFault):
            Engine(filled)
    engine = Engine(filled)
    assert Talk(engine).facts("parrot")
    engine.close()


def test_a_newer_layout_is_refused(filled: Path) -> None:
    changed(filled, "pragma user_version = 99")
    with pytest.raises(Unsupported, match=r"layout 99.*newer memos_integrations"):
        Engine(filled)
    assert version(filled) == 99


@pytest.mark.parametrize("statement", ["create table other (x)", "pragma user_version = 1"])
def test_a_database_of_another_program_is_refused(path: Path, statement: str) -> None:
    changed(path, statement)
    before = path.read_bytes()
    with pytest.raises(Unsupported, match="another program"):
        Engine(path)
    assert path.read_bytes()[100:] == before[100:]


def test_no_database_at_all_is_refused(path: Path) -> None:
    path.write_bytes(b"This is a letter to grandmother, not a database." * 50)
    with pytest.raises(Unsupported, match="cannot be used"):
        Engine(path)
    with pytest.raises(Unsupported, match="cannot be opened"):
        Engine(path.parent / "nowhere" / "memos.db")


def test_another_tokenizer_indexes_anew(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed(filled, "update posting set word = 'stale ' || word", "update preference set words = ''")
    changed(filled, "update fact set length = 99")
    monkeypatch.setattr(_core, "TOKENIZER", "next")
    engine = Engine(filled)
    talk = Talk(engine)
    assert talk.facts("parrot") == ["The parrots are running.", "I avoid trains."]
    assert talk.preferences("train", relativity=0.5) == ["I avoid trains."]
    with engine._store.reading():
        assert engine._store.execute("select count(*) from posting where word like 'stale%'").fetchone() == (0,)
        assert engine._store.execute("select facts, words from owner").fetchone() == (2, 4)
        assert engine._store._setting("tokenizer") == "next"
    engine.close()


def test_another_tokenizer_indexes_events_and_skills_anew(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skill = {"name": "trip.md", "type": "skill", "content": "IyBUcmlwcwpQbGFuIGEgdHJpcC4KCkJvb2sgdHJhaW5zLg=="}
    engine = Engine(path)
    Talk(engine).add("I moved to Lyon in May 2026.")
    base = engine.create_knowledgebase(CreateKnowledgebase(knowledgebase_name="b")).id
    engine.add_knowledgebase_file(AddKnowledgebaseFile(knowledgebase_id=base, file=[skill]))
    engine.settle()
    engine.close()
    changed(path, "update derived set words = ''", "update skill set words = ''")
    monkeypatch.setattr(_core, "TOKENIZER", "next")
    engine = Engine(path)
    views: dict[str, Any] = {"include_memory_view": ["event", "skill"], "knowledgebase_ids": [base], "relativity": 0.5}
    assert len(Talk(engine).search("Lyon", **views).event_detail_list) == 1
    assert len(Talk(engine).search("trains", **views).skill_detail_list) == 1
    engine.close()


def test_a_closed_engine_says_so(path: Path) -> None:
    engine = Engine(path)
    engine.close()
    with pytest.raises(Unsupported, match="closed"):
        Talk(engine).facts("x")


def test_another_writer_is_waited_for_and_then_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_file, "BUSY_MS", 50)
    engine = Engine(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")
    with pytest.raises(ServerFault) as caught:
        Talk(engine).add("x")
    assert caught.value.code == 50004
    assert Talk(engine).facts("x") == []  # reading goes on
    other.execute("rollback")
    other.close()
    Talk(engine).add("parrot")
    assert Talk(engine).facts("parrot") == ["parrot"]
    engine.close()


def test_a_sweep_that_cannot_be_done_stays_owed(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_file, "_SWEEPING_MS", 20)
    engine = Engine(filled)
    reader = sqlite3.connect(filled, isolation_level=None)
    reader.execute("begin")
    reader.execute("select * from fact").fetchall()
    ids = [item.id for item in Talk(engine).page().memory_detail_list]
    Talk(engine).delete(memory_ids=ids)
    assert engine._store._setting("sweep")
    reader.execute("rollback")
    reader.close()
    engine.close()
    assert b"parrots" not in filled.read_bytes()
    again = Engine(filled)
    assert again._store._setting("sweep") is None
    again.close()


def test_a_large_file_is_swept_when_it_is_closed(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_revising, "SWEPT_AT_ONCE", 0)
    engine = Engine(filled)
    Talk(engine).delete(user_id="u")
    assert engine._store._setting("sweep")
    engine.close()
    assert b"parrot" not in filled.read_bytes()


def test_a_very_large_file_owes_its_sweep(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(_revising, "SWEPT_AT_ONCE", 0)
        patch.setattr(_core, "SWEPT_AT_CLOSING", 0)
        engine = Engine(filled)
        Talk(engine).delete(user_id="u")
        engine.close()
    assert setting(filled, "sweep")
    Engine(filled).close()
    assert setting(filled, "sweep") is None


def test_a_child_process_opens_the_file_anew(filled: Path) -> None:
    engine = Engine(filled)
    talk = Talk(engine)

    def work() -> str:
        talk.add("I avoid ferries.", async_mode=True)
        return f"{engine.settle(30)} {len(talk.preferences('ferries'))}"

    assert in_a_child(work) == "0 2"
    assert len(talk.preferences("ferries")) == 2
    engine.close()


def test_what_a_child_wrote_outlives_its_parents_close(tmp_path: Path) -> None:
    """The parent must not take itself for the file's last user, and its log for no longer needed."""
    parent, told, go, heard = Talk(Engine(tmp_path / "m.db")), *os.pipe(), os.pipe()
    parent.add("I moved to Lyon.", user_id="parent")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads
        child = os.fork()
    if child == 0:
        parent.add("I play chess.", user_id="child")
        os.write(go, b"x")
        os.read(heard[0], 1)
        for number in range(5):
            parent.add(f"I have {number} cats.", user_id="child")
        os._exit(0)
    os.read(told, 1)
    parent.engine.close()
    os.write(heard[1], b"x")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    again = Talk(Engine(tmp_path / "m.db"))
    assert (again.page(user_id="child").total, again.page(user_id="parent").total) == (6, 1)
    again.engine.close()
    for end in (told, go, *heard):
        os.close(end)


def test_a_fork_amid_the_work_locks_nobody_out(tmp_path: Path) -> None:
    talk = Talk(Engine(tmp_path / "m.db"))

    def work() -> str:
        talk.add("I play chess.", user_id="child", async_mode=False)
        return str(talk.page(user_id="child").total)

    for number in range(1, 9):
        for step in range(3):
            talk.add(f"I avoid train {number}-{step}. I love tea {number}-{step}.", async_mode=True)
        assert in_a_child(work) == str(number)
    assert talk.engine.settle(30) == 0
    assert talk.page().total == 48  # two preferences of each
    talk.engine.close()


def test_a_damaged_file_is_told_in_our_words(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    talk = Talk(Engine(path))
    for number in range(300):
        talk.add(f"I have {number} cats and as many words about them.", async_mode=False)
    talk.engine.close()
    whole = bytearray(path.read_bytes())
    whole[4096 : len(whole)] = b"\xa5" * (len(whole) - 4096)
    path.write_bytes(whole)
    with pytest.raises(MemOSError, match=r"damaged|cannot be used"):
        Talk(Engine(path)).page()
