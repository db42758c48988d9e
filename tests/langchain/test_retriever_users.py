"""Whose memory a retriever reads when a rule decides, and beside a middleware in one agent."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.runnables import ConfigurableField, RunnableConfig
from langchain_core.tools import create_retriever_tool
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from typing_extensions import TypedDict

from memos_integrations.client import MemOS
from memos_integrations.errors import Invalid
from memos_integrations.langchain import MemOSMiddleware, MemOSRetriever
from tests.fakes import CountingEngine
from tests.langchain.models import MARK, QUESTION, WAYS, Scripted, after_tools, at, create_agent, run, said

Remembers = Callable[..., None]


def tenant(runtime: Runtime[Any], config: RunnableConfig) -> str:
    told = config.get("configurable", {}).get("tenant") or (runtime.context or {}).get("tenant")
    return f"tenant-{told}" if told else ""


def of(name: str) -> Any:
    return {"configurable": {"tenant": name, "user_id": "somebody else"}}


async def test_a_rule_decides_whose_it_is(client: MemOS, engine: CountingEngine) -> None:
    retriever = MemOSRetriever(client, user_id=tenant)
    retriever.invoke(QUESTION, of("a"))
    await retriever.ainvoke(QUESTION, of("b"))
    retriever.batch([QUESTION] * 2, [of("c"), of("c")])
    await retriever.abatch([QUESTION] * 2, [of("d"), of("d")])
    assert [call.user_id for call in engine.searched] == [f"tenant-{name}" for name in "abccdd"]


def test_a_rule_that_names_nobody_finds_nobody_else(client: MemOS, engine: CountingEngine) -> None:
    with pytest.raises(Invalid) as caught:
        MemOSRetriever(client, user_id=tenant).invoke(QUESTION, {"configurable": {"user_id": "ada"}})
    assert caught.value.field == "user_id"
    assert engine.searched == []


def test_a_rule_stays_with_its_copies_and_out_of_dumps(client: MemOS, engine: CountingEngine) -> None:
    retriever = MemOSRetriever(client, user_id=tenant)
    changed = retriever.configurable_fields(k=ConfigurableField(id="most")).with_config(configurable={"most": 1})
    variants: list[Any] = [retriever.model_copy(), copy.deepcopy(retriever), changed, retriever.bind(k=1)]
    for variant in variants:
        variant.invoke(QUESTION, of("a"))
    assert [call.user_id for call in engine.searched] == ["tenant-a"] * 4
    assert "user_id" not in retriever.model_dump()
    assert "tenant" not in f"{retriever!r}{retriever.model_dump_json()}"
    assert MemOSRetriever(client, user_id="ada").model_dump()["user_id"] == "ada"


class Told(TypedDict):
    tenant: str


class Asked(TypedDict):
    question: str


async def test_a_rule_sees_the_graphs_context(client: MemOS, engine: CountingEngine) -> None:
    retriever = MemOSRetriever(client, user_id=tenant)

    async def awaited(state: Asked) -> dict[str, str]:
        await retriever.abatch([state["question"]] * 2)
        return {}

    graph: Any = StateGraph(Asked, context_schema=Told)
    graph = graph.add_node("ask", awaited).add_edge(START, "ask").add_edge("ask", END).compile()
    await graph.ainvoke({"question": QUESTION}, context={"tenant": "x"})
    assert [call.user_id for call in engine.searched] == ["tenant-x"] * 2


@pytest.mark.parametrize("way", WAYS)
def test_beside_a_middleware_it_searches_by_itself(
    client: MemOS, engine: CountingEngine, remembers: Remembers, way: str
) -> None:
    remembers()
    tool = create_retriever_tool(MemOSRetriever(client, k=2), "recall", "What is known of the user")

    def asking(messages: Any) -> Any:
        answer = after_tools(2, name="recall")(messages)
        for call in answer.tool_calls:
            call["args"] = {"query": QUESTION}  # the very words of the user
        return answer

    model = Scripted(script=asking)
    agent = create_agent(model, [tool], middleware=[MemOSMiddleware(client)])
    run(agent, way, said(), at())
    client.flush()
    assert [(call.query, call.user_id, call.conversation_id) for call in engine.searched] == [
        (QUESTION, "ada", "t1")
    ] * 3
    assert [call.memory_limit_number for call in engine.searched] == [None, 2, 2]
    assert MARK in str([message for message in model.handed[-1] if message.type == "tool"])
