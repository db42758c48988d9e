"""Our classes in graphs that somebody built by hand: a checkpointer, the run's context, people who approve."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import pytest
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage, ToolMessage
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.runtime import Runtime
from langgraph.types import Command

from memos_integrations.client import MemOS
from memos_integrations.errors import Invalid
from memos_integrations.langchain import (
    ChatMemOS,
    MemOSChatMessageHistory,
    MemOSMiddleware,
    MemOSRetriever,
    MemOSToolkit,
    with_memory,
)
from tests.engine.models import Scripted as Answering
from tests.fakes import CountingEngine, client_over
from tests.langchain.models import (
    ANSWER,
    FACT,
    MARK,
    QUESTION,
    Scripted,
    after_tools,
    counted,
    create_agent,
    echo,
    look_up,
    run,
    said,
    spoken,
)
from tests.langchain.turns import ask_boss

Remembers = Callable[..., None]
WAYS = ["invoke", "ainvoke", "stream:values,updates,messages,custom", "astream:values,updates,messages,custom"]
TURN = [("user", QUESTION), ("assistant", ANSWER)]


class Named(TypedDict):
    user_id: str


@dataclass
class Known:
    user_id: str
    conversation_id: str | None = None


def thread(name: str = "t1") -> dict[str, Any]:
    """A run's config that tells no user."""
    return {"configurable": {"thread_id": name}}


def looping(
    client: MemOS, model: Scripted, tools: Sequence[Any], context: Any = Named, **options: Any
) -> tuple[Any, InMemorySaver]:
    """A model with memory that is asked again as long as it asks for tools."""
    memory, saver = with_memory(model.bind_tools(tools), client, **options), InMemorySaver()

    def ask(state: MessagesState) -> dict[str, Any]:
        return {"messages": [memory.invoke(state["messages"])]}

    async def aask(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await memory.ainvoke(state["messages"])]}

    graph: Any = StateGraph(MessagesState, context_schema=context)
    graph.add_node("model", RunnableLambda(ask, afunc=aask)).add_node("tools", ToolNode(tools))
    graph.add_edge(START, "model").add_edge("tools", "model").add_conditional_edges("model", tools_condition)
    return graph.compile(checkpointer=saver), saver


def single(ask: Any, aask: Any = None, context: Any = Named) -> tuple[Any, InMemorySaver]:
    """A graph of that one node."""
    graph: Any = StateGraph(MessagesState, context_schema=context)
    saver = InMemorySaver()
    node = RunnableLambda(ask, afunc=aask) if aask is not None else ask
    return graph.add_node("ask", node).add_edge(START, "ask").compile(checkpointer=saver), saver


def kept(saver: InMemorySaver) -> str:
    """All that the checkpoints hold."""
    return str([(saved.checkpoint, saved.pending_writes) for saved in saver.list(None)])


@pytest.mark.parametrize("who", [{"user_id": "ada"}, Known("ada"), Known("ada", "chosen")])
@pytest.mark.parametrize("way", WAYS)
def test_a_chain_is_the_model_of_a_tool_loop(
    client: MemOS, engine: CountingEngine, remembers: Remembers, way: str, who: Any
) -> None:
    remembers()
    model = Scripted(script=after_tools(2))
    graph, saver = looping(client, model, [look_up], Named if isinstance(who, dict) else Known)
    shown = str(run(graph, way, said(), thread(), context=who))
    client.flush()
    assert len(model.handed) == 3
    assert all(MARK in str(handed[1].text) for handed in model.handed)
    assert (len(engine.searched), spoken(engine)) == (1, TURN)
    where = getattr(who, "conversation_id", None) or "t1"
    assert {(call.user_id, call.conversation_id) for call in engine.added} == {("ada", where)}
    run(graph, way, said("Thanks!"), thread(), context=who)
    client.flush()
    assert counted(engine) == (2, 2)
    assert QUESTION in kept(saver)
    assert "<memories" not in kept(saver) + shown


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_a_person_approves_a_step_of_the_loop(
    client: MemOS, engine: CountingEngine, remembers: Remembers, way: str
) -> None:
    remembers()
    model = Scripted(script=after_tools(1, name="ask_boss"))
    graph, _ = looping(client, model, [ask_boss])
    (paused,) = run(graph, way, said(), thread(), context={"user_id": "ada"})
    assert paused["__interrupt__"][0].value == "may I w0?"
    client.flush()
    assert spoken(engine) == []  # not answered yet
    (state,) = run(graph, way, Command(resume="yes"), thread(), context={"user_id": "ada"})
    client.flush()
    assert [m.text for m in state["messages"] if isinstance(m, ToolMessage)] == ["yes"]
    assert [MARK in str(handed[1].text) for handed in model.handed] == [True, True]
    assert (len(engine.searched), spoken(engine)) == (1, TURN)


