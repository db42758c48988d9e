"""The three commands as a user types them: what they print, and what they never print."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from memos_integrations import connect
from memos_integrations.cli import _moving_shown
from memos_integrations.cli._app import app
from tests.cli.moved import MARKER, exported, made, turns
from tests.faulty import Faulty

KEY, OTHER = "the-key-of-one-side", "the-key-of-the-other"


def run(*arguments: str | Path, typed: bytes = b"", **environment: str) -> Result:
    shown = {"COLUMNS": "200", **environment}
    return CliRunner().invoke(app, [*map(str, arguments)], input=typed, env=shown, catch_exceptions=False)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return made(tmp_path / "a.db")


def test_a_copy_and_its_report(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "b.db"
    shown = run("copy", source, target)
    assert shown.exit_code == 0
    assert shown.stdout == (
        "Read: 3 users, 6 conversations, 67 turns, 136 messages.\n"
        "Copied: 136 messages. There already: 0 messages.\n"
        "Not copied, or not in full:\n"
        "  1 message of feedback\n"
        "  2 adds of several users: copied for each of them, who are no group any more\n"
    )
    assert shown.stderr == ""
    assert exported(target) == exported(source)
    assert "There already: 136 messages." in run("copy", source, target).stdout


def test_progress_tells_counts_alone(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_moving_shown, "_EVERY", 0.0)
    shown = run("copy", source, tmp_path / "b.db")
    assert "copying: 136 of 136 messages\n" in shown.stderr
    assert MARKER not in shown.output
    assert "ada" not in shown.output


def test_what_stays_behind_is_told_and_named_for_those_who_ask(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "b.db"
    with connect(target) as client:
        client.add_message(messages=turns("other", 1), user_id="ada", conversation_id="long")
    shown = run("copy", source, target)
    assert shown.exit_code == 1
    assert (
        "1 conversation, 120 messages left: left alone: other messages are there under the same name." in shown.stdout
    )
    assert "long" not in shown.stdout
    shown = run("copy", source, target, "--show-ids")
    assert "user ada, long: 120 messages left: left alone" in shown.stdout


def test_a_dry_run_makes_no_file(source: Path, tmp_path: Path) -> None:
    shown = run("copy", source, tmp_path / "b.db", "--dry-run", "--user", "bob")
    assert shown.stdout.startswith("Found: 1 user, 2 conversations, 3 turns, 6 messages.\nNothing was sent.\n")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("b.")] == []


def test_a_list_names_conversations(source: Path, tmp_path: Path) -> None:
    listed = tmp_path / "list.tsv"
    listed.write_text("ada\ttrains\r\n\nbob\ttrains\n", encoding="utf-8")
    assert "Copied: 10 messages." in run("copy", source, tmp_path / "b.db", "--list", listed).stdout
    listed.write_text("ada trains\n", encoding="utf-8")
    shown = run("copy", source, tmp_path / "c.db", "--list", listed)
    assert (shown.exit_code, "--list: line 1" in shown.stderr) == (2, True)
    listed.write_text("\n", encoding="utf-8")
    assert "names no conversation" in run("copy", source, tmp_path / "c.db", "--list", listed).stderr


def test_out_to_a_file_and_in_from_it(source: Path, tmp_path: Path) -> None:
    lines, target = tmp_path / "all.jsonl", tmp_path / "b.db"
    shown = run("export", source, lines)
    assert (shown.exit_code, shown.stdout) == (0, "")
    assert "Written: 136 messages." in shown.stderr
    assert lines.stat().st_mode & 0o077 == 0
    assert "Copied: 136 messages." in run("import", lines, target).stdout
    piped = run("export", target, "-")
    assert piped.stdout_bytes == lines.read_bytes()
    assert "Copied: 136 messages." in run("import", "-", tmp_path / "c.db", typed=piped.stdout_bytes).stdout
    assert not list(tmp_path.glob("*.part"))


def test_an_export_that_fails_leaves_the_file_that_was_there(source: Path, tmp_path: Path) -> None:
    lines = tmp_path / "all.jsonl"
    lines.write_text("before", encoding="utf-8")
    source.write_bytes(b"no database at all, and long enough")
    assert run("export", source, lines).exit_code == 2
    assert lines.read_text(encoding="utf-8") == "before"
    assert not list(tmp_path.glob("*.part"))


def test_keys_come_from_the_environment_and_each_goes_to_its_own_side(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONE", KEY)
    journal = tmp_path / "j"
    pair = ("--user", "ada", "--conversation", "trains", "--journal", str(journal))
    with Faulty() as one, Faulty() as two:
        assert run("copy", source, one.base_url, *pair, MEMOS_API_KEY=KEY).exit_code == 0
        assert {add.authorization for add in one.ledger.applied} == {f"Token {KEY}"}
        both = ("copy", one.base_url, two.base_url, *pair)
        shown = run(*both, MEMOS_API_KEY=OTHER)
        assert (shown.exit_code, "say whose MEMOS_API_KEY is" in shown.stderr) == (2, True)
        assert two.ledger.calls.total() == 0
        shown = run(*both, "--from-key-env", "ONE", "--to-key-env", "MEMOS_API_KEY", MEMOS_API_KEY=OTHER)
        assert shown.exit_code == 0, shown.output
        assert {add.authorization for add in two.ledger.applied} == {f"Token {OTHER}"}
        assert KEY not in shown.output
        assert OTHER not in shown.output
        assert [add.messages[1]["content"] for add in two.ledger.applied] == ["Which train? 好"]
        with Faulty() as open_to_all:
            shown = run("copy", one.base_url, open_to_all.base_url, *pair, "--from-key-env", "ONE", MEMOS_API_KEY=OTHER)
            assert {add.authorization for add in open_to_all.ledger.applied} == {""}
        shown = run("copy", source, two.base_url, *pair, "--to-key-env", "NONE")
        assert "no such variable" in shown.stderr


def test_a_service_that_is_gone_ends_it_early(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from memos_integrations.moving import _targets

    monkeypatch.setattr(_targets, "_DEADLINE", 0.0)
    with Faulty() as server:
        url = server.base_url
    monkeypatch.setattr("memos_integrations.client._calls.DEADLINE", 0.5)
    shown = run("copy", source, url, "--journal", tmp_path / "j")
    assert shown.exit_code == 2
    assert "Ended early. Copied: 0 messages." in shown.stderr
    assert "Unreachable" in shown.stderr
    assert MARKER not in shown.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["copy", "none.db", "b.db"], "no file at this path"),
        (["copy", "a.db", "a.db"], "one place"),
        (["copy", "a.db", "b.db", "--from-key-env", "X"], "--from-key-env: a file needs no key"),
        (["copy", "a.db", "b.db", "--to-key-env", "X"], "--to-key-env: a file needs no key"),
        (["copy", "a.db", "ftp://x"], "no address of this form"),
        (["export", "a.db", "none/x.jsonl"], "FILE can't be written"),
        (["import", "none.jsonl", "b.db"], "FILE can't be read"),
        (["import", "a.db", "b.db"], "line 1: is not"),
        (["copy", "http://127.0.0.1:9", "b.db", "--user", "u"], "can't list"),
    ],
)
def test_what_can_not_be_is_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with connect("a.db") as client:
        client.add_message(messages=turns(MARKER, 1), user_id="u", conversation_id="c")
    shown = run(*arguments)
    assert shown.exit_code == 2
    assert words in shown.stderr
    assert shown.stderr.count("\n") == 1
    assert MARKER not in shown.output


def test_a_bad_line_is_told_without_what_is_in_it(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [{"user_id": "u", "conversation_id": "c", "role": "user", "content": MARKER}]
    lines.append({**lines[0], "role": MARKER})
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    shown = run("import", tmp_path / "x.jsonl", tmp_path / "b.db")
    assert (shown.exit_code, shown.stderr.startswith("Invalid: line 2: role must be")) == (2, True)
    assert MARKER not in shown.output
