"""A chat from the client's first word to the model's endpoint and back."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from memos_integrations import MemOS, ModelEndpoint, connect
from memos_integrations.errors import Interrupted, RateLimited, ServerFault, Unreachable
from tests.client import server as scripts
from tests.client.server import Server, says, streams
from tests.engine.endpoints import DONE, HELD, KEY, LYON, chunk, whole

ASK: dict[str, Any] = {"user_id": "ada", "conversation_id": "c", "query": "Which city did I move to?"}
SAID = [{"role": "user", "content": "I moved to Lyon."}]


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(usual=whole(content="In Lyon.")) as server:
        yield server


@pytest.fixture
def memos(server: Server) -> Iterator[MemOS]:
    model = ModelEndpoint(base_url=server.url, model="small", api_key=KEY)
    with connect(":memory:", model=model) as client:
        client.add_message(messages=SAID, user_id="ada", async_mode=False)
        yield client


def stored(memos: MemOS) -> list[Any]:
    return [m.content for m in memos.get_message(user_id="ada", conversation_id="c").message_detail_list]


def test_a_chat(memos: MemOS, server: Server) -> None:
    assert memos.chat(**ASK).response == "In Lyon."
    assert "I moved to Lyon." in json.loads(server.requests[0][2])["messages"][0]["content"]
    assert stored(memos) == [ASK["query"], "In Lyon."]


def test_a_streamed_chat(memos: MemOS, server: Server) -> None:
    server.script.append(LYON)
    events = [(event.type, event.data) for event in memos.stream_chat(**ASK)]
    assert events == [("reasoning", "Hm."), ("text", "In "), ("text", "Lyon."), ("end", "")]
    assert stored(memos) == [ASK["query"], "In Lyon."]


async def test_awaited(memos: MemOS, server: Server) -> None:
    assert (await memos.aio.chat(**ASK)).response == "In Lyon."
    server.script.append(LYON)
    assert "".join([event.data async for event in memos.aio.stream_chat(**ASK) if event.type == "text"]) == "In Lyon."


def test_the_environment_configures_it(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOS_MODEL_BASE_URL", server.url)
    monkeypatch.setenv("MEMOS_MODEL_NAME", "small")
    monkeypatch.setenv("MEMOS_MODEL_API_KEY", KEY)
    with connect(":memory:") as client:
        assert client.chat(**ASK).response == "In Lyon."
    assert json.loads(server.requests[0][2])["model"] == "small"


def test_a_model_that_is_away_for_a_moment_is_asked_again(memos: MemOS, server: Server) -> None:
    server.script.extend([says(503), says(429, headers={"retry-after": "0"})])
    assert memos.chat(**ASK).response == "In Lyon."
    assert len(stored(memos)) == 2


def test_its_refusals_reach_the_caller(memos: MemOS, server: Server) -> None:
    server.usual = says(429, headers={"retry-after": "1000"})
    with pytest.raises(RateLimited) as limited:
        memos.chat(**ASK)
    assert (limited.value.code, limited.value.retry_after) == (40309, 1000)
    server.usual = says(401, KEY)
    with pytest.raises(ServerFault) as refused:
        list(memos.stream_chat(**ASK))
    assert refused.value.code == 50002
    assert KEY not in f"{refused.value}"
    assert stored(memos) == []


def test_a_stream_that_breaks_off(memos: MemOS, server: Server) -> None:
    server.script.append(streams(chunk(content="In "), then=scripts.cut))
    stream = memos.stream_chat(**ASK)
    assert next(stream).data == "In "
    with pytest.raises((Interrupted, ServerFault)):
        next(stream)
    assert stored(memos) == []


def test_leaving_a_stream_closes_the_models_connection(memos: MemOS, server: Server) -> None:
    server.script.append(HELD)
    stream = memos.stream_chat(**ASK)
    assert next(stream).data == "In "
    stream.close()
    assert server.ended.acquire(timeout=10)
    assert stored(memos) == []


async def test_a_cancelled_stream_closes_the_models_connection(memos: MemOS, server: Server) -> None:
    server.script.append(HELD)
    begun = asyncio.Event()

    async def read() -> None:
        async for _ in memos.aio.stream_chat(**ASK):
            begun.set()

    reading = asyncio.create_task(read())
    await begun.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await asyncio.to_thread(server.ended.acquire, timeout=10)
    assert stored(memos) == []


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("slow", [scripts.stall, scripts.stall_in_body, streams(then=scripts.stall)])
async def test_cancelled_before_a_word_closes_it_too(
    memos: MemOS, server: Server, streamed: bool, slow: scripts.Answer
) -> None:
    server.script.append(slow)

    async def ask() -> None:
        if streamed:
            await anext(memos.aio.stream_chat(**ASK))
        else:
            await memos.aio.chat(**ASK)

    asking = asyncio.create_task(ask())
    assert await asyncio.to_thread(server.arrived.acquire, timeout=10)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await asyncio.to_thread(server.ended.acquire, timeout=10)
    assert stored(memos) == []


@pytest.mark.parametrize("streamed", [False, True])
async def test_closing_gives_up_what_models_are_asked(server: Server, streamed: bool) -> None:
    server.script.append(streams(chunk(content="In "), then=scripts.stall) if streamed else scripts.stall)
    client = connect(":memory:", model=ModelEndpoint(base_url=server.url, model="small")).aio

    async def ask() -> None:
        if streamed:
            async for _ in client.stream_chat(**ASK):
                begun.set()
        else:
            await client.chat(**ASK)

    begun = asyncio.Event()
    asking = asyncio.create_task(ask())
    assert await asyncio.to_thread(server.arrived.acquire, timeout=10)
    if streamed:
        await begun.wait()
    await client.close()  # the model never goes on: only giving it up lets this end
    with pytest.raises((ServerFault, Unreachable)):
        await asking
    assert await asyncio.to_thread(server.ended.acquire, timeout=10)


def test_a_program_ends_while_a_model_is_asked(server: Server) -> None:
    server.script.append(scripts.stall)
    script = f"""
import asyncio, threading
from memos_integrations import ModelEndpoint, connect
client = connect(":memory:", model=ModelEndpoint(base_url={server.url!r}, model="small"))
asking = client.aio.chat(user_id="u", conversation_id="c", query="q")
threading.Thread(target=lambda: asyncio.run(asking), daemon=True).start()
input()
"""
    program = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert server.arrived.acquire(timeout=30)
    program.communicate(b"\n", timeout=30)
    assert not server.over.is_set()


def test_many_at_a_time(memos: MemOS, server: Server) -> None:
    server.usual = streams(chunk(content="In Lyon."), DONE)
    answers: list[str] = []

    def ask(user: str) -> None:
        events = memos.stream_chat(**{**ASK, "user_id": user})
        answers.append("".join(event.data for event in events))

    threads = [threading.Thread(target=ask, args=(f"user {n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["In Lyon."] * 8
