"""What memory fits around, and what must not keep or show what is remembered: graphs, histories, prompts, outputs."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core._api import LangChainDeprecationWarning
from langchain_core.chat_history import BaseChatMessageHistory, InMemoryChatMessageHistory
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder, PromptTemplate
from langchain_core.runnables import (
    Runnable,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    RunnableWithMessageHistory,
)
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from pydantic import BaseModel

from memos_integrations.client import MemOS
from memos_integrations.errors import Invalid
from memos_integrations.langchain import MemOSChatMessageHistory, with_memory
from memos_integrations.langchain._writers import is_recorded_around
from tests.fakes import CountingEngine
from tests.langchain.chains import GIVEN, PROMPT, RUNS, TURN, drive, run_as
from tests.langchain.models import (
    ANSWER,
    FACT,
    MARK,
    QUESTION,
    Scripted,
    after_tools,
    at,
    create_agent,
    look_up,
    said,
    spoken,
)

Remembers = Callable[..., None]
IN_SESSION: Any = {"configurable": {"user_id": "ada", "conversation_id": "monday", "session_id": "monday"}}


def agent(script: Any = None, **options: Any) -> Any:
    return create_agent(Scripted(script=script or after_tools(0)), [look_up], **options)


def historied(runnable: Runnable[Any, Any], made: Callable[[str], BaseChatMessageHistory]) -> Any:
    with pytest.warns(LangChainDeprecationWarning, match="RunnableWithMessageHistory is deprecated"):
        return RunnableWithMessageHistory(runnable, made)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    "around",
    [
        lambda graph: graph,
        lambda graph: graph.bind(debug=False),
        lambda graph: graph.with_retry(),
        lambda graph: RunnableLambda(dict).with_fallbacks([graph]),
        lambda graph: graph | RunnableLambda(str),
    ],
)
def test_a_graph_is_handed_nothing_that_it_would_keep(client: MemOS, around: Any) -> None:
    with pytest.raises(Invalid, match=r"take MemOSMiddleware in the agent.*recall=False") as told:
        with_memory(around(agent()), client)
    assert told.value.field == "runnable"
    with_memory(around(agent()), client, recall=False)


@pytest.mark.parametrize("way", RUNS)
@pytest.mark.parametrize(
    "messages",
    [
        [HumanMessage(QUESTION)],
        [("user", QUESTION)],
        [{"role": "user", "content": QUESTION}],
        {"role": "user", "content": QUESTION},
    ],
)
def test_whatever_stands_for_a_message_in_a_dict_is_one(
    client: MemOS, engine: CountingEngine, messages: Any, way: str
) -> None:
    drive(with_memory(agent(), client, recall=False), way, {"messages": messages}, at())
    client.flush()
    assert spoken(engine) == TURN


def test_pages_in_a_dict_are_no_messages(client: MemOS, engine: CountingEngine) -> None:
    pages = [{"page": "one"}, {"title": "two"}, ("a", "b"), "three"]
    with_memory(RunnableLambda(lambda _: ANSWER), client).invoke(
        {"question": [("user", QUESTION)], "context": pages}, run_as()
    )
    client.flush()
    assert spoken(engine) == TURN


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream"])
@pytest.mark.parametrize("resume", [Command(resume={"decisions": [{"type": "approve"}]}), None])
def test_what_resumes_a_graph_is_passed_on_and_says_nothing(
    client: MemOS, engine: CountingEngine, resume: Any, way: str
) -> None:
    asking = [HumanInTheLoopMiddleware(interrupt_on={"look_up": True})]
    stops: dict[str, Any] = {"middleware": asking} if resume else {"interrupt_before": ["tools"]}
    graph = agent(after_tools(1), checkpointer=InMemorySaver(), **stops)
    chain = with_memory(graph, client, recall=False)
    config: Any = at()
    chain.invoke(said(), config)
    drive(chain, way, resume, config)
    assert graph.get_state(at()).values["messages"][-1].text == ANSWER
    client.flush()
    assert ("assistant", ANSWER) not in spoken(engine)
    chain.invoke(said("Thanks!"), config)
    client.flush()
    assert spoken(engine)[:1] == [("user", QUESTION)]


class Tea(BaseModel):
    """A tea."""

    name: str


@pytest.mark.parametrize("way", RUNS)
def test_a_structured_answer_with_its_raw_message_ends_the_turn(
    client: MemOS, engine: CountingEngine, way: str
) -> None:
    call = {"name": "Tea", "args": {"name": "green"}, "id": "c1"}
    model = Scripted(script=lambda _: AIMessage("", tool_calls=[call]))
    structured = BaseChatModel.with_structured_output(model, Tea, include_raw=True)
    answer: Any = drive(with_memory(structured, client), way, [("user", QUESTION)], run_as())
    assert answer.keys() == {"raw", "parsed", "parsing_error"}
    client.flush()
    assert spoken(engine) == [("user", QUESTION)]


@pytest.mark.parametrize("way", RUNS)
def test_what_passes_its_input_on_gives_back_none_of_what_was_put_in(
    client: MemOS, engine: CountingEngine, remembers: Remembers, way: str
) -> None:
    remembers()
    model = Scripted(script=after_tools(0))
    chain = with_memory(RunnablePassthrough.assign(answer=PROMPT | model | StrOutputParser()), client)
    assert drive(chain, way, GIVEN, run_as()) == {**GIVEN, "answer": ANSWER}
    assert MARK in str(model.handed)
    client.flush()
    assert spoken(engine) == TURN


def test_no_chunk_is_left_empty_and_the_chains_own_member_stays(client: MemOS, remembers: Remembers) -> None:
    remembers()

    def pieces(_: Any) -> Any:
        yield {}
        yield {"memories": "my own"}

    def only(given: dict[str, str]) -> dict[str, str]:
        return {"memories": given["memories"]}

    part = RunnableLambda(only)
    assert list(with_memory(part, client).stream(GIVEN, run_as())) == []
    assert with_memory(part, client).invoke(GIVEN, run_as()) == {}
    assert list(with_memory(pieces, client).stream(GIVEN, run_as())) == [{}, {"memories": "my own"}]


@pytest.mark.parametrize(
    "around",
    [
        lambda prompt: prompt | Scripted(script=after_tools(0)),
        lambda prompt: prompt.with_config(tags=["tea"]) | RunnableLambda(str),
        lambda prompt: RunnablePassthrough.assign(answer=prompt | RunnableLambda(str)),
        lambda prompt: RunnableParallel(answer=prompt),
    ],
)
@pytest.mark.parametrize("part", [MessagesPlaceholder("memories"), ("placeholder", "{memories}")])
def test_a_placeholder_for_messages_takes_no_text(client: MemOS, part: Any, around: Any) -> None:
    prompt = ChatPromptTemplate([part, ("user", "{question}")])
    for recall in (True, False):
        with pytest.raises(Invalid, match=r"MessagesPlaceholder\('memories'\).*write \{memories\} into") as told:
            with_memory(around(prompt), client, recall=recall)
        assert told.value.field == "memory_key"
    with_memory(around(prompt), client, memory_key="known")


def test_errors_name_the_member(client: MemOS) -> None:
    prompt = PromptTemplate.from_template("{question}")
    with pytest.raises(Invalid, match=r"no variable \{known\}"):
        with_memory(prompt, client, memory_key="known").invoke(GIVEN, run_as())
    with pytest.raises(Invalid, match="member 'known' already"):
        with_memory(str, client, memory_key="known").invoke({**GIVEN, "known": "x"}, run_as())
    with pytest.raises(Invalid, match="member 'asked'"):
        with_memory(str, client, input_key="asked").invoke(GIVEN, run_as())


@pytest.mark.filterwarnings("ignore:.*InMemoryChatMessageHistory")  # since 1.7
def test_a_history_within_would_store_what_is_remembered(client: MemOS, engine: CountingEngine) -> None:
    kept = InMemoryChatMessageHistory()
    chain = historied(Scripted(script=after_tools(0)), lambda session_id: kept)
    for each in (chain, chain.with_config(tags=["tea"]), chain | StrOutputParser()):
        with pytest.raises(Invalid, match=r"around with_memory\(…, record=False\)") as told:
            with_memory(each, client)
        assert told.value.field == "runnable"
    with_memory(chain, client, recall=False).invoke([HumanMessage(QUESTION)], IN_SESSION)
    client.flush()
    assert [message.text for message in kept.messages] == [QUESTION, ANSWER]
    assert spoken(engine) == TURN


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
@pytest.mark.parametrize("record", [True, False])
def test_beside_a_history_each_turn_is_written_once_with_one_warning(
    client: MemOS,
    engine: CountingEngine,
    remembers: Remembers,
    record: bool,
    way: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    remembers()
    model = Scripted(script=after_tools(0))

    def made(session_id: str) -> BaseChatMessageHistory:
        return MemOSChatMessageHistory(client, user_id="ada", conversation_id=session_id)

    chain = historied(with_memory(model, client, record=record), made)
    for _ in range(2):
        drive(chain, way, [HumanMessage(QUESTION)], IN_SESSION)
        client.flush()
    assert spoken(engine) == [*TURN, *TURN]
    assert MARK in str(model.handed)
    assert [("with_memory" in each, "record=False" in each) for each in warnings(caplog)] == [(True, True)] * record


@pytest.mark.parametrize("shape", ["messages", "dict", "prompt"])
def test_where_a_historys_messages_are_asked_with_the_history_writes(
    client: MemOS, engine: CountingEngine, shape: str, caplog: pytest.LogCaptureFixture
) -> None:
    history = MemOSChatMessageHistory(client, user_id="ada", conversation_id="monday")
    history.add_messages([HumanMessage("Hi"), AIMessage("Hello")])
    client.flush()
    before = len(spoken(engine))
    asked: list[BaseMessage] = [*history.messages, HumanMessage(QUESTION)]
    given = {
        "messages": asked,
        "dict": {"question": QUESTION, "past": history.messages},
        "prompt": ChatPromptTemplate([MessagesPlaceholder("past")]).invoke({"past": asked}),
    }
    chain = with_memory(RunnableLambda(lambda _: ANSWER), client)
    for _ in range(2):
        chain.invoke(given[shape], run_as())
    client.flush()
    assert len(spoken(engine)) == before
    assert len(warnings(caplog)) == 1
    assert FACT not in str(warnings(caplog))


def test_what_a_history_writes_nobody_else_writes(client: MemOS) -> None:
    history = MemOSChatMessageHistory(client, user_id="ada", conversation_id="monday")
    config: Any = {"configurable": {**run_as().get("configurable", {}), "message_history": history}}
    chain = with_memory(RunnableLambda(lambda _: str(is_recorded_around())), client)
    for way in RUNS[:4]:
        assert drive(chain, way, [HumanMessage(QUESTION)], config) == "True"
