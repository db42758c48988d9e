"""Record: what of a turn is written, and that its outcome is told; the outbox's own tests tell how it is delivered."""

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from memos_integrations import MemOS, Scope
from memos_integrations.client import Degraded, Event, Parked, Recorded
from memos_integrations.errors import BadRequest, QuotaExceeded, RateLimited, Refused, ServerFault
from memos_integrations.memory.outbox import Outbox
from memos_integrations.memory.prompt import render
from memos_integrations.memory.record import Asked, Said, record
from memos_integrations.wire.answers import Added, Found
from memos_integrations.wire.calls import AddMessage
from tests.fakes import CountingEngine, client_over

ADA = Scope(user_id="ada", conversation_id="c", agent_id="a", app_id="p", tags=["t"], info={"x": 1})
TURN = [Said("user", "I like tea."), Said("assistant", "Noted.")]


class Scripted(CountingEngine):
    """Adds, after it has raised what it was told to raise."""

    def __init__(self, *errors: Refused) -> None:
        super().__init__()
        self.errors = list(errors)
        self.tried = 0

    def add_message(self, call: AddMessage, project: str = "", *more: Any, **named: Any) -> Added:
        self.tried += 1
        if self.errors:
            raise self.errors.pop(0)
        return super().add_message(call, project, *more, **named)


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def engine() -> CountingEngine:
    return CountingEngine()


@pytest.fixture
def client(engine: CountingEngine, events: list[Event]) -> Iterator[MemOS]:
    with client_over(engine, on_event=events.append) as client:
        yield client


def written(client: MemOS) -> list[tuple[str, Any]]:
    stored = client.get_message(user_id="ada", conversation_id="c", message_limit_number=50)
    return [(message.role, message.content) for message in stored.message_detail_list]


def test_a_turn_is_one_add_with_its_marks(client: MemOS, engine: CountingEngine, events: list[Event]) -> None:
    at = datetime(2026, 8, 1, 10, 0, tzinfo=UTC)
    assert record(client, ADA, [Said("user", "I like tea.", at), TURN[1]]) == 2
    assert client.flush() == 0
    (call,) = engine.added
    assert (call.users, call.agents, call.conversation_id, call.app_id) == (("ada",), ("a",), "c", "p")
    assert (call.tags, call.info, call.async_mode) == (("t",), {"x": 1}, None)
    assert [(m.role, m.text) for m in call.turns] == [("user", "I like tea."), ("assistant", "Noted.")]
    assert call.turns[0].chat_time == "2026-08-01 10:00:00"
    assert call.turns[1].chat_time
    (told,) = (event for event in events if isinstance(event, Recorded))
    assert (told.conversation_id, told.messages) == ("c", 2)
    assert client.get_status(task_id=told.task_id or "").status == "completed"


def test_what_we_injected_and_what_says_nothing_is_not_written(client: MemOS, engine: CountingEngine) -> None:
    block = render(Found.model_validate({"memory_detail_list": [{"id": "m", "memory_value": "secret"}]}))
    assert record(client, ADA, [Said("user", f"{block}I like tea.\ud800"), Said("assistant", " \n")]) == 1
    assert record(client, ADA, [Said("user", block), Said("assistant", "")]) == 0
    client.flush()
    assert written(client) == [("user", "I like tea.?")]
    assert len(engine.added) == 1


def test_tools_are_written_in_whole_pairs(client: MemOS, engine: CountingEngine) -> None:
    calls = (Asked("1", "look", '{"word": "tea"}'), Asked("2", "lost", "{}"))
    turn = [
        Said("user", "Look up tea."),
        Said("assistant", "", asked=calls),
        Said("tool", "x" * 9_000, answers="1"),
        Said("tool", "", answers="nobody's"),
        Said("assistant", "It is a plant."),
    ]
    assert record(client, ADA, turn) == 4
    client.flush()
    (call,) = engine.added
    user, asked, result, answer = (turn.model_dump(exclude_none=True, exclude={"chat_time"}) for turn in call.turns)
    assert list(asked["tool_calls"]) == [
        {"id": "1", "type": "function", "function": {"name": "look", "arguments": '{"word": "tea"}'}}
    ]
    assert (result["role"], result["tool_call_id"], len(result["content"])) == ("tool", "1", 8_000)
    assert (user["content"], answer["content"]) == ("Look up tea.", "It is a plant.")


def test_writes_keep_their_order(client: MemOS) -> None:
    for number in range(50):
        record(client, ADA, [Said("user", str(number))])
    assert client.flush() == 0
    assert [content for _, content in written(client)] == [str(number) for number in range(50)]