def test_a_step_that_is_approved_in_another_process(engine: CountingEngine) -> None:
    model = Scripted(script=after_tools(1, name="ask_boss"))
    with client_over(CountingEngine()) as client:
        first, saver = looping(client, model, [ask_boss])
        first.invoke(said(), thread(), context={"user_id": "ada"})
    with client_over(engine) as client:
        second, _ = looping(client, model, [ask_boss])
        second.checkpointer = saver
        second.invoke(Command(resume="yes"), thread(), context={"user_id": "ada"})
        client.flush()
        assert len(model.handed) == 2
        assert (len(engine.searched), spoken(engine)) == (1, TURN)


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_two_users_of_one_graph(client: MemOS, engine: CountingEngine, remembers: Remembers, way: str) -> None:
    for user in ("ada", "bob"):
        remembers(f"I am {user}, and drink {MARK} tea.", user)
    graph, _ = looping(client, Scripted(script=echo), [look_up])
    for user, other in (("ada", "bob"), ("bob", "ada")):
        (state,) = run(graph, way, said(), thread(user), context={"user_id": user})
        assert f"I am {user}," in state["messages"][-1].text
        assert f"I am {other}," not in state["messages"][-1].text
    client.flush()
    assert {(call.user_id, call.conversation_id) for call in engine.added} == {("ada", "ada"), ("bob", "bob")}


def test_users_of_one_graph_at_once(client: MemOS, engine: CountingEngine, remembers: Remembers) -> None:
    users = [f"user{number}" for number in range(30)]
    for user in users:
        remembers(f"I drink {MARK} tea at the house of {user}.", user)
    graph, _ = looping(client, Scripted(script=echo), [look_up], recall_seconds=60)

    async def heard() -> list[str]:
        runs = (graph.ainvoke(said(), thread(user), context={"user_id": user}) for user in users)
        return [str(state["messages"][-1].text) for state in await asyncio.gather(*runs)]

    for user, answer in zip(users, asyncio.run(heard()), strict=True):
        assert [other for other in users if f"house of {other}." in answer] == [user]
    client.flush()
    assert {(call.user_id, call.conversation_id) for call in engine.added} == {(user, user) for user in users}


@pytest.mark.parametrize("way", WAYS)
def test_a_retriever_is_a_node(client: MemOS, engine: CountingEngine, remembers: Remembers, way: str) -> None:
    remembers()
    model, retriever = Scripted(script=after_tools(0)), MemOSRetriever(client, include=["fact"])

    def prompt(state: MessagesState, documents: Sequence[Any]) -> list[BaseMessage]:
        return [SystemMessage("\n".join(each.page_content for each in documents)), *state["messages"]]

    def ask(state: MessagesState) -> dict[str, Any]:
        return {"messages": model.invoke(prompt(state, retriever.invoke(state["messages"][-1].text)))}

    async def aask(state: MessagesState) -> dict[str, Any]:
        found = await retriever.ainvoke(state["messages"][-1].text)
        return {"messages": await model.ainvoke(prompt(state, found))}

    graph, saver = single(ask, aask)
    run(graph, way, said(), thread(), context={"user_id": "ada"})
    assert model.handed[0][0].text == FACT
    run(graph, way, said(), thread("t2"), context={"user_id": "bob"})
    assert model.handed[1][0].text == ""
    assert [(call.user_id, call.conversation_id) for call in engine.searched] == [("ada", "t1"), ("bob", "t2")]
    assert FACT not in kept(saver)


