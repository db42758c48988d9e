"""A turn that is begun, closed, begun again, or never closed: what the user said is written once in each case."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memos_integrations import MemOS, OutboxOptions, Scope, connect
from memos_integrations.client import Degraded, Event
from memos_integrations.memory.outbox import Outbox
from memos_integrations.memory.record import Said, abegin, arecord, begin, begun, record

ADA = Scope(user_id="ada", conversation_id="c")
ASKED, TOLD = Said("user", "I like tea."), Said("assistant", "Noted.")


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "memos.db")


@pytest.fixture
def client(path: str) -> Iterator[MemOS]:
    with connect(path) as client:
        yield client


def written(client: MemOS) -> list[str]:
    assert client.flush() == 0
    stored = client.get_message(user_id="ada", conversation_id="c", message_limit_number=50)
    return [str(message.content) for message in stored.message_detail_list]


def test_what_is_begun_waits_for_its_end(client: MemOS) -> None:
    begin(client, ADA, "1", ASKED)
    assert written(client) == []
    assert Outbox.of(client).status().open == 1
    assert record(client, ADA, [ASKED, TOLD], "1") == 2
    assert written(client) == ["I like tea.", "Noted."]
    assert Outbox.of(client).status().open == 0


def test_the_next_turn_of_the_conversation_lets_it_go_alone_and_its_answer_comes_later(client: MemOS) -> None:
    begin(client, ADA, "1", ASKED)
    begin(client, Scope(user_id="bob", conversation_id="c"), "1", Said("user", "bob's"))
    assert written(client) == []
    begin(client, ADA, "2", Said("user", "And cake."))
    assert written(client) == ["I like tea."]
    record(client, ADA, [Said("user", "And cake."), TOLD], "2")
    assert record(client, ADA, [ASKED, Said("assistant", "At last.")], "1") == 1
    assert written(client) == ["I like tea.", "And cake.", "Noted.", "At last."]


def test_a_turn_that_ends_twice_is_written_once_by_any_client(path: str) -> None:
    with connect(path) as client:
        begin(client, ADA, "1", ASKED)
        record(client, ADA, [ASKED, TOLD], "1")
    with connect(path) as client:  # the process died before it could note that
        begin(client, ADA, "1", ASKED)
        assert record(client, ADA, [ASKED, TOLD], "1") == 0
        assert written(client) == ["I like tea.", "Noted."]


def test_equal_turns_are_each_written(client: MemOS) -> None:
    for name in "123":
        begin(client, ADA, name, ASKED)
        record(client, ADA, [ASKED, TOLD], name)
    assert written(client) == ["I like tea.", "Noted."] * 3


def test_who_asks_is_told_what_was_begun(client: MemOS) -> None:
    assert begun(client, ADA, "1") is None
    begin(client, ADA, "1", ASKED)
    assert begun(client, ADA, "1") == "I like tea."
    assert begun(client, Scope(user_id="bob", conversation_id="c"), "1") is None
    record(client, ADA, [ASKED, TOLD], "1")
    assert begun(client, ADA, "1") == ""


def test_a_number_for_an_id_may_begin_another_turn_when_the_first_has_ended(client: MemOS) -> None:
    numbered = Said("user", "yes", id="1")
    for _ in range(2):
        begin(client, ADA, "1 yes", numbered)
        begin(client, ADA, "1 yes", numbered)  # tried again, or seen by another
        record(client, ADA, [numbered, TOLD], "1 yes")
        assert record(client, ADA, [numbered, TOLD], "1 yes") == 0
    assert written(client) == ["yes", "Noted."] * 2


def test_an_id_for_good_begins_no_second_turn(client: MemOS) -> None:
    asked = Said("user", "yes", id="0b0f4a3e-93f1-4be4-8c5c-2f1f2d5a9d01")
    for _ in range(2):
        begin(client, ADA, str(asked.id), asked)
        record(client, ADA, [asked, TOLD], str(asked.id))
    assert written(client) == ["yes", "Noted."]
    assert Outbox.of(client).status().open == 0


def test_blank_words_begin_nothing(client: MemOS) -> None:
    begin(client, ADA, "1", Said("user", " \n"))
    assert begun(client, ADA, "1") is None
    assert Outbox.of(client).status().open == 0


def test_a_full_outbox_is_told_when_the_turn_ends(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    events = list[Event]()
    kept = OutboxOptions(path=tmp_path / "box", max_megabytes=1)
    with connect(":memory:", outbox=kept, on_event=events.append) as client:
        many = Said("user", "x" * 200_000)
        for name in range(12):
            begin(client, Scope(user_id="ada", conversation_id=f"c{name}"), str(name), many)
        before = Outbox.of(client).status().open
        assert 0 < before < 12
        assert caplog.records == []
        with caplog.at_level(logging.WARNING):
            assert record(client, Scope(user_id="ada", conversation_id="c11"), [many, TOLD], "11") == 0
        assert "a turn could not be recorded (OutboxFull, code 0)" in caplog.text
        assert [event.error for event in events if isinstance(event, Degraded)] == ["OutboxFull"]


async def test_awaited_the_file_is_touched_in_threads_alone(client: MemOS, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = list[int]()
    for name in ("open", "put"):
        plain = getattr(Outbox, name)

        def noting(outbox: Outbox, *given: Any, plain: Any = plain, **more: Any) -> Any:
            threads.append(threading.get_ident())
            return plain(outbox, *given, **more)

        monkeypatch.setattr(Outbox, name, noting)
    await abegin(client, ADA, "1", ASKED)
    assert await arecord(client, ADA, [ASKED, TOLD], "1") == 2
    await client.aio.flush()
    assert len(threads) == 2
    assert threading.get_ident() not in threads
