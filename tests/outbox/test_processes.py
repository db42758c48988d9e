"""Several clients and processes on one file: none sends what is another's, none waits for the dead, a fork is new."""

import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from memos_integrations import Scope
from memos_integrations.memory.outbox import Outbox
from memos_integrations.memory.record import Said, record
from tests.faults.kinds import HANG, Fault, after, before
from tests.faulty import Faulty, Mixed
from tests.outbox import crowd, forking
from tests.outbox.processes import child
from tests.outbox.turns import LONG, MIX, client_of, explained, is_part, said_in, say


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


def both(text: str) -> list[str]:
    return [text, f"Re: {text}"]


def test_two_processes_with_threads_and_tasks_write_each_turn_once_and_in_order(path: Path) -> None:
    names = ["one", "two"]
    with Faulty(Mixed(0.25, of=MIX)) as server, ExitStack() as held:
        command = "-m", "tests.outbox.crowd", server.base_url, str(path)
        crowds = [held.enter_context(child(*command, name)) for name in names]
        assert [process.wait(LONG) for process in crowds] == [0, 0]
        told = said_in(server.ledger.applied)
    turns = [one for name in names for one in crowd.due(name)]
    for one in turns:
        for conversation in {conversation for conversation, _ in one}:
            asked = [text for name, words in one if name == conversation for text in both(words)]
            assert is_part(asked, told[conversation])
    assert sum(map(len, told.values())) == 2 * sum(map(len, turns))


def test_no_turn_leaves_under_another_key(path: Path) -> None:
    names = ["c0", "c1"]
    with Faulty(Mixed(0.25)) as server:
        with (
            client_of(server.base_url, path, key="one") as one,
            client_of(server.base_url, path, key="two") as two,
        ):
            with server.down():
                for n in range(10):
                    say(one, names[n % 2], f"one {n}")
                    say(two, names[n % 2], f"two {n}")
                assert (Outbox.of(one).status().elsewhere, Outbox.of(two).status().elsewhere) == (10, 10)
            assert (one.flush(LONG), two.flush(LONG)) == (0, 0)
        told = server.ledger.conversations()
    assert told == {
        (f"Token {key}", "ada", name): [text for n in range(k, 10, 2) for text in both(f"{key} {n}")]
        for key in ("one", "two")
        for k, name in enumerate(names)
    }


def test_what_nobody_opens_waits_and_is_shown(path: Path) -> None:
    with Faulty() as server, Faulty() as other:
        with server.outage(), client_of(server.base_url, path) as gone:
            for n in range(3):
                say(gone, "c", f"turn {n}")
            gone.close(0.0)
        for url, key in ((other.base_url, "k"), (server.base_url, "another")):
            with client_of(url, path, key=key) as client:
                say(client, "c", "mine")
                assert client.flush(LONG) == 0
                assert Outbox.of(client).status().elsewhere == 3
        assert server.ledger.texts("c") == other.ledger.texts("c") == both("mine")
        with client_of(server.base_url, path) as again:
            assert Outbox.of(again).flush(LONG) == 0, explained(again)
            assert Outbox.of(again).status().elsewhere == 0
        assert server.ledger.texts("c")[2:] == [text for n in range(3) for text in both(f"turn {n}")]


@pytest.mark.parametrize("fault", [before(HANG), after(HANG)], ids=str)
def test_a_process_that_dies_while_it_sends_stops_nobody(fault: Fault, path: Path) -> None:
    """Its claim would last for an hour: what frees the conversation is that it is gone."""
    with Faulty({"add/message": [fault]}) as server, client_of(server.base_url, path) as client:
        command = "-m", "tests.outbox.recording", server.base_url, str(path), "dead", "c"
        with child(*command, "--turns", "1", "--deadline", "3600", input=True) as process:
            assert server.ledger.until(lambda: server.ledger.calls["add/message"] == 1, LONG)
            say(client, "c", "alive")
            say(client, "another", "alive")
            assert server.ledger.until(lambda: "another" in said_in(server.ledger.applied), LONG)
            assert "alive" not in server.ledger.texts("c")  # it comes after what is being sent
            process.kill()
        assert client.flush(LONG) == 0, explained(client)
        assert server.ledger.texts("c") == both("dead.0") + both("alive")


@pytest.mark.parametrize("way", ["os", "multiprocessing"])
def test_a_fork_delivers_what_is_its_own(way: str, path: Path) -> None:
    with Faulty(Mixed(0.1)) as server:
        with child("-m", "tests.outbox.forking", server.base_url, str(path), way) as process:
            try:
                assert process.wait(LONG) == 0
            except subprocess.TimeoutExpired:
                pytest.fail("a fork stands still")
        told = said_in(server.ledger.applied)
    due = {f"{who}-{n}": both(f"{who} {n}") for n in range(forking.FORKS) for who in ("child", "parent")}
    for n in range(forking.FORKS):
        for thread in range(forking.BUSY):
            words = (f"busy {n} {thread} {turn}" for turn in range(forking.TURNS))
            due[f"busy-{n}-{thread}"] = [text for one in words for text in both(one)]
    assert told == due


def test_an_open_turn_of_a_dead_process_is_written_alone_and_its_answer_later(path: Path) -> None:
    scope = Scope(user_id="ada", conversation_id="c")
    with Faulty() as server:
        command = "-m", "tests.outbox.recording", server.base_url, str(path), "asked", "c"
        with child(*command, "--open", input=True) as process:
            assert process.stdout
            assert process.stdout.readline() == "c asked.0\n"
            process.kill()
        with client_of(server.base_url, path, orphan_after=0.01) as client:
            Outbox.of(client)
            assert server.ledger.until(lambda: server.ledger.texts("c") == ["asked.0"], LONG)
            turn = [Said("user", "asked.0"), Said("assistant", "answered")]
            assert record(client, scope, turn, "asked.0") == 1
            assert client.flush(LONG) == 0, explained(client)
        assert server.ledger.texts("c") == ["asked.0", "answered"]
