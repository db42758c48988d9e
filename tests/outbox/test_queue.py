"""The outbox's file as callers see it: turns opened and closed, the size cap, whose it is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from memos_integrations.client._settings import settings
from memos_integrations.errors import OutboxFull, Unsupported
from memos_integrations.memory._line import Line
from memos_integrations.wire.calls import AddMessage
from tests.outbox.scripted import texts, turn

ALL = 1 << 40


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line(":memory:", max_bytes=ALL)
    yield line
    line.close()


@pytest.fixture
def at(line: Line) -> int:
    return line.destination("http://memos", "key")


def in_line(line: Line, at: int, conversation: str = "c") -> list[list[str]]:
    return [texts(call) for _, call, _ in line.in_line(at, "ada", conversation)]


def test_an_opened_turn_is_not_in_line_until_it_is_closed(line: Line, at: int) -> None:
    line.open(at, turn("hi"), "t", 1.0)
    assert in_line(line, at) == []
    assert (line.next_due(at), line.next_orphan(at), line.undelivered(at)) == (None, 1.0, 0)
    kept = line.opened(at, turn("-"), "t")
    assert kept is not None
    assert texts(kept) == ["hi"]
    assert line.put(at, turn("hi", "hello"), "t", 2.0) == (2, True)
    assert in_line(line, at) == [["hi", "hello"]]
    assert (line.next_due(at), line.next_orphan(at)) == (2.0, None)
    assert line.opened(at, turn("-"), "t") is None
    assert line.knows(at, turn("-"), "t")


def test_closing_a_turn_again_adds_nothing_but_what_is_new(line: Line, at: int) -> None:
    line.open(at, turn("hi"), "t", 1.0)
    assert line.put(at, turn("hi", "hello"), "t", 2.0) == (2, True)
    assert line.put(at, turn("hi", "hello"), "t", 3.0) == (0, False)
    assert line.put(at, turn("hi", "hello", "more"), "t", 3.0) == (1, False)
    assert in_line(line, at) == [["hi", "hello"], ["more"]]


def test_the_same_words_twice_in_a_turn_are_two_messages(line: Line, at: int) -> None:
    twice = AddMessage(messages=[{"role": "user", "content": "ok"}] * 2, user_id="ada", conversation_id="c")
    assert line.put(at, twice, "t", 1.0) == (2, True)
    assert line.put(at, twice, "t", 1.0) == (0, False)


def test_the_next_turn_lets_the_words_of_the_one_before_go_alone(line: Line, at: int) -> None:
    line.open(at, turn("first"), "one", 1.0)
    assert line.open(at, turn("second"), "two", 2.0)
    assert in_line(line, at) == [["first"]]
    assert line.put(at, turn("first", "late"), "one", 3.0) == (1, False), "an answer that comes later goes by itself"
    assert in_line(line, at) == [["first"], ["late"]]
    line.open(at, turn("first"), "one", 4.0)
    assert line.opened(at, turn("-"), "one") is None, "it is not opened twice"


def test_a_turn_that_was_never_opened_is_the_next_one_too(line: Line, at: int) -> None:
    line.open(at, turn("first"), "one", 1.0)
    assert line.put(at, turn("second", "answer"), "two", 2.0) == (2, True)
    assert in_line(line, at) == [["first"], ["second", "answer"]]
    line.open(at, turn("third"), "three", 3.0)
    assert line.put(at, turn("said", "besides"), None, 4.0)[0] == 2
    assert in_line(line, at)[2:] == [["third"], ["said", "besides"]]


def test_turns_of_other_conversations_and_users_stay_open(line: Line, at: int) -> None:
    other = line.destination("http://memos", "another key")
    line.open(at, turn("a"), "one", 1.0)
    assert not line.open(at, turn("b", conversation="d"), "two", 2.0)
    assert not line.open(at, turn("c", user="bob"), "two", 2.0)
    assert not line.open(other, turn("d"), "two", 2.0)
    assert [entry.state for entry in line.listed()] == ["open"] * 4
    assert line.opened(other, turn("-"), "one") is None
    assert not line.knows(other, turn("-"), "one")


def test_what_nobody_came_back_for_goes_alone_when_it_is_old_enough(line: Line, at: int) -> None:
    line.open(at, turn("old"), "one", 100.0)
    line.open(at, turn("new", conversation="d"), "two", 200.0)
    assert line.orphaned(at, 100.0, 300.0) == 0
    assert line.orphaned(at, 100.5, 300.0) == 1
    assert (in_line(line, at), in_line(line, at, "d")) == ([["old"]], [])
    assert line.put(at, turn("old", "answer"), "one", 400.0) == (1, False)
    assert in_line(line, at) == [["old"], ["answer"]]


def test_the_name_of_a_closed_turn_may_begin_another_where_names_are_used_again(line: Line, at: int) -> None:
    line.open(at, turn("hi"), "1", 1.0, reused=True)
    line.put(at, turn("hi", "hello"), "1", 1.0)
    line.open(at, turn("hi"), "1", 2.0, reused=True)
    assert line.put(at, turn("hi", "hello"), "1", 2.0) == (2, False)
    assert in_line(line, at) == [["hi", "hello"]] * 2


def fill(line: Line, at: int, size: int) -> None:
    for n in range(1_000):
        line.put(at, turn("x" * size, conversation=str(n % 3)), None, 1.0)


def test_it_takes_no_more_than_it_may_and_more_when_there_is_room(tmp_path: Path) -> None:
    line = Line(str(tmp_path / "o.db"), max_bytes=1 << 20)
    at = line.destination("a", "")
    try:
        with pytest.raises(OutboxFull) as caught:
            fill(line, at, 10_000)
        assert 50 < line.undelivered(at) < 110
        for told in ("1 MiB", "client.flush()", "outbox drop", "OutboxOptions"):
            assert told in str(caught.value)
        with pytest.raises(OutboxFull):
            line.open(at, turn("x"), "t", 1.0)
        while (batch := line.claim(at, "me", 2.0, 9.0)) is not None:
            line.delivered(batch, [], 2.0)
        assert line.put(at, turn("x" * 10_000), None, 3.0)[0] == 1
    finally:
        line.close()


def deliver_until_full(line: Line, at: int) -> None:
    for n in range(20_000):
        line.put(at, turn("x", conversation=f"c{n}"), f"t{n}", 1.0)
        batch = line.claim(at, "me", 1.0, 9.0)
        assert batch is not None
        line.delivered(batch, [(bytes(16), None)] * 50, 1.0)


def test_what_is_kept_for_comparing_makes_room_first(tmp_path: Path) -> None:
    day = 86_400.0
    line = Line(str(tmp_path / "o.db"), max_bytes=1 << 20)
    at = line.destination("a", "")
    try:
        with pytest.raises(OutboxFull):
            deliver_until_full(line, at)
        assert line.put(at, turn("x"), None, 2 * day)[0] == 1
        assert not line.knows(at, turn("-", conversation="c0"), "t0")
    finally:
        line.close()


def test_what_is_too_old_is_forgotten(line: Line, at: int) -> None:
    day = 86_400.0
    line.put(at, turn("x"), "old", 1.0)
    batch = line.claim(at, "me", 1.0, 9.0)
    assert batch is not None
    line.delivered(batch, [(bytes(16), None)], 1.0)
    line.forget(29 * day)
    assert line.knows(at, turn("-"), "old")
    assert line.known(batch) == []
    line.forget(31 * day)
    assert not line.knows(at, turn("-"), "old")


def test_what_is_dropped_makes_room(tmp_path: Path) -> None:
    line = Line(str(tmp_path / "o.db"), max_bytes=1 << 20)
    at = line.destination("a", "")
    try:
        with pytest.raises(OutboxFull):
            fill(line, at, 60_000)
        numbers = [entry.number for entry in line.listed()]
        assert all(line.drop(number, at) == 1 for number in numbers)
        assert line.put(at, turn("y"), None, 3.0)[0] == 1
        assert line.drop(numbers[0], at) == 0, "it is gone"
    finally:
        line.close()


def test_a_key_is_told_from_others_and_is_nowhere_in_the_file(tmp_path: Path) -> None:
    keys = [
        settings(base_url="http://m", api_key=key) for key in ("mpg-marker-one", "mpg-marker-two", "mpg-marker-one")
    ]
    lines = [Line(str(tmp_path / name), max_bytes=ALL) for name in ("one.db", "two.db")]
    first, second = ([line.destination("http://m", key.account(line.salt)) for key in keys] for line in lines)
    assert first[0] == first[2] != first[1]
    assert second[0] == second[2] != second[1]
    assert keys[0].account(lines[0].salt) != keys[0].account(lines[1].salt)
    for line in lines:
        line.put(1, turn("hi"), None, 1.0)
        assert all(b"mpg-marker" not in file.read_bytes() for file in tmp_path.iterdir())
        line.close()
    assert all(b"mpg-marker" not in file.read_bytes() for file in tmp_path.iterdir())


def test_a_file_keeps_its_salt(tmp_path: Path) -> None:
    salts = []
    for _ in range(2):
        line = Line(str(tmp_path / "o.db"), max_bytes=ALL)
        salts.append(line.salt)
        line.close()
    assert salts[0] == salts[1]


def test_an_engine_s_file_is_no_outbox(tmp_path: Path) -> None:
    from memos_integrations import connect

    connect(tmp_path / "memos.db").close()
    with pytest.raises(Unsupported, match="another program"):
        Line(str(tmp_path / "memos.db"), max_bytes=ALL)


def test_what_is_too_old_to_be_asked_for_is_forgotten(line: Line, at: int) -> None:
    month = 30 * 86_400.0
    line.put(at, turn("a"), "t", 0.0)
    batch = line.claim(at, "me", 1.0, 9.0)
    assert batch is not None
    line.delivered(batch, [(b"d", None)], 1.0)
    line.forget(month)
    assert line.knows(at, turn("-"), "t")
    line.forget(month + 2)
    assert not line.knows(at, turn("-"), "t")
    assert line.execute("select count(*) from conversation").fetchone() == (0,)
