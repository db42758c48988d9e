"""What a user sees of the outbox from the command line, and decides about it."""

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from memos_integrations import MemOS, Outbox, Scope
from memos_integrations.cli._app import app
from memos_integrations.memory.record import Said, begin, record
from memos_integrations.wire.calls import AddMessage
from tests.faults.kinds import RESET, Seen, after, before
from tests.faulty import Faulty
from tests.outbox.turns import client_of, say

MARKER = "my-secret-words"
WORDS = "you \x1b[2Jmay not"
REFUSED = Seen("refused", body=json.dumps({"code": 50107, "data": None, "message": WORDS}), applied=False)
WITHOUT = """
import sys
for name in ("httpx", "httpcore", "langchain", "langchain_core", "llama_index", "starlette", "uvicorn"):
    sys.modules[name] = None
from memos_integrations.cli import main
main()
"""


def run(*arguments: str | Path, typed: str = "", **environment: str) -> Result:
    shown = {"COLUMNS": "300", **environment}
    return CliRunner().invoke(app, ["outbox", *map(str, arguments)], input=typed, env=shown, catch_exceptions=False)


def listed(path: Path, *options: str) -> list[dict[str, Any]]:
    shown = run("list", "--json", "--file", path, *options)
    assert shown.exit_code == 0, shown.output
    entries: list[dict[str, Any]] = json.loads(shown.stdout)
    return entries


def states(path: Path) -> dict[int, str]:
    return {entry["number"]: entry["state"] for entry in listed(path)}


@pytest.fixture
def server() -> Iterator[Faulty]:
    """Refuses the first turn, leaves the second's fate open, and is well from then on."""
    with Faulty({"add/message": [before(REFUSED), after(RESET)]}) as server:
        yield server


def parked(client: MemOS) -> None:
    """Entry 1, which was refused, and entry 2 of two users, which nobody can read back."""
    say(client, "monday", MARKER)
    assert client.flush(60) == 0
    both = AddMessage(messages=[{"role": "user", "content": MARKER}], user_id=["ada", "bob"], conversation_id="both")
    Outbox.of(client).put(both)
    assert client.flush(60) == 0


@pytest.fixture
def path(server: Faulty, tmp_path: Path) -> Path:
    """An outbox of four: two parked, one open, one that waits for an address where nobody answers."""
    path = tmp_path / "outbox.db"
    with client_of(server.base_url, path) as client:
        parked(client)
        begin(client, Scope(user_id="ada", conversation_id="tuesday"), "turn", Said("user", MARKER))
    away = client_of("http://127.0.0.1:9/api", path)
    record(away, Scope(user_id="eve", conversation_id="friday"), [Said("user", MARKER)])
    away.close(timeout=0.001)
    return path


def test_what_is_there_is_shown_without_its_text(path: Path, server: Faulty) -> None:
    shown = run("list", "--file", path)
    assert shown.exit_code == 0
    head, *rows = [line.split("\t") for line in shown.stdout.splitlines()]
    assert head == ["number", "address", "user", "conversation", "state", "messages", "age", "error", "code"]
    told = [row[:6] + row[7:] for row in rows]
    assert told[0] == ["1", server.base_url, "ada", "monday", "parked", "2", "BadRequest", "50107"]
    assert told[1] == ["2", server.base_url, "ada, bob", "both", "parked", "1", "unknown", "-"]
    assert told[2] == ["3", server.base_url, "ada", "tuesday", "open", "1", "-", "-"]
    assert told[3][:6] == ["4", "http://127.0.0.1:9/api", "eve", "friday", "waiting", "1"]
    assert all(row[6].split()[1] in {"s", "min"} for row in rows)
    assert "4 entries, 5 messages in" in shown.stderr
    assert "nobody knows whether it arrived: look at the conversation, then retry or drop it" in shown.stderr
    assert MARKER not in shown.output
    assert "may not" not in shown.output


