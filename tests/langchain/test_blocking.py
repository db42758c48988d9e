"""That the watch on event loops sees what it is there for, in code of ours alone; see `blocked` in conftest.py."""

import asyncio
import socket
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from blockbuster import BlockingError

from memos_integrations.client import MemOS
from memos_integrations.langchain import MemOSMiddleware, MemOSRetriever, middleware
from memos_integrations.memory.recall import Recall
from tests.fakes import CountingEngine
from tests.langchain.models import QUESTION, Scripted, after_tools, at, create_agent, run, said


def ours(program: str, **around: Any) -> Callable[[], Any]:
    """`program`, as if it stood in a file of ours."""
    code: CodeType = compile(f"def work():\n    return {program}", middleware.__file__, "exec")
    names = dict(around)
    exec(code, names)
    work: Callable[[], Any] = names["work"]
    return work


def on_a_loop(work: Callable[[], Any]) -> Any:
    async def waits() -> Any:
        return work()

    return asyncio.run(waits())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_text("text")
    return path


def test_each_kind_of_blocking_call_is_seen(blocked: list[str], file: Path) -> None:
    database = sqlite3.connect(":memory:")
    here, there = socket.socketpair()
    text, data, log = file.open(), file.open("rb"), (file.parent / "log").open("w")
    calls = {
        "sqlite3.Connection.execute": ours("database.execute('select 1')", database=database),
        "socket.socket.send": ours("here.send(b'x')", here=here),
        "time.sleep": ours("time.sleep(0)", time=time),
        "io.TextIOWrapper.read": ours("text.read()", text=text),
        "io.BufferedReader.read": ours("data.read()", data=data),
        "io.TextIOWrapper.write": ours("log.write('x')", log=log),
        "builtins.open": ours("open(path).close()", path=file),
        "io.open": ours("path.open().close()", path=file),
        "os.stat": ours("path.stat()", path=file),
    }
    for name, work in calls.items():
        work()  # no loop, no harm
        with pytest.raises(BlockingError, match=name):
            on_a_loop(work)
    assert [place.partition(" in ")[0] for place in blocked] == list(calls)
    assert {place.partition(" in ")[2] for place in blocked} == {"langchain/middleware.py:2"}
    blocked.clear()
    for each in (database, here, there, text, data, log):
        each.close()


def test_a_wait_for_another_thread_is_seen(blocked: list[str]) -> None:
    never = asyncio.Event()

    async def waits() -> None:
        future = asyncio.run_coroutine_threadsafe(never.wait(), asyncio.get_running_loop())
        try:
            ours("future.result(0.01)", future=future)()
        finally:
            future.cancel()

    with pytest.raises(BlockingError, match="acquire"):
        asyncio.run(waits())
    assert len(blocked) == 1
    blocked.clear()


@pytest.mark.parametrize("way", ["ainvoke", "astream:messages"])
def test_a_plain_search_in_an_awaited_agent_is_seen_though_it_fails_open(
    client: MemOS, blocked: list[str], monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    async def afound(self: Recall, *args: Any, **kwargs: Any) -> Any:
        return self.found(*args, **kwargs)

    monkeypatch.setattr(Recall, "afound", afound)
    agent = create_agent(Scripted(script=after_tools(0)), [], middleware=[MemOSMiddleware(client)])
    run(agent, way, said(), at())
    assert blocked
    assert {place.partition(" in ")[2].partition(":")[0] for place in blocked} == {"_file.py"}
    blocked.clear()


async def test_what_a_test_calls_itself_is_its_own_choice(client: MemOS, engine: CountingEngine) -> None:
    assert MemOSRetriever(client, user_id="ada").invoke(QUESTION) == []
    assert len(engine.searched) == 1


async def test_what_others_block_is_no_matter_of_ours(file: Path) -> None:
    async def theirs() -> str:
        return file.read_text()  # noqa: ASYNC240 - it is meant to block

    assert await theirs() == "text"
