"""A chat that goes on while others work, and one that is given up."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from memos_integrations.engine import Engine, route
from memos_integrations.engine._pieces import Pieces, Waiting
from memos_integrations.errors import ServerFault
from memos_integrations.wire.calls import AddMessage, Chat, GetMessage, SearchMemory, StreamChat
from memos_integrations.wire.envelope import Reply, Request, Streamed
from memos_integrations.wire.events import ChatEvent, EventReader
from tests.engine.models import Scripted, thought

ASK: dict[str, Any] = {"user_id": "u", "conversation_id": "c", "query": "Where do I live?"}
PLAIN, STREAMED = Chat.model_validate(ASK), StreamChat.model_validate(ASK)


class Held(Scripted):
    """Says a little, and the rest when it may `go`, or when it is stopped."""

    def __init__(self) -> None:
        self.go, self.reached = threading.Event(), threading.Event()
        super().__init__("In ", self._wait, "Lyon.")
        self.stopped = self.go

    def _wait(self) -> None:
        self.reached.set()
        self.go.wait()


@pytest.fixture(params=[":memory:", "memos.db"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    path = request.param if request.param == ":memory:" else str(tmp_path / request.param)
    engine = Engine(path, model=Held())
    yield engine
    engine.close()


@pytest.fixture
def held(engine: Engine) -> Held:
    assert isinstance(engine._model, Held)
    return engine._model


@pytest.fixture
def aside(held: Held) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool
        held.go.set()  # or a test that fails would wait for it


def stored(engine: Engine) -> int:
    return len(engine.get_message(GetMessage(user_id="u", conversation_id="c")).message_detail_list)


@pytest.mark.parametrize("call", [PLAIN, STREAMED])
def test_others_search_and_add_while_the_model_is_asked(
    engine: Engine, held: Held, aside: ThreadPoolExecutor, call: Any
) -> None:
    def chat() -> Any:
        return list(engine.stream_chat(call)) if call is STREAMED else engine.chat(call)

    chatting = aside.submit(chat)
    assert held.reached.wait(10)
    messages = [{"role": "user", "content": "I live in Lyon."}]
    engine.add_message(AddMessage(messages=messages, user_id="u", async_mode=False))
    assert engine.search_memory(SearchMemory(query="Where do I live?", user_id="u")).memory_detail_list
    assert not chatting.done()
    held.go.set()
    chatting.result()
    assert stored(engine) == 2


def test_a_chat_that_is_given_up_stores_nothing(engine: Engine, held: Held, aside: ThreadPoolExecutor) -> None:
    waiting = Waiting(5)
    chatting = aside.submit(lambda: engine.chat(PLAIN, waiting=waiting))
    assert held.reached.wait(10)
    waiting.give_up()
    with pytest.raises(ServerFault, match="given up"):
        chatting.result()
    assert held.waited == [waiting]
    assert stored(engine) == 0


@pytest.mark.parametrize("by_waiting", [True, False])
def test_a_stream_that_is_given_up_stores_nothing(
    engine: Engine, held: Held, aside: ThreadPoolExecutor, by_waiting: bool
) -> None:
    waiting = Waiting()
    stream = engine.stream_chat(STREAMED, waiting=waiting)
    rest = aside.submit(lambda: [*stream])
    assert held.reached.wait(10)
    if by_waiting:
        waiting.give_up()
    else:
        stream.stop()
    with pytest.raises(ServerFault, match="given up"):
        rest.result()
    stream.close()
    assert stored(engine) == 0


def test_one_that_is_closed_stores_nothing(engine: Engine, held: Held) -> None:
    held.go.set()
    stream = engine.stream_chat(STREAMED)
    assert next(stream).data == "In "
    stream.close()
    stream.close()
    assert held.closed.is_set()
    with pytest.raises(ServerFault, match="given up"):
        next(stream)
    assert stored(engine) == 0


def test_giving_up_before_there_is_anything_to_give_up() -> None:
    stopped: list[int] = []
    waiting = Waiting()
    waiting.give_up()
    waiting.on_give_up(lambda: stopped.append(1))
    assert (waiting.over, stopped) == (True, [1])
    waiting.give_up()
    assert stopped == [1, 1]


def test_the_seconds_reach_the_model(engine: Engine, held: Held) -> None:
    held.go.set()
    body = json.dumps(ASK).encode()
    for members in (ASK, {**ASK, "stream": True}):
        reply = route(engine, Request("POST", "chat", json.dumps(members).encode()), seconds=7)
        if isinstance(reply, Streamed):
            reply.pieces.close()
    route(engine, Request("POST", "chat", body))
    assert [waiting.seconds for waiting in held.waited] == [7, 7, None]


def reply_of(*script: Any, **members: Any) -> Reply | Streamed[Pieces]:
    engine = Engine(":memory:", model=Scripted(*script))
    asked = json.dumps({**ASK, "stream": True, **members}).encode()
    reply = route(engine, Request("POST", "chat", asked))
    if isinstance(reply, Reply):
        engine.close()
        return reply
    events = list(reply.pieces)
    reply.pieces.close()
    engine.close()
    return Streamed(reply.status, iter(events), reply.headers)  # type: ignore[arg-type]


def told(reply: Reply | Streamed[Pieces]) -> list[ChatEvent]:
    assert isinstance(reply, Streamed)
    reader = EventReader("chat")
    return [event for piece in reply.pieces for event in reader.feed(piece)]


def test_over_the_wire() -> None:
    events = told(reply_of(thought("Hm."), "In Lyon."))
    assert [(event.type, event.data) for event in events] == [("reasoning", "Hm."), ("text", "In Lyon."), ("end", "")]


@pytest.mark.parametrize(
    ("script", "members", "code"),
    [
        ((ServerFault("no", code=50004),), {}, 50004),
        ((), {}, 50002),
        (("x",), {"knowledgebase_ids": ["kb"]}, 50123),
        (("x",), {"temperature": 3}, 40000),
    ],
)
def test_a_stream_that_never_began_is_refused_as_any_call(script: Any, members: Any, code: int) -> None:
    reply = reply_of(*script, **members)
    assert isinstance(reply, Reply)
    assert json.loads(reply.body)["code"] == code


def test_without_a_model_the_stream_is_refused_as_any_call() -> None:
    engine = Engine(":memory:")
    reply = route(engine, Request("POST", "chat", json.dumps({**ASK, "stream": True}).encode()))
    assert isinstance(reply, Reply)
    assert json.loads(reply.body)["code"] == 50002
    engine.close()


@pytest.mark.parametrize("error", [ServerFault("broke off", code=50002), RuntimeError("Xq7MARKERq7X")])
def test_a_failure_in_the_middle_is_the_streams_last_event(error: Exception) -> None:
    reply = reply_of("In ", error)
    assert isinstance(reply, Streamed)
    first, last = reply.pieces
    assert b'"In "' in first
    assert b'"type":"error"' in last
    assert b"Xq7MARKERq7X" not in last


class Slow:
    """An answer whose reading tells when it is under way, and ends when it is stopped."""

    def __init__(self) -> None:
        self.begun, self.stopped, self.closed = threading.Event(), threading.Event(), threading.Semaphore(0)
        self._first = iter([ChatEvent(type="text", data="a")])

    def __iter__(self) -> Iterator[ChatEvent]:
        return self

    def __next__(self) -> ChatEvent:
        for event in self._first:
            return event
        self.begun.set()
        self.stopped.wait()
        raise StopIteration

    def close(self) -> None:
        self.closed.release()

    def stop(self) -> None:
        self.stopped.set()


def test_pieces_are_closed_by_whoever_is_last() -> None:
    slow = Slow()
    pieces = Pieces(slow, lambda error: ServerFault(str(error)))
    assert next(pieces)
    with ThreadPoolExecutor(1) as aside:
        reading = aside.submit(lambda: next(pieces, None))
        assert slow.begun.wait(10)
        pieces.close()
        assert reading.result(10) is None
    assert slow.closed.acquire(timeout=10)
    assert next(pieces, None) is None


def test_pieces_closed_between_the_readers_last_look_and_its_leaving() -> None:
    """The reader holds on to the answer until it is out; who closes meanwhile leaves the closing to it."""
    slow = Slow()
    pieces = Pieces(slow, lambda error: ServerFault(str(error)))
    pieces._reading = _Leaving(pieces)  # type: ignore[assignment]
    assert next(pieces)
    assert slow.closed.acquire(blocking=False)


class _Leaving:
    """A lock at whose release, just before it, somebody else closes."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces, self._lock, self._once = pieces, threading.Lock(), [1]

    def acquire(self, blocking: bool = True) -> bool:
        return self._lock.acquire(blocking)

    def release(self) -> None:
        self._lock.release()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *raised: object) -> None:
        if self._once:
            self._once.clear()
            self._pieces.close()
        self._lock.release()
