"""Histories, pages and tasks against a server that follows a script: what is asked, when, and where it ends."""

import json
from typing import Any

import pytest

from memos_integrations.client import MemOS, Retry, _client, _several
from memos_integrations.client._paging import Item
from memos_integrations.errors import BadRequest, Invalid, ServerFault, Unreachable
from memos_integrations.wire.answers import Added
from tests.client.server import Server, ok, refusal, reset

PLAIN, AWAITED = "plain", "awaited"


class Time:
    """A clock that only pauses move on."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    async def pause_aio(self, seconds: float) -> None:
        self.pause(seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    clock = Time()
    monkeypatch.setattr(_several, "_now", clock)
    monkeypatch.setattr(_client, "_pause", clock.pause)
    monkeypatch.setattr(_client, "_pause_aio", clock.pause_aio)
    return clock


@pytest.fixture(params=[PLAIN, AWAITED])
def colour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def bodies(server: Server) -> list[dict[str, Any]]:
    return [json.loads(body) for _, _, body in server.requests]


async def waited(client: MemOS, colour: str, task: Any = "t", **more: Any) -> Any:
    return client.wait_for(task, **more) if colour == PLAIN else await client.aio.wait_for(task, **more)


async def collected(client: MemOS, colour: str, **which: Any) -> list[Item]:
    if colour == PLAIN:
        return list(client.iter_memory(**which))
    return [item async for item in client.aio.iter_memory(**which)]


async def history(client: MemOS, colour: str, messages: Any, **marks: Any) -> tuple[Added, ...]:
    if colour == PLAIN:
        return client.add_history(messages, **marks)
    return await client.aio.add_history(messages, **marks)


def status(word: str) -> Any:
    return ok({"task_id": "t", "status": word})


async def test_pauses_grow_up_to_five_seconds(server: Server, clock: Time, colour: str) -> None:
    server.script.extend([status("running")] * 8 + [status("completed")])
    with MemOS(base_url=server.url) as client:
        told = await waited(client, colour, Added(task_id="t"))
    assert told.status == "completed"
    assert clock.pauses == [0.5, 0.75, 1.125, 1.6875, 2.53125, 3.796875, 5.0, 5.0]
    assert bodies(server) == [{"task_id": "t"}] * 9


async def test_no_pause_ends_past_the_deadline(server: Server, clock: Time, colour: str) -> None:
    server.usual = status("running")
    with MemOS(base_url=server.url) as client, pytest.raises(Unreachable, match="still runs after 3 s") as caught:
        await waited(client, colour, timeout=3)
    assert caught.value.sent
    assert clock.pauses == [0.5, 0.75, 1.125]
    assert len(server.requests) == 4


async def test_a_minute_by_default(server: Server, clock: Time, colour: str) -> None:
    server.usual = status("running")
    with MemOS(base_url=server.url) as client, pytest.raises(Unreachable, match="after 60 s"):
        await waited(client, colour)
    assert 55 < sum(clock.pauses) < 60


@pytest.mark.parametrize("word", ["failed", "error", "cancelled"])
async def test_a_failed_task_is_no_answer(server: Server, clock: Time, colour: str, word: str) -> None:
    server.script.extend([status("running"), status(word)])
    with MemOS(base_url=server.url) as client, pytest.raises(ServerFault, match="get/status") as caught:
        await waited(client, colour)
    assert clock.pauses == [0.5]
    assert caught.value.code == 0


async def test_without_an_id_nothing_is_asked(server: Server, colour: str) -> None:
    with MemOS(base_url=server.url) as client:
        for task in (None, Added()):
            with pytest.raises(Invalid, match="no task id") as caught:
                await waited(client, colour, task)
            assert (caught.value.field, caught.value.rule) == ("task", "missing")
    assert not server.requests


def page(*ids: str, pages: int | None) -> Any:
    facts = [{"id": each, "memory_value": "x"} for each in ids]
    told = {} if pages is None else {"pages": pages}
    return ok({"memory_detail_list": facts, **told})


@pytest.mark.parametrize(
    ("script", "seen", "asked"),
    [
        ([page("a", "b", pages=2), page("c", pages=2)], "abc", 2),
        ([page(pages=0)], "", 1),
        ([page("a", pages=1)], "a", 1),
        ([page("a", "b", pages=3), page("c", pages=2)], "abc", 2),
        ([page("a", "b", pages=9), page(pages=1)], "ab", 2),
        ([page("a", "b", pages=2), page("b", "c", pages=2)], "abc", 2),
        ([page("a", "b", pages=2), page("a", "b", pages=3), page("c", pages=3)], "abc", 3),
        ([page("a", "b", pages=None), page("c", pages=None), page(pages=None)], "abc", 3),
        ([page("a", "b", pages=None), page("a", "b", pages=None)], "ab", 2),
    ],
    ids=["two", "none", "one", "shrinks", "vanishes", "slides", "grows", "untold", "ignores page"],
)
async def test_where_pages_end(server: Server, colour: str, script: list[Any], seen: str, asked: int) -> None:
    server.script.extend(script)
    with MemOS(base_url=server.url) as client:
        items = await collected(client, colour, user_id="u", filter={"and": [{"scene": "s"}]})
    assert "".join(item.id for item in items) == seen
    same = {"user_id": "u", "size": 50, "filter": {"and": [{"scene": "s"}]}}
    assert bodies(server) == [{**same, "page": number} for number in range(1, asked + 1)]


async def test_a_page_is_asked_for_when_it_is_needed(server: Server) -> None:
    server.script.extend([page("a", "b", pages=2), page("c", pages=2)])
    with MemOS(base_url=server.url) as client:
        items = client.iter_memory(user_id="u")
        assert not server.requests
        assert next(items).id + next(items).id == "ab"
        assert len(server.requests) == 1
        items.close()
        awaited = client.aio.iter_memory(user_id="u")
        assert (await anext(awaited)).id == "c"
        await awaited.aclose()


def said(count: int) -> list[dict[str, Any]]:
    return [{"role": "user", "content": f"message {n}"} for n in range(count)]


def added(task: str) -> Any:
    return ok({"success": True, "task_id": task, "status": "running"})


async def test_adds_in_order(server: Server, colour: str) -> None:
    server.script.extend([added("1"), added("2"), added("3")])
    with MemOS(base_url=server.url) as client:
        answers = await history(client, colour, said(90), user_id="u", tags=["t"], async_mode=True)
    assert [answer.task_id for answer in answers] == ["1", "2", "3"]
    sent = bodies(server)
    assert [message["content"] for body in sent for message in body["messages"]] == [m["content"] for m in said(90)]
    assert [len(body["messages"]) for body in sent] == [40, 40, 10]
    assert {(body["user_id"], *body["tags"], body["async_mode"]) for body in sent} == {("u", "t", True)}
    (conversation,) = {body["conversation_id"] for body in sent}
    assert conversation.startswith("conversation-")


@pytest.mark.parametrize("failure", [refusal(40305, "too long"), reset])
async def test_the_first_failure_ends_it_and_tells_how_far_it_came(server: Server, colour: str, failure: Any) -> None:
    server.script.extend([added("1"), added("2"), failure])
    with (
        MemOS(base_url=server.url).with_options(verify=False, retry=Retry(tries=1)) as client,
        pytest.raises((BadRequest, Unreachable)) as caught,
    ):
        await history(client, colour, said(130), user_id="u", conversation_id="c")
    assert caught.value.delivered == 80
    assert caught.value.__notes__ == ["add_history: 2 of 4 adds went through, 80 of 130 messages"]
    assert len(server.requests) == 3


def test_other_errors_delivered_nothing() -> None:
    assert BadRequest("x").delivered == 0
