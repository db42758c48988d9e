"""Record: what is written, that it leaves the turn's path, and that nothing is lost or sent twice."""

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from memos_integrations import MemOS, Scope
from memos_integrations.client import Degraded, Event, Recorded
from memos_integrations.errors import BadRequest, RateLimited, Refused, ServerFault, Unreachable
from memos_integrations.memory.prompt import render
from memos_integrations.memory.record import Asked, Said, held, hold, record
from memos_integrations.memory.writer import _Entry
from memos_integrations.wire.answers import Added, Found
from memos_integrations.wire.calls import AddMessage
from memos_integrations.wire.envelope import Reply, Request
from tests.fakes import CountingEngine, Unstreamed, client_over

ADA = Scope(user_id="ada", conversation_id="c", agent_id="a", app_id="p", tags=["t"], info={"x": 1})
TURN = [Said("user", "I like tea."), Said("assistant", "Noted.")]


class Scripted(CountingEngine):
    """Adds, after it has raised what it was told to raise."""

    def __init__(self, *errors: Refused) -> None:
        super().__init__()
        self.errors = list(errors)
        self.tried = 0

    def add_message(self, call: AddMessage, project: str = "") -> Added:
        self.tried += 1
        if self.errors:
            raise self.errors.pop(0)
        return super().add_message(call, project)


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