def test_one_outbox_serves_all_who_share_a_client(client: MemOS) -> None:
    threads = [threading.Thread(target=record, args=(client.with_options(deadline=5), ADA, TURN)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.flush()
    assert len(written(client)) == 40


@pytest.mark.parametrize(
    "error",
    [RateLimited("slow", code=40309, retry_after=0.001), ServerFault("later", code=50004), Refused("busy", status=503)],
)
def test_what_surely_was_not_applied_is_tried_again(
    error: Refused, events: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    engine = Scripted(error, error)
    with client_over(engine, on_event=events.append) as client, caplog.at_level(logging.WARNING):
        record(client, ADA, TURN)
        record(client, ADA, [Said("user", "second")])
        assert client.flush() == 0
        assert [content for _, content in written(client)] == ["I like tea.", "Noted.", "second"]
    assert engine.tried == 3 + (len(events) - 2)
    assert [type(event) for event in events[:2]] == [Degraded, Recorded]
    assert sum(event.messages for event in events if isinstance(event, Recorded)) == 3
    assert len(caplog.records) == 1
    assert "kept and tried again" in caplog.text


@pytest.mark.parametrize("error", [BadRequest("MARKER7f3a", code=40013), QuotaExceeded("MARKER7f3a", code=40301)])
def test_a_refused_turn_is_told_parked_and_not_repeated(
    error: Refused, events: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    engine = Scripted(error)
    with client_over(engine, on_event=events.append) as client, caplog.at_level(logging.DEBUG):
        record(client, ADA, [Said("user", "MARKER7f3a")])
        assert client.flush() == 0
        record(client, ADA, TURN)
        assert client.flush() == 0
        assert len(written(client)) == 2
        assert Outbox.of(client).status().parked == 1
    assert engine.tried == 2
    assert [type(event) for event in events] == [Degraded, Parked, Recorded]
    degraded, parked = (event for event in events if isinstance(event, Degraded | Parked))
    assert (degraded.error, degraded.code) == (parked.error, parked.code) == (type(error).__name__, error.code)
    assert "could not be recorded and is parked: it was refused" in caplog.text
    assert "MARKER7f3a" not in caplog.text


def test_a_turn_whose_reply_was_lost_is_written_once(client: MemOS, engine: CountingEngine) -> None:
    class Lossy(Scripted):
        def add_message(self, call: AddMessage, project: str = "", *more: Any, **named: Any) -> Added:
            super().add_message(call, project, *more, **named)
            raise ServerFault("the reply was lost", code=50000)

    lossy = Lossy()
    with client_over(lossy) as other:
        record(other, ADA, TURN)
        assert other.flush() == 0
        assert written(other) == [("user", "I like tea."), ("assistant", "Noted.")]
        assert lossy.tried == 1


def test_a_turn_after_the_end_is_told(
    engine: CountingEngine, events: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    with client_over(engine, on_event=events.append) as client:
        record(client, ADA, TURN)
    with caplog.at_level(logging.WARNING):
        assert record(client, ADA, TURN) == 0
    assert "a turn could not be recorded (Unreachable, code 0)" in caplog.text
    assert [type(event) for event in events] == [Recorded, Degraded]
    assert len(engine.added) == 1


def test_closing_delivers_first(engine: CountingEngine) -> None:
    with client_over(engine) as client:
        for _ in range(20):
            record(client, ADA, TURN)
    assert [turn.text for call in engine.added for turn in call.turns] == ["I like tea.", "Noted."] * 20


def test_a_conversation_is_made_up_where_there_is_none(client: MemOS, engine: CountingEngine) -> None:
    for _ in range(2):
        record(client, Scope(user_id="ada"), TURN)
    client.flush()
    assert len({call.conversation_id for call in engine.added} - {None}) == 2


def test_a_message_with_an_id_for_good_is_written_once_whatever_its_turn(client: MemOS, engine: CountingEngine) -> None:
    asked = Said("user", "Which tea?", id="0b0f4a3e-93f1-4be4-8c5c-2f1f2d5a9d01")
    record(client, ADA, [asked, Said("assistant", "Sencha.")])
    assert record(client, ADA, [asked, Said("assistant", "Or matcha.")]) == 1
    assert record(client, ADA, [Said("user", "yes", id="1")]) == record(client, ADA, [Said("user", "yes", id="1")])
    client.flush()
    assert [text for _, text in written(client)] == ["Which tea?", "Sencha.", "Or matcha.", "yes", "yes"]


def test_a_listener_may_flush_and_close(engine: CountingEngine) -> None:
    left: list[int] = []

    def listen(event: Event) -> None:
        left.append(own.flush())
        own.close()

    with client_over(engine, on_event=listen) as own:
        record(own, ADA, TURN)
    assert len(engine.added) == 1
    assert left  # it came back, though it was asked by the very thread that delivers


def test_a_turn_tells_nobody_what_was_said() -> None:
    assert "tea" not in repr(TURN)
