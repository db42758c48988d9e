"""Where a copy comes from and goes to: nothing that is there is lost by a wrong word in the command."""

import os
import threading
from datetime import UTC
from pathlib import Path

import pytest

from memos_integrations import connect
from memos_integrations.moving._service import instant_of
from tests.cli.moved import dumped, exported, made, turns
from tests.cli.test_copy_command import run
from tests.client.server import Server, ok, refusal
from tests.faulty import Faulty


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return made(tmp_path / "a.db")


@pytest.mark.parametrize("spelling", ["a.db", "link.db", "other.db"])
def test_an_export_never_writes_over_a_database(source: Path, tmp_path: Path, spelling: str) -> None:
    (tmp_path / "link.db").symlink_to(source)
    with connect(tmp_path / "other.db") as client:
        client.add_message(messages=turns("other", 1), user_id="u", conversation_id="c")
    before = dumped(tmp_path / spelling)
    shown = run("export", source, tmp_path / spelling)
    assert (shown.exit_code, "FILE is a database" in shown.stderr) == (2, True)
    assert dumped(tmp_path / spelling) == before
    assert (tmp_path / "link.db").is_symlink()


def test_an_export_through_a_link_or_to_a_pipe_leaves_those_what_they_are(source: Path, tmp_path: Path) -> None:
    lines, link, pipe = tmp_path / "all.jsonl", tmp_path / "link.jsonl", tmp_path / "pipe"
    link.symlink_to(lines)
    assert run("export", source, link).exit_code == 0
    assert (link.is_symlink(), lines.read_bytes().count(b"\n")) == (True, 136)
    os.mkfifo(pipe)
    read = list[bytes]()
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    assert run("export", source, pipe).exit_code == 0
    reader.join()
    assert (pipe.is_fifo(), read) == (True, [lines.read_bytes()])


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_one_place_is_refused_before_it_is_opened(source: Path, tmp_path: Path, more: tuple[str, ...]) -> None:
    """An engine that opens a file brings it to its own layout."""
    (tmp_path / "link.db").symlink_to(source)
    old = source.read_bytes()
    for other in ("a.db", "link.db"):
        shown = run("copy", source, tmp_path / other, *more)
        assert (shown.exit_code, "one place" in shown.stderr) == (2, True)
    assert source.read_bytes() == old
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.db", "link.db"]


def test_a_journal_that_can_not_be_is_told_in_a_line(source: Path, tmp_path: Path) -> None:
    for journal in (tmp_path / ("j" * 300), tmp_path):
        shown = run("copy", source, tmp_path / "b.db", "--journal", journal)
        assert (shown.exit_code, shown.stderr.count("\n")) == (2, 1)
        assert "journal" in shown.stderr
    (tmp_path / "no-folder").touch()
    shown = run("copy", source, "http://127.0.0.1:9", XDG_STATE_HOME=str(tmp_path / "no-folder"), MEMOS_OUTBOX="")
    assert (shown.exit_code, shown.stderr.count("\n")) == (2, 1)
    assert "journal" in shown.stderr


def test_names_by_which_nothing_is_found_are_counted(source: Path, tmp_path: Path) -> None:
    def found(*names: str) -> str:
        shown = run("copy", source, tmp_path / "b.db", "--dry-run", *names)
        assert shown.exit_code == 0
        assert "nobody" not in shown.output
        return shown.stdout

    assert "  1 name by which nothing was found\n" in found("--user", "nobody")
    both = ("--user", "ada", "--user", "nobody", "--conversation", "trains", "--conversation", "none")
    assert "  2 names by which nothing was found\n" in found(*both)
    listed = tmp_path / "list.tsv"
    listed.write_text("ada\ttrains\nada\tnone\nnobody\ttrains\n", encoding="utf-8")
    assert "  2 names by which nothing was found\n" in found("--list", str(listed))
    for names in ((), ("--user", "ada"), ("--conversation", "own")):
        assert "nothing was found" not in found(*names)


def test_a_file_beside_which_nothing_may_be_written_is_told_with_what_to_do(source: Path, tmp_path: Path) -> None:
    (tmp_path / "a.db-wal").mkdir()  # as a folder that may only be read does, but for root too
    for command in ("copy", "export"):
        shown = run(command, source, tmp_path / command)
        assert (shown.exit_code, "to a folder that may be written" in shown.stderr) == (2, True)


def test_a_time_that_no_calendar_has_is_no_time() -> None:
    assert instant_of(1785578400000, UTC) == 1785578400.0
    for strange in (10**18, str(10**18), 10**400, -(10**18), "9" * 400):
        assert instant_of(strange, UTC) is None


def test_what_ends_it_early_is_told_on_a_line_of_its_own(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memos_integrations.moving._targets._DEADLINE", 0.0)
    monkeypatch.setattr("memos_integrations.client._calls.DEADLINE", 0.2)
    with Faulty() as server:
        url = server.base_url
    shown = run("copy", source, url, "--journal", tmp_path / "j", FORCE_COLOR="1")  # a terminal, so there is a bar
    before, told = shown.stderr.split("Ended early. Copied: 0 messages. There already: 0 messages.")
    assert ("0/136" in before, before.endswith("\x1b[2K")) == (True, True)
    assert told.startswith(" The same command goes on from here.\n")


def test_an_old_export_is_replaced_whole(source: Path, tmp_path: Path) -> None:
    lines = tmp_path / "all.jsonl"
    lines.write_text("before\n", encoding="utf-8")
    assert run("export", source, lines, "--user", "bob").exit_code == 0
    assert lines.read_bytes().count(b"\n") == len(exported(source, users=["bob"]))


@pytest.mark.parametrize("command", ["copy", "export"])
def test_what_is_no_source_is_told_before_a_target_is_made(tmp_path: Path, command: str) -> None:
    (tmp_path / "lines").write_bytes(b'{"user_id": "ada"}\n' * 9)
    for name, said in (("lines", "`import` is the way in"), ("x" * 5_000, "no file at this path")):
        shown = run(command, tmp_path / name, tmp_path / "b.db")
        assert (shown.exit_code, said in shown.stderr) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["lines"]


def test_an_export_that_ends_early_says_that_no_file_was_made(tmp_path: Path) -> None:
    there = ok({"message_detail_list": [{"role": "user", "content": "x", "create_time": 1_790_000_000_000}]})
    (tmp_path / "list").write_text("ada\ta\nada\tb\n")
    with Server(there, usual=refusal(40100, status=401)) as server:
        address = f"{server.url}/openmem/v1"
        shown = run("export", address, tmp_path / "all.jsonl", "--list", tmp_path / "list")
    assert shown.exit_code == 2
    assert "Ended early. A FILE is as it was." in shown.stderr
    assert not (tmp_path / "all.jsonl").exists()
