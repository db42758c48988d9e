"""Whose the chat model's turn is: a call's word, the model's own, the run's; and nobody else's."""

import asyncio
import re
import threading
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.runnables import Runnable, RunnableLambda
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from typing_extensions import TypedDict

from memos_integrations.client import MemOS
from memos_integrations.errors import Invalid
from memos_integrations.langchain import ChatMemOS, _identity
from tests.fakes import CountingEngine
from tests.langchain.chats import WAYS, Echo, answered, asked_by, over_http, written
from tests.langchain.models import QUESTION, create_agent, said

BOB: Any = {"configurable": {"user_id": "bob", "thread_id": 7}}


@pytest.fixture
def engine() -> CountingEngine:
    return CountingEngine(model=Echo())


def whose(engine: CountingEngine) -> list[tuple[Any, Any]]:
    return [(call.user_id, call.conversation_id) for call in engine.added]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("options", "config", "given", "expected"),
    [
        ({"user_id": "ada", "conversation_id": "c"}, None, {}, ("ada", "c")),
        ({"user_id": "ada", "conversation_id": "c"}, BOB, {}, ("ada", "c")),
        ({"user_id": "ada"}, BOB, {}, ("ada", "7")),
        ({}, BOB, {}, ("bob", "7")),
        ({}, BOB, {"conversation_id": "own"}, ("bob", "own")),
        ({"user_id": "ada", "conversation_id": "c"}, BOB, {"user_id": "eve", "conversation_id": "d"}, ("eve", "d")),
        ({"user_id": "ada", "conversation_id": "c"}, BOB, {"user_id": None, "conversation_id": None}, ("ada", "c")),
    ],
)
def test_whose_it_is(
    client: MemOS, engine: CountingEngine, way: str, options: Any, config: Any, given: Any, expected: Any
) -> None:
    llm = ChatMemOS(client, **options)
    asked_by(llm, way, QUESTION, config, **given)
    asked_by(llm.bind(**given), way, QUESTION, config)
    assert whose(engine) == [expected] * 2


@pytest.mark.parametrize("way", WAYS)
def test_without_a_conversation_each_run_has_its_own(client: MemOS, engine: CountingEngine, way: str) -> None:
    llm = ChatMemOS(client, user_id="ada")
    for _ in range(2):
        asked_by(llm, way, QUESTION)
    (_, first), (_, second) = whose(engine)
    assert first != second
    assert re.fullmatch("run-[0-9a-f-]{36}", first)


def test_prompts_of_one_call_have_conversations_of_their_own(client: MemOS, engine: CountingEngine) -> None:
    asked: Any = [[HumanMessage("one")], [HumanMessage("two")]]
    ChatMemOS(client, user_id="ada").generate(asked)
    asyncio.run(ChatMemOS(client).agenerate(asked, user_id="ada"))
    assert len({conversation for _, conversation in whose(engine)}) == 4


@pytest.mark.parametrize("way", WAYS)
def test_without_a_user_nothing_is_asked(client: MemOS, engine: CountingEngine, way: str) -> None:
    with pytest.raises(Invalid, match=r"ChatMemOS: no user: give user_id= to ChatMemOS.*no default user") as caught:
        asked_by(ChatMemOS(client), way, QUESTION)
    assert (caught.value.field, caught.value.rule) == ("user_id", "missing")
    with pytest.raises(Invalid, match="from configurable"):
        asked_by(ChatMemOS(client), way, QUESTION, {"configurable": {"user_id": 5}})
    assert engine.counts == (0, 0)


async def test_within_another_runnable_its_run_counts(client: MemOS, engine: CountingEngine) -> None:
    llm = ChatMemOS(client)
    asked: Any = [[HumanMessage(QUESTION)]]
    chains: list[Runnable[Any, Any]] = [
        RunnableLambda(lambda _: llm.invoke(QUESTION)),
        RunnableLambda(lambda _: list(llm.stream(QUESTION))[-1]),
        RunnableLambda(lambda _: llm.generate(asked).generations[0][0].text),
        RunnableLambda(lambda _: QUESTION) | llm,
    ]
    for around in chains:
        around.invoke("", BOB)
        await around.ainvoke("", BOB)
    assert whose(engine) == [("bob", "7")] * 8


