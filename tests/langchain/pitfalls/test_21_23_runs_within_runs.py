"""Pitfalls 21 and 23: sub-agents are not recorded, tools and batches keep to their own, forks share a client."""

import asyncio
import copy
import pickle
from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.runnables import ConfigurableField
from langchain_core.tools import create_retriever_tool, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph

from memos_integrations.client import MemOS
from memos_integrations.langchain import MemOSMiddleware, MemOSRetriever
from memos_integrations.langchain._writers import is_recorded_around
from tests.fakes import CountingEngine
from tests.langchain.models import (
    ANSWER,
    MARK,
    Scripted,
    after_tools,
    at,
    counted,
    create_agent,
    look_up,
    run,
    said,
    spoken,
)
from tests.langchain.turns import TURN


def nested_in_a_tool(client: MemOS, **options: Any) -> Any:
    expert = create_agent(
        Scripted(script=after_tools(0, "Experts say so.")), [], middleware=[MemOSMiddleware(client, **options)]
    )

    @tool
    def ask_expert(word: str) -> str:
        """Asks an expert."""
        return str(expert.invoke(said(f"Please explain {MARK} {word}"))["messages"][-1].text)

    return create_agent(
        Scripted(script=after_tools(1, name="ask_expert")),
        [ask_expert],
        middleware=[MemOSMiddleware(client)],
        checkpointer=InMemorySaver(),
    )


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_21_an_agent_inside_a_tool_is_not_recorded(client: MemOS, engine: CountingEngine, way: str) -> None:
    run(nested_in_a_tool(client), way, said(), at())
    client.flush()
    assert spoken(engine) == TURN


def test_21_unless_one_wants_it_to_be(client: MemOS, engine: CountingEngine) -> None:
    nested_in_a_tool(client, record_subagents=True).invoke(said(), at())
    client.flush()
    nested = [("user", f"Please explain {MARK} w0"), ("assistant", "Experts say so.")]
    assert spoken(engine) == [TURN[0], *nested, TURN[1]]  # as it was said


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_21_an_agent_that_is_a_node_of_a_graph_speaks_with_the_user_and_is_recorded(
    client: MemOS, engine: CountingEngine, way: str
) -> None:
    agent = create_agent(Scripted(script=after_tools(1)), [look_up], middleware=[MemOSMiddleware(client)])
    graph = StateGraph(MessagesState)
    graph.add_node("helper", agent)
    graph.add_edge(START, "helper")
    outer: Any = graph.compile(checkpointer=InMemorySaver())
    for turn in (1, 2):
        run(outer, way, said(), at())
        client.flush()
        assert spoken(engine) == TURN * turn
        assert counted(engine) == (turn, turn)


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_21_a_model_inside_a_tool_is_told_that_it_has_nothing_to_write(
    client: MemOS, engine: CountingEngine, way: str
) -> None:
    """The middleware answers for a sub-agent's turn, though it writes none of it."""
    seen = list[bool]()

    def script(messages: Sequence[BaseMessage]) -> AIMessage:
        seen.append(is_recorded_around())
        return AIMessage("Experts say so.")

    expert = create_agent(Scripted(script=script), [], middleware=[MemOSMiddleware(client)])

    @tool
    def ask_expert(word: str) -> str:
        """Asks an expert."""
        return str(expert.invoke(said(f"Please explain {word}"))["messages"][-1].text)

    model = Scripted(script=after_tools(1, name="ask_expert"))
    run(create_agent(model, [ask_expert], middleware=[MemOSMiddleware(client)]), way, said(), at())
    client.flush()
    assert seen == [True]
    assert not is_recorded_around()
    assert spoken(engine) == TURN


def taught(client: MemOS, users: Sequence[str]) -> None:
    for user in users:
        message = {"role": "user", "content": f"I drink {user} tea every morning."}
        client.add_message(messages=[message], user_id=user, conversation_id="earlier", async_mode=False)


USERS = [f"user-{number:02}" for number in range(20)]


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_21_tools_beside_each_other_that_ask_a_retriever_get_their_own_users_memories(
    client: MemOS, engine: CountingEngine, way: str
) -> None:
    taught(client, USERS[:4])
    retriever = MemOSRetriever(client, k=1)
    calls: Any = [{"name": "remember", "args": {"query": f"tea {n}"}, "id": f"call-{n}"} for n in range(8)]

    def script(messages: Sequence[BaseMessage]) -> AIMessage:
        done = any(isinstance(message, ToolMessage) for message in messages)
        return AIMessage(ANSWER) if done else AIMessage("", tool_calls=calls)

    asking = create_retriever_tool(retriever, "remember", "Asks the memory.")
    agent = create_agent(Scripted(script=script), [asking], middleware=[MemOSMiddleware(client, recall=False)])
    for user in USERS[:4]:
        (state,) = run(agent, way, said(), at(user, f"t-{user}"))
        results = [str(message.content) for message in state["messages"] if isinstance(message, ToolMessage)]
        assert len(results) == 8
        assert all(f"{user} tea" in result for result in results)
    client.flush()
    assert len(engine.searched) == 32


@pytest.mark.parametrize("awaited", [False, True])
def test_21_a_batch_keeps_to_the_users_of_its_configs(client: MemOS, awaited: bool) -> None:
    taught(client, USERS)
    retriever = MemOSRetriever(client, k=1)
    configs: Any = [{"configurable": {"user_id": user}} for user in USERS]
    queries = ["What tea?"] * len(USERS)
    found = asyncio.run(retriever.abatch(queries, configs)) if awaited else retriever.batch(queries, configs)
    for user, (document,) in zip(USERS, found, strict=True):
        assert f"{user} tea" in document.page_content


def forks(retriever: MemOSRetriever) -> dict[str, Any]:
    field = ConfigurableField(id="best")
    return {
        "with_config": retriever.with_config(configurable={"user_id": "ada"}),
        "configurable_fields": retriever.configurable_fields(k=field).with_config(configurable={"best": 1}),
        "model_copy": retriever.model_copy(),
        "copy": copy.copy(retriever),
        "deepcopy": copy.deepcopy(retriever),
        "bind": retriever.bind(),
    }


@pytest.mark.parametrize("kind", ["with_config", "configurable_fields", "model_copy", "copy", "deepcopy", "bind"])
@pytest.mark.parametrize("awaited", [False, True])
def test_23_a_fork_of_a_retriever_asks_the_same_client(
    client: MemOS, engine: CountingEngine, kind: str, awaited: bool
) -> None:
    taught(client, ["ada"])
    fork: Any = forks(MemOSRetriever(client, user_id="ada"))[kind]
    (document,) = asyncio.run(fork.ainvoke("What tea?")) if awaited else fork.invoke("What tea?")
    assert "ada tea" in document.page_content
    assert len(engine.searched) == 1


def test_23_a_retriever_with_its_connections_is_not_pickled_and_says_so(client: MemOS) -> None:
    with pytest.raises(TypeError, match="neither copied nor pickled"):
        pickle.dumps(MemOSRetriever(client, user_id="ada"))
