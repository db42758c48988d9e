"""Recall: one search a turn, shared, within a budget, and never the end of a chat."""

import asyncio
import logging
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from memos_integrations import MemOS, Scope
from memos_integrations.client import Degraded, Event, Recalled, Retry
from memos_integrations.errors import Invalid, QuotaExceeded, Unreachable
from memos_integrations.memory.prompt import render
from memos_integrations.memory.recall import NOTHING, Recall
from memos_integrations.wire.answers import Found
from memos_integrations.wire.calls import SearchMemory
from tests.fakes import CountingEngine, Unstreamed, client_over

ADA, BOB = Scope(user_id="ada", conversation_id="c"), Scope(user_id="bob", conversation_id="c")
TEA = "Which tea do I like?"


class Refusing(CountingEngine):
    """Refuses every search, in words that no log may show."""

    def search_memory(self, call: SearchMemory, project: str = "", *more: Any, **named: Any) -> Found:
        super().search_memory(call, project, *more, **named)
        raise QuotaExceeded("MARKER7f3a", code=40300)


class Waiting(CountingEngine):
    """Answers a search when it is let to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.let = threading.Event(), threading.Event()

    def search_memory(self, call: SearchMemory, project: str = "", *more: Any, **named: Any) -> Found:
        self.asked.set()
        assert self.let.wait(30)
        return super().search_memory(call, project, *more, **named)


@pytest.fixture
def events() -> list[Event]:
    return []


def filled(engine: CountingEngine, events: list[Event]) -> Generator[MemOS, None, None]:
    with client_over(engine, on_event=events.append) as client:
        for user, tea in (("ada", "jasmine"), ("bob", "mint")):
            said = [{"role": "user", "content": f"The tea I like is {tea} tea."}]
            client.add_message(messages=said, user_id=user, conversation_id="before", async_mode=False)
        yield client


@pytest.fixture
def engine() -> CountingEngine:
    return CountingEngine()


@pytest.fixture
def client(engine: CountingEngine, events: list[Event]) -> Iterator[MemOS]:
    yield from filled(engine, events)


def values(found: Found) -> list[str]:
    return [fact.memory_value for fact in found.memory_detail_list]


def test_a_turn_is_searched_for_once(client: MemOS, engine: CountingEngine, events: list[Event]) -> None:
    recall = Recall()
    first = recall.found(client, ADA, turn="1", text=TEA)
    again = [recall.found(client, ADA, turn="1", text=text) for text in (TEA, None, TEA)]
    assert "jasmine" in values(first)[0]
    assert again == [first] * 3
    assert len(engine.searched) == 1
    ids = (*(f.id for f in first.memory_detail_list), *(p.id for p in first.preference_detail_list))
    told = [
        (e.conversation_id, e.facts, e.preferences, e.tools, e.memory_ids) for e in events if isinstance(e, Recalled)
    ]
    assert told == [("c", 1, len(first.preference_detail_list), 0, ids)]


async def test_a_turn_is_searched_for_once_async_too(client: MemOS, engine: CountingEngine) -> None:
    recall = Recall()
    found = [await recall.afound(client, ADA, turn="1", text=text) for text in (TEA, None)]
    assert found[0] == found[1] == recall.found(client, ADA, turn="1", text=None)
    assert len(engine.searched) == 1


def test_another_turn_user_text_or_option_is_another_search(client: MemOS, engine: CountingEngine) -> None:
    recall = Recall()
    assert "jasmine" in values(recall.found(client, ADA, turn="1", text=TEA))[0]
    assert "mint" in values(recall.found(client, BOB, turn="1", text=TEA))[0]
    recall.found(client, ADA, turn="2", text=TEA)
    recall.found(client, ADA, turn="1", text="What of coffee?")
    Recall(memory_limit_number=1).found(client, ADA, turn="1", text=TEA)
    assert len(engine.searched) == 5


def test_nothing_is_asked_without_words(client: MemOS, engine: CountingEngine) -> None:
    for text in (None, "", " \n", render(Recall().found(client, ADA, turn="0", text=TEA))):
        assert Recall().found(client, ADA, turn="1", text=text) == NOTHING
    assert len(engine.searched) == 1


def test_the_query_is_the_users_own_words(client: MemOS, engine: CountingEngine) -> None:
    block = render(Recall().found(client, ADA, turn="0", text=TEA))
    Recall().found(client, ADA, turn="1", text=f"{block}tea?\ud800")
    assert engine.searched[-1].query == "tea??"
    Recall().found(client, ADA, turn="2", text="a" * 9_000 + "end")
    assert len(engine.searched[-1].query) <= 8_001
    assert engine.searched[-1].query.endswith("end")


def test_options_are_sent_only_where_they_were_given(client: MemOS, engine: CountingEngine) -> None:
    Recall().found(client, ADA, turn="1", text=TEA)
    assert engine.searched[-1].model_dump(exclude_none=True) == {"query": TEA, "user_id": "ada", "conversation_id": "c"}
    group: dict[str, Any] = {"and": [{"scene": "x"}]}
    Recall(memory_limit_number=3, relativity=0.0, filter=group).found(client, ADA, turn="1", text=TEA)
    sent = engine.searched[-1]
    assert (sent.memory_limit_number, sent.relativity) == (3, 0.0)
    assert sent.condition is not None


@pytest.mark.parametrize(
    "options",
    [
        {"relativity": 2},
        {"memory_limit_number": 26},
        {"recall_seconds": 0},
        {"on_error": "panic"},
        {"top_k": 3},
        {"filter": {"and": []}},
    ],
)
def test_bad_options_are_refused_when_given(options: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match=r"^recall: "):
        Recall(**options)


def test_a_refusing_service_is_a_chat_without_memories(events: list[Event], caplog: pytest.LogCaptureFixture) -> None:
    engine = Refusing()
    client = next(filling := filled(engine, events))
    with caplog.at_level(logging.DEBUG):
        found = [Recall().found(client, ADA, turn="1", text=TEA) for _ in range(3)]
    assert found == [NOTHING] * 3
    assert len(engine.searched) == 1
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert warnings[0].startswith("recall failed (QuotaExceeded, code 40300)")
    assert "MARKER7f3a" not in caplog.text
    told = [(e.what, e.error, e.code) for e in events if isinstance(e, Degraded)]
    assert told == [("recall", "QuotaExceeded", 40300)]
    filling.close()


async def test_who_asked_for_errors_gets_them(events: list[Event]) -> None:
    with client_over(Refusing(), on_event=events.append) as client:
        with pytest.raises(QuotaExceeded):
            Recall(on_error="raise").found(client, ADA, turn="1", text=TEA)
        with pytest.raises(QuotaExceeded):
            await Recall(on_error="raise").afound(client, ADA, turn="1", text=TEA)
    assert len(events) == 2


async def test_a_service_that_refuses_is_alive_and_asked_at_each_turn() -> None:
    with client_over(engine := Refusing()) as client:
        for turn in range(4):
            assert Recall().found(client, ADA, turn=f"{turn}", text=TEA) == NOTHING
            assert await Recall().afound(client, ADA, turn=f"{turn}, awaited", text=TEA) == NOTHING
        assert len(engine.searched) == 8
        await client.aio.close()


def test_the_budget_is_the_searchs_whole_deadline() -> None:
    given: list[float] = []

    class Noting(Unstreamed):
        def send(self, request: object, seconds: float) -> Any:
            given.append(seconds)
            raise Unreachable("no", sent=True)

        def close(self) -> None: ...

    class NotingAio(Unstreamed):
        async def send(self, request: object, seconds: float) -> Any:
            given.append(seconds)
            raise Unreachable("no", sent=True)

        async def close(self) -> None: ...

    with MemOS.over(Noting(), NotingAio(), address="x", retry=Retry(tries=1)) as client:
        assert Recall(recall_seconds=0.5).found(client, ADA, turn="1", text=TEA) == NOTHING
        assert asyncio.run(Recall(recall_seconds=0.7).afound(client, ADA, turn="2", text=TEA)) == NOTHING
    assert given == [0.5, 0.7]


def test_askers_of_one_turn_at_once_share_one_search(events: list[Event]) -> None:
    engine = Waiting()
    filling = filled(engine, events)
    client = next(filling)
    with ThreadPoolExecutor(4) as pool:
        askers = [pool.submit(Recall().found, client, ADA, turn="1", text=TEA) for _ in range(4)]
        assert engine.asked.wait(30)
        engine.let.set()
        found = [asker.result(30) for asker in askers]
    assert found == [found[0]] * 4
    assert values(found[0])
    assert len(engine.searched) == 1
    filling.close()


async def test_a_cancelled_asker_leaves_the_others_their_answer(events: list[Event]) -> None:
    engine = Waiting()
    filling = filled(engine, events)
    client = next(filling)
    first = asyncio.create_task(Recall().afound(client, ADA, turn="1", text=TEA))
    assert await asyncio.to_thread(engine.asked.wait, 30)
    second = asyncio.create_task(Recall().afound(client, ADA, turn="1", text=TEA))
    await asyncio.sleep(0)
    first.cancel()
    engine.let.set()
    assert values(await second)
    with pytest.raises(asyncio.CancelledError):
        await first
    await client.aio.close()
    filling.close()


async def test_a_waiting_asker_that_is_cancelled_cancels_nobody_else(events: list[Event]) -> None:
    engine = Waiting()
    filling = filled(engine, events)
    client = next(filling)
    first = asyncio.create_task(Recall().afound(client, ADA, turn="1", text=TEA))
    assert await asyncio.to_thread(engine.asked.wait, 30)
    second = asyncio.create_task(Recall().afound(client, ADA, turn="1", text=TEA))
    await asyncio.sleep(0)
    second.cancel()
    engine.let.set()
    assert values(await first)
    assert len(engine.searched) == 1
    await client.aio.close()
    filling.close()


def test_an_asker_waits_no_longer_than_its_budget(events: list[Event]) -> None:
    engine = Waiting()
    filling = filled(engine, events)
    client = next(filling)
    with ThreadPoolExecutor(1) as pool:
        owner = pool.submit(Recall().found, client, ADA, turn="1", text=TEA)
        assert engine.asked.wait(30)
        assert Recall(recall_seconds=0.01).found(client, ADA, turn="1", text=None) == NOTHING
        assert asyncio.run(Recall(recall_seconds=0.01).afound(client, ADA, turn="1", text=None)) == NOTHING
        engine.let.set()
        assert values(owner.result(30))
    filling.close()


def test_old_turns_are_let_go(client: MemOS, engine: CountingEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memos_integrations.memory._turns._MAX_TURNS", 2)
    for turn in ("1", "2", "3", "3", "1"):
        Recall().found(client, ADA, turn=turn, text=TEA)
    assert len(engine.searched) == 4


def test_many_users_at_once_never_meet(engine: CountingEngine) -> None:
    users = [f"user-{number}" for number in range(100)]
    with client_over(engine) as client:
        for user in users:
            said = [{"role": "user", "content": f"The tea I like is called {user}-tea."}]
            client.add_message(messages=said, user_id=user, conversation_id="c", async_mode=False)

        def ask(user: str) -> list[str]:
            return values(Recall().found(client, Scope(user_id=user), turn="1", text=TEA))

        async def ask_async(user: str) -> list[str]:
            return values(await Recall().afound(client, Scope(user_id=user), turn="2", text=TEA))

        async def everyone() -> list[list[str]]:
            return await asyncio.gather(*map(ask_async, users))

        with ThreadPoolExecutor(8) as pool:
            plain = list(pool.map(ask, users))
        for user, one, other in zip(users, plain, asyncio.run(everyone()), strict=True):
            assert one == other == [f"The tea I like is called {user}-tea."]
