"""Listeners that join a client later."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from memos_integrations.client import Event, MemOS, Recalled, Recorded
from memos_integrations.errors import Invalid

EVENT = Recorded("now", 2, 1.5, "task")


@pytest.fixture
def heard() -> list[Event]:
    return []


@pytest.fixture
def client(heard: list[Event]) -> Iterator[MemOS]:
    with MemOS(base_url="http://127.0.0.1:1/x", on_event=heard.append) as client:
        yield client


def test_a_later_listener_hears_what_any_colour_emits_once(client: MemOS, heard: list[Event]) -> None:
    late: list[Event] = []
    derived = client.with_options(deadline=1)
    for side in (client, client.aio, derived, derived.aio):
        side.listen(late.append)
        side.listen(heard.append)  # it was there from the beginning
    for side in (client, client.aio, derived):
        side.emit(EVENT)
    assert heard == late == [EVENT] * 3


def test_a_broken_listener_hurts_nobody(client: MemOS, heard: list[Event], caplog: pytest.LogCaptureFixture) -> None:
    late: list[Event] = []

    def broken(event: Event) -> None:
        raise ValueError("marker")

    client.listen(broken)
    client.listen(late.append)
    for _ in range(2):
        client.emit(EVENT)
    assert heard == late == [EVENT] * 2
    (told,) = caplog.records
    assert "ValueError" in told.getMessage()
    assert "marker" not in caplog.text


def test_what_cannot_listen_is_refused(client: MemOS) -> None:
    async def waits(event: Event) -> None: ...

    for wrong in (waits, None, 3):
        given: Any = wrong
        with pytest.raises(Invalid) as caught:
            client.aio.listen(given)
        assert caught.value.field == "on_event"


def test_many_threads_add_one_listener_once(client: MemOS, heard: list[Event]) -> None:
    late, start = list[Event](), threading.Barrier(8)

    def listen() -> None:
        start.wait()
        client.listen(late.append)

    threads = [threading.Thread(target=listen) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.emit(Recalled("", 0, 0, 0, 1.0, ()))
    assert len(late) == len(heard) == 1
