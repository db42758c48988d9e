"""What of a turn can be seen, where, and by whom."""

import logging
import os
import threading
import traceback
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from memos_integrations import MemOS, OutboxOptions, Scope
from memos_integrations.client import Degraded, Event, Parked, Recalled, Recorded, attributes
from memos_integrations.errors import MemOSError
from memos_integrations.memory.outbox import Outbox
from memos_integrations.memory.record import Said, begin, record
from tests.outbox.scripted import DEAD, QUICK, Scripted, client_of, refusal, turn

LONG = 60.0
MARKER = "mrk-7f3a"
POSIX = pytest.mark.skipif(os.name != "posix", reason="another system's permissions")


def holding(folder: Path, marker: str = MARKER) -> list[str]:
    """The files that hold the marker."""
    return sorted(file.name for file in folder.iterdir() if marker.encode() in file.read_bytes())


@POSIX
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o777])
def test_only_its_owner_may_read_it(mask: int, tmp_path: Path) -> None:
    before = os.umask(mask)
    try:
        with client_of(Scripted(), retry=QUICK, path=tmp_path / "o.db") as client:
            Outbox.of(client).put(turn("a"))
            modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert modes == {"o.db": 0o600, "o.db-wal": 0o600, "o.db-shm": 0o600}


@POSIX
def test_the_users_own_folder_is_made_for_him_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEMOS_OUTBOX")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("sys.platform", "linux")
    with MemOS(base_url="http://127.0.0.1:1/x", retry=QUICK) as client:
        Outbox.of(client)
    folder = tmp_path / "state" / "memos-integrations"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "outbox.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("size", [10, 3_000, 9_000])
def test_delivered_text_is_in_no_file(tmp_path: Path, size: int) -> None:
    with client_of(Scripted(), retry=QUICK, path=tmp_path / "o.db") as client:
        outbox = Outbox.of(client)
        for n in range(150):
            said = turn(MARKER + "x" * size, MARKER * 9, conversation=f"c{n % 7}")
            outbox.open(said, str(n))
            outbox.put(said, str(n))
        assert client.flush(LONG) == 0
        assert holding(tmp_path) == [], "and not only after the end"
    assert holding(tmp_path) == []


def test_what_waits_is_in_the_file_as_it_is(tmp_path: Path) -> None:
    with client_of(Scripted([DEAD] * 99), retry=QUICK, path=tmp_path / "o.db", close=0.0) as client:
        Outbox.of(client).put(turn(MARKER))
    assert holding(tmp_path) == ["o.db"]


def test_dropped_text_is_in_no_file(tmp_path: Path) -> None:
    with client_of(Scripted([refusal(40305)] * 9), retry=QUICK, path=tmp_path / "o.db") as client:
        outbox = Outbox.of(client)
        for n in range(9):
            outbox.put(turn(MARKER + "x" * 3_000, conversation=str(n)))
        assert client.flush(LONG) == 0
        assert outbox.status().parked == 9
        assert holding(tmp_path) != []
        assert outbox.drop() == 9
        assert holding(tmp_path) == []


def test_the_key_is_in_no_file_and_divides_projects(tmp_path: Path) -> None:
    def client(key: str) -> MemOS:
        where = OutboxOptions(path=tmp_path / "o.db")
        return MemOS(base_url="http://127.0.0.1:1/x", api_key=key, retry=QUICK, outbox=where)

    first, second = client(f"{MARKER}-one"), client(f"{MARKER}-two")
    Outbox.of(first).put(turn("a"))
    assert (Outbox.of(second).status().waiting, Outbox.of(second).status().elsewhere) == (0, 1)
    assert holding(tmp_path) == []
    for one in (first, second):
        one.close(0.0)
    assert holding(tmp_path) == []