def test_one_writer_serves_all_who_share_a_client(client: MemOS) -> None:
    threads = [threading.Thread(target=record, args=(client.with_options(deadline=5), ADA, TURN)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.flush()
    assert len(written(client)) == 40
    assert not [thread for thread in threading.enumerate() if thread.name == "memos-writer"]


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
    assert engine.tried == 4
    assert [type(event).__name__ for event in events] == ["Degraded", "Recorded", "Recorded"]
    assert len(caplog.records) == 1
    assert "kept and tried again" in caplog.text


@pytest.mark.parametrize("error", [BadRequest("MARKER7f3a", code=40013), ServerFault("MARKER7f3a", code=50000)])
def test_a_refused_turn_is_told_and_not_repeated(
    error: Refused, events: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    engine = Scripted(error)
    with client_over(engine, on_event=events.append) as client, caplog.at_level(logging.DEBUG):
        record(client, ADA, [Said("user", "MARKER7f3a")])
        record(client, ADA, TURN)
        assert client.flush() == 0
        assert len(written(client)) == 2
    assert engine.tried == 2
    degraded = [(e.what, e.error, e.code) for e in events if isinstance(e, Degraded)]
    assert degraded == [("record", type(error).__name__, error.code)]
    assert "refused" in caplog.text
    assert "MARKER7f3a" not in caplog.text


class Unsure(Unstreamed):
    """Acts on the first add, and says nothing: the caller can't know."""

    def __init__(self, client: MemOS) -> None:
        self._client, self.sent = client, 0

    def send(self, request: Request, seconds: float) -> Reply:
        self.sent += 1
        self._client._shared.transport.send(request, seconds)
        raise Unreachable("reset after sending", sent=True)

    def close(self) -> None: ...


class Unused(Unstreamed):
    async def send(self, request: Request, seconds: float) -> Reply:
        raise AssertionError("recording is not async")

    async def close(self) -> None: ...


def test_a_turn_of_unknown_fate_is_not_sent_twice(client: MemOS, caplog: pytest.LogCaptureFixture) -> None:
    unsure = Unsure(client)
    with MemOS.over(unsure, Unused(), address="x") as other:
        record(other, ADA, TURN)
        assert other.flush() == 0
    assert unsure.sent == 1
    assert len(written(client)) == 2
    assert "unknown, not sent again" in caplog.text


class Gate(Unstreamed):
    """A server that can't be reached until the gate opens."""

    def __init__(self, client: MemOS) -> None:
        self._client, self.open, self.knocked = client, False, threading.Event()

    def send(self, request: Request, seconds: float) -> Reply:
        self.knocked.set()
        if not self.open:
            raise Unreachable("no connection", sent=False)
        return self._client._shared.transport.send(request, seconds)

    def close(self) -> None: ...


def test_a_server_that_is_down_is_waited_for(client: MemOS) -> None:
    gate = Gate(client)
    with MemOS.over(gate, Unused(), address="x") as other:
        record(other, ADA, TURN)
        assert gate.knocked.wait(30)
        assert other.flush(0.01) == 1
        gate.open = True
        assert other.flush() == 0
    assert len(written(client)) == 2


def test_a_pause_that_the_server_asked_for_is_not_shortened() -> None:
    engine = Scripted(RateLimited("slow", code=40309, retry_after=3_600))
    with client_over(engine) as client:
        record(client, ADA, TURN)
        assert client.flush(0.4) == 1  # longer than the first pause of our own
        assert engine.tried == 1
        client.close(0.01)


def test_a_flush_of_its_own_hand_gives_a_send_no_longer_than_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []

    class Noting(Unstreamed):
        def send(self, request: Request, seconds: float) -> Reply:
            given.append(seconds)
            raise Unreachable("no connection", sent=False)

        def close(self) -> None: ...

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread at interpreter shutdown")

    client = MemOS.over(Noting(), Unused(), address="x")
    with monkeypatch.context() as ending:
        ending.setattr(threading.Thread, "start", refuse)
        record(client, ADA, TURN)
        assert client.flush(0.3) == 1
    assert given
    assert max(given) <= 0.3
    client.close(0.01)


def test_closing_tells_what_is_left_and_leaves_no_thread(client: MemOS, caplog: pytest.LogCaptureFixture) -> None:
    other = MemOS.over(Gate(client), Unused(), address="x")
    record(other, ADA, TURN)
    record(other, ADA, TURN)
    other.close(0.01)
    assert "2" in next(r.getMessage() for r in caplog.records if "closed" in r.getMessage())
    assert not [thread for thread in threading.enumerate() if thread.name == "memos-writer"]
    record(other, ADA, TURN)
    assert "the client is closed" in caplog.text
    assert written(client) == []


def test_a_turn_after_the_end_is_told_even_if_it_is_the_first(client: MemOS, caplog: pytest.LogCaptureFixture) -> None:
    other = MemOS.over(Gate(client), Unused(), address="x")
    other.close()
    record(other, ADA, TURN)
    assert "the client is closed" in caplog.text
    assert not [thread for thread in threading.enumerate() if thread.name == "memos-writer"]


def test_closing_delivers_first(engine: CountingEngine) -> None:
    with client_over(engine) as client:
        for _ in range(20):
            record(client, ADA, TURN)
    assert len(engine.added) == 20


@pytest.mark.parametrize("gone", [RuntimeError("can't start new thread at interpreter shutdown")])
def test_where_no_thread_can_start_flush_delivers_itself(
    client: MemOS, gone: RuntimeError, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise gone

    with monkeypatch.context() as ending:
        ending.setattr(threading.Thread, "start", refuse)
        record(client, ADA, TURN)
        assert client.flush(5) in {0, 1}  # the engine's own refinement may still need its thread
    assert len(written(client)) == 2


def test_a_bug_in_a_transport_is_told_and_blocks_nobody(
    client: MemOS, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate(client)
    events: list[Event] = []
    with (
        MemOS.over(gate, Unused(), address="x", on_event=events.append) as other,
        monkeypatch.context() as broken,
    ):
        broken.setattr(gate, "send", lambda *_: 1 / 0)
        record(other, ADA, TURN)
        assert other.flush(5) == 0
        broken.undo()
        gate.open = True
        record(other, ADA, TURN)
        assert other.flush(5) == 0
    assert [(e.what, e.error) for e in events if isinstance(e, Degraded)] == [("record", "ZeroDivisionError")]
    assert "(ZeroDivisionError, code 0): unknown, not sent again" in caplog.text
    assert len(written(client)) == 2


def test_an_outage_of_days_makes_no_number_too_large() -> None:
    entry = _Entry(AddMessage(messages=[{"role": "user", "content": "x"}], user_id="u"), tries=100_000)
    assert entry.due(hurried=False) == 30.0


def test_a_listener_may_flush_and_close(engine: CountingEngine) -> None:
    left: list[int] = []

    def listen(event: Event) -> None:
        left.append(own.flush())
        own.close()

    with client_over(engine, on_event=listen) as own:
        record(own, ADA, TURN)
    assert len(engine.added) == 1
    assert left == [1]  # the very write that is being told of


def test_what_a_user_said_is_held_until_it_is_taken(client: MemOS, monkeypatch: pytest.MonkeyPatch) -> None:
    hold(client, ADA, "1", TURN[0])
    assert held(client, Scope(user_id="bob"), "1") is None
    assert held(client, ADA, "1") == TURN[0]
    assert held(client, ADA, "1") is None
    monkeypatch.setattr("memos_integrations.memory.record._MAX_HELD", 1)
    hold(client, ADA, "1", TURN[0])
    hold(client, ADA, "2", TURN[0])
    assert (held(client, ADA, "1"), held(client, ADA, "2")) == (None, TURN[0])


def test_a_turn_tells_nobody_what_was_said() -> None:
    assert "tea" not in repr(TURN)
