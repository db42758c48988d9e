"""Writes to a server that tells no messages, under faults: none is made twice, and one that is there is known."""

from pathlib import Path

import pytest

from memos_integrations import MemOS, Scope, connect
from memos_integrations.client import Event, Parked, Recorded, Retry
from memos_integrations.errors import Unreachable
from memos_integrations.memory.outbox import Outbox
from memos_integrations.memory.record import Said, record
from tests.product.standin import Fault, StandIn

QUICK = Retry(first=0.001, longest=0.002, look=0.001)
HELLO = [{"role": "user", "content": "I moved to Lyon."}]
LONG = 30.0


def said(server: StandIn) -> list[str]:
    return [message["content"] for call in server.added for message in call["messages"]]


def add(client: MemOS) -> str | None:
    return client.add_message(messages=HELLO, user_id="ada", conversation_id="c").task_id


@pytest.mark.parametrize("fault", ["after", "500 after"])
def test_an_add_that_was_applied_is_known_by_its_task(fault: Fault) -> None:
    with StandIn(fault) as server, connect(server.address, retry=QUICK) as client:
        assert add(client) in server.tasks
        assert said(server) == ["I moved to Lyon."]
        assert client.get_status(task_id=next(iter(server.tasks))).status == "completed"


async def test_so_it_is_awaited() -> None:
    with StandIn("after") as server, connect(server.address, retry=QUICK) as client:
        added = await client.aio.add_message(messages=HELLO, user_id="ada", conversation_id="c")
        assert added.task_id in server.tasks
        assert len(server.added) == 1


def test_an_add_that_hangs_is_looked_for_in_the_time_that_is_left() -> None:
    with StandIn("stalls after") as server, connect(server.address, retry=QUICK, deadline=1.0) as client:
        assert add(client) in server.tasks
        assert len(server.added) == 1


@pytest.mark.parametrize("fault", ["before", "500 before"])
def test_an_add_whose_task_is_not_known_is_not_sent_again(fault: Fault) -> None:
    with StandIn(fault) as server, connect(server.address, retry=QUICK) as client:
        with pytest.raises(Unreachable) as caught:
            add(client)
        assert caught.value.sent
        assert [path.partition("?")[0] for path, _, _ in server.requests].count("/product/add") == 1


def test_a_task_that_can_not_be_asked_for_is_no_yes() -> None:
    with StandIn("after") as server, connect(server.address, retry=QUICK, deadline=0.4) as client:
        server.tasks_fail = True
        with pytest.raises(Unreachable) as caught:
            add(client)
        assert caught.value.sent
        assert len(server.added) == 1


def test_without_verifying_nothing_is_looked_for() -> None:
    with StandIn("after") as server, connect(server.address, retry=QUICK) as client:
        with pytest.raises(Unreachable):
            add(client.with_options(verify=False))
        assert len(server.requests) == 1


def test_what_was_surely_not_applied_is_sent_again() -> None:
    with StandIn("503", "503") as server, connect(server.address, retry=QUICK) as client:
        add(client)
        assert len(server.added) == 1


def test_an_add_of_an_agents_is_known_too() -> None:
    with StandIn("after") as server, connect(server.address, retry=QUICK) as client:
        assert client.add_message(messages=HELLO, agent_id="bot").task_id in server.tasks


def test_the_outbox_finds_what_arrived_and_parks_what_nobody_knows() -> None:
    events: list[Event] = []
    faults: list[Fault] = ["fine", "after", "500 after", "before", "503", "fine"]
    with StandIn(*faults) as server, connect(server.address, retry=QUICK, on_event=events.append) as client:
        for number in range(5):
            record(client, Scope(user_id="ada", conversation_id=f"c{number}"), [Said("user", f"u{number}")])
            client.flush(LONG)
        assert said(server) == ["u0", "u1", "u2", "u4"]
        (parked,) = (event for event in events if isinstance(event, Parked))
        assert (parked.conversation_id, parked.error) == ("c3", "unknown")
        assert len([event for event in events if isinstance(event, Recorded)]) == 4


def test_another_process_finds_what_the_first_one_sent(tmp_path: Path) -> None:
    """The task's id is in nobody's memory: the outbox's file leads to it."""
    file = tmp_path / "outbox.db"
    with StandIn("after") as server:
        server.tasks_fail = True
        with connect(server.address, retry=QUICK, outbox=file) as client:
            record(client, Scope(user_id="ada", conversation_id="c"), [Said("user", "u0")])
            server.arrived.acquire(timeout=LONG)
            server.arrived.acquire(timeout=LONG)
            client.close(0.2)
        assert said(server) == ["u0"]
        server.tasks_fail = False
        with connect(server.address, retry=QUICK, outbox=file) as client:
            Outbox.of(client)
            assert client.flush(LONG) == 0
        assert said(server) == ["u0"]


def test_a_mixed_run_writes_each_turn_at_most_once() -> None:
    kinds: tuple[Fault, ...] = ("fine", "after", "503", "before", "500 after", "fine", "503", "500 before")
    faults: list[Fault] = [kinds[(number * 5) % len(kinds)] for number in range(60)]
    events: list[Event] = []
    with StandIn(*faults) as server, connect(server.address, retry=QUICK, on_event=events.append) as client:
        for number in range(40):
            record(client, Scope(user_id="ada", conversation_id=f"c{number}"), [Said("user", f"u{number}")])
        assert client.flush(LONG) == 0
        told = said(server)
        parked = {event.conversation_id for event in events if isinstance(event, Parked)}
        assert len(told) == len(set(told))
        assert {f"u{number}" for number in range(40)} - set(told) == {f"u{name[1:]}" for name in parked}
