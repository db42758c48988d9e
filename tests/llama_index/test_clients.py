"""Whose client a memory uses, finds again and closes."""

import gc
from pathlib import Path

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.workflow import (
    Context,
)

from memos_integrations import MemOS, connect
from memos_integrations.client import Event, Recalled, Recorded
from memos_integrations.llama_index import MemOSMemory
from tests.fakes import CountingEngine, client_over
from tests.llama_index.conftest import QUESTION, messages_in, unnamed
from tests.llama_index.models import ToldModel, answer, text_of_all


def test_a_closed_client_is_not_found_again(path: Path) -> None:
    with connect(path) as first:
        data = MemOSMemory.from_defaults(user_id="ada", conversation_id="now", client=first).to_dict()
        assert MemOSMemory.from_dict(dict(data)).attach(first).address == str(path)

    memory = MemOSMemory.from_dict(data)
    memory.put(ChatMessage(content="Hello."))
    memory.put(answer("Hi."))
    memory.close()
    with connect(path) as second:
        assert messages_in(second) == ["Hello.", "Hi."]


async def test_what_it_opened_it_closes_and_no_more(path: Path, monkeypatch: pytest.MonkeyPatch, filed: MemOS) -> None:
    monkeypatch.setenv("MEMOS_BASE_URL", str(path))
    memory = MemOSMemory.from_defaults(user_id="ada", conversation_id="now")
    await memory.aput(ChatMessage(content="Hello."))
    await memory.aput(answer("Hi."))
    await memory.aclose()
    await memory.aclose()
    assert messages_in(filed) == ["Hello.", "Hi."]

    handed = MemOSMemory.from_defaults(user_id="ada", client=filed)
    handed.close()
    await handed.aclose()
    assert filed.search_memory(query="tea", user_id="ada").memory_detail_list


def test_two_clients_of_one_address_are_told_apart() -> None:
    events: tuple[list[Event], list[Event]] = ([], [])
    with (
        client_over(CountingEngine(), on_event=events[0].append) as one,
        client_over(CountingEngine(), on_event=events[1].append) as two,
    ):
        for client in (one, two):
            memory = MemOSMemory.from_defaults(user_id="ada", client=client)
            restored = MemOSMemory.from_dict(memory.to_dict())
            restored.put(ChatMessage(content=QUESTION))
            restored.get()
    assert [[type(event) for event in told] for told in events] == [
        [Recalled, Recorded]
    ] * 2  # closing writes the words


def test_memories_that_open_an_address_share_one_client(path: Path, filed: MemOS) -> None:
    data = MemOSMemory.from_defaults(user_id="ada", conversation_id="now", client=filed).to_dict()
    memories = [MemOSMemory.from_dict(unnamed(data)) for _ in range(3)]
    for number, memory in enumerate(memories):
        memory.put(ChatMessage(content=f"Hello {number}."))
        memory.put(answer("Hi."))
        assert memory.client_name == memories[0].client_name
    assert len({id(memory._client) for memory in memories}) == 1  # so one outbox and one refiner, and their threads

    for memory in memories[:2]:
        memory.close()
        memory.close()
    assert "<memories id=" in text_of_all(memories[2].get(QUESTION))
    memories[2].close()
    assert messages_in(filed) == ["Hello 0.", "Hi.", "Hello 1.", "Hi.", "Hello 2.", "Hi."]


async def test_one_context_for_many_turns_keeps_the_client_that_a_memory_opened(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MEMOS_BASE_URL", ":memory:")
    model = ToldModel()
    agent = FunctionAgent(tools=[], llm=model)
    ctx = Context(agent)
    first = MemOSMemory.from_defaults(user_id="ada")
    await agent.run("My favourite tea is Sencha.", memory=MemOSMemory.from_defaults(user_id="ada"), ctx=ctx)
    assert first._client is not None
    await first._client.aio.flush(30)
    for _ in range(2):
        gc.collect()
        await agent.run(QUESTION, ctx=ctx)
        assert text_of_all(model.handed[-1]).count("<memories id=") == 1
    assert caplog.records == []
    again: MemOSMemory = await ctx.store.get("memory")
    assert again.client_name == first.client_name
    await first.aclose()
    assert text_of_all(await first.aget(QUESTION)).count("<memories id=") == 1  # another one still has it
    await again.aclose()  # it opened none, and gives back what the second one borrowed
    assert first._client is not None
    assert first._client._shared.closed
