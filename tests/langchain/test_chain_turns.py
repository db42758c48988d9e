"""One search and one write a user turn, in a graph that somebody built by hand, and where a run is tried again."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import RetryPolicy

from memos_integrations.client import MemOS
from memos_integrations.langchain import with_memory
from tests.fakes import CountingEngine, client_over
from tests.langchain.chains import GIVEN, PROMPT, TURN, Failing, drive, failing, of, run_as, texts
from tests.langchain.models import (
    ANSWER,
    MARK,
    QUESTION,
    WAYS,
    Scripted,
    after_tools,
    at,
    counted,
    look_up,
    run,
    said,
    spoken,
)

Remembers = Callable[..., None]


def graph_with(
    client: MemOS, script: Any, saver: Any = None, retry: Any = None, **options: Any
) -> tuple[Any, Scripted]:
    model = Scripted(script=script)
    memory = with_memory(model.bind_tools([look_up]), client, **options)

    async def aask(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await memory.ainvoke(state["messages"])]}

    def ask(state: MessagesState) -> dict[str, Any]:
        return {"messages": [memory.invoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("model", RunnableLambda(ask, afunc=aask), retry_policy=retry)
    graph.add_node("tools", ToolNode([look_up]))
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", tools_condition)
    graph.add_edge("tools", "model")
    return graph.compile(checkpointer=saver), model


@pytest.mark.parametrize("way", WAYS)
def test_once_a_turn_in_a_loop_with_tools(
    client: MemOS, engine: CountingEngine, remembers: Remembers, way: str
) -> None:
    remembers()
    saver = InMemorySaver()
    graph, model = graph_with(client, after_tools(2), saver)
    run(graph, way, said(), at())
    client.flush()
    assert len(model.handed) == 3
    assert all(MARK in str(handed[1].text) for handed in model.handed)
    assert spoken(engine) == TURN
    assert len(engine.searched) == 1
    assert {call.conversation_id for call in engine.added} == {"t1"}
    run(graph, way, said("Thanks!"), at())
    client.flush()
    assert counted(engine) == (2, 2)
    assert spoken(engine)[2:] == [("user", "Thanks!"), ("assistant", ANSWER)]
    kept = str([saved.checkpoint for saved in saver.list(None)])
    assert QUESTION in kept
    assert "<memories" not in kept
    assert "Long-term memory" not in kept


@pytest.mark.parametrize("given_id", ["7", "0b9f2a54-6a1e-4a6e-9d7c-3f5f6f6f2c11"])
def test_a_message_that_brings_its_id(client: MemOS, engine: CountingEngine, given_id: str) -> None:
    graph, _ = graph_with(client, after_tools(1))
    config = at(thread=None)
    for _ in range(2):
        graph.invoke(said(id=given_id), config)
    client.flush()
    numbered = len(given_id) == 1
    assert counted(engine) == ((2, 2) if numbered else (1, 1))
    assert len({call.conversation_id for call in engine.added}) == (2 if numbered else 1)


def test_tool_calls_are_written_on_demand(client: MemOS, engine: CountingEngine) -> None:
    graph, _ = graph_with(client, after_tools(1), record_tools=True)
    graph.invoke(said(), at())
    client.flush()
    assert [role for role, _ in spoken(engine)] == ["user", "assistant", "tool", "assistant"]
    (call,) = [call for message in engine.added[0].turns for call in getattr(message, "tool_calls", None) or ()]
    assert call.function.name == "look_up"


def test_a_loop_by_hand_over_messages_without_ids(client: MemOS, engine: CountingEngine, remembers: Remembers) -> None:
    remembers()
    model = with_memory(Scripted(script=after_tools(2)), client, user_id="ada")
    for _ in range(2):
        messages: list[BaseMessage] = [HumanMessage(QUESTION)]
        while (answer := model.invoke(messages)).tool_calls:
            messages += [answer, ToolMessage("nothing", tool_call_id=answer.tool_calls[0]["id"])]
    client.flush()
    assert spoken(engine) == [*TURN, *TURN]
    assert len(engine.searched) == 2
    assert len({call.conversation_id for call in engine.added}) == 2


def test_two_models_that_see_one_message_write_it_once(client: MemOS, engine: CountingEngine) -> None:
    graph: Any = StateGraph(MessagesState)
    for name, answer in (("first", "Let me think."), ("second", ANSWER)):
        memory = with_memory(Scripted(script=after_tools(0, answer)), client)
        graph.add_node(name, lambda state, memory=memory: {"messages": [memory.invoke(state["messages"])]})
    graph.add_edge(START, "first")
    graph.add_edge("first", "second")
    compiled: Any = graph.compile()
    compiled.invoke(said(), at())
    client.flush()
    assert spoken(engine) == [("user", QUESTION), ("assistant", "Let me think."), ("assistant", ANSWER)]
    assert len(engine.searched) == 1


def test_a_loop_that_another_process_ends_is_written_once(engine: CountingEngine) -> None:
    saver = InMemorySaver()

    def stuck(messages: Any) -> AIMessage:
        return (failing(1) if isinstance(messages[-1], ToolMessage) else after_tools(1))(messages)

    with client_over(CountingEngine()) as client:
        graph, _ = graph_with(client, stuck, saver)
        with pytest.raises(Failing):
            graph.invoke(said(), at())
    with client_over(engine) as client:
        graph, model = graph_with(client, after_tools(1), saver)
        graph.invoke(None, at())
        client.flush()
        assert len(model.handed) == 1
        assert spoken(engine) == TURN


def test_a_node_that_is_tried_again(client: MemOS, engine: CountingEngine) -> None:
    again = RetryPolicy(initial_interval=0.001, jitter=False, retry_on=Failing)
    graph, _ = graph_with(client, failing(2), InMemorySaver(), again)
    graph.invoke(said(), at())
    client.flush()
    assert spoken(engine) == TURN
    assert len(engine.searched) == 1


def test_a_node_over_text_that_is_tried_again(client: MemOS, engine: CountingEngine) -> None:
    chain = of(client, Scripted(script=failing(1)))
    shape: Any = dict
    graph: Any = StateGraph(shape)
    again = RetryPolicy(initial_interval=0.001, jitter=False, retry_on=Failing)
    graph.add_node("ask", lambda _: {"answer": chain.invoke(GIVEN)}, retry_policy=again)
    graph.add_edge(START, "ask")
    compiled: Any = graph.compile(checkpointer=InMemorySaver())
    compiled.invoke(GIVEN, at())
    client.flush()
    assert spoken(engine) == TURN


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "batch", "abatch"])
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("conversation", ["monday", None])
def test_with_retry_writes_the_users_words_once(
    client: MemOS, engine: CountingEngine, way: str, times: int, conversation: str | None
) -> None:
    chain = of(client, Scripted(script=failing(times)))
    again = chain.with_retry(stop_after_attempt=3, wait_exponential_jitter=False, retry_if_exception_type=(Failing,))
    config: Any = run_as(conversation=conversation)
    if "batch" in way:
        given = [{"question": QUESTION}, {"question": "And what did I eat?"}]
        if way == "batch":
            again.batch(given, config | {"max_concurrency": 1})
        else:
            asyncio.run(again.abatch(given, config))
    elif way == "invoke":
        again.invoke(GIVEN, config)
    else:
        asyncio.run(again.ainvoke(GIVEN, config))
    client.flush()
    kept = sorted(text for role, text in spoken(engine) if role == "user")
    assert kept == ([QUESTION] if "batch" not in way else sorted([QUESTION, "And what did I eat?"]))
    assert len(engine.searched) == len(kept)
    assert sum(role == "assistant" for role, _ in spoken(engine)) == len(kept)


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream"])
def test_with_fallbacks_writes_the_users_words_once(client: MemOS, engine: CountingEngine, way: str) -> None:
    chain = of(client, Scripted(script=failing(1))).with_fallbacks([of(client)])
    assert drive(chain, way, GIVEN, run_as()) == ANSWER
    client.flush()
    assert spoken(engine) == TURN
    inner = with_memory(
        PROMPT | Scripted(script=failing(1)).with_fallbacks([Scripted(script=after_tools(0))]) | StrOutputParser(),
        client,
    )
    assert drive(inner, way, GIVEN, run_as("bob")) == ANSWER
    client.flush()
    assert spoken(engine) == [*TURN, *TURN]


def test_what_is_said_anew_after_a_failure_is_another_turn(client: MemOS, engine: CountingEngine) -> None:
    chain = of(client, Scripted(script=failing(1)))
    with pytest.raises(Failing):
        chain.invoke(GIVEN, run_as())
    chain.invoke(GIVEN, run_as())
    client.flush()
    assert spoken(engine) == [("user", QUESTION), *TURN]


def test_a_retry_in_one_run_is_no_later_turn_of_it(client: MemOS, engine: CountingEngine) -> None:
    """A chain that asks the same twice in one run, and fails the first time only."""
    chain = of(client, Scripted(script=failing(1)))

    def thrice(_: Any) -> None:
        with pytest.raises(Failing):
            chain.invoke(GIVEN)
        for _ in range(2):
            chain.invoke(GIVEN)

    RunnableLambda(thrice).invoke("x", run_as())
    client.flush()
    assert spoken(engine) == [*TURN, *TURN]
    assert len(engine.searched) == 2


def test_one_of_two_chains_within_each_other_writes(
    client: MemOS, engine: CountingEngine, remembers: Remembers
) -> None:
    remembers()
    model = Scripted(script=after_tools(0))
    chain = with_memory(PROMPT | with_memory(model, client) | StrOutputParser(), client)
    assert chain.invoke(GIVEN, run_as()) == ANSWER
    assert "".join(chain.stream(GIVEN, run_as())) == ANSWER
    client.flush()
    assert spoken(engine) == [*TURN, *TURN]
    assert MARK in texts(model.handed)


def test_a_numbered_message_that_is_answered_anew_after_its_tools_is_written_once(
    client: MemOS, engine: CountingEngine
) -> None:
    model = with_memory(Scripted(script=after_tools(1)), client)
    messages: list[BaseMessage] = [HumanMessage(QUESTION, id="7")]
    asking = model.invoke(messages, run_as())
    messages += [asking, ToolMessage("nothing", tool_call_id=asking.tool_calls[0]["id"])]
    for _ in range(2):
        assert model.invoke(messages, run_as()).text == ANSWER
        client.flush()
    assert spoken(engine) == TURN
