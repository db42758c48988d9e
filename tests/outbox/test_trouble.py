"""A file that can't be used: the chat goes on, and its turns wait in memory, are told once and delivered once."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from memos_integrations import Scope
from memos_integrations.client import Degraded, Event, MemOS
from memos_integrations.errors import ServerFault
from memos_integrations.memory.outbox import Outbox
from memos_integrations.memory.record import Said, begin, record
from tests.outbox.scripted import DEAD, LOST, QUICK, Clock, Scripted, client_of, frozen, run, turn

LONG = 60.0
ADA = Scope(user_id="ada", conversation_id="c")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "o.db"


@contextmanager
def impatient(outbox: Outbox) -> Iterator[None]:
    """Nobody waits for a lock."""
    outbox._line._lines.writer.connection.execute("pragma busy_timeout = 0")
    yield


@contextmanager
def locked(file: Path, outbox: Outbox) -> Iterator[None]:
    """Somebody else writes the whole time."""
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("begin immediate")
    try:
        with impatient(outbox):
            yield
    finally:
        other.execute("rollback")
        other.close()


def say(client: MemOS, n: int) -> int:
    begin(client, ADA, f"t{n}", Said("user", f"u{n}"))
    return record(client, ADA, [Said("user", f"u{n}"), Said("assistant", f"a{n}")], f"t{n}")


def said(*numbers: int) -> list[str]:
    return [f"{who}{n}" for n in numbers for who in "ua"]


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "the outbox's file" in record.getMessage()]


def foreign(file: Path) -> None:
    with sqlite3.connect(file) as other:
        other.execute("create table theirs (x)")
    other.close()


def damaged(file: Path) -> None:
    file.write_bytes(b"no database at all" * 300)


def missing(file: Path) -> None:
    file.parent.rmdir()
    file.parent.write_text("a file where the folder was")


@pytest.mark.parametrize("broken", [foreign, damaged, missing])
def test_a_file_that_cannot_be_opened_is_told_once_and_done_without(
    broken: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "folder").mkdir()
    file, server = tmp_path / "folder" / "o.db", Scripted()
    with client_of(server, retry=QUICK, path=file) as client:
        broken(file)
        before = file.read_bytes() if file.exists() else b""
        assert [say(client, n) for n in range(2)] == [2, 2]
        assert client.flush(LONG) == 0
        assert Outbox.of(client).status().path == ":memory:"
    assert server.words() == said(0, 1)
    assert len(warned(caplog)) == 1
    assert (file.read_bytes() if file.exists() else b"") == before


def test_turns_of_a_locked_file_wait_in_memory(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    server = Scripted()
    with client_of(server, retry=QUICK, path=file) as client:
        say(client, 0)
        assert client.flush(LONG) == 0
        with locked(file, Outbox.of(client)):
            assert [say(client, n) for n in (1, 2)] == [2, 2]
            assert Outbox.of(client).status().waiting + len(server.sent) > 1
            assert client.flush(LONG) == 0
        say(client, 3)
        assert client.flush(LONG) == 0
    assert server.words() == said(0, 1, 2, 3)
    assert len(warned(caplog)) == 1


def test_a_full_disk_loses_nothing(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    server = Scripted([DEAD] * 3)
    with client_of(server, retry=QUICK, path=file) as client:
        connection = Outbox.of(client)._line._lines.writer.connection
        (pages,) = connection.execute("pragma page_count").fetchone()
        connection.execute(f"pragma max_page_count = {pages}")
        long = "x" * 30_000
        assert record(client, ADA, [Said("user", long), Said("assistant", "yes")], "t") == 2
        assert client.flush(LONG) == 0
    assert server.words() == [long, "yes"]
    assert len(warned(caplog)) == 1


def test_a_turn_begun_in_the_file_and_ended_beside_it_is_written_once(file: Path) -> None:
    server = Scripted()
    with client_of(server, retry=QUICK, path=file) as client:
        begin(client, ADA, "t", Said("user", "u"))
        with locked(file, Outbox.of(client)):
            assert record(client, ADA, [Said("user", "u"), Said("assistant", "a")], "t") == 1
            assert client.flush(LONG) == 0
        say(client, 1)
        assert client.flush(LONG) == 0
    assert sorted(server.words()) == sorted(["u", "a", *said(1)])


def test_a_turn_begun_beside_the_file_ends_there(file: Path) -> None:
    server = Scripted()
    with client_of(server, retry=QUICK, path=file) as client:
        with locked(file, Outbox.of(client)):
            begin(client, ADA, "t", Said("user", "u"))
        assert record(client, ADA, [Said("user", "u"), Said("assistant", "a")], "t") == 2
        assert client.flush(LONG) == 0
    assert server.words() == ["u", "a"]


def test_what_comes_after_does_not_overtake_what_waits_beside_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with frozen(monkeypatch) as clock:
        server = Scripted(clock=clock)
        with client_of(server, path=file) as client:
            with locked(file, Outbox.of(client)):
                say(client, 0)
            say(client, 1)
            assert [entry.messages for entry in Outbox.of(client).entries("waiting")] == [2, 2]
            assert Outbox.of(client).status().waiting == 2
            assert client.flush(LONG) == 0
    assert server.words() == said(0, 1)


@pytest.mark.parametrize("where", ["claim", "delivered", "known", "undelivered", "hurry"])
def test_a_file_that_fails_for_once_doubles_and_loses_nothing(
    where: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with frozen(monkeypatch) as clock:
        server = Scripted([LOST] if where == "known" else [], clock=clock, applies_lost=True)
        with client_of(server, path=file) as client:
            outbox = Outbox.of(client)
            real, fails = getattr(outbox._line, where), [1, 1]

            def failing(*arguments: Any, **more: Any) -> Any:
                if fails:
                    fails.pop()
                    raise ServerFault("the file cannot be used now", code=50004)
                return real(*arguments, **more)

            setattr(outbox._line, where, failing)
            outbox.put(turn("a", "b"))
            assert client.flush(500.0) == 0
    assert server.words() == ["a", "b"]


def test_closing_with_a_file_that_fails_does_not_raise(file: Path, clock: Clock) -> None:
    server = Scripted([DEAD] * 1_000, clock=clock)
    with client_of(server, path=file, close=5.0) as client:
        outbox = Outbox.of(client)
        outbox.put(turn("a"))

        def failing(*arguments: Any, **more: Any) -> Any:
            raise ServerFault("the file is damaged", code=50002)

        for name in ("claim", "undelivered", "hurry", "free", "forget"):
            setattr(outbox._line, name, failing)
        assert client.flush(1.0) == 1, "nobody can say that nothing is left"
    assert server.closed


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    with frozen(monkeypatch) as clock:
        yield clock


def test_a_full_outbox_is_told_and_takes_more_when_there_is_room(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    server, events = Scripted([DEAD] * 1_000, clock=clock), list[Event]()
    with caplog.at_level(logging.WARNING), client_of(server, events=events, max_megabytes=1) as client:
        taken = [record(client, ADA, [Said("user", "x" * 60_000)]) for _ in range(30)]
        assert taken[0] == 1
        assert taken[-1] == 0
        degraded = [event for event in events if isinstance(event, Degraded)]
        assert len(degraded) == taken.count(0)
        assert (degraded[0].error, degraded[0].conversation_id) == ("OutboxFull", "c")
        assert "OutboxFull" in caplog.text
        server.adds = []
        run(Outbox.of(client), clock, 60.0)
        assert record(client, ADA, [Said("user", "y")]) == 1
        assert client.flush(LONG) == 0
    assert len(server.words()) == taken.count(1) + 1
