"""The tools in agents and graphs: whose memory it is, at once, together with the middleware, and when resumed."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, interrupt

from memos_integrations.client import MemOS
from memos_integrations.errors import Invalid, ServerFault
from memos_integrations.langchain import MemOSAddTool, MemOSFeedbackTool, MemOSMiddleware, MemOSSearchTool, MemOSToolkit
from memos_integrations.wire.answers import Added, Found
from memos_integrations.wire.calls import AddFeedback, SearchMemory
from tests.fakes import CountingEngine, client_over
from tests.langchain.models import ANSWER, FACT, QUESTION, Scripted, at, create_agent, run, said, spoken
from tests.langchain.test_tools import written

Remembers = Callable[..., None]
USERS = 100


@dataclass
class Who:
    user_id: str | None = None
    conversation_id: str | None = None


def asking(*calls: tuple[str, dict[str, Any]]) -> Scripted:
    """A model that makes these calls at once, and answers with what came of them."""

    def script(messages: Sequence[BaseMessage]) -> AIMessage:
        place = max(i for i, m in enumerate(messages) if isinstance(m, HumanMessage))
        told = [str(m.text) for m in messages[place:] if isinstance(m, ToolMessage)]
        if told:
            return AIMessage("\n".join([ANSWER, *told]))
        made: Any = [{"name": n, "args": a, "id": f"call-{place}-{i}"} for i, (n, a) in enumerate(calls)]
        return AIMessage("", tool_calls=made)

    return Scripted(script=script)


def requested(*calls: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """A state whose last message makes these calls."""
    made: Any = [{"name": n, "args": a, "id": f"call-{i}"} for i, (n, a) in enumerate(calls)]
    return {"messages": [HumanMessage(QUESTION), AIMessage("", tool_calls=made)]}


def graph_of(tools: Sequence[Any], context: Any = None, **options: Any) -> Any:
    graph: Any = StateGraph(MessagesState, context_schema=context)
    return graph.add_node("tools", ToolNode(tools)).add_edge(START, "tools").add_edge("tools", END).compile(**options)


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream:values", "astream:updates"])
def test_an_agent_searches_and_adds(client: MemOS, engine: CountingEngine, remembers: Remembers, way: str) -> None:
    remembers()
    model = asking(("search_memory", {"query": "tea"}), ("add_memory", {"text": "I moved to Lyon."}))
    agent = create_agent(model, MemOSToolkit(client).get_tools(), checkpointer=InMemorySaver())
    out = str(run(agent, way, said(), at("ada", "t1")))
    assert FACT in out
    assert "Noted." in out
    client.flush()
    assert [(c.user_id, c.conversation_id, c.query) for c in engine.searched] == [("ada", "t1", "tea")]
    assert written(engine) == [("ada", "t1", "user", "I moved to Lyon.")]


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
@pytest.mark.parametrize("build", ["agent", "graph"])
def test_the_runs_context_tells_whose_it_is(client: MemOS, engine: CountingEngine, way: str, build: str) -> None:
    calls = [("search_memory", {"query": "tea", "user_id": "eve"}), ("add_memory", {"text": FACT, "user_id": "eve"})]
    tools = MemOSToolkit(client).get_tools()
    if build == "agent":
        runnable, given = create_agent(asking(*calls), tools, context_schema=Who), said()
    else:
        runnable, given = graph_of(tools, Who), requested(*calls)
    run(runnable, way, given, at("eve", "t9"), context=Who("cleo", "c1"))
    client.flush()
    assert [(c.user_id, c.conversation_id) for c in engine.searched] == [("cleo", "c1")]
    assert written(engine) == [("cleo", "c1", "user", FACT)]


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_a_missing_user_ends_the_run(client: MemOS, engine: CountingEngine, way: str) -> None:
    model = asking(("search_memory", {"query": "tea"}))
    agent = create_agent(model, MemOSToolkit(client).get_tools())
    with pytest.raises(Invalid, match="no default user"):
        run(agent, way, said(), at(None))
    assert engine.searched == []


class Down(CountingEngine):
    def search_memory(self, call: SearchMemory, project: str = "", *more: Any, **named: Any) -> Found:
        raise ServerFault("", code=50002)


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_a_failure_is_a_tool_message_and_the_run_goes_on(way: str) -> None:
    with client_over(Down()) as client:
        agent = create_agent(asking(("search_memory", {"query": "tea"})), MemOSToolkit(client).get_tools())
        (out,) = run(agent, way, said(), at())
    (told,) = [m for m in out["messages"] if isinstance(m, ToolMessage)]
    assert (told.status, told.content) == ("error", "search_memory failed: ServerFault, code 50002")
    assert out["messages"][-1].text.startswith(ANSWER)


async def test_many_users_at_once_are_never_mixed_up(engine: CountingEngine) -> None:
    with client_over(engine) as client:
        users = [f"user-{number}" for number in range(USERS)]
        for user in users:
            message = {"role": "user", "content": f"I drink tea from cup {user}."}
            client.add_message(messages=[message], user_id=user, conversation_id="earlier", async_mode=False)
        engine.added.clear()
        tools = MemOSToolkit(client, recall_seconds=60).get_tools()
        graph = graph_of(tools)

        def state(user: str) -> Any:
            return requested(("search_memory", {"query": "tea cup"}), ("add_memory", {"text": f"I am {user}."}))

        def where(user: str) -> Any:
            return at(user, user)

        def plain(user: str) -> str:
            direct = tools[0].invoke({"query": "tea cup"}, where(user))
            return str(graph.invoke(state(user), at(user, user))) + str(direct)

        async def awaited(user: str) -> str:
            direct = await tools[0].ainvoke({"query": "tea cup"}, where(user))
            return str(await graph.ainvoke(state(user), at(user, user))) + str(direct)

        with ThreadPoolExecutor(16) as pool:
            threads = [asyncio.wrap_future(pool.submit(plain, user)) for user in users[::2]]
            heard = await asyncio.gather(*threads, *(awaited(user) for user in users[1::2]))
        for user, out in zip([*users[::2], *users[1::2]], heard, strict=True):
            assert out.count("cup user-") == out.count(f"cup {user}.") == 2
        await client.aio.flush()
        assert sorted(map(str, written(engine))) == sorted(str((u, u, "user", f"I am {u}.")) for u in users)
        await client.aio.close()


class Fed(CountingEngine):
    def __init__(self) -> None:
        super().__init__()
        self.fed: list[AddFeedback] = []

    def add_feedback(self, call: AddFeedback, project: str = "") -> Added:
        self.fed.append(call)
        return super().add_feedback(call, project)


@tool
def approve(what: str) -> str:
    """Waits for somebody's yes."""
    return str(interrupt(what))


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_a_resumed_node_writes_once(way: str) -> None:
    engine = Fed()
    with client_over(engine) as client:
        tools = [approve, MemOSAddTool(client), MemOSFeedbackTool(client)]
        graph = graph_of(tools, checkpointer=InMemorySaver())
        calls = [("add_memory", {"text": FACT}), ("add_feedback", {"correction": FACT}), ("approve", {"what": "?"})]
        run(graph, way, requested(*calls), at())
        (out,) = run(graph, way, Command(resume="yes"), at())
        client.flush()
        assert [str(m.content)[:6] for m in out["messages"][-3:]] == ["Noted.", "The co", "yes"]
        assert [text for *_, text in written(engine)] == [FACT]
        assert len(engine.fed) == 1


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_beside_the_middleware_each_is_written_once(
    client: MemOS, engine: CountingEngine, remembers: Remembers, way: str
) -> None:
    remembers()
    model = asking(("add_memory", {"text": "I moved to Lyon."}), ("search_memory", {"query": "tea"}))
    tools, middleware = MemOSToolkit(client).get_tools(), [MemOSMiddleware(client)]
    agent = create_agent(model, tools, middleware=middleware, checkpointer=InMemorySaver())
    for turn in (1, 2):
        run(agent, way, said(f"{QUESTION} {turn}"), at())
    client.flush()
    roles = [(role, text.split("\n")[0]) for role, text in spoken(engine)]
    assert roles.count(("user", "I moved to Lyon.")) == 2  # two turns, two calls
    for turn in (1, 2):
        assert roles.count(("user", f"{QUESTION} {turn}")) == 1
    assert roles.count(("assistant", ANSWER)) == 2
    assert len(roles) == 6
    assert roles[:3] == [("user", f"{QUESTION} 1"), ("user", "I moved to Lyon."), ("assistant", ANSWER)]
    assert not any("<memories" in text or FACT in text for _, text in spoken(engine))


def test_a_tool_is_made_as_a_middleware_would(client: MemOS, engine: CountingEngine, remembers: Remembers) -> None:
    remembers(user="ada")

    def tenant(_: Any, config: Any) -> str:
        return str(config["configurable"]["tenant"])

    search = MemOSSearchTool(
        client, user_id=tenant, conversation_id=None, timezone="Europe/Berlin", recall_seconds=2.0, relativity=0.1
    )
    agent = create_agent(asking(("search_memory", {"query": "tea"})), [search])
    (out,) = run(agent, "invoke", said(), at("eve", "t1", tenant="ada"))
    assert FACT in out["messages"][-1].text
    assert search.client is client
    assert [(c.user_id, c.conversation_id) for c in engine.searched] == [("ada", "t1")]
