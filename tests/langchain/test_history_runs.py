"""`RunnableWithMessageHistory` over MemOS, in all its ways: every turn once, to its own user and conversation."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from langchain_core._api import LangChainDeprecationWarning
from langchain_core.caches import InMemoryCache
from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.language_models import FakeListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import ConfigurableFieldSpec, Runnable, RunnableLambda, RunnableWithMessageHistory

from memos_integrations.client import MemOS
from memos_integrations.langchain import MemOSChatMessageHistory
from memos_integrations.wire.answers import StoredMessages
from memos_integrations.wire.calls import GetMessage
from tests.fakes import CountingEngine, client_over
from tests.langchain.histories import Outage, texts
from tests.langchain.models import Scripted, spoken

PROMPT = ChatPromptTemplate.from_messages([("system", "Be brief."), MessagesPlaceholder("past"), ("human", "{input}")])
SPECS = [ConfigurableFieldSpec(id=name, annotation=str) for name in ("user_id", "conversation_id")]
WAYS = ["invoke", "ainvoke", "stream", "astream", "batch", "abatch"]


def counted(messages: Sequence[BaseMessage]) -> AIMessage:
    """An answer that tells what it came after."""
    return AIMessage(f"answer {sum(m.type in {'human', 'ai'} for m in messages)}")


def chain_of(client: MemOS, runnable: Runnable[Any, Any], **keys: str) -> RunnableWithMessageHistory:
    def made(user_id: str, conversation_id: str) -> BaseChatMessageHistory:
        return MemOSChatMessageHistory(client, user_id=user_id, conversation_id=conversation_id)

    with pytest.warns(LangChainDeprecationWarning, match="RunnableWithMessageHistory is deprecated"):
        return RunnableWithMessageHistory(runnable, made, history_factory_config=SPECS, **keys)


def keyed(client: MemOS, model: Scripted) -> RunnableWithMessageHistory:
    return chain_of(client, PROMPT | model, input_messages_key="input", history_messages_key="past")


def at(user: str = "ada", conversation: str = "c1") -> Any:
    return {"configurable": {"user_id": user, "conversation_id": conversation}}


def run(chain: Runnable[Any, Any], way: str, given: Any, config: Any) -> None:
    async def awaited() -> None:
        if way == "astream":
            assert [chunk async for chunk in chain.astream(given, config)]
        elif way == "abatch":
            await chain.abatch([given], config)
        else:
            await chain.ainvoke(given, config)

    if way.startswith("a"):
        asyncio.run(awaited())
    elif way == "stream":
        assert list(chain.stream(given, config))
    elif way == "batch":
        chain.batch([given], config)
    else:
        chain.invoke(given, config)


@pytest.mark.parametrize("way", WAYS)
def test_each_turn_is_shown_to_the_next_and_written_once(client: MemOS, engine: CountingEngine, way: str) -> None:
    chain = keyed(client, Scripted(script=counted))
    for text in ("one", "two"):
        for user in ("ada", "bob"):
            for conversation in ("c1", "c2"):
                run(chain, way, {"input": f"{text} {user} {conversation}"}, at(user, conversation))
    client.flush()
    for user in ("ada", "bob"):
        for conversation in ("c1", "c2"):
            told = MemOSChatMessageHistory(client, user_id=user, conversation_id=conversation).messages
            place = f"{user} {conversation}"
            assert texts(told) == [f"one {place}", "answer 1", f"two {place}", "answer 3"]
            assert [type(m) for m in told] == [HumanMessage, AIMessage] * 2
    assert sum(len(call.turns) for call in engine.added) == 16


@pytest.mark.parametrize("way", WAYS)
def test_messages_in_and_out_without_a_key(client: MemOS, engine: CountingEngine, way: str) -> None:
    chain = chain_of(client, Scripted(script=counted))
    for text in ("one", "two", "three"):
        run(chain, way, [HumanMessage(text)], at())
    client.flush()
    assert [text for _, text in spoken(engine)] == ["one", "answer 1", "two", "answer 3", "three", "answer 5"]


def test_a_batch_keeps_its_conversations_apart(client: MemOS) -> None:
    chain = keyed(client, Scripted(script=counted))
    users = [f"u{i}" for i in range(12)]
    chain.batch([{"input": user} for user in users], [at(user) for user in users])
    asyncio.run(chain.abatch([{"input": user} for user in users], [at(user) for user in users]))
    client.flush()
    for user in users:
        told = MemOSChatMessageHistory(client, user_id=user, conversation_id="c1").messages
        assert texts(told) == [user, "answer 1", user, "answer 3"]


class Changing(CountingEngine):
    """Tells more of a conversation, or less, than it told before."""

    told: Callable[[StoredMessages], StoredMessages] = staticmethod(lambda stored: stored)
    asked = 0

    def get_message(self, call: GetMessage, project: str = "") -> StoredMessages:
        self.asked += 1
        return self.told(super().get_message(call, project))


def _nothing(_: StoredMessages) -> StoredMessages:
    return StoredMessages()


def _more(stored: StoredMessages) -> StoredMessages:
    extra = {"role": "user", "content": "from elsewhere", "create_time": 4_000_000_000_000}
    told = [m.model_dump() for m in stored.message_detail_list]
    return StoredMessages.model_validate({"message_detail_list": [*told, extra, extra]})


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("changed", [_nothing, _more])
def test_what_changes_at_the_server_within_a_run_costs_no_turn(
    way: str, changed: Callable[[StoredMessages], StoredMessages]
) -> None:
    engine = Changing()
    with client_over(engine) as client:
        MemOSChatMessageHistory(client, user_id="ada", conversation_id="c1").add_messages(
            [HumanMessage("one"), AIMessage("answer 1")]
        )
        client.flush()
        engine.asked = 0

        def meanwhile(messages: Sequence[BaseMessage]) -> AIMessage:
            engine.told = changed
            return counted(messages)

        run(chain_of(client, Scripted(script=meanwhile)), way, [HumanMessage("two")], at())
        client.flush()
        assert [text for _, text in spoken(engine)] == ["one", "answer 1", "two", "answer 3"]
        assert engine.asked == 1


@pytest.mark.parametrize("way", WAYS)
def test_an_outage_stops_no_run_and_loses_no_turn(way: str, caplog: pytest.LogCaptureFixture) -> None:
    engine = Outage()
    with client_over(engine) as client:
        chain = keyed(client, Scripted(script=counted))
        engine.down = {"get", "add"}
        for text in ("one", "two"):
            run(chain, way, {"input": text}, at())
        engine.down = set()
        run(chain, way, {"input": "three"}, at())
        assert client.flush() == 0
        assert [text for _, text in spoken(engine)] == ["one", "answer 1", "two", "answer 3", "three", "answer 5"]
    assert "Error in" not in caplog.text


def test_a_run_that_fails_writes_nothing(client: MemOS, engine: CountingEngine) -> None:
    def fail(_: Any) -> str:
        raise RuntimeError("no model")

    chain = chain_of(client, RunnableLambda(fail))
    with pytest.raises(RuntimeError, match="no model"):
        chain.invoke([HumanMessage("hi")], at())
    client.flush()
    assert engine.added == []


async def test_awaited_runs_touch_no_plain_reading(client: MemOS, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> Any:
        raise AssertionError("the plain way was taken")

    monkeypatch.setattr(MemOSChatMessageHistory, "messages", property(forbidden))
    monkeypatch.setattr(MemOSChatMessageHistory, "add_messages", forbidden)
    loop, send = asyncio.get_running_loop(), MemOS.send
    in_executor, here = loop.run_in_executor, threading.get_ident()

    def sent(client: MemOS, call: Any) -> Any:  # as the writer's thread may
        return forbidden() if threading.get_ident() == here else send(client, call)

    def executed(pool: Any, *work: Any) -> Any:  # as the engine does in its own threads
        return forbidden() if pool is None else in_executor(pool, *work)

    monkeypatch.setattr(MemOS, "send", sent)
    monkeypatch.setattr(loop, "run_in_executor", executed)
    told = MemOSChatMessageHistory(client, user_id="ada", conversation_id="c1")
    await told.aadd_messages([HumanMessage("hi")])
    assert texts(await told.aget_messages()) == ["hi"]
    for chain in (keyed(client, Scripted(script=counted)), chain_of(client, Scripted(script=counted))):
        given: Any = {"input": "one"} if chain.input_messages_key else [HumanMessage("one")]
        await chain.ainvoke(given, at("bob"))
        assert [chunk async for chunk in chain.astream(given, at("bob"))]
    monkeypatch.undo()
    await client.aio.flush()
    assert len(await MemOSChatMessageHistory(client, user_id="bob", conversation_id="c1").aget_messages()) == 8


async def test_a_plain_run_beside_a_running_loop_works(client: MemOS, engine: CountingEngine) -> None:
    chain = keyed(client, Scripted(script=counted))
    for text in ("one", "two"):
        chain.invoke({"input": text}, at())
    client.flush()
    assert [text for _, text in spoken(engine)] == ["one", "answer 1", "two", "answer 3"]


def test_a_generic_model_streams_into_messages(client: MemOS, engine: CountingEngine) -> None:
    model = GenericFakeChatModel(messages=iter([AIMessage("green tea it is")]))
    assert len(list(chain_of(client, model).stream([HumanMessage("hi")], at()))) > 1
    client.flush()
    assert spoken(engine) == [("user", "hi"), ("assistant", "green tea it is")]
    (_, answer) = MemOSChatMessageHistory(client, user_id="ada", conversation_id="c1").messages
    assert type(answer) is AIMessage
    assert answer.id


def test_an_answer_out_of_a_models_cache_is_an_answer(client: MemOS, engine: CountingEngine) -> None:
    model = FakeListChatModel(responses=["first"], cache=InMemoryCache())
    chain = chain_of(
        client, ChatPromptTemplate.from_messages([("human", "{input}")]) | model, input_messages_key="input"
    )
    for _ in range(3):
        chain.invoke({"input": "hi"}, at())
        client.flush()
    told = MemOSChatMessageHistory(client, user_id="ada", conversation_id="c1").messages
    assert [message.text for message in told] == ["hi", "first"] * 3
