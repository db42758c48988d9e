"""The outbox as its callers see it: turns in and out, waiting for the end, what is parked, and the end itself."""

import gc
import logging
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memos_integrations import Scope
from memos_integrations.client import Event, MemOS, Parked, Recorded
from memos_integrations.errors import Unreachable
from memos_integrations.memory.outbox import Outbox
from memos_integrations.memory.record import Said, begin, begun, record
from memos_integrations.wire.envelope import Reply
from tests.outbox.scripted import (
    DEAD,
    PLAIN,
    QUICK,
    Clock,
    Never,
    Scripted,
    client_of,
    frozen,
    refusal,
    run,
    texts,
    turn,
)

LONG = 60.0  # seconds that a test waits for what must come
ADA = Scope(user_id="ada", conversation_id="c")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    with frozen(monkeypatch) as clock:
        yield clock


class Gated(Scripted):
    """Holds each add until the gate opens, and counts those that are held at once."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.held, self.most = threading.Event(), 0, 0
        self.came = threading.Condition()

    def send(self, request: Any, seconds: float) -> Reply:
        with self.came:
            self.held += 1
            self.most = max(self.most, self.held)
            self.came.notify_all()
        assert self.gate.wait(LONG)
        with self.came:
            self.held -= 1
        return super().send(request, seconds)

    def holds(self, count: int) -> bool:
        with self.came:
            return self.came.wait_for(lambda: self.held >= count, LONG)


def test_conversations_are_delivered_beside_each_other_and_each_in_order() -> None:
    server = Gated()
    with client_of(server, retry=QUICK) as client:
        outbox = Outbox.of(client)
        for n in range(3):
            for name in "ab":
                outbox.put(turn(f"{name}{n}", conversation=name))
        assert server.holds(2), "two at once"
        server.gate.set()
        assert client.flush(LONG) == 0
    assert server.words("a") == ["a0", "a1", "a2"]
    assert server.words("b") == ["b0", "b1", "b2"]


def test_at_most_eight_are_under_way_at_once() -> None:
    server = Gated()
    with client_of(server, retry=QUICK) as client:
        outbox = Outbox.of(client)
        for n in range(30):
            outbox.put(turn("x", conversation=str(n)))
        assert server.holds(8)
        server.gate.set()
        assert client.flush(LONG) == 0
    assert (server.most, len(server.got)) == (8, 30)


def test_one_client_has_one_outbox_whoever_asks() -> None:
    with client_of(Scripted()) as client:
        found = list[Outbox]()
        threads = [threading.Thread(target=lambda: found.append(Outbox.of(client))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found += [Outbox.of(client.with_options(deadline=1)), Outbox.of(client)]
        assert len({id(outbox) for outbox in found}) == 1


def test_a_turn_opened_is_written_with_its_answer_when_it_is_closed(clock: Clock) -> None:
    server = Scripted(clock=clock)
    with client_of(server) as client:
        begin(client, ADA, "t", Said("user", "hi"))
        assert client.flush(10.0) == 0
        assert begun(client, ADA, "t") == "hi"
        assert Outbox.of(client).status().open == 1
        assert record(client, ADA, [Said("user", "hi"), Said("assistant", "hello")], "t") == 2
        assert record(client, ADA, [Said("user", "hi"), Said("assistant", "hello")], "t") == 0
        assert begun(client, ADA, "t") == ""
        assert begun(client, ADA, "never") is None
        assert client.flush(10.0) == 0
    assert [texts(call) for call in server.sent] == [["hi", "hello"]]


@pytest.mark.parametrize("after", [600.0, 7_200.0])
def test_another_client_of_the_file_writes_what_nobody_came_back_for(
    clock: Clock, tmp_path: Path, after: float
) -> None:
    server = Scripted(clock=clock)
    with client_of(server, path=tmp_path / "o.db") as first:
        Outbox.of(first).open(turn("hi"), "t")
    with client_of(server, path=tmp_path / "o.db") as second:
        outbox = Outbox.of(second)
        run(outbox, clock, after)
        assert server.words() == (["hi"] if after > 3_600 else [])
        assert outbox.put(turn("hi", "hello"), "t") == (1 if after > 3_600 else 2)
        assert second.flush(10.0) == 0
    assert server.words() == ["hi", "hello"]


def test_an_open_turn_costs_no_looking_until_it_is_old(clock: Clock) -> None:
    server = Scripted(clock=clock)
    with client_of(server, orphan_after=2.0) as client:
        outbox, looks = Outbox.of(client), 0
        run(outbox, clock, 1.0)
        outbox.open(turn("hi"), "t")
        while not server.got and looks < 50:
            clock.wait(outbox._step())
            looks += 1
        assert looks < 10
    assert server.words() == ["hi"]


def test_flush_does_not_turn_in_circles_while_the_server_wants_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Scripted([refusal(0, 429, retry_after="3600")])
    with client_of(server, retry=QUICK, close=0.0) as client:
        outbox = Outbox.of(client)
        looks, step = list[int](), outbox._line.hurry

        def hurry(*arguments: Any) -> None:
            looks.append(1)
            step(*arguments)

        monkeypatch.setattr(outbox._line, "hurry", hurry)
        outbox.put(turn("a"))
        assert client.flush(0.5) == 1
        assert len(looks) < 10


def test_flush_with_no_time_is_a_look() -> None:
    server = Gated()
    with client_of(server, retry=QUICK) as client:
        Outbox.of(client).put(turn("a"))
        assert client.flush(0) == 1
        server.gate.set()
        assert client.flush(LONG) == 0
        assert client.flush(0) == 0


def test_a_listener_may_flush_and_two_threads_may() -> None:
    server, told = Scripted([DEAD]), list[int]()
    with client_of(server, retry=QUICK) as client:
        client.listen(lambda event: told.append(client.flush(LONG)))
        outbox = Outbox.of(client)
        for n in range(4):
            outbox.put(turn("a", conversation=str(n)))
        left = list[int]()
        threads = [threading.Thread(target=lambda: left.append(client.flush(LONG))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert left == [0, 0]
    assert len(server.got) == 4
    assert told


def test_flush_may_wait_for_ever() -> None:
    with client_of(Scripted(), retry=QUICK) as client:
        Outbox.of(client).put(turn("a"))
        assert client.flush(float("inf")) == 0


def test_what_is_parked_can_be_seen_and_retried(clock: Clock) -> None:
    server, events = Scripted([refusal(40305, words="too long")], clock=clock), list[Event]()
    with client_of(server, events=events) as client:
        outbox = Outbox.of(client)
        outbox.put(turn("a", "b"))
        assert client.flush(10.0) == 0
        outbox.put(turn("c"))
        assert client.flush(10.0) == 0
        assert server.words() == ["c"], "what comes after goes on"
        (entry,), status = outbox.entries("parked"), outbox.status()
        assert (entry.code, entry.message, entry.conversation_id, entry.messages) == (40305, "too long", "c", 2)
        assert (status.parked, status.waiting, status.messages) == (1, 0, 2)
        assert outbox.retry(entry.number + 1) == 0
        assert outbox.retry(entry.number) == 1
        assert client.flush(10.0) == 0
        assert server.words() == ["c", "a", "b"]
        assert outbox.status().messages == 0
    assert [type(event) for event in events if isinstance(event, Parked | Recorded)] == [Parked, Recorded, Recorded]


def test_what_is_parked_can_be_dropped(clock: Clock) -> None:
    with client_of(Scripted([refusal(40305)] * 2, clock=clock)) as client:
        outbox = Outbox.of(client)
        for name in "cd":
            outbox.put(turn("a", conversation=name))
        client.flush(10.0)
        outbox.put(turn("stays", conversation="e"))
        assert [entry.state for entry in outbox.entries()] == ["parked", "parked", "waiting"]
        assert outbox.drop(outbox.entries()[0].number) == 1
        assert outbox.drop() == 1
        assert [entry.state for entry in outbox.entries()] == ["waiting"]


def test_a_retried_entry_that_fails_again_is_parked_again(clock: Clock) -> None:
    with client_of(Scripted([refusal(50002)] * 99, clock=clock)) as client:
        outbox = Outbox.of(client)
        outbox.put(turn("a"))
        for _ in range(2):
            run(outbox, clock, 300.0)
            assert [(entry.state, entry.code) for entry in outbox.entries()] == [("parked", 50002)]
            assert outbox.retry() == 1
            assert [(entry.state, entry.error) for entry in outbox.entries()] == [("waiting", "")]


def test_closing_with_work_left_warns_and_leaves_it_to_the_next_client(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = Scripted([DEAD] * 1_000)
    with caplog.at_level(logging.WARNING), client_of(server, retry=QUICK, path=tmp_path / "o.db", close=0.05) as client:
        outbox = Outbox.of(client)
        outbox.put(turn("a", "b"))
        outbox.open(turn("open", conversation="d"), "t")
    assert "closed with 1 writes undelivered" in caplog.text
    for late in (lambda: outbox.put(turn("x")), lambda: outbox.open(turn("x"), "t")):
        with pytest.raises(Unreachable, match="closed"):
            late()
    server.adds = []
    with client_of(server, retry=QUICK, path=tmp_path / "o.db") as client:
        assert Outbox.of(client).status().open == 1, "a file's open turns stay open"
        assert client.flush(LONG) == 0
    assert server.words() == ["a", "b"]


def test_the_end_of_a_client_in_memory_delivers_what_was_not_answered() -> None:
    server = Scripted()
    with client_of(server, retry=QUICK) as client:
        Outbox.of(client).open(turn("hi"), "t")
    assert server.words() == ["hi"]


def test_entries_of_other_destinations_wait_for_a_client_of_theirs(tmp_path: Path) -> None:
    ours, theirs = Scripted(), Scripted([DEAD] * 1_000)
    with client_of(theirs, retry=QUICK, path=tmp_path / "o.db", address="theirs", close=0.0) as client:
        Outbox.of(client).put(turn("a"))
    with client_of(ours, retry=QUICK, path=tmp_path / "o.db", address="ours") as client:
        assert client.flush(LONG) == 0
        outbox = Outbox.of(client)
        assert (outbox.status().elsewhere, outbox.status().waiting, outbox.entries()) == (1, 0, [])
        assert (outbox.retry(), outbox.drop(1)) == (0, 0)
    assert ours.got == []


@pytest.mark.parametrize("path", [":memory:", "o.db"])
def test_a_client_that_is_forgotten_leaves_no_thread(path: str, tmp_path: Path) -> None:
    def used() -> "weakref.ref[MemOS]":
        kept = ":memory:" if path == ":memory:" else str(tmp_path / path)
        client = MemOS.over(Scripted(), Never(), address="x", retry=PLAIN, outbox=kept)
        outbox = Outbox.of(client)
        outbox.put(turn("a"))
        assert outbox.flush(LONG) == 0
        outbox.open(turn("b"), "t")
        crews.append(outbox._crew)
        return weakref.ref(client)

    crews = list[Any]()
    gone = used()
    while gone() is not None:
        gc.collect()  # a thread in the middle of a step keeps it for that long
        for thread in list(crews[0]._threads):
            thread.join(0.05)
    assert (gone(), crews[0].busy) == (None, False)
