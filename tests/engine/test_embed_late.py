"""Who waits for an embedder: searches, for a part of their time; no event loop, and no add."""

import asyncio
import json
import logging
import threading
from collections.abc import Iterator, Sequence

import pytest

from memos_integrations.client import MemOS
from memos_integrations.engine import AsyncEngineTransport, Engine, EngineTransport, _embedding, route
from memos_integrations.engine._pieces import Waiting
from memos_integrations.wire.calls import Chat, SearchMemory
from memos_integrations.wire.envelope import Reply, Request
from tests.engine.conftest import Clock, Talk
from tests.engine.embedders import LONG, Topics, opened, settled
from tests.engine.models import Scripted

PUPPY = "I bought a puppy."
LATE = ["the embedder failed (LateError): a search went by words alone"]


class Slow:
    """Takes texts at once, until `held` is set: then it waits for `open`."""

    def __init__(self) -> None:
        self.held, self.open, self.reached = threading.Event(), threading.Event(), threading.Event()

    def __call__(self, _: Sequence[str]) -> None:
        if self.held.is_set():
            self.reached.set()
            self.open.wait(LONG)


@pytest.fixture
def slow() -> Iterator[Slow]:
    slow = Slow()
    yield slow
    slow.open.set()


@pytest.fixture
def talk(slow: Slow) -> Iterator[Talk]:
    talk = opened(Topics(before=slow))
    talk.add(PUPPY)
    settled(talk)
    slow.held.set()
    yield talk
    slow.open.set()
    talk.engine.close()


def test_a_late_vector_is_done_without(talk: Talk, caplog: pytest.LogCaptureFixture) -> None:
    call = SearchMemory(query="puppy", user_id="u")
    with caplog.at_level(logging.WARNING):
        found = talk.engine.search_memory(call, seconds=0.05)
    assert [fact.memory_value for fact in found.memory_detail_list] == [PUPPY]
    assert [record.message for record in caplog.records] == LATE


def test_it_has_its_own_bound_where_the_caller_has_none(
    talk: Talk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_embedding, "_QUERY_SECONDS", 0.05)
    assert talk.facts("puppy") == [PUPPY]
    assert [record.message for record in caplog.records] == LATE


def test_one_that_hangs_takes_no_more_threads_than_it_may(
    talk: Talk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(_embedding, "_QUERY_SECONDS", 0.02)
    assert talk.engine._asker
    talk.engine._asker._room = threading.Semaphore(2)
    for _ in range(5):
        assert talk.facts("puppy") == [PUPPY]
    assert sum(thread.name == "memos-embedder" for thread in threading.enumerate()) <= 2


def test_the_deadline_comes_through_the_router(talk: Talk, slow: Slow) -> None:
    body = json.dumps({"query": "puppy", "user_id": "u"}).encode()
    reply = route(talk.engine, Request("POST", "search/memory", body), seconds=0.05)
    assert isinstance(reply, Reply)
    assert json.loads(reply.body if isinstance(reply.body, bytes) else b"")["code"] == 0
    assert slow.reached.is_set()


def test_who_gives_up_waits_no_longer(talk: Talk, slow: Slow) -> None:
    waiting, done = Waiting(LONG), threading.Event()

    def search() -> None:
        talk.engine.search_memory(SearchMemory(query="puppy", user_id="u"), "", LONG, waiting)
        done.set()

    thread = threading.Thread(target=search)
    thread.start()
    assert slow.reached.wait(LONG)
    assert not done.is_set()
    waiting.give_up()
    assert done.wait(LONG)
    thread.join()


async def test_no_loop_and_no_other_call_waits_for_it(talk: Talk, slow: Slow) -> None:
    client = MemOS.over(EngineTransport(talk.engine), AsyncEngineTransport(talk.engine), address=":memory:")
    searches = [asyncio.create_task(client.aio.search_memory(query="puppy", user_id="u")) for _ in range(8)]
    assert await asyncio.to_thread(slow.reached.wait, LONG)
    kept = await client.aio.get_memory(user_id="u")  # on one of the quick threads, none of which is taken
    assert kept.total == 1
    assert not any(search.done() for search in searches)
    slow.open.set()
    for found in await asyncio.gather(*searches):
        assert found.memory_detail_list[0].memory_value == PUPPY
    await client.aio.close()
    await asyncio.to_thread(client.close)


def test_nothing_is_asked_where_nothing_is_ranked_by_it(talk: Talk, slow: Slow) -> None:
    slow.open.set()
    asked = talk.engine._asker
    assert asked
    talk.search("puppy", memory_limit_number=0, include_preference=False)
    assert not slow.reached.is_set()


def test_a_chat_recalls_by_vectors_within_its_own_time(slow: Slow) -> None:
    model = Scripted("With a toy.")
    engine = Engine(":memory:", clock=Clock(), model=model, embedder=Topics(before=slow))
    talk = Talk(engine)
    talk.add(PUPPY, "The auto broke down.")
    settled(talk)
    ask = Chat(user_id="u", conversation_id="d", query="Wie unterhalte ich meinen Hund?", add_message_on_answer=False)
    engine.chat(ask)
    assert PUPPY in model.last[0][1]
    assert "auto" not in model.last[0][1]
    slow.held.set()
    engine.chat(ask, seconds=0.05)
    assert PUPPY not in model.last[0][1]
    slow.open.set()
    engine.close()
