"""A turn of the chat model's is written by one: by the chat itself, or by what of ours stands around it."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents.middleware import ModelFallbackMiddleware, SummarizationMiddleware, wrap_model_call
from langchain_core._api import LangChainDeprecationWarning
from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import ConfigurableFieldSpec, Runnable, RunnableLambda, RunnableWithMessageHistory
from langgraph.checkpoint.memory import InMemorySaver

from memos_integrations.client import MemOS
from memos_integrations.errors import ServerFault
from memos_integrations.langchain import ChatMemOS, MemOSChatMessageHistory, MemOSMiddleware, with_memory
from memos_integrations.langchain._writers import recording
from tests.engine.models import Scripted, thought
from tests.fakes import CountingEngine
from tests.langchain import models
from tests.langchain.chats import WAYS, asked_by
from tests.langchain.models import FACT, MARK, QUESTION, at, create_agent, said, spoken
from tests.langchain.models import Scripted as Failing

ANSWER = "Your usual one."
TURN = [("user", QUESTION), ("assistant", ANSWER)]
IN_RUNS: Any = {"configurable": {"user_id": "ada", "conversation_id": "t1"}}
PROMPT = ChatPromptTemplate.from_messages([("system", "Be brief."), MessagesPlaceholder("past"), ("human", "{input}")])
SPECS = [ConfigurableFieldSpec(id=name, annotation=str) for name in ("user_id", "conversation_id")]


@pytest.fixture
def model() -> Scripted:
    return Scripted("Your ", "usual one.")


@pytest.fixture
def engine(model: Scripted) -> CountingEngine:
    return CountingEngine(model=model)


def broken() -> Failing:
    def fail(_: Any) -> Any:
        raise ServerFault("down", code=50004)

    return Failing(script=fail)


@wrap_model_call
def around(request: Any, handler: Any) -> Any:
    with recording():
        return handler(request)


Made = Callable[[MemOS], tuple[Any, list[Any]]]
BEHIND: dict[str, Made] = {
    "as it is": lambda client: (ChatMemOS(client), []),
    "streaming": lambda client: (ChatMemOS(client, streaming=True), []),
    "bound": lambda client: (ChatMemOS(client).bind(temperature=0.5), []),
    "bound to write": lambda client: (ChatMemOS(client).bind(add_message_on_answer=True), []),
    "configured": lambda client: (ChatMemOS(client).with_config(tags=["t"]), []),
    "a fallback": lambda client: (broken().with_fallbacks([ChatMemOS(client)]), []),
    "with a fallback": lambda client: (ChatMemOS(client).with_fallbacks([broken()]), []),
    "tried again": lambda client: (ChatMemOS(client).with_retry(), []),
    "a middleware's fallback": lambda client: (broken(), [ModelFallbackMiddleware(ChatMemOS(client))]),
}


@pytest.mark.parametrize("way", models.WAYS)
@pytest.mark.parametrize("behind", BEHIND)
def test_behind_the_middleware_the_chat_writes_nothing_itself(
    client: MemOS, engine: CountingEngine, behind: str, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    llm, more = BEHIND[behind](client)
    for middleware in ([MemOSMiddleware(client), *more], [*more, MemOSMiddleware(client)]):
        engine.added.clear()
        models.run(create_agent(llm, [], middleware=middleware), way, said(), at())
        client.flush()
        assert spoken(engine) == TURN
    assert caplog.records == []


@pytest.mark.parametrize("way", models.WAYS)
def test_where_nobody_else_records_the_chat_writes(client: MemOS, engine: CountingEngine, way: str) -> None:
    for middleware in ([], [MemOSMiddleware(client, record=False)]):
        models.run(create_agent(ChatMemOS(client), [], middleware=middleware), way, said(), at())
    client.flush()
    assert spoken(engine) == TURN * 2
    models.run(create_agent(ChatMemOS(client), [], middleware=[around]), "invoke", said(), at())
    assert spoken(engine) == TURN * 2


def test_the_middlewares_memories_reach_the_model(
    client: MemOS, engine: CountingEngine, model: Scripted, remembers: Callable[..., None]
) -> None:
    remembers()
    llm = ChatMemOS(client, memory_limit_number=0, include_preference=False)
    for placement in ("user", "system"):
        memory: Any = MemOSMiddleware(client, placement=placement)
        create_agent(llm, [], middleware=[memory]).invoke(said(), at(thread=placement))
        assert FACT in model.last[0][1]
        assert model.last[-1] == ("user", QUESTION)
    client.flush()
    assert spoken(engine) == TURN * 2


@pytest.mark.parametrize("way", WAYS)
def test_within_a_recording_nothing_is_written_however_it_is_asked(
    client: MemOS, engine: CountingEngine, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    llm = ChatMemOS(client, **IN_RUNS["configurable"])
    chains: list[Runnable[Any, Any]] = [
        llm,
        llm.bind(temperature=0.5),
        broken().with_fallbacks([llm]),
        RunnableLambda(lambda text: text) | llm | StrOutputParser(),
        RunnableLambda(llm.invoke),
        RunnableLambda(lambda text: text) | {"one": llm, "two": llm.bind(stop=["usual"])},
    ]
    with recording():
        for chain in chains:
            asked_by(chain, way, QUESTION)
    assert engine.added == []
    asked_by(llm, way, QUESTION, add_message_on_answer=False)
    assert engine.added == []
    with recording(by_us=False):
        asked_by(llm, way, QUESTION)
    assert spoken(engine) == TURN
    assert caplog.records == []


@pytest.mark.parametrize("way", WAYS)
def test_within_with_memory_each_turn_is_written_once(client: MemOS, engine: CountingEngine, way: str) -> None:
    llm = ChatMemOS(client)
    for inner in (llm, llm.bind(temperature=0.5), broken().with_fallbacks([llm])):
        engine.added.clear()
        asked_by(with_memory(inner, client), way, QUESTION, IN_RUNS)
        client.flush()
        assert spoken(engine) == TURN


def chain_of(client: MemOS, runnable: Runnable[Any, Any]) -> RunnableWithMessageHistory:
    def made(user_id: str, conversation_id: str) -> BaseChatMessageHistory:
        return MemOSChatMessageHistory(client, user_id=user_id, conversation_id=conversation_id)

    keys: Any = {"input_messages_key": "input", "history_messages_key": "past"}
    with pytest.warns(LangChainDeprecationWarning, match="RunnableWithMessageHistory is deprecated"):
        return RunnableWithMessageHistory(runnable, made, history_factory_config=SPECS, **keys)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("way", WAYS)
def test_beside_a_history_each_turn_is_written_once_with_one_warning(
    client: MemOS, engine: CountingEngine, model: Scripted, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    for bound in (False, True):
        engine.added.clear()
        caplog.clear()
        llm: Any = ChatMemOS(client)
        chain = chain_of(client, PROMPT | (llm.bind(temperature=0.5) if bound else llm))
        config: Any = {"configurable": {"user_id": "ada", "conversation_id": f"bound {bound}"}}
        for text in (f"one {MARK}", f"two {MARK}", f"three {MARK}"):
            asked_by(chain, way, {"input": text}, config)
            client.flush()  # so that MemOS knows the turn at the next
        turns = [("user", f"{n} {MARK}") for n in ("one", "two", "three")]
        assert spoken(engine) == [each for turn in turns for each in (turn, ("assistant", ANSWER))]
        assert model.last[1:] == spoken(engine)[:-1]
        (warning,) = warnings(caplog)
        assert "add_message_on_answer=False" in warning
        assert MARK not in warning


@pytest.mark.parametrize("way", WAYS)
def test_beside_a_history_a_model_made_for_it_says_nothing(
    client: MemOS, engine: CountingEngine, model: Scripted, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    model.script = (thought("Hm."), "Your ", "usual one.")
    chain = chain_of(client, PROMPT | ChatMemOS(client, add_message_on_answer=False))
    for _ in range(2):
        asked_by(chain, way, {"input": QUESTION}, IN_RUNS)
    client.flush()
    assert spoken(engine) == TURN * 2
    assert warnings(caplog) == []


def test_beside_a_history_within_a_recording_there_is_nothing_to_say(
    client: MemOS, engine: CountingEngine, caplog: pytest.LogCaptureFixture
) -> None:
    with recording():
        chain_of(client, PROMPT | ChatMemOS(client)).invoke({"input": QUESTION}, IN_RUNS)
    client.flush()
    assert spoken(engine) == TURN
    assert warnings(caplog) == []


@pytest.mark.parametrize("way", WAYS)
def test_messages_of_a_history_tell_that_it_writes(
    client: MemOS, engine: CountingEngine, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    history = MemOSChatMessageHistory(client, user_id="ada", conversation_id="t1")
    llm = ChatMemOS(client, user_id="ada", conversation_id="t1")
    history.add_user_message("Hello.")
    again = MemOSChatMessageHistory(client, user_id="ada", conversation_id="t1")
    client.flush()
    engine.added.clear()
    for messages in (history.messages, again.messages):
        asked_by(llm, way, [*messages, HumanMessage(QUESTION)])
        asked_by(llm, way, PROMPT.invoke({"past": messages, "input": QUESTION}))
    assert engine.added == []
    assert len(warnings(caplog)) == 1
    asked_by(llm, way, [HumanMessage("Hello."), HumanMessage(QUESTION)])
    assert spoken(engine) == TURN


async def test_the_mark_of_a_historys_messages_is_seen_by_nobody_else(client: MemOS, engine: CountingEngine) -> None:
    kept: list[BaseMessage] = [HumanMessage("Hello.", id="h1"), HumanMessage("Who?", response_metadata={"k": "v"})]
    history = MemOSChatMessageHistory(client, user_id="ada", conversation_id="t1")
    await history.aadd_messages(kept)
    shown = await history.aget_messages()
    assert shown == kept == history.messages
    assert [each.model_dump_json() for each in shown] == [each.model_dump_json() for each in kept]
    assert all(one is other for one, other in zip(shown, history.messages, strict=True))
    await history.aadd_messages([*kept, *shown])
    await client.aio.flush()
    assert [text for _, text in spoken(engine)] == ["Hello.", "Who?"]
    again = MemOSChatMessageHistory(client, user_id="ada", conversation_id="t1")
    assert again.messages == kept
    again.add_messages(again.messages)
    await client.aio.flush()
    assert len(spoken(engine)) == 2


def test_what_a_middleware_of_langchains_asks_is_not_written(client: MemOS) -> None:
    chat = ChatMemOS(client)
    summing = SummarizationMiddleware(model=chat, trigger=("messages", 3), keep=("messages", 1))
    agent = create_agent(chat, [], middleware=[MemOSMiddleware(client), summing], checkpointer=InMemorySaver())
    for words in ("I hate trains.", "What now?"):
        agent.invoke(said(words), at())
    client.flush()
    stored = client.get_message(user_id="ada", conversation_id="t1", message_limit_number=50).message_detail_list
    assert [m.content for m in stored if m.role == "user"] == ["I hate trains.", "What now?"]
