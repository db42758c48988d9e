"""How a retriever is made, whose it is, and what it does when MemOS fails."""

import logging
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumps
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from typing_extensions import TypedDict

from memos_integrations.client import Degraded, Event, MemOS
from memos_integrations.errors import Invalid, ServerFault, Unreachable
from memos_integrations.langchain import MemOSRetriever, _identity
from memos_integrations.wire.answers import Found
from memos_integrations.wire.calls import SearchMemory
from tests.fakes import CountingEngine, client_over
from tests.langchain.models import MARK, QUESTION

LONG = "x" * 101
ADA: Any = {"configurable": {"user_id": "ada"}}


class Failing(CountingEngine):
    def search_memory(self, call: SearchMemory, project: str = "", *more: Any, **named: Any) -> Found:
        raise ServerFault(MARK, code=50001)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"k": 0}, "k"),
        ({"k": 26}, "k"),
        ({"k": True}, "k"),
        ({"k": "3"}, "k"),
        ({"include": []}, "include"),
        ({"include": "fact"}, "include"),
        ({"include": ["skill"]}, "include"),
        ({"include": 5}, "include"),
        ({"fact_k": 0}, "fact_k"),
        ({"preference_k": 26}, "preference_k"),
        ({"preference_k": True}, "preference_k"),
        ({"tool_k": 3}, "tool_k"),
        ({"include": ["tool"], "tool_k": "3"}, "tool_k"),
        ({"include": ["fact"], "preference_k": 3}, "preference_k"),
        ({"user_id": ""}, "user_id"),
        ({"user_id": LONG}, "user_id"),
        ({"user_id": 5}, "user_id"),
        ({"conversation_id": LONG}, "conversation_id"),
        ({"relativity": 2}, "relativity"),
        ({"recall_seconds": 0}, "recall_seconds"),
        ({"on_error": "ignore"}, "on_error"),
        ({"filter": {"and": "x"}}, "filter.and"),
        ({"knowledgebase_ids": "kb"}, "knowledgebase_ids"),
        ({"top_k": 3}, "top_k"),
        ({"tags": 5}, "tags"),
    ],
    ids=str,
)
def test_bad_arguments_are_refused_at_once(client: MemOS, options: Any, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        MemOSRetriever(client, **options)
    assert caught.value.field == field
    assert LONG not in str(caught.value)


def test_the_async_client_is_refused_with_the_way_to_go(client: MemOS) -> None:
    wrong: Any = client.aio
    with pytest.raises(Invalid, match=r"MemOSRetriever: .*give its MemOS, whose \.aio"):
        MemOSRetriever(wrong)


@pytest.mark.parametrize("options", [{"k": 0}, {"k": 26}, {"top_k": 3}, {"tool_k": 3}, {"filter": {}}])
async def test_a_call_takes_k_alone(client: MemOS, engine: CountingEngine, options: Any) -> None:
    chosen = MemOSRetriever(client, user_id="ada")
    with pytest.raises(Invalid) as caught:
        chosen.invoke(QUESTION, **options)
    assert [caught.value.field] == list(options)
    with pytest.raises(Invalid):
        await chosen.ainvoke(QUESTION, **options)
    assert engine.searched == []


def test_without_a_client_it_connects_as_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOS_BASE_URL", ":memory:")
    wrong: Any = 5
    with pytest.raises(Invalid):
        MemOSRetriever(tags=wrong)
    first, second = MemOSRetriever(user_id="ada", on_error="raise"), MemOSRetriever(user_id="ada", on_error="raise")
    assert first.client is second.client
    again = first.model_copy()
    first.close()
    again.close()
    assert second.invoke(QUESTION) == []
    second.close()
    with pytest.raises(Unreachable, match="closed"):
        second.invoke(QUESTION)


async def test_closing_can_be_awaited(monkeypatch: pytest.MonkeyPatch, client: MemOS) -> None:
    monkeypatch.setenv("MEMOS_BASE_URL", ":memory:")
    own, lent = MemOSRetriever(user_id="ada", on_error="raise"), MemOSRetriever(client, user_id="ada")
    for each in (own, own, lent):
        await each.aclose()
    with pytest.raises(Unreachable, match="closed"):
        await own.ainvoke(QUESTION)
    assert await lent.ainvoke(QUESTION) == []


def test_without_a_user_nothing_is_searched(client: MemOS, engine: CountingEngine) -> None:
    with pytest.raises(Invalid, match=r"MemOSRetriever: no user: .*no default user") as caught:
        MemOSRetriever(client).invoke(QUESTION)
    assert (caught.value.field, caught.value.rule) == ("user_id", "missing")
    with pytest.raises(Invalid, match="from configurable"):
        MemOSRetriever(client).invoke(QUESTION, {"configurable": {"user_id": 5}})
    assert engine.searched == []


@pytest.mark.parametrize(
    ("options", "configurable", "user", "conversation"),
    [
        ({}, {"user_id": "bob"}, "bob", None),
        ({"user_id": "ada"}, {"user_id": "bob"}, "ada", None),
        ({}, {"user_id": "bob", "thread_id": 7}, "bob", "7"),
        ({}, {"user_id": "bob", "thread_id": "t", "conversation_id": "c"}, "bob", "c"),
        ({"conversation_id": "own"}, {"user_id": "bob", "thread_id": "t"}, "bob", "own"),
    ],
)
def test_whose_it_is(
    client: MemOS, engine: CountingEngine, options: Any, configurable: Any, user: str, conversation: str | None
) -> None:
    MemOSRetriever(client, **options).invoke(QUESTION, {"configurable": configurable})
    assert (engine.searched[-1].user_id, engine.searched[-1].conversation_id) == (user, conversation)


class Asked(TypedDict):
    question: str


class Told(TypedDict):
    user_id: str


class _Login:
    identity = "grace"


class _Server:
    user = _Login()


async def test_in_a_graph_the_runs_context_counts(client: MemOS, engine: CountingEngine) -> None:
    chosen = MemOSRetriever(client)

    async def awaited(state: Asked) -> dict[str, str]:
        await chosen.ainvoke(state["question"])
        return {}

    def plain(state: Asked) -> dict[str, str]:
        chosen.invoke(state["question"], {"tags": ["t"]})
        return {}

    for node in (awaited, plain):
        graph: Any = StateGraph(Asked, context_schema=Told)
        graph = graph.add_node("ask", node).add_edge(START, "ask").add_edge("ask", END).compile()
        told: Any = {"question": QUESTION}
        await graph.ainvoke(told, context={"user_id": "cleo"})
        await graph.ainvoke(told, ADA)
    assert [call.user_id for call in engine.searched] == ["cleo", "ada"] * 2


def test_a_servers_login_cannot_be_overridden(
    client: MemOS, engine: CountingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    server: Any = _Server()
    runtime: Any = Runtime(context=Told(user_id="eve"), server_info=server)
    monkeypatch.setattr(_identity, "get_runtime", lambda: runtime)
    MemOSRetriever(client).invoke(QUESTION, {"configurable": {"user_id": "eve"}})
    assert engine.searched[-1].user_id == "grace"


async def test_by_default_a_failure_finds_nothing_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    events = list[Event]()
    with client_over(Failing(), on_event=events.append) as client:
        chosen = MemOSRetriever(client, user_id=MARK)
        assert chosen.invoke(QUESTION) == []
        assert await chosen.ainvoke(QUESTION) == []
        await client.aio.close()
    assert [event.what for event in events if isinstance(event, Degraded)] == ["recall", "recall"]
    warnings = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(warnings) == 2
    assert MARK not in " ".join(warnings)


async def test_an_error_can_be_asked_for() -> None:
    with client_over(Failing()) as client:
        chosen = MemOSRetriever(client, user_id="ada", on_error="raise")
        with pytest.raises(ServerFault):
            chosen.invoke(QUESTION)
        with pytest.raises(ServerFault):
            await chosen.ainvoke(QUESTION)
        await client.aio.close()


def test_nothing_shown_of_it_is_anybodys(monkeypatch: pytest.MonkeyPatch) -> None:
    key = f"key-{MARK}"
    with MemOS(base_url="http://127.0.0.1:9/api/openmem/v1", api_key=key) as client:
        wanted: Any = {"and": [{"tags": {"contains": MARK}}]}
        chosen = MemOSRetriever(
            client, user_id=MARK, conversation_id=MARK, filter=wanted, knowledgebase_ids=[MARK], name="memory"
        )
        assert MARK not in f"{chosen!r}{chosen}{dumps(chosen)}"
        assert "client" not in chosen.model_dump()
        assert key not in f"{chosen.model_dump()}{chosen.model_dump_json()}{chosen.__dict__}"


def test_it_is_traced_as_memos(client: MemOS) -> None:
    class Traced(BaseCallbackHandler):
        told: dict[str, Any] | None = None

        def on_retriever_start(self, *_: Any, metadata: dict[str, Any] | None = None, **__: Any) -> None:
            self.told = metadata

    handler = Traced()
    config: Any = {**ADA, "callbacks": [handler]}
    MemOSRetriever(client).invoke(QUESTION, config, k=2)
    assert handler.told is not None
    assert handler.told["ls_retriever_name"] == "memos"