def test_memos_own_words_are_shown_where_asked_for_and_command_no_terminal(path: Path) -> None:
    shown = run("list", "--words", "--file", path)
    assert "\tyou ?[2Jmay not\n" in shown.stdout
    assert "\x1b" not in shown.output
    assert [entry["words"] for entry in listed(path, "--words")][:2] == [WORDS, ""]


def test_a_terminal_gets_a_table_with_colours(path: Path) -> None:
    shown = run("list", "--file", path, FORCE_COLOR="1", TERM="xterm-256color")
    assert "\x1b[33m" in shown.stdout
    assert "\t" not in shown.stdout
    assert MARKER not in shown.output


def test_other_programs_get_json(path: Path, server: Faulty) -> None:
    first, second, *_ = listed(path)
    assert 0 <= first.pop("age_seconds") < 3_600
    assert first == {
        "number": 1,
        "address": server.base_url,
        "users": ["ada"],
        "agents": [],
        "conversation": "monday",
        "state": "parked",
        "messages": 2,
        "error": "BadRequest",
        "code": 50107,
    }
    assert second["users"] == ["ada", "bob"]


def test_one_state_or_several(path: Path) -> None:
    assert [entry["number"] for entry in listed(path, "--state", "parked")] == [1, 2]
    assert [entry["number"] for entry in listed(path, "--state", "open", "--state", "waiting")] == [3, 4]
    shown = run("list", "--state", "open", "--file", path)
    assert "parked" not in shown.output


