"""Agents of both frameworks on the open-source server: what is said in one conversation is known in the next."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms import ChatMessage
from llama_index.core.memory import InsertMethod, Memory

from memos_integrations import MemOS
from memos_integrations.client import Event, Recorded
from memos_integrations.langchain import (
    ChatMemOS,
    MemOSChatMessageHistory,
    MemOSMiddleware,
    MemOSRetriever,
    MemOSToolkit,
    with_memory,
)
from memos_integrations.llama_index import MemOSLLM, MemOSMemory, MemOSMemoryBlock, MemOSToolSpec
from memos_integrations.llama_index import MemOSRetriever as NodesRetriever
from tests.langchain.models import Scripted, create_agent
from tests.llama_index.blocks import store
from tests.llama_index.models import ToldModel, answer, function

CAT = "My cat Oskar sleeps on the piano."
WHERE = "Where does my cat Oskar sleep?"
pytestmark = pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning")


def texts(messages: Sequence[Any]) -> str:
    return "\n".join(str(message) for message in messages)


def settled(client: MemOS, recorded: list[Event]) -> None:
    """Delivered, and made into memories: until then the server moves what was said about, and may find none of it."""
    assert client.flush(30) == 0
    tasks = [event.task_id for event in recorded if isinstance(event, Recorded)]
    assert tasks
    for task in tasks:
        assert client.wait_for(task or "").status == "completed"


def test_a_langchain_agent_remembers(memos: MemOS) -> None:
    model, told = Scripted(script=lambda _: AIMessage("Noted.")), list[Event]()
    memos.listen(told.append)
    agent = create_agent(model, [], middleware=[MemOSMiddleware(memos)])

    def ask(said: str, thread: str) -> None:
        agent.invoke({"messages": [("user", said)]}, {"configurable": {"user_id": "lc", "thread_id": thread}})

    ask(CAT, "monday")
    settled(memos, told)
    ask(WHERE, "tuesday")
    assert "piano" in texts(model.handed[-1])


def test_a_llama_index_agent_remembers(memos: MemOS) -> None:
    agent, told = function(answer("Noted."), answer("On the piano.")), list[Event]()
    memos.listen(told.append)
    asyncio.run(_said(agent, memos, CAT, "monday"))
    settled(memos, told)
    asyncio.run(_said(agent, memos, WHERE, "tuesday"))
    assert isinstance(agent.llm, ToldModel)
    assert "piano" in texts(agent.llm.handed[-1])


async def _said(agent: FunctionAgent, client: MemOS, text: str, conversation: str) -> None:
    memory = MemOSMemory.from_defaults(user_id="li", conversation_id=conversation, client=client)
    await agent.run(text, memory=memory)


def test_a_retriever_and_the_toolkit(memos: MemOS) -> None:
    memos.add_message(messages=[{"role": "user", "content": CAT}], user_id="rt", conversation_id="c", async_mode=False)
    (document,) = MemOSRetriever(client=memos, user_id="rt").invoke(WHERE)
    assert document.page_content == CAT
    toolkit = MemOSToolkit(memos, user_id="rt", conversation_id="c", forget=True)
    tools = {tool.name: tool for tool in toolkit.get_tools()}
    assert "piano" in tools["search_memory"].invoke({"query": WHERE})
    assert tools["add_memory"].invoke({"text": "My dog is called Rex."})
    assert memos.flush(30) == 0
    (known,) = memos.search_memory(query=WHERE, user_id="rt", memory_limit_number=1).memory_detail_list
    for ids, left in (([known.id, "another's"], True), ([known.id], False)):
        tools["forget_memory"].invoke({"memory_ids": ids})
        assert (known.id in {item.id for item in memos.iter_memory(user_id="rt")}) == left


def test_memos_own_chat_under_langchain(memos: MemOS) -> None:
    memos.add_message(messages=[{"role": "user", "content": CAT}], user_id="cm", conversation_id="c", async_mode=False)
    model = ChatMemOS(client=memos, user_id="cm", conversation_id="d", add_message_on_answer=False)
    messages: list[BaseMessage] = [HumanMessage(WHERE)]
    assert "piano" in str(model.invoke(messages).text)
    assert "piano" in "".join(str(chunk.text) for chunk in model.stream(messages))


def test_a_history_keeps_its_view_in_this_process(memos: MemOS) -> None:
    MemOSChatMessageHistory(memos, user_id="hi", conversation_id="c").add_user_message(CAT)
    again = MemOSChatMessageHistory(memos, user_id="hi", conversation_id="c")
    assert [str(message.text) for message in again.messages] == [CAT]
    assert memos.flush(30) == 0


def test_a_chain_with_memory(memos: MemOS) -> None:
    model, told = Scripted(script=lambda _: AIMessage("Noted.")), list[Event]()
    memos.listen(told.append)
    chain = with_memory(model, memos, user_id="ch")
    chain.invoke([HumanMessage(CAT)], {"configurable": {"thread_id": "monday"}})
    settled(memos, told)
    chain.invoke([HumanMessage(WHERE)], {"configurable": {"thread_id": "tuesday"}})
    assert "piano" in texts(model.handed[-1])
    assert memos.flush(30) == 0


def test_a_block_of_llama_indexs_own_memory(memos: MemOS) -> None:
    agent, told = function(answer("Noted."), answer("On the piano.")), list[Event]()
    memos.listen(told.append)
    block = MemOSMemoryBlock(user_id="bl", client=memos)
    asyncio.run(_blocked(agent, block, CAT, "monday"))
    settled(memos, told)
    asyncio.run(_blocked(agent, block, WHERE, "tuesday"))
    assert isinstance(agent.llm, ToldModel)
    assert "piano" in texts(agent.llm.handed[-1])
    assert memos.flush(30) == 0


async def _blocked(agent: FunctionAgent, block: MemOSMemoryBlock, text: str, session: str) -> None:
    async with store() as kept:
        memory = Memory.from_defaults(
            session_id=session, memory_blocks=[block], insert_method=InsertMethod.USER, **kept
        )
        await agent.run(text, memory=memory)


def test_nodes_and_tools_of_llama_index(memos: MemOS) -> None:
    memos.add_message(messages=[{"role": "user", "content": CAT}], user_id="no", conversation_id="c", async_mode=False)
    (node,) = NodesRetriever(user_id="no", client=memos).retrieve(WHERE)
    assert node.text == CAT
    spec = MemOSToolSpec(user_id="no", conversation_id="c", client=memos, forget=True)
    tools = {tool.metadata.name: tool for tool in spec.to_tool_list()}
    assert "piano" in str(tools["search_memory"].call(query=WHERE))
    assert tools["add_memory"].call(text="My dog is called Rex.")
    assert memos.flush(30) == 0
    tools["forget_memory"].call(memory_ids=[node.id_])
    assert node.id_ not in {item.id for item in memos.iter_memory(user_id="no")}


def test_memos_own_chat_under_llama_index(memos: MemOS) -> None:
    memos.add_message(messages=[{"role": "user", "content": CAT}], user_id="lm", conversation_id="c", async_mode=False)
    model = MemOSLLM(client=memos, user_id="lm", conversation_id="d", add_message_on_answer=False)
    asked = [ChatMessage(WHERE)]
    assert "piano" in str(model.chat(asked).message.content)
    *_, last = model.stream_chat(asked)
    assert "piano" in str(last.message.content)
