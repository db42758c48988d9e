"""Pitfalls 8 and 22: a history stays as it was read, whatever happens to it meanwhile, and clearing deletes nothing."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage, message_to_dict
from langchain_core.runnables import Runnable
from langchain_core.runnables.history import RunnableWithMessageHistory

from memos_integrations.client import MemOS
from memos_integrations.langchain import MemOSChatMessageHistory
from memos_integrations.wire.answers import StoredMessages
from memos_integrations.wire.calls import GetMessage
from tests.fakes import CountingEngine, client_over
from tests.langchain.histories import CALL, Outage, history, texts
from tests.langchain.models import ANSWER, QUESTION, Scripted, after_tools, spoken

Meanwhile = Callable[[MemOS], None]
OLD: list[BaseMessage] = [HumanMessage("I moved to Lyon."), AIMessage("Noted.")]
"""Without ids, as callers hand them over."""


def grows(client: MemOS) -> None:
    said = [{"role": "user", "content": "Somebody else."}, {"role": "assistant", "content": "Indeed."}]
    client.add_message(messages=said, user_id="ada", conversation_id="c1", async_mode=False)


class Shrinking(CountingEngine):
    """Forgets all but the newest message when it is told to."""

    short = False

    def get_message(self, call: GetMessage, project: str = "") -> StoredMessages:
        stored = super().get_message(call, project)
        kept = stored.message_detail_list[-1:] if self.short else stored.message_detail_list
        return StoredMessages(message_detail_list=kept)


def shrinks(client: MemOS) -> None:
    """Done by the engine."""


@contextmanager
def chained(meanwhile: Meanwhile) -> Iterator[tuple[Any, Scripted, CountingEngine, MemOS]]:
    """A chain of messages around a model, while which something happens to what the service keeps."""
    engine = Shrinking()
    with client_over(engine) as client:
        history(client).add_messages(OLD)
        client.flush()
        engine.added.clear()

        def script(messages: Any) -> AIMessage:
            with ThreadPoolExecutor(1) as elsewhere:
                elsewhere.submit(meanwhile, client).result()
            engine.short = meanwhile is shrinks
            return after_tools(0)(messages)

        model = Scripted(script=script)
        yield with_history(model, client), model, engine, client


def with_history(model: Runnable[Any, Any], client: MemOS) -> Any:
    def of(session_id: str) -> BaseChatMessageHistory:
        return MemOSChatMessageHistory(client, user_id="ada", conversation_id=session_id)

    return RunnableWithMessageHistory(model, of)


IN_C1: Any = {"configurable": {"session_id": "c1"}}


async def streamed(chain: Any, given: Any) -> None:
    assert [chunk async for chunk in chain.astream(given, IN_C1)]


WAYS: dict[str, Callable[[Any, Any], Any]] = {
    "invoke": lambda chain, given: chain.invoke(given, IN_C1),
    "ainvoke": lambda chain, given: asyncio.run(chain.ainvoke(given, IN_C1)),
    "stream": lambda chain, given: list(chain.stream(given, IN_C1)),
    "astream": lambda chain, given: asyncio.run(streamed(chain, given)),
}


@pytest.mark.filterwarnings("ignore:.*RunnableWithMessageHistory:DeprecationWarning")
@pytest.mark.parametrize("meanwhile", [grows, shrinks])
@pytest.mark.parametrize("way", WAYS)
def test_08_what_the_service_keeps_may_grow_or_shrink_while_a_chain_runs(way: str, meanwhile: Meanwhile) -> None:
    with chained(meanwhile) as (chain, model, engine, client):
        WAYS[way](chain, [HumanMessage(QUESTION)])
        client.flush()
        assert texts(model.handed[0]) == ["I moved to Lyon.", "Noted.", QUESTION]
        written = [one for one in spoken(engine) if one[1] not in {"Somebody else.", "Indeed."}]
        assert written == [("user", QUESTION), ("assistant", ANSWER)]


@pytest.mark.filterwarnings("ignore:.*RunnableWithMessageHistory:DeprecationWarning")
@pytest.mark.parametrize("way", ["stream", "astream"])
def test_08_a_streamed_answer_is_kept_as_a_message_and_comes_back_so(client: MemOS, way: str) -> None:
    WAYS[way](with_history(Scripted(script=after_tools(0)), client), [HumanMessage(QUESTION)])
    client.flush()
    kept = history(client).messages
    assert [message.type for message in kept] == ["human", "ai"]
    assert texts(kept) == [QUESTION, ANSWER]


def test_08_a_round_trip_keeps_tool_calls_ids_and_additional_members_and_hands_out_a_copy(client: MemOS) -> None:
    given: list[BaseMessage] = [
        HumanMessage(QUESTION, id="h1", additional_kwargs={"lang": "en"}),
        AIMessage("", id="a1", tool_calls=[CALL]),
        ToolMessage("a leaf", tool_call_id="call-1", id="t1"),
    ]
    history(client).add_messages(given)
    client.flush()
    other = history(client)
    first = other.messages
    assert [message_to_dict(message) for message in first] == [message_to_dict(message) for message in given]
    first.append(HumanMessage("not said"))
    assert texts(other.messages) == texts(given)


@pytest.mark.parametrize("way", ["plain", "awaited"])
def test_22_clearing_begins_a_new_view_and_asks_for_no_deletion(way: str) -> None:
    engine = Outage()
    with client_over(engine) as client:
        chat = history(client)
        chat.add_messages(OLD)
        client.flush()
        if way == "plain":
            chat.clear()
        else:
            asyncio.run(chat.aclear())
        assert chat.messages == []
        chat.add_messages([HumanMessage(QUESTION)])
        client.flush()
        assert texts(chat.messages) == [QUESTION]
        assert engine.deleted == 0
        found = client.search_memory(query="Where did I move?", user_id="ada")
        assert any("Lyon" in fact.memory_value for fact in found.memory_detail_list)
        assert texts(history(client).messages) == ["I moved to Lyon.", "Noted.", QUESTION]
