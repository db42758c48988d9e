"""While a loop runs, the outbox's file and the engine's are touched on other threads alone."""

import threading
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from memos_integrations import connect
from memos_integrations.langchain import MemOSChatMessageHistory
from tests.later import said_in, threads_at_files


async def test_an_awaited_history_touches_no_file_on_its_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "memos.db"
    client = connect(path)
    with threads_at_files(monkeypatch) as threads:
        for _ in range(2):
            history = MemOSChatMessageHistory(client, user_id="ada", conversation_id="c1")
            await history.aadd_messages([HumanMessage("yes"), AIMessage("ok")])
            assert len(await history.aget_messages()) % 2 == 0
        await client.aio.flush()
        await client.aio.close()
    assert threads
    assert threading.get_ident() not in threads
    assert said_in(path, "ada", "c1") == [("user", "yes"), ("assistant", "ok")] * 2
