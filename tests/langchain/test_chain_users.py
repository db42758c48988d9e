"""Whose run it is, for any number of users of one chain at once."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langgraph.graph import START, StateGraph

from memos_integrations.client import MemOS
from memos_integrations.errors import Invalid
from memos_integrations.langchain import RunnableWithMemory, with_memory
from memos_integrations.langchain._chain_answer import joined
from tests.fakes import CountingEngine
from tests.langchain.chains import GIVEN, RUNS, TURN, drive, of, run_as
from tests.langchain.models import ANSWER, MARK, Scripted, after_tools, echo, spoken

Remembers = Callable[..., None]
USERS = [f"user{number}" for number in range(100)]


def echoing(client: MemOS) -> RunnableWithMemory:
    """Answers with all that it was handed."""

    async def slow(given: dict[str, Any]) -> AIMessage:
        await asyncio.sleep(0)
        return AIMessage(f"{given['memories']} for {given['question']}")

    def plain(given: dict[str, Any]) -> AIMessage:
        return AIMessage(f"{given['memories']} for {given['question']}")

    return with_memory(RunnableLambda(plain, slow), client, recall_seconds=60)


def asked_by(user: str) -> dict[str, str]:
    return {"question": f"What {MARK} tea do I, {user}, drink?"}


@pytest.mark.parametrize("way", ["threads", "tasks", "batch", "abatch", "streams"])
def test_a_hundred_users_at_once(client: MemOS, engine: CountingEngine, remembers: Remembers, way: str) -> None:
    for user in USERS:
        remembers(f"I drink {MARK} tea with {user}berries.", user)
    chain, given, configs = echoing(client), [asked_by(u) for u in USERS], [run_as(u, f"of {u}") for u in USERS]

    async def tasks() -> list[Any]:
        return await asyncio.gather(*(chain.ainvoke(g, c) for g, c in zip(given, configs, strict=True)))

    async def streams() -> list[Any]:
        async def one(g: Any, c: Any) -> Any:
            return joined([chunk async for chunk in chain.astream(g, c)])

        return await asyncio.gather(*(one(g, c) for g, c in zip(given, configs, strict=True)))

    async def abatch() -> list[Any]:
        return await chain.abatch(given, configs)

    if way == "threads":
        with ThreadPoolExecutor(32) as pool:
            answers = list(pool.map(chain.invoke, given, configs))
    elif way == "batch":
        answers = chain.batch(given, configs)
    else:
        answers = asyncio.run({"tasks": tasks, "streams": streams, "abatch": abatch}[way]())
    client.flush(60)
    for user, answer in zip(USERS, answers, strict=True):
        assert f"{user}berries" in answer.text
        assert answer.text.count("berries") == 1
    assert len(engine.searched) == len(USERS)
    for call in engine.added:
        assert call.conversation_id == f"of {call.user_id}"
        assert all(f"{call.user_id}" in turn.text for turn in call.turns)
    assert len(spoken(engine)) == 2 * len(USERS)


@pytest.mark.parametrize("way", RUNS)
def test_no_user_is_told_before_anything_is_asked(client: MemOS, engine: CountingEngine, way: str) -> None:
    model = Scripted(script=after_tools(0))
    with pytest.raises(Invalid, match=r"with_memory.*user_id") as told:
        drive(of(client, model), way, GIVEN, run_as(None))
    assert told.value.field == "user_id"
    client.flush()
    assert engine.counts == (0, 0)
    assert model.handed == []


@pytest.mark.parametrize(
    ("options", "config", "user", "conversation"),
    [
        ({"user_id": "eve"}, run_as("ada"), "eve", "monday"),
        ({"user_id": lambda _, config: config["metadata"]["who"]}, {"metadata": {"who": "mia"}}, "mia", None),
        ({"conversation_id": "fixed"}, run_as("ada"), "ada", "fixed"),
        ({}, {"configurable": {"user_id": "ada", "thread_id": 7}}, "ada", "7"),
    ],
)
def test_where_the_user_comes_from(
    client: MemOS, engine: CountingEngine, options: Any, config: Any, user: str, conversation: str | None
) -> None:
    of(client, agent_id="clerk", tags=["tea"], **options).invoke(GIVEN, config)
    client.flush()
    (call,) = engine.added
    assert (call.user_id, call.agent_id, call.tags) == (user, "clerk", ("tea",))
    assert call.conversation_id == conversation or (conversation is None and call.conversation_id)


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream"])
def test_in_a_graph_the_context_tells_the_user(client: MemOS, engine: CountingEngine, way: str) -> None:
    chain = of(client)
    shape: Any = dict
    graph: Any = StateGraph(shape, context_schema=shape)
    graph.add_node("ask", chain)
    graph.add_edge(START, "ask")
    compiled: Any = graph.compile()
    context = {"user_id": "ada", "conversation_id": "monday"}

    async def awaited() -> None:
        if way == "ainvoke":
            await compiled.ainvoke(GIVEN, context=context)
        else:
            assert [chunk async for chunk in compiled.astream(GIVEN, context=context, stream_mode="messages")]

    if way.startswith("a"):
        asyncio.run(awaited())
    elif way == "invoke":
        compiled.invoke(GIVEN, context=context)
    else:
        assert list(compiled.stream(GIVEN, context=context, stream_mode="messages"))
    client.flush()
    assert spoken(engine) == TURN
    assert {(call.user_id, call.conversation_id) for call in engine.added} == {("ada", "monday")}


def test_one_conversation_of_two_users_is_two(client: MemOS, engine: CountingEngine, remembers: Remembers) -> None:
    remembers()
    chain = with_memory(Scripted(script=echo), client)
    for user, sees in (("ada", True), ("bob", False)):
        answer = chain.invoke([("user", GIVEN["question"])], run_as(user))
        assert (MARK in answer.text) == sees
    client.flush()
    assert sorted(str(call.user_id) for call in engine.added) == ["ada", "bob"]
    assert ANSWER not in str(spoken(engine))
