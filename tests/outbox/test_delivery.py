"""One delivery: what comes of each answer, how often MemOS is asked, and when. No thread runs, and no time passes."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from memos_integrations import MemOS
from memos_integrations.client import Degraded, Event, Parked, Recorded
from memos_integrations.memory.outbox import Outbox
from memos_integrations.wire.envelope import Reply
from tests.outbox.scripted import DEAD, FINE, LOST, Clock, Scripted, client_of, frozen, refusal, run, texts, turn

LONG = 10_000.0
ADD, GET = "add", "get"
INSIDE = (50000, 50002, 50143, 50144)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    with frozen(monkeypatch) as clock:
        yield clock


def bug() -> Reply:
    raise KeyError("a transport's bug")


def delivered(clock: Clock, server: Scripted, *turns: Any, events: list[Event] | None = None) -> tuple[MemOS, Outbox]:
    """The client and its outbox after all that comes of `turns`; in memory, so its end leaves nothing behind."""
    server.clock = server._clock = clock
    with client_of(server, events=events, close=0.0) as client:
        outbox = Outbox.of(client)
        for one in turns:
            outbox.put(one)
        run(outbox, clock, LONG)
        outbox.left = outbox.entries()  # type: ignore[attr-defined]
        return client, outbox


def left(clock: Clock, server: Scripted, *turns: Any, events: list[Event] | None = None) -> list[tuple[str, str, int]]:
    """What stays in the outbox: state, error and code."""
    _, outbox = delivered(clock, server, *turns, events=events)
    return [(entry.state, entry.error, entry.code) for entry in outbox.left]  # type: ignore[attr-defined]


NOT_APPLIED = [
    DEAD,
    refusal(0, 429),
    refusal(0, 503),
    *(refusal(code, status) for code in (40309, 50004, 50005) for status in (200, 400, 500)),
]


@pytest.mark.parametrize("answer", NOT_APPLIED)
def test_what_surely_was_not_applied_is_sent_again_unlooked(clock: Clock, answer: Any) -> None:
    server = Scripted([answer] * 3)
    assert left(clock, server, turn("a", "b")) == []
    assert server.paths == [ADD] * 4
    assert server.words() == ["a", "b"]


UNKNOWN = [
    LOST,
    *(refusal(0, status) for status in (500, 502, 504)),
    Reply(200, b"<html>"),
    Reply(200, b'{"code":0,"data":[]}'),
    bug,
]


@pytest.mark.parametrize("answer", UNKNOWN)
def test_what_nobody_knows_of_is_looked_for_twice_and_sent_again(clock: Clock, answer: Any) -> None:
    server = Scripted([answer])
    assert left(clock, server, turn("a", "b")) == []
    assert server.paths == [ADD, GET, GET, ADD]
    assert server.words() == ["a", "b"]
    assert server.asked[2][1] - server.asked[1][1] >= 1.0, "a no is asked for once more after a pause"


def test_what_was_written_without_a_word_is_found_and_not_sent_again(clock: Clock) -> None:
    server, events = Scripted([LOST], applies_lost=True), list[Event]()
    assert left(clock, server, turn("a", "b"), events=events) == []
    assert (server.paths, server.words()) == ([ADD, GET], ["a", "b"])
    assert [type(event) for event in events] == [Degraded, Recorded]


def test_an_empty_answer_is_a_yes(clock: Clock) -> None:
    server, events = Scripted([Reply(200, b"")]), list[Event]()
    assert left(clock, server, turn("a"), events=events) == []
    assert server.paths == [ADD]
    assert [(event.messages, event.task_id) for event in events if isinstance(event, Recorded)] == [(1, None)]


@pytest.mark.parametrize("code", INSIDE)
def test_a_failure_inside_is_tried_a_few_times_and_then_parked(clock: Clock, code: int) -> None:
    server, events = Scripted([refusal(code, words="broken inside")] * 99), list[Event]()
    _, outbox = delivered(clock, server, turn("a"), events=events)
    (entry,) = outbox.left  # type: ignore[attr-defined]
    assert (entry.state, entry.error, entry.code, entry.message) == ("parked", "ServerFault", code, "broken inside")
    assert server.paths == [ADD, GET, GET] * 4
    assert [type(event) for event in events] == [Degraded, Degraded, Parked]


def test_only_the_poison_of_several_is_parked_for_a_failure_inside(clock: Clock) -> None:
    server = Scripted()
    server.adds = PoisonFirst(server, refusal(50002))
    assert left(clock, server, turn("a"), turn("poison"), turn("b")) == [("parked", "ServerFault", 50002)]
    assert server.words() == ["a", "b"]


class PoisonFirst(list[Any]):
    """A script that refuses whatever holds poison."""

    def __init__(self, server: Scripted, answer: Any) -> None:
        self._server, self._answer = server, answer
        self._send, server.send = server.send, self.send  # type: ignore[method-assign]

    def send(self, request: Any, seconds: float) -> Reply:
        if request.path == "add/message" and b"poison" in request.body:
            self._server.asked.append((request.path, 0.0))
            if isinstance(self._answer, Exception):
                raise self._answer
            return self._answer  # type: ignore[no-any-return]
        return self._send(request, seconds)


FINAL = [(40002, "BadRequest"), (40100, "Unauthorized"), (40300, "QuotaExceeded"), (40305, "BadRequest"), (60001, "")]


@pytest.mark.parametrize(("code", "error"), FINAL)
def test_a_refusal_is_parked_at_once_with_its_code_and_words(clock: Clock, code: int, error: str) -> None:
    server, events = Scripted([refusal(code, words="so it is")]), list[Event]()
    _, outbox = delivered(clock, server, turn("a"), turn("b", conversation="d"), events=events)
    (entry,) = outbox.left  # type: ignore[attr-defined]
    assert (entry.state, entry.code, entry.message) == ("parked", code, "so it is")
    assert entry.error == (error or "ServerFault")
    assert (server.paths, server.words("d")) == ([ADD, ADD], ["b"])
    (parked,) = (event for event in events if isinstance(event, Parked))
    assert (parked.conversation_id, parked.entries, parked.code) == ("c", (entry.number,), code)


def test_a_refused_batch_is_sent_one_by_one_and_only_the_poison_is_parked(clock: Clock) -> None:
    server = Scripted()
    server.adds = PoisonFirst(server, refusal(40305))
    turns = [turn(text) for text in ("a", "b", "poison", "c")] + [turn("d", conversation="d")]
    assert left(clock, server, *turns) == [("parked", "BadRequest", 40305)]
    assert (server.words(), server.words("d")) == (["a", "b", "c"], ["d"])
    assert [texts(call) for call in server.sent if call.conversation_id == "c"] == [["a"], ["b"], ["c"]]


@pytest.mark.parametrize("reading", [refusal(40100), refusal(0, 403), Reply(302), bug, refusal(40002)])
def test_readings_that_are_refused_end_as_unknown(clock: Clock, reading: Any) -> None:
    server = Scripted([LOST], [reading] * 99)
    assert left(clock, server, turn("a"), turn("next", conversation="d")) == [("parked", "unknown", 0)]
    assert server.paths.count(ADD) == 2
    assert server.paths.count(GET) == 10
    assert server.words("d") == ["next"]


def test_unclear_readings_end_as_unknown(clock: Clock) -> None:
    timeless = b'{"code":0,"data":{"message_detail_list":[{"role":"user","content":"a"}]}}'
    server = Scripted([LOST], [Reply(200, timeless)] * 99)
    assert left(clock, server, turn("a")) == [("parked", "unknown", 0)]
    assert server.paths == [ADD, *[GET] * 10]


@pytest.mark.parametrize("reading", [DEAD, LOST, refusal(0, 503), refusal(0, 500), Reply(200, b"<html>")])
def test_a_failed_reading_is_neither_a_no_nor_counted(clock: Clock, reading: Any) -> None:
    server = Scripted([LOST], [reading] * 30, applies_lost=True)
    assert left(clock, server, turn("a")) == []
    assert server.paths == [ADD, *[GET] * 31]
    assert server.words() == ["a"]


UNREADABLE: list[Callable[[], Any]] = [
    lambda: turn("a", conversation=None),
    lambda: turn("a").model_copy(update={"user_id": ("ada", "bob")}),
    lambda: turn("a").model_copy(update={"user_id": None, "agent_id": "x"}),
]


@pytest.mark.parametrize("make", UNREADABLE)
@pytest.mark.parametrize("answer", [LOST, refusal(0, 502), refusal(50000), bug])
def test_what_cannot_be_read_back_is_sent_once_and_parked(clock: Clock, make: Any, answer: Any) -> None:
    server = Scripted([answer])
    ((state, error, _),) = left(clock, server, make())
    assert (state, error, server.paths) == ("parked", "unknown", [ADD])


@pytest.mark.parametrize("make", UNREADABLE)
def test_what_cannot_be_read_back_is_sent_again_where_it_surely_was_not_applied(clock: Clock, make: Any) -> None:
    server = Scripted([DEAD, refusal(0, 429)])
    assert left(clock, server, make()) == []
    assert server.paths == [ADD] * 3


def times(server: Scripted, clock: Clock) -> list[float]:
    return [at - 1_000_000.0 for _, at in server.asked]


def test_our_own_pauses_grow_up_to_the_longest(clock: Clock) -> None:
    server = Scripted([refusal(0, 503)] * 6)
    assert left(clock, server, turn("a")) == []
    told = times(server, clock)
    pauses = [round(b - a) for a, b in pairwise(told)]
    assert pauses == [1, 2, 4, 8, 8, 8]


@pytest.mark.parametrize("status", [429, 503])
def test_what_the_server_asks_for_is_waited_for_even_by_flush(clock: Clock, status: int) -> None:
    server = Scripted([refusal(0, status, retry_after="60")], clock=clock)
    with client_of(server) as client:
        Outbox.of(client).put(turn("a"))
        assert client.flush(59.0) == 1
        assert times(server, clock) == [0.0]
        assert client.flush(2.0) == 0
        assert times(server, clock)[1] >= 60.0


def test_a_limiter_speaks_to_all_conversations_and_to_readings(clock: Clock) -> None:
    server = Scripted([LOST, refusal(0, 429, retry_after="60")], [refusal(0, 429, retry_after="90")], clock=clock)
    with client_of(server, close=0.0) as client:
        outbox = Outbox.of(client)
        outbox.put(turn("a"))
        outbox.put(turn("b", conversation="d"))
        assert client.flush(300.0) == 0
    assert server.paths[:2] == [ADD, ADD]
    assert times(server, clock)[2] >= 60.0
    reading = next(n for n, path in enumerate(server.paths) if path == GET)
    assert times(server, clock)[reading + 1] - times(server, clock)[reading] >= 90.0


def test_flush_shortens_our_own_pauses(clock: Clock) -> None:
    server = Scripted([refusal(0, 503)] * 13, clock=clock)
    with client_of(server) as client:
        outbox = Outbox.of(client)
        outbox.put(turn("a"))
        run(outbox, clock, 55.5)  # the last one failed just now, and 8 seconds are to pass
        asked = len(server.asked)
        assert client.flush(6.5) == 0
        assert len(server.asked) - asked >= 4, "and not 8 seconds after the one before"
    assert server.words() == ["a"]


def test_a_dead_server_is_not_asked_for_each_conversation_and_comes_back(clock: Clock) -> None:
    server = Scripted([DEAD] * 1_000, clock=clock)
    with client_of(server, close=0.0) as client:
        outbox = Outbox.of(client)
        for n in range(100):
            outbox.put(turn("a", conversation=str(n)))
        run(outbox, clock, 80.0)
        assert len(server.asked) < 25
        server.adds = []
        run(outbox, clock, 9.0)
        assert outbox.status().waiting == 0
    assert len(server.got) == 100


def test_readings_of_a_dead_server_are_not_made_for_each_conversation(clock: Clock) -> None:
    server = Scripted([LOST] * 100, [DEAD] * 1_000, clock=clock)
    with client_of(server, close=0.0) as client:
        outbox = Outbox.of(client)
        for n in range(100):
            outbox.put(turn("a", conversation=str(n)))
        run(outbox, clock, 80.0)
        assert server.paths.count(GET) < 25


def test_an_entry_put_off_is_told_once(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    events = list[Event]()
    assert left(clock, Scripted([DEAD] * 6), turn("a"), events=events) == []
    assert [type(event) for event in events] == [Degraded, Recorded]
    assert [r.getMessage() for r in caplog.records if r.name.startswith("memos_integrations.memory._d")] == [
        "a turn could not be recorded yet (Unreachable, code 0): it is kept and tried again"
    ]


def test_ok_said_again_is_written_again(clock: Clock) -> None:
    server = Scripted([FINE, LOST, LOST], applies_lost=True, clock=clock)
    with client_of(server) as client:
        for n in range(3):
            Outbox.of(client).put(turn("ok", "ok"))
            assert client.flush(60.0) == 0, n
            clock.wait(30.0)
    assert server.words() == ["ok"] * 6
