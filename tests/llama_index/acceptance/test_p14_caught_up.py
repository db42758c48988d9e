"""Runs that wait, fail, are cancelled or abandoned, in processes that come and go: each text is written once."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentStream, FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, ChatResponse
from llama_index.core.workflow import Context, HumanResponseEvent, JsonSerializer
from workflows.errors import WorkflowCancelledByUser

from memos_integrations import connect
from memos_integrations.client import MemOS
from memos_integrations.llama_index import MemOSMemory
from memos_integrations.memory._crew import Crew
from tests.later import Clock, said_in, wait_for_orphans
from tests.llama_index.contexts import waiting
from tests.llama_index.models import FAILED, Broken, ToldModel, answer, ask, calls, function
from tests.llama_index.resumed import agent_of

QUESTION, SAID = "Which tea is my favourite?", "It is Sencha."
TURN = [("user", QUESTION), ("assistant", SAID)]
LYON = "I moved to Lyon."
MINUTES, HOURS = 600.0, 7_200.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "memos.db"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def memory_of(client: MemOS) -> MemOSMemory:
    return MemOSMemory.from_defaults(user_id="ada", conversation_id="now", client=client)


async def stopped(path: Path) -> dict[str, Any]:
    """A run that waits for a person, as JSON; its process is gone."""
    with connect(path) as client:
        agent, _ = agent_of(calls("confirm"))
        handler = agent.run(QUESTION, memory=memory_of(client))
        data = await waiting(handler)
        await handler.cancel_run()
        await client.aio.close()
    return data


async def answered(data: dict[str, Any]) -> None:
    """Somebody answers in a process that knows the address alone."""
    agent, _ = agent_of(answer(SAID))
    handler = agent.run(ctx=Context.from_dict(agent, data, serializer=JsonSerializer()))
    handler.ctx.send_event(HumanResponseEvent.model_validate({"response": "yes"}))
    assert str(await handler) == SAID
    memory: MemOSMemory = await handler.ctx.store.get("memory")
    await memory.aclose()


async def written(path: Path) -> list[tuple[str, str]]:
    return await asyncio.to_thread(said_in, path, "ada", "now")


async def test_p14_a_run_that_waited_for_a_person_for_ten_minutes_is_one_turn(path: Path, clock: Clock) -> None:
    data = await stopped(path)
    clock.move_on(MINUTES)
    assert await written(path) == []
    await answered(data)
    assert await written(path) == TURN
    clock.move_on(HOURS)
    assert await written(path) == TURN


async def test_p14_after_two_hours_another_process_writes_the_question_and_the_resumed_run_its_answer(
    path: Path, clock: Clock
) -> None:
    data = await stopped(path)
    clock.move_on(HOURS)
    await asyncio.to_thread(wait_for_orphans, path)
    assert await written(path) == TURN[:1]
    await answered(data)
    assert await written(path) == TURN


async def test_p14_a_turn_that_ends_again_since_its_process_died_before_it_kept_that_is_written_once(
    path: Path,
) -> None:
    data = await stopped(path)
    for _ in range(2):
        await answered(data)
    assert await written(path) == TURN


async def fails(memory: MemOSMemory) -> None:
    with pytest.raises(FAILED):
        await function(Broken()).run(LYON, memory=memory)


async def is_cancelled(memory: MemOSMemory) -> None:
    started, never = asyncio.Event(), asyncio.Event()

    async def wait() -> str:
        """Waits."""
        started.set()
        await never.wait()
        return "never"

    handler = FunctionAgent(tools=[wait], llm=ToldModel(calls("wait"))).run(LYON, memory=memory)
    await started.wait()
    await handler.cancel_run()
    with pytest.raises(WorkflowCancelledByUser):
        await handler


class Endless(ToldModel):
    """Says one word and never comes to an end."""

    async def astream_chat(self, messages: Sequence[ChatMessage], **_: Any) -> Any:
        async def tokens() -> AsyncGenerator[ChatResponse, None]:
            yield ChatResponse(message=answer("one"), delta="one")
            await asyncio.Event().wait()

        return tokens()


async def is_abandoned(memory: MemOSMemory) -> None:
    handler = FunctionAgent(tools=[], llm=Endless()).run(LYON, memory=memory)
    async for event in handler.stream_events():
        if isinstance(event, AgentStream):
            break
    await handler.cancel_run()
    with pytest.raises(WorkflowCancelledByUser):
        await handler


Break = Callable[[MemOSMemory], Awaitable[None]]
BROKEN = pytest.mark.parametrize("breaks", [fails, is_cancelled, is_abandoned])


@BROKEN
async def test_p14_a_broken_run_s_words_are_written_before_the_next_turn(path: Path, breaks: Break) -> None:
    with connect(path) as client:
        memory = memory_of(client)
        await breaks(memory)
        await client.aio.flush()
        await function(answer(SAID)).run(QUESTION, memory=memory)
        await client.aio.close()
    assert await written(path) == [("user", LYON), *TURN]


@BROKEN
async def test_p14_a_broken_run_s_words_are_written_by_another_process_if_nobody_goes_on(
    path: Path, clock: Clock, breaks: Break
) -> None:
    with connect(path) as client:
        memory = memory_of(client)
        await breaks(memory)
        await client.aio.close()
    assert await written(path) == []
    clock.move_on(HOURS)
    await asyncio.to_thread(wait_for_orphans, path)
    assert await written(path) == [("user", LYON)]
    with connect(path) as client:
        restored = MemOSMemory.from_dict({**memory.to_dict(), "client_name": None}).attach(client)
        await function(answer(SAID)).run(QUESTION, memory=restored)
        await client.aio.close()
    assert await written(path) == [("user", LYON), *TURN]


async def test_p14_runs_of_one_conversation_at_once_write_each_text_once(path: Path) -> None:
    texts = [f"I know {number} songs." for number in range(12)]
    with connect(path) as client:
        one = memory_of(client)
        memories = [one if number % 2 else memory_of(client) for number in range(12)]
        runs = [
            function(answer(f"Noted: {text}")).run(text, memory=memory)
            for text, memory in zip(texts, memories, strict=True)
        ]
        await asyncio.gather(*runs)
        await client.aio.close()
    told = await written(path)
    assert sorted(told) == sorted([("user", t) for t in texts] + [("assistant", f"Noted: {t}") for t in texts])


async def test_p14_what_waits_goes_to_the_client_that_is_attached(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In order: what was answered before what is still asked, though none of it was known to an outbox before."""
    with connect(path) as client:
        data = memory_of(client).to_dict()
        await client.aio.close()
    memory = MemOSMemory.from_dict({**data, "address": ":memory:", "client_name": None})
    for message in (ask("One?"), answer("1."), ask("Two?"), answer("2."), ask("Three?")):
        await memory.aput(message)
    with connect(path) as client:
        with monkeypatch.context() as patch:
            patch.setattr(Crew, "_start", lambda _: None)  # nobody delivers before all of it is in line
            await asyncio.to_thread(memory.attach, client)
            await memory.aput(answer("3."))
        await client.aio.close()
    assert [text for _, text in await written(path)] == ["One?", "1.", "Two?", "2.", "Three?", "3."]
