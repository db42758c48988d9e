"""LangChain's agents with a memory, each built as that memory's own documentation tells, and the same agents without.

Which packages are there depends on the interpreter: ours in this repository's, the others in one of their own.
"""

import warnings
from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Semaphore
from typing import Any

from _agents_turns import Subject, Turn
from _langchain_model import Model, look
from langchain.agents import create_agent
from langchain_core.messages import SystemMessage
from langchain_core.runnables import RunnableLambda
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, create_react_agent, tools_condition

__all__ = ["SUBJECTS"]

KEY, USER, TALK = "a-key-for-benchmarks", "ada", "monday"
CONFIG: Any = {"configurable": {"thread_id": TALK}}


def ours(url: str) -> Subject:
    from memos_integrations import connect
    from memos_integrations.client import Event, Recorded
    from memos_integrations.langchain import MemOSMiddleware

    written = Semaphore(0)

    def hear(event: Event) -> None:
        if isinstance(event, Recorded):
            written.release()

    folder = TemporaryDirectory()
    client = connect(url, api_key=KEY, outbox=Path(folder.name) / "outbox.db", on_event=hear)

    def agent(steps: int, told: bool) -> Any:
        middleware = [MemOSMiddleware(client, user_id=USER)] if told else []
        return create_agent(Model(steps=steps), [look], middleware=middleware)

    def settle() -> None:
        if not written.acquire(timeout=30):
            raise TimeoutError("a turn was not written")

    def close() -> None:
        client.close()
        folder.cleanup()

    return Subject(
        lambda steps, told: partial(_asked, agent(steps, told)),
        lambda steps, told: partial(_awaited, agent(steps, told)),
        settle,
        close,
    )


def official(url: str) -> Subject:
    """MemOS's documentation: search before, and add after, by the official client."""
    client = import_module("memos.api.client").MemOSClient(api_key=KEY, base_url=url)

    def found(text: str) -> list[str]:
        answer = client.search_memory(query=text, user_id=USER, conversation_id=TALK).data
        facts = [fact.memory_value for fact in answer.memory_detail_list]
        return facts + [preference.preference for preference in answer.preference_detail_list]

    return _by_hand(found, lambda said: client.add_message(messages=said, user_id=USER, conversation_id=TALK))


def posted(url: str) -> Subject:
    """The same by `requests.post`, as the documentation's other examples have it."""
    post = partial(import_module("requests").post, headers={"Authorization": f"Token {KEY}"})
    whose = {"user_id": USER, "conversation_id": TALK}

    def found(text: str) -> list[str]:
        answer = post(f"{url}/search/memory", json={"query": text, **whose}).json()["data"]
        facts = [fact["memory_value"] for fact in answer["memory_detail_list"]]
        return facts + [preference["preference"] for preference in answer["preference_detail_list"]]

    return _by_hand(found, lambda said: post(f"{url}/add/message", json={"messages": said, **whose}).json())


def _by_hand(found: Callable[[str], list[str]], add: Callable[[list[dict[str, str]]], object]) -> Subject:
    def turn(steps: int, told: bool) -> Turn:
        agent: Any = create_agent(Model(steps=steps), [look])

        def ask(text: str) -> str:
            lines = "\n".join(f"- {line}" for line in found(text))
            system = ("system", f"Answer with what you remember of the user.\n\nMemories:\n{lines}")
            answer = _last(agent.invoke({"messages": [system, ("user", text)]}, CONFIG))
            add([{"role": "user", "content": text}, {"role": "assistant", "content": answer}])
            return answer

        return ask if told else partial(_asked, agent)

    return Subject(turn)


