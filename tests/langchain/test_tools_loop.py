"""No tool blocks an event loop: not for the server, nor for the files of the engine and of the outbox."""

import asyncio
from pathlib import Path

from memos_integrations import connect
from memos_integrations.langchain import MemOSToolkit
from tests.langchain.models import FACT, QUESTION
from tests.langchain.test_tools import ADA, call_of


async def test_files_are_left_to_other_threads(tmp_path: Path, blocked: list[str]) -> None:
    client = await asyncio.to_thread(connect, tmp_path / "memos.db")
    search, add, feedback, forget = MemOSToolkit(client, forget=True).get_tools()
    told = [
        await add.ainvoke(call_of(add, text=FACT), ADA),
        await search.ainvoke(call_of(search, query=QUESTION), ADA),
        await feedback.ainvoke(call_of(feedback, correction="I drink black tea, not green tea."), ADA),
        await forget.ainvoke(call_of(forget, memory_ids=["nobody's"]), ADA),
    ]
    assert [each.status for each in told] == ["success", "success", "success", "error"]
    await client.aio.close()
    assert blocked == []


def test_loops_come_and_go(tmp_path: Path) -> None:
    with connect(tmp_path / "memos.db") as client:
        search, add, feedback = MemOSToolkit(client).get_tools()
        for _ in range(3):
            asyncio.run(add.ainvoke({"text": FACT}, ADA))
            assert isinstance(asyncio.run(search.ainvoke({"query": QUESTION}, ADA)), str)
            asyncio.run(feedback.ainvoke({"correction": "I drink black tea, not green tea."}, ADA))
