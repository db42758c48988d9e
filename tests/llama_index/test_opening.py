"""What a memory borrows: while it is opened, when another one is attached, and who gives it back."""

import asyncio
import gc
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.workflow import Context, JsonSerializer

from memos_integrations import MemOS, connect
from memos_integrations.llama_index import MemOSMemory
from memos_integrations.llama_index._clients import loan_named
from tests.llama_index.conftest import messages_in, unnamed
from tests.llama_index.models import ToldModel, answer, ask
from tests.opening import HUNG, Opening, opening  # noqa: F401 - a fixture


@pytest.fixture
def dumped(path: Path) -> dict[str, Any]:
    """A memory as another process gets it."""
    with connect(path) as client:
        return unnamed(MemOSMemory.from_defaults(user_id="ada", conversation_id="now", client=client).to_dict())


@pytest.fixture
def mine() -> Iterator[MemOS]:
    with connect(":memory:") as client:
        yield client


def is_closed(client: MemOS | None) -> bool:
    assert client is not None
    return client._shared.closed


def test_a_client_may_be_attached_while_a_run_opens_one(
    dumped: dict[str, Any],
    mine: MemOS,
    opening: Opening,  # noqa: F811
) -> None:
    memory = MemOSMemory.from_dict(dumped)
    run = threading.Thread(target=memory.put, args=[ask("Hello.")], daemon=True)
    run.start()
    assert opening.begun.wait(HUNG)
    attaching = threading.Thread(target=memory.attach, args=[mine], daemon=True)
    attaching.start()
    attaching.join(HUNG / 2)
    opening.go_on.set()
    run.join(HUNG)
    assert not run.is_alive()
    assert not attaching.is_alive()
    assert memory._client is mine  # the user's own word counts, and what was opened meanwhile is given back
    assert [is_closed(client) for client in opening.opened] == [True]
    memory.put(answer("Hi."))
    assert messages_in(mine) == ["Hello.", "Hi."]
    memory.close()


async def test_the_loop_goes_on_while_a_client_is_opened(
    dumped: dict[str, Any],
    opening: Opening,  # noqa: F811
) -> None:
    memory = MemOSMemory.from_dict(dumped)
    one = asyncio.create_task(memory.aget("One?"))
    assert await asyncio.to_thread(opening.begun.wait, HUNG)
    two = asyncio.create_task(memory.aget("Two?"))
    await asyncio.sleep(0)
    assert await memory.aget_all() == []
    opening.go_on.set()
    await asyncio.gather(one, two)
    assert opening.told == [True]
    await memory.aclose()
    assert is_closed(memory._client)


async def test_a_context_that_was_restored_closes_what_its_first_run_opened(path: Path) -> None:
    agent = FunctionAgent(tools=[], llm=ToldModel())
    ctx = Context(agent)
    with connect(path) as client:
        memory = MemOSMemory.from_defaults(user_id="ada", client=client)
        await agent.run("Hello.", memory=memory, ctx=ctx)
        stored: MemOSMemory = await ctx.store.get("memory")
        await ctx.store.set("memory", MemOSMemory.from_dict(unnamed(stored.to_dict())))
        data = ctx.to_dict(serializer=JsonSerializer())
    ctx = Context.from_dict(agent, data, serializer=JsonSerializer())
    for _ in range(3):
        await agent.run("And?", ctx=ctx)
        gc.collect()
    last: MemOSMemory = await ctx.store.get("memory")
    assert not is_closed(last._client)
    await last.aclose()
    assert is_closed(last._client)


def test_each_of_several_borrowers_gives_back_its_own(dumped: dict[str, Any]) -> None:
    first, other = MemOSMemory.from_dict(dict(dumped)), MemOSMemory.from_dict(dict(dumped))
    for memory in (first, other):
        memory.put(ask("Hello."))
    again, data = MemOSMemory.from_dict(first.to_dict()), first.to_dict()
    again.get()
    del first
    gc.collect()
    for memory in (again, again, MemOSMemory.from_dict(data)):
        memory.get()
        memory.close()
    assert again._client is other._client
    assert not is_closed(other._client)
    other.close()
    assert is_closed(other._client)


def test_a_loan_of_a_closed_client_is_forgotten(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOS_BASE_URL", str(path))
    memory = MemOSMemory.from_defaults(user_id="ada")
    client, name = memory._client, memory.loan_name
    assert client is not None
    assert loan_named(name, client) is memory._held
    client.close()
    assert loan_named(name, client) is None
    memory.close()


@pytest.mark.parametrize("address", [":memory:", "memos.db"])
def test_another_conversation_has_the_client_that_was_borrowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("MEMOS_BASE_URL", address if address == ":memory:" else str(tmp_path / address))
    memory = MemOSMemory.from_defaults(user_id="ada")
    others = [memory.with_scope()]
    monkeypatch.setenv("MEMOS_BASE_URL", str(tmp_path / "later.db"))
    others += [memory.with_scope(), others[0].with_scope()]
    assert {id(other._client) for other in others} == {id(memory._client)}
    for each in (memory, *others):
        assert not is_closed(memory._client)
        each.close()
    assert is_closed(memory._client)


def test_what_was_borrowed_is_given_back_for_another_that_is_attached(
    path: Path, monkeypatch: pytest.MonkeyPatch, mine: MemOS
) -> None:
    monkeypatch.setenv("MEMOS_BASE_URL", str(path))
    memory = MemOSMemory.from_defaults(user_id="ada")
    borrowed = memory._client
    assert borrowed is not None
    assert memory.attach(borrowed).loan_name is not None
    assert not is_closed(borrowed)
    assert memory.attach(mine).loan_name is None
    assert is_closed(borrowed)
    assert memory.with_scope()._client is mine
    memory.close()
    assert not is_closed(mine)