@pytest.mark.parametrize("way", WAYS)
def test_the_tools_of_a_tool_node(client: MemOS, engine: CountingEngine, remembers: Remembers, way: str) -> None:
    remembers()
    calls: Any = [
        {"name": "search_memory", "args": {"query": "tea", "user_id": "bob"}, "id": "call-1"},
        {"name": "add_memory", "args": {"text": "I moved to Lyon."}, "id": "call-2"},
        {"name": "add_feedback", "args": {"correction": "I drink black tea, not green tea."}, "id": "call-3"},
    ]

    def script(messages: Sequence[BaseMessage]) -> AIMessage:
        return AIMessage(ANSWER) if len(messages) > 1 else AIMessage("", tool_calls=calls)

    graph, _ = looping(client, Scripted(script=script), MemOSToolkit(client).get_tools(), recall=False, record=False)
    run(graph, way, said(), thread(), context={"user_id": "ada"})
    found, noted, corrected = (m for m in graph.get_state(thread()).values["messages"] if isinstance(m, ToolMessage))
    assert FACT in str(found.text)
    assert [noted.status, corrected.status] == ["success", "success"]
    client.flush()
    assert [(call.user_id, call.conversation_id) for call in engine.searched] == [("ada", "t1")]
    assert ("user", "I moved to Lyon.") in spoken(engine)
    assert {call.user_id for call in engine.added} == {"ada"}


@pytest.mark.parametrize("way", WAYS)
def test_memorys_own_chat_is_a_node(way: str) -> None:
    answering = Answering("Your ", "usual one.")
    with client_over(engine := CountingEngine(model=answering)) as client:
        client.add_message(messages=[{"role": "user", "content": FACT}], user_id="ada", async_mode=False)
        engine.added.clear()
        chat = ChatMemOS(client)

        def ask(state: MessagesState) -> dict[str, Any]:
            return {"messages": chat.invoke(state["messages"])}

        async def aask(state: MessagesState) -> dict[str, Any]:
            return {"messages": await chat.ainvoke(state["messages"])}

        graph, saver = single(ask, aask)
        run(graph, way, said(), thread(), context={"user_id": "ada"})
        client.flush()
        assert MARK in str(answering.asked[0].messages)
        assert [(c.user_id, c.conversation_id, [t.text for t in c.turns]) for c in engine.added] == [
            ("ada", "t1", [QUESTION, ANSWER])
        ]
        assert MARK not in kept(saver)


@pytest.mark.parametrize("way", WAYS)
def test_an_agent_with_the_middleware_is_a_node(
    client: MemOS, engine: CountingEngine, remembers: Remembers, way: str
) -> None:
    remembers()
    model = Scripted(script=after_tools(1))
    agent = create_agent(model, [look_up], middleware=[MemOSMiddleware(client)], context_schema=Named)
    graph, saver = single(agent)
    run(graph, way, said(), thread(), context={"user_id": "ada"})
    client.flush()
    assert [MARK in str(handed[1].text) for handed in model.handed] == [True, True]
    assert (len(engine.searched), spoken(engine)) == (1, TURN)
    assert {(call.user_id, call.conversation_id) for call in engine.added} == {("ada", "t1")}
    assert "<memories" not in kept(saver)


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_a_node_that_keeps_its_conversation_in_a_history(client: MemOS, engine: CountingEngine, way: str) -> None:
    model = Scripted(script=after_tools(0))

    def of(runtime: Runtime[Named]) -> MemOSChatMessageHistory:
        return MemOSChatMessageHistory(client, user_id=runtime.context["user_id"], conversation_id="t1")

    def ask(state: MessagesState, runtime: Runtime[Named]) -> dict[str, Any]:
        answer = model.invoke([*(history := of(runtime)).messages, *state["messages"]])
        history.add_messages([*state["messages"], answer])
        return {"messages": answer}

    async def aask(state: MessagesState, runtime: Runtime[Named]) -> dict[str, Any]:
        answer = await model.ainvoke([*await (history := of(runtime)).aget_messages(), *state["messages"]])
        await history.aadd_messages([*state["messages"], answer])
        return {"messages": answer}

    graph: Any = StateGraph(MessagesState, context_schema=Named)
    graph = graph.add_node("ask", ask if way == "invoke" else aask).add_edge(START, "ask").compile()
    for text in (QUESTION, "Thanks!"):
        run(graph, way, said(text), context={"user_id": "ada"})
        client.flush()
    assert [str(message.text) for message in model.handed[1]] == [QUESTION, ANSWER, "Thanks!"]
    assert spoken(engine) == [*TURN, ("user", "Thanks!"), ("assistant", ANSWER)]


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_nobody_is_no_default_user(client: MemOS, engine: CountingEngine, way: str) -> None:
    graph, _ = looping(client, Scripted(script=after_tools(0)), [look_up])
    with pytest.raises(Invalid, match="context="):
        run(graph, way, said(), thread())
    client.flush()
    assert (engine.searched, spoken(engine)) == ([], [])
