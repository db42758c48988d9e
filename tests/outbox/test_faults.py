"""Against a server that goes wrong: every turn arrives, none twice, each conversation in its order."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from memos_integrations import MemOS, Scope
from memos_integrations.client import Degraded, Event
from memos_integrations.memory.outbox import Outbox
from memos_integrations.memory.record import arecord
from tests.faults.kinds import ACCEPT, ALL, USUAL, Fault
from tests.faulty import Faulty, Mixed
from tests.outbox.turns import LONG, MIX, client_of, explained, is_part, said_in, say, turn

THREADS, TALKS, TURNS = 8, 5, 25
Words = Callable[[str, int], tuple[str, str]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


def words(name: str, number: int) -> tuple[str, str]:
    """Mostly unique; what people say again and again, too."""
    return ("ok", "fine") if number % 5 == 3 else unlike(name, number)


def due(names: Iterable[str], turns: int) -> dict[str, list[str]]:
    return {name: [text for number in range(turns) for text in words(name, number)] for name in names}


def unlike(name: str, number: int) -> tuple[str, str]:
    return f"{name} says {number}", f"{name} hears {number}"


def talk(client: MemOS, names: Sequence[str], turns: Iterable[int], words: Words = words) -> None:
    """A thread for each eighth of the conversations; each takes its conversations in turn."""

    def mine(thread: int) -> None:
        for number in turns:
            for name in names[thread::THREADS]:
                say(client, name, *words(name, number))

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(mine, range(THREADS)))


def assert_delivered(client: MemOS) -> None:
    assert client.flush(LONG) == 0, explained(client)
    status = Outbox.of(client).status()
    assert (status.messages, status.parked) == (0, 0), explained(client)


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_a_thousand_turns_arrive_each_once_and_in_order(share: float, path: Path) -> None:
    names = [f"c{number}" for number in range(THREADS * TALKS)]
    with Faulty(Mixed(share, of=MIX)) as server, client_of(server.base_url, path) as client:
        talk(client, names, range(TURNS))
        assert_delivered(client)
        assert said_in(server.ledger.applied) == due(names, TURNS)
        assert len(server.struck) >= 20


def test_more_than_a_reading_shows_is_sent_no_faster_than_it_can_be_read_back(path: Path) -> None:
    """Else 50 messages of the same seconds would hide what was written before them. Once in a hundred nobody can tell
    all the same: that is parked, and neither lost nor doubled.
    """
    names = [f"c{number}" for number in range(THREADS)]
    with Faulty(Mixed(0.5, of=MIX)) as server, client_of(server.base_url, path) as client:
        talk(client, names, range(50), unlike)
        assert client.flush(LONG) == 0, explained(client)
        parked = sum(entry.messages for entry in Outbox.of(client).entries("parked"))
        assert parked <= 8, explained(client)
        told = server.ledger.all_texts()
        assert len(told) == len(set(told)) >= 2 * 50 * THREADS - parked
        for name in names:
            assert is_part(server.ledger.texts(name), [text for n in range(50) for text in unlike(name, n)])


async def test_two_hundred_tasks_are_written_each_once_and_in_order(path: Path) -> None:
    async def talk(task: int) -> None:
        scope = Scope(user_id="ada", conversation_id=f"c{task % 40}")
        for number in range(2):
            assert await arecord(client, scope, turn(f"task {task} says {number}")) == 2

    with Faulty(Mixed(0.25, of=MIX)) as server, client_of(server.base_url, path) as client:
        await asyncio.gather(*map(talk, range(200)))
        assert await client.aio.flush(LONG) == 0
        for task in range(200):
            asked = [f"task {task} says {number}" for number in range(2)]
            due = [text for one in asked for text in (one, f"Re: {one}")]
            assert is_part(due, server.ledger.texts(f"c{task % 40}"))
        assert len(server.ledger.all_texts()) == 800


@pytest.mark.parametrize("fault", ALL, ids=str)
@pytest.mark.parametrize("struck", [(1, 2, 3), (2,)], ids=["the first three", "the second"])
def test_ok_said_three_times_is_written_three_times(fault: Fault, struck: tuple[int, ...], path: Path) -> None:
    where = ACCEPT if fault.seen.end == "unread" else "add/message"
    struck = (1, 2, 3) if where == ACCEPT else struck  # a connection that stands is kept
    faults = {where: lambda number: fault if number in struck else None}
    with Faulty(faults) as server, client_of(server.base_url, path, deadline=0.4) as client:
        for _ in range(3):
            say(client, "c", "ok", "ok")
            assert_delivered(client)
        assert server.ledger.texts("c") == ["ok"] * 6
        assert server.struck


@pytest.mark.parametrize("fault", USUAL, ids=str)
def test_ok_said_three_times_at_once_is_written_three_times(fault: Fault, path: Path) -> None:
    where = ACCEPT if fault.seen.end == "unread" else "add/message"
    with Faulty({where: [fault, fault]}) as server, client_of(server.base_url, path) as client:
        for _ in range(3):
            say(client, "c", "ok", "ok")
        assert_delivered(client)
        assert server.ledger.texts("c") == ["ok"] * 6


class Troubled:
    """Which conversations were put off; whoever waits for them looks at the ledger again with each."""

    def __init__(self, server: Faulty) -> None:
        self.server, self.names = server, set[str]()

    def __call__(self, event: Event) -> None:
        if isinstance(event, Degraded):
            self.names.add(event.conversation_id)
            self.server.ledger.called("nothing")


@pytest.mark.parametrize("kind", ["nobody listens", "every call gets 503"])
def test_an_outage_loses_nothing(kind: str, path: Path) -> None:
    """It ends once every conversation had to wait for it, and after many tries where these can be seen."""
    names = [f"c{number}" for number in range(THREADS)]
    with Faulty() as server, client_of(server.base_url, path) as client:
        talk(client, names, range(10))
        troubled, refused = Troubled(server), kind == "nobody listens"
        client.listen(troubled)
        outage: AbstractContextManager[None] = server.outage() if refused else server.down()
        with outage:
            before = server.ledger.calls["add/message"]
            talk(client, names, range(10, 20))
            assert server.ledger.until(lambda: troubled.names == set(names), LONG)
            seen = 0 if refused else before + 50
            assert server.ledger.until(lambda: server.ledger.calls["add/message"] >= seen, LONG)
            assert client.flush(0.0) >= THREADS
        talk(client, names, range(20, 25))
        assert_delivered(client)
        assert said_in(server.ledger.applied) == due(names, 25)