def test_an_agents_memory_has_no_user(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    client = client_of("http://127.0.0.1:9/api", path)
    Outbox.of(client).put(AddMessage(messages=[{"role": "user", "content": MARKER}], agent_id="guide"))
    client.close(timeout=0.001)
    (entry,) = listed(path)
    assert (entry["users"], entry["agents"], entry["conversation"]) == ([], ["guide"], "")
    assert "\tagent guide\t-\t" in run("list", "--file", path).stdout


def test_what_is_retried_leaves_with_the_next_program(path: Path, server: Faulty) -> None:
    shown = run("retry", "1", "--file", path)
    assert shown.exit_code == 0
    assert shown.stdout.startswith("In line again: 1 entry, 2 messages.\n")
    assert f"the next program that opens {server.base_url}" in shown.stdout
    assert states(path)[1] == "waiting"
    with client_of(server.base_url, path) as client:
        Outbox.of(client)
        assert client.flush(60) == 0
    assert server.ledger.texts("monday") == [MARKER, f"Re: {MARKER}"]
    assert 1 not in states(path)


def test_all_that_are_parked_are_retried_and_nothing_else(path: Path) -> None:
    assert run("retry", "--all", "--file", path).stdout.startswith("In line again: 2 entries, 3 messages.")
    assert states(path) == {1: "waiting", 2: "waiting", 3: "open", 4: "waiting"}
    assert run("retry", "--all", "--file", path).stdout == "In line again: nothing.\n"


@pytest.mark.parametrize("command", ["retry", "drop"])
def test_a_number_that_is_not_there_is_told_and_the_others_are_done(path: Path, command: str) -> None:
    shown = run(command, "1", "99", "--file", path, *(["--yes"] if command == "drop" else []))
    assert shown.exit_code == 1
    assert shown.stderr == "99: not there.\n"
    assert "1 entry, 2 messages" in shown.stdout


def test_what_is_not_parked_is_not_retried(path: Path) -> None:
    shown = run("retry", "3", "--file", path)
    assert (shown.exit_code, shown.stderr) == (1, "3: not parked.\n")
    assert states(path)[3] == "open"


def test_dropping_asks_first(path: Path) -> None:
    before = states(path)
    shown = run("drop", "--all", "--file", path, typed="n\n")
    assert "Delete 2 entries, 3 messages for good? [y/N]" in shown.output
    assert shown.exit_code == 1
    assert run("drop", "2", "--file", path).exit_code == 1  # nobody there to answer
    assert states(path) == before
    assert run("drop", "1", "--file", path, typed="y\n").exit_code == 0
    assert states(path) == {2: "parked", 3: "open", 4: "waiting"}


def test_what_is_dropped_leaves_no_text_in_the_file(path: Path) -> None:
    assert run("drop", "1", "2", "3", "4", "--yes", "--file", path).stdout == "Dropped: 4 entries, 5 messages.\n"
    assert listed(path) == []
    kept = b"".join(file.read_bytes() for file in path.parent.glob("outbox.db*"))
    assert MARKER.encode() not in kept


def test_all_drops_only_what_is_parked(path: Path) -> None:
    assert run("drop", "--all", "--yes", "--file", path).exit_code == 0
    assert states(path) == {3: "open", 4: "waiting"}
    assert run("drop", "--all", "--file", path).stdout == "Dropped: nothing.\n"  # and nothing is asked


def sending(path: Path, number: int, until: float) -> None:
    """As if some process had begun to send that entry, and had its conversation until that time."""
    held = """update conversation set holder = 'x:1:y', until = ?
        where number = (select conversation from entry where number = ?)"""
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("update entry set state = 'sending' where number = ?", (number,))
        file.execute(held, (until, number))


def test_what_is_being_sent_stays(path: Path) -> None:
    sending(path, 4, time.time() + 60)
    shown = run("drop", "4", "--yes", "--file", path)
    assert (shown.exit_code, shown.stderr) == (1, "4: being sent, or was just now: try again in a minute.\n")
    assert states(path)[4] == "sending"


def test_what_nobody_sends_any_more_can_be_dropped(path: Path) -> None:
    """A process was killed while it sent, and its key is never used again: the text must not stay for ever."""
    sending(path, 4, time.time() - 60)
    assert run("drop", "4", "--yes", "--file", path).exit_code == 0
    assert 4 not in states(path)


@pytest.mark.parametrize("arguments", [["retry"], ["retry", "1", "--all"], ["drop"], ["drop", "1", "--all", "--yes"]])
def test_it_must_be_said_which(arguments: list[str], tmp_path: Path) -> None:
    shown = run(*arguments, "--file", tmp_path / "none")
    assert shown.exit_code == 2
    assert "give the numbers of entries, or --all" in shown.stderr


@pytest.mark.parametrize("arguments", [["retry", "0"], ["drop", str(2**63)], ["drop", "x"], ["list", "--state", "x"]])
def test_what_can_not_be_asked_is_told_at_once(arguments: list[str], tmp_path: Path) -> None:
    shown = run(*arguments, "--file", tmp_path / "none")
    assert shown.exit_code == 2
    assert "Usage:" in shown.stderr


def test_a_running_client_sends_what_is_retried(server: Faulty, tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    with client_of(server.base_url, path) as client:
        parked(client)
        assert run("retry", "1", "--file", path).exit_code == 0
        assert server.ledger.until(lambda: server.ledger.texts("monday") != [])
        assert run("drop", "2", "--yes", "--file", path).exit_code == 0
        assert client.flush(60) == 0
        assert Outbox.of(client).status().parked == 0


def test_the_environment_names_the_file(path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert len(run("list", MEMOS_OUTBOX=str(path)).stdout.splitlines()) == 5
    shown = run("list", MEMOS_OUTBOX=":memory:")
    assert shown.exit_code == 2
    assert "where no other program can look" in shown.stderr
    monkeypatch.delenv("MEMOS_OUTBOX")
    monkeypatch.setattr("sys.platform", "linux")
    shown = run("list", XDG_STATE_HOME=str(tmp_path / "state"))
    assert shown.exit_code == 2
    assert f"no outbox at {tmp_path}/state/memos-integrations/outbox.db" in shown.stderr


def test_the_command_needs_neither_http_nor_a_framework(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT, "outbox", "list", "--file", str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 5
    assert "\x1b" not in done.stdout + done.stderr
    assert MARKER not in done.stdout + done.stderr
