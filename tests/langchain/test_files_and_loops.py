"""While a loop runs, the outbox's file and the engine's are touched on other threads alone."""

import threading
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver

from memos_integrations import connect
from memos_integrations.langchain import MemOSChatMessageHistory, MemOSMiddleware
from tests.langchain.models import ANSWER, QUESTION, Scripted, after_tools, at, create_agent, look_up, said
from tests.later import said_in, threads_at_files


@pytest.mark.parametrize("kind", ["ainvoke", "astream"])
async def test_an_awaited_agent_touches_no_file_on_its_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = tmp_path / "memos.db"
    client = connect(path)
    memory = MemOSMiddleware(client)
    agent = create_agent(Scripted(script=after_tools(1)), [look_up], middleware=[memory], checkpointer=InMemorySaver())
    with threads_at_files(monkeypatch) as threads:
        for _ in range(2):
            if kind == "ainvoke":
                await agent.ainvoke(said(), at())
            else:
                assert [chunk async for chunk in agent.astream(said(), at(), stream_mode="messages")]
        with pytest.raises(ValueError, match="no"):
            await create_agent(Scripted(script=_refuse), [], middleware=[memory]).ainvoke(said("Hm."), at())
        await client.aio.flush()
        await client.aio.close()
    assert threads
    assert threading.get_ident() not in threads
    assert said_in(path, "ada", "t1") == [*[("user", QUESTION), ("assistant", ANSWER)] * 2]


def _refuse(_: object) -> AIMessage:
    raise ValueError("no")


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