def zep(url: str) -> Subject:
    """zep-langgraph's quick start: the user's message is added, a `prompt` fetches the context, the reply is added."""
    theirs, clients = import_module("zep_langgraph"), import_module("zep_cloud.client")
    client, aio = (make(api_key=KEY, base_url=url) for make in (clients.Zep, clients.AsyncZep))
    where = {"thread_uuid": "3f1e8a52-0c4d-4b7e-9a61-000000000001"}
    told_by = {**where, "base_instructions": "You are a helpful assistant."}

    def said(text: str) -> list[Any]:
        return [import_module("zep_cloud").AddMessage(role="user", content=text, name="Ada")]

    def prompt(state: Any) -> list[Any]:
        return [theirs.build_system_message_sync(client, **told_by), *state["messages"]]

    async def aprompt(state: Any) -> list[Any]:
        return [await theirs.build_system_message(aio, **told_by), *state["messages"]]

    def ask(agent: Any, text: str) -> str:
        theirs.persist_messages_sync(client, **where, messages=said(text))
        result = agent.invoke({"messages": [("user", text)]}, CONFIG)
        theirs.persist_messages_sync(client, **where, messages=[result["messages"][-1]])
        return _last(result)

    async def aask(agent: Any, text: str) -> str:
        await theirs.persist_messages(aio, **where, messages=said(text))
        result = await agent.ainvoke({"messages": [("user", text)]}, CONFIG)
        await theirs.persist_messages(aio, **where, messages=[result["messages"][-1]])
        return _last(result)

    return Subject(
        lambda steps, told: partial(ask, _react(steps, prompt)) if told else partial(_asked, _react(steps)),
        lambda steps, told: partial(aask, _react(steps, aprompt)) if told else partial(_awaited, _react(steps)),
    )


def _react(steps: int, prompt: Any = None) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # LangGraph deprecates it; the quick start uses it
        return create_react_agent(Model(steps=steps), [look], prompt=prompt)


class _Remembering(MessagesState):
    memory_context: str | None


def memoryrouter(url: str) -> Subject:
    """langchain-memoryrouter's second pattern: a graph from its recall node to its retain node."""
    theirs = import_module("langchain_memoryrouter")
    config: Any = {"configurable": {"memory_key": KEY, "thread_id": TALK}}

    def graph(steps: int, told: bool) -> Any:
        nodes = [make(base_url=url) for make in (theirs.create_recall_node, theirs.create_retain_node) if told]
        return _graph(Model(steps=steps), nodes)

    return Subject(
        lambda steps, told: partial(_asked, graph(steps, told), config=config),
        lambda steps, told: partial(_awaited, graph(steps, told), config=config),
    )


def _graph(model: Model, around: Iterable[Any]) -> Any:
    """A model and its tools, and what stands before and after them, if anything."""

    def request(state: Any) -> list[Any]:
        known = state.get("memory_context")
        return [SystemMessage(known), *state["messages"]] if known else state["messages"]

    def answer(state: Any) -> Any:
        return {"messages": [model.invoke(request(state))]}

    async def aanswer(state: Any) -> Any:
        return {"messages": [await model.ainvoke(request(state))]}

    builder: Any = StateGraph(_Remembering)
    builder.add_node("model", RunnableLambda(answer, aanswer))
    builder.add_node("tools", ToolNode([look]))
    for name, node in zip(("recall", "retain"), around, strict=False):
        builder.add_node(name, node)
    first, last = ("recall", "retain") if "recall" in builder.nodes else ("model", END)
    builder.add_edge(START, first)
    builder.add_conditional_edges("model", tools_condition, {"tools": "tools", END: last})
    builder.add_edge("tools", "model")
    if first == "recall":
        builder.add_edge("recall", "model")
        builder.add_edge("retain", END)
    return builder.compile()


def _asked(agent: Any, text: str, *, config: Any = CONFIG) -> str:
    return _last(agent.invoke({"messages": [("user", text)]}, config))


async def _awaited(agent: Any, text: str, *, config: Any = CONFIG) -> str:
    return _last(await agent.ainvoke({"messages": [("user", text)]}, config))


def _last(result: Any) -> str:
    return str(result["messages"][-1].text)


SUBJECTS: dict[str, Callable[[str], Subject]] = {
    "memos-integrations": ours,
    "MemoryOS": official,
    "requests": posted,
    "zep-langgraph": zep,
    "langchain-memoryrouter": memoryrouter,
}
"""By the package that makes each, as pip names it."""