@pytest.fixture
def seen(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """What could be seen besides the logs; the marker must not be there."""
    seen: list[str] = []
    with caplog.at_level(logging.DEBUG):
        yield seen
    assert MARKER not in caplog.text
    assert all(MARKER not in text for text in seen)
    assert seen


ANSWERS = [refusal(40305, words=MARKER), refusal(50002, words=MARKER), refusal(0, 401, words=MARKER), DEAD]


@pytest.mark.parametrize("answer", ANSWERS, ids=str)
def test_what_was_said_and_what_memos_says_is_told_to_nobody(answer: Any, seen: list[str], tmp_path: Path) -> None:
    events, scope = list[Event](), Scope(user_id="ada", conversation_id="c")
    server = Scripted([answer] * 6)
    with client_of(server, retry=QUICK, events=events, path=tmp_path / "o.db", close=0.0) as client:
        begin(client, scope, f"turn {MARKER}", Said("user", MARKER))
        record(client, scope, [Said("user", MARKER), Said("assistant", MARKER)], f"turn {MARKER}")
        client.flush(1.0)
        outbox = Outbox.of(client)
        seen += [
            repr(one) for one in (client, outbox, outbox._line, outbox.status(), outbox.entries(), outbox._delivery)
        ]
        outbox.retry()
        batch = outbox._line.claim(1, "me", 1e12, 2e12)
        seen.append(repr(batch))
    seen += [repr(event) for event in events] + [repr(dict(attributes(event))) for event in events]
    assert events


def fill(outbox: Outbox) -> None:
    while True:
        outbox._line.put(1, turn(MARKER * 9_000), None, 1e12)


def test_no_error_shows_what_was_said(seen: list[str], tmp_path: Path) -> None:
    with client_of(Scripted(), retry=QUICK, path=tmp_path / "o.db", max_megabytes=1) as client:
        outbox = Outbox.of(client)
        with pytest.raises(MemOSError) as full:
            fill(outbox)
    with pytest.raises(MemOSError) as late:
        outbox.put(turn(MARKER), MARKER)
    for caught in (full, late):
        seen += [str(caught.value), repr(caught.value), *traceback.format_exception(caught.value)]


EVENTS: list[Event] = [
    Recalled("c", 1, 2, 3, 4.5, ("m",)),
    Recorded("c", 2, 1.5, None),
    Degraded("c", "record", "Unreachable", 0, 1.5, 3),
    Parked("c", (1, 2), "BadRequest", 40305, 1.5),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_is_flat_and_as_opentelemetry_takes_it(event: Event) -> None:
    told = attributes(event)
    assert told["memos.event"] == type(event).__name__.lower()
    assert set(told) - {"memos.event"} == {
        f"memos.{member.name}" for member in fields(event) if getattr(event, member.name) is not None
    }
    for name, value in told.items():
        assert name.startswith("memos.")
        if isinstance(value, tuple):
            assert len({type(one) for one in value}) == 1
            assert isinstance(value[0], str | int)
        else:
            assert isinstance(value, str | int | float)


def test_flush_waits_until_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, told = threading.Event(), list[bool]()
    with client_of(Scripted(), retry=QUICK, path=tmp_path / "o.db") as client:
        client.listen(lambda event: told.append(gate.wait(LONG)))
        outbox = Outbox.of(client)
        wait = outbox._crew.wait

        def waiting(seconds: float, since: int) -> None:
            if outbox.status().waiting == 0:
                gate.set()
            wait(seconds, since)

        monkeypatch.setattr(outbox._crew, "wait", waiting)
        outbox.put(turn("a"))
        assert client.flush(LONG) == 0
        assert told == [True]


def test_events_tell_ids_counts_and_times_alone() -> None:
    server, events = Scripted([refusal(40305), None]), list[Event]()  # type: ignore[list-item]
    with client_of(server, retry=QUICK, events=events) as client:
        for words in ("first", "second"):
            Outbox.of(client).put(turn(words, conversation=words[0]))
            assert client.flush(LONG) == 0
    degraded, parked, recorded = events
    assert isinstance(degraded, Degraded)
    assert (degraded.what, degraded.error, degraded.code, degraded.waiting) == ("record", "BadRequest", 40305, 0)
    assert isinstance(parked, Parked)
    assert (parked.conversation_id, parked.entries, parked.error, parked.code) == ("f", (1,), "BadRequest", 40305)
    assert isinstance(recorded, Recorded)
    assert (recorded.conversation_id, recorded.messages, recorded.task_id) == ("s", 1, "t")
    assert all(event.milliseconds >= 0 for event in events)