class Asked(TypedDict):
    question: str


class Told(TypedDict):
    user_id: str


async def test_in_a_graph_the_runs_context_counts(client: MemOS, engine: CountingEngine) -> None:
    llm = ChatMemOS(client)

    async def awaited(state: Asked) -> dict[str, str]:
        await llm.ainvoke(state["question"])
        return {}

    def plain(state: Asked) -> dict[str, str]:
        return {"question": "".join(answered(chunk) for chunk in llm.stream(state["question"]))}

    for node in (awaited, plain):
        graph: Any = StateGraph(Asked, context_schema=Told)
        graph = graph.add_node("ask", node).add_edge(START, "ask").add_edge("ask", END).compile()
        await graph.ainvoke({"question": QUESTION}, BOB, context={"user_id": "cleo"})
        await graph.ainvoke({"question": QUESTION}, BOB)
    agent = create_agent(llm, [], context_schema=Told)
    await agent.ainvoke(said(), BOB, context={"user_id": "cleo"})
    agent.invoke(said(), BOB)
    assert whose(engine) == [("cleo", "7"), ("bob", "7")] * 3


class _Login:
    identity = "grace"


class _Server:
    user = _Login()


def test_a_servers_login_cannot_be_overridden(
    client: MemOS, engine: CountingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    server: Any = _Server()
    runtime: Any = Runtime(context=Told(user_id="eve"), server_info=server)
    monkeypatch.setattr(_identity, "get_runtime", lambda: runtime)
    ChatMemOS(client).invoke(QUESTION, {"configurable": {"user_id": "eve"}})
    assert [user for user, _ in whose(engine)] == ["grace"]


USERS = [f"user-{i}" for i in range(100)]


def configs() -> Any:
    return [{"configurable": {"user_id": user, "thread_id": f"thread of {user}"}} for user in USERS]


def check(engine: CountingEngine, heard: list[str], rounds: int) -> None:
    assert heard == [f"You said: I am {user}" for user in USERS] * rounds
    assert len(engine.added) == len(USERS) * rounds
    for call in engine.added:
        assert call.conversation_id == f"thread of {call.user_id}"
        assert [turn.text for turn in call.turns] == [f"I am {call.user_id}", f"You said: I am {call.user_id}"]


def test_a_hundred_users_at_once_over_http(engine: CountingEngine) -> None:
    with over_http(engine) as client:
        llm = ChatMemOS(client)
        asked: Any = [f"I am {user}" for user in USERS]
        heard = [*asyncio.run(llm.abatch(asked, configs())), *llm.batch(asked, configs())]
        check(engine, [answered(each) for each in heard], 2)


def test_a_hundred_users_stream_at_once_in_tasks_and_threads(client: MemOS, engine: CountingEngine) -> None:
    llm, heard = ChatMemOS(client), dict[str, str]()

    def plain(user: str, config: Any) -> None:
        heard[user] = "".join(answered(chunk) for chunk in llm.stream(f"I am {user}", config))

    async def awaited(user: str, config: Any) -> str:
        return "".join([answered(chunk) async for chunk in llm.astream(f"I am {user}", config)])

    async def together() -> list[str]:
        return await asyncio.gather(*map(awaited, USERS, configs()))

    threads = [threading.Thread(target=plain, args=pair) for pair in zip(USERS, configs(), strict=True)]
    for thread in threads:
        thread.start()
    tasks = asyncio.run(together())
    for thread in threads:
        thread.join()
    check(engine, [*tasks, *(heard[user] for user in USERS)], 2)
    assert {user for user, _ in written(engine)} == set(USERS)
