"""While a loop runs, the outbox's file and the engine's are touched on other threads alone."""

import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from memos_integrations import connect
from memos_integrations.llama_index import MemOSMemory
from tests.later import said_in, threads_at_files
from tests.llama_index.models import FAILED, Broken, answer, ask, calls, function, turned

Use = Callable[[MemOSMemory], Awaitable[None]]


async def agents(memory: MemOSMemory) -> None:
    await function(calls("now"), answer("Noon.")).run("When?", memory=memory)
    with pytest.raises(FAILED):
        await function(Broken()).run("And now?", memory=memory)
    await function(answer("Later.")).run("Well?", memory=memory)


async def one_by_one(memory: MemOSMemory) -> None:
    await memory.aput(ask("When?"))
    await memory.aget()
    await memory.aput(answer("Noon."))


async def several(memory: MemOSMemory) -> None:
    await memory.aput_messages(turned("When?", "Noon.", "And now?"))
    await memory.aget("Well?")


async def all_at_once(memory: MemOSMemory) -> None:
    await memory.aset(turned("When?"))
    await memory.aset(turned("When?", "Noon."))
    await memory.aget_all()
    await memory.areset()


USES = pytest.mark.parametrize("use", [agents, one_by_one, several, all_at_once])


@USES
async def test_p08_an_awaited_memory_touches_no_file_on_its_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: Use
) -> None:
    path = tmp_path / "memos.db"
    client = connect(path)
    memory = MemOSMemory.from_defaults(user_id="ada", conversation_id="now", client=client)
    with threads_at_files(monkeypatch) as threads:
        await use(memory)
        await client.aio.flush()
        await client.aio.close()
    assert threads
    assert threading.get_ident() not in threads
    assert said_in(path, "ada", "now")[:2] == [("user", "When?"), ("assistant", "Noon.")]


@pytest.mark.parametrize("named", [True, False])
@USES
async def test_p08_nor_does_one_that_finds_its_client_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: Use, named: bool
) -> None:
    """By its name in this process, or by its address; what waits to be written goes to the outbox then."""
    path = tmp_path / "memos.db"
    client = connect(path)
    data = MemOSMemory.from_defaults(user_id="ada", conversation_id="now", client=client).to_dict()
    memory = MemOSMemory.from_dict(data if named else {**data, "client_name": None})
    with threads_at_files(monkeypatch) as threads:
        await use(memory)
        await memory.aclose()
        await client.aio.flush()
        await client.aio.close()
    assert threads
    assert threading.get_ident() not in threads
    assert said_in(path, "ada", "now")[:2] == [("user", "When?"), ("assistant", "Noon.")]
