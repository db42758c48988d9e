"""Which file the outbox's commands look into, and what they say where it is none."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from memos_integrations import Scope, connect
from memos_integrations.memory.record import Said, begin
from tests.cli.test_outbox import MARKER, listed, run, states


def test_an_engines_file_has_its_outbox_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "memos.db"
    with connect(path) as client:
        begin(client, Scope(user_id="ada", conversation_id="c"), "turn", Said("user", MARKER))
        assert [entry["state"] for entry in listed(path)] == ["open"]
    assert states(path) == states(tmp_path / "memos.db.outbox") == {1: "open"}


def test_an_engines_file_without_an_outbox(tmp_path: Path) -> None:
    path = tmp_path / "memos.db"
    with connect(path) as client:
        client.add_message(messages=[{"role": "user", "content": "Hello."}], user_id="ada")
    shown = run("list", "--file", path)
    assert shown.exit_code == 2
    assert "memos.db.outbox beside it, which is not there: nothing waits" in shown.stderr


def test_a_foreign_database_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("create table note (text)")
    before = path.read_bytes()
    shown = run("list", "--file", path)
    assert shown.exit_code == 2
    assert shown.stderr.startswith("Unsupported: the file is a database of another program")
    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", ["missing", "a folder", "no database"])
def test_a_file_that_is_no_outbox(tmp_path: Path, kind: str) -> None:
    paths = {"missing": tmp_path / "none", "a folder": tmp_path, "no database": tmp_path / "text"}
    (tmp_path / "text").write_text(MARKER * 100, encoding="utf-8")
    shown = run("list", "--file", paths[kind])
    assert shown.exit_code == 2
    assert shown.stderr.count("\n") == 1
    assert "Unsupported" in shown.stderr if kind == "no database" else f"no outbox at {paths[kind]}" in shown.stderr
    assert MARKER not in shown.output
    assert not (tmp_path / "none").exists()


def test_nothing_waits(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    path.touch()
    shown = run("list", "--file", path)
    assert (shown.exit_code, shown.stdout) == (0, "")
    assert shown.stderr == f"nothing in {path}\n"
    assert listed(path) == []
