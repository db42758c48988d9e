"""How the tools are made, shown, copied and closed."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.load import dumpd, dumps

from memos_integrations.client import MemOS
from memos_integrations.errors import Invalid, Unreachable
from memos_integrations.langchain import (
    MemOSAddTool,
    MemOSFeedbackTool,
    MemOSForgetTool,
    MemOSSearchTool,
    MemOSToolkit,
)
from tests.fakes import CountingEngine
from tests.langchain.models import FACT, MARK, QUESTION
from tests.langchain.test_tools import ADA

LONG = "x" * 101
TOOLS: list[Any] = [MemOSSearchTool, MemOSAddTool, MemOSFeedbackTool, MemOSForgetTool]
ALL = [*TOOLS, MemOSToolkit]
Remembers = Callable[..., None]

BAD = [
    *((kind, {"user_id": wrong}, "user_id") for kind in ALL for wrong in ("", "  ", LONG, 5)),
    *((kind, {"top_k": 3}, "top_k") for kind in ALL),
    *((kind, {"conversation_id": LONG}, "conversation_id") for kind in ALL if kind is not MemOSForgetTool),
    *((kind, {"info": {"a": object()}}, "info.a") for kind in (MemOSAddTool, MemOSFeedbackTool, MemOSToolkit)),
    *((kind, {"app_id": ""}, "app_id") for kind in (MemOSAddTool, MemOSFeedbackTool, MemOSToolkit)),
    *((kind, {"tags": "food"}, "tags") for kind in (MemOSAddTool, MemOSToolkit)),
    *((kind, {"tags": ["food"]}, "tags") for kind in (MemOSSearchTool, MemOSFeedbackTool, MemOSForgetTool)),
    *((kind, {"args_schema": None}, "args_schema") for kind in TOOLS),
    *((kind, {"description": 5}, "description") for kind in TOOLS),
    *((kind, {"timezone": "Nowhere"}, "timezone") for kind in (MemOSSearchTool, MemOSToolkit)),
    *((kind, {"memory_limit_number": 26}, "memory_limit_number") for kind in (MemOSSearchTool, MemOSToolkit)),
    *((kind, {"recall_seconds": 0}, "recall_seconds") for kind in (MemOSSearchTool, MemOSToolkit)),
    *((kind, {"on_error": "ignore"}, "on_error") for kind in (MemOSSearchTool, MemOSToolkit)),
]


@pytest.mark.parametrize(("kind", "options", "field"), BAD)
def test_bad_arguments_are_refused_at_once(
    monkeypatch: pytest.MonkeyPatch, kind: Any, options: dict[str, Any], field: str
) -> None:
    opened = list[MemOS]()

    def noted() -> MemOS:
        from memos_integrations._connect import connect

        opened.append(connect(":memory:"))
        return opened[-1]

    monkeypatch.setattr("memos_integrations.langchain._tool_bound.borrow", noted)
    monkeypatch.setattr("memos_integrations.langchain._tool_bound.give_back", lambda _: True)
    with pytest.raises(Invalid) as caught:
        kind(**options)
    assert caught.value.field.startswith(field)
    assert LONG not in str(caught.value)
    for client in opened:  # only LangChain's own arguments are checked by LangChain, and then it is closed again
        assert field == "description"
        with pytest.raises(Unreachable, match="closed"):
            client.get_memory(user_id="ada")


@pytest.mark.parametrize("kind", ALL)
def test_the_async_client_is_refused_with_the_way_to_go(client: MemOS, kind: Any) -> None:
    with pytest.raises(Invalid, match=rf"{kind.__name__}: .*give its MemOS, whose \.aio"):
        kind(client.aio)


@pytest.mark.parametrize("kind", TOOLS)
def test_langchains_own_arguments_are_taken(client: MemOS, kind: Any) -> None:
    tool = kind(client, name="kb", description="Other words.", metadata={"a": 1}, return_direct=True, verbose=False)
    assert (tool.name, tool.description, tool.metadata, tool.return_direct) == ("kb", "Other words.", {"a": 1}, True)


@pytest.mark.parametrize("kind", ALL)
def test_nothing_shown_of_it_is_anybodys(kind: Any) -> None:
    key = f"key-{MARK}"
    options: dict[str, Any] = {"user_id": MARK}
    if kind is not MemOSForgetTool:
        options["conversation_id"] = MARK
    if kind in (MemOSAddTool, MemOSFeedbackTool, MemOSToolkit):
        options |= {"agent_id": MARK, "app_id": MARK, "info": {"a": MARK}}
    if kind is MemOSSearchTool:
        options |= {"filter": {"and": [{"tags": {"contains": MARK}}]}, "knowledgebase_ids": [MARK]}
    with MemOS(base_url="http://127.0.0.1:9/api/openmem/v1", api_key=key) as client:
        made = kind(client, **options)
        shown = f"{made!r}{made}{made.model_dump(exclude={'args_schema'})}"
        if kind is not MemOSToolkit:
            shown += f"{dumps(made)}{dumpd(made)}"
        assert MARK not in shown
        assert "client" not in made.model_dump()
        with pytest.raises(TypeError, match="neither copied nor pickled") as caught:
            pickle.dumps(made)
        assert MARK not in str(caught.value)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda tool: tool.model_copy()])
def test_copies_share_the_client(client: MemOS, remembers: Remembers, copied: Callable[[Any], Any]) -> None:
    remembers()
    again = copied(MemOSSearchTool(client, user_id="ada"))
    assert again.client is client
    assert FACT in again.invoke({"query": QUESTION})
    toolkit = copied(MemOSToolkit(client, user_id="ada"))
    assert [tool.client for tool in toolkit.get_tools()] == [client] * 3


def test_a_toolkits_tools_share_its_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOS_BASE_URL", ":memory:")
    toolkit, other = MemOSToolkit(user_id="ada", forget=True), MemOSSearchTool(user_id="ada")
    tools: list[Any] = toolkit.get_tools()
    assert {id(tool.client) for tool in tools} == {id(toolkit.client)} == {id(other.client)}
    for tool in tools:
        tool.close()  # what it was handed is left alone
    assert tools[1].invoke({"text": FACT}).startswith("Noted.")
    toolkit.close()
    toolkit.close()
    toolkit.client.flush()
    assert FACT in other.invoke({"query": QUESTION})
    other.close()
    assert other.invoke({"query": QUESTION}) == "search_memory failed: Unreachable"


async def test_closing_can_be_awaited(monkeypatch: pytest.MonkeyPatch, client: MemOS) -> None:
    monkeypatch.setenv("MEMOS_BASE_URL", ":memory:")
    own, lent = MemOSToolkit(user_id="ada"), MemOSToolkit(client, user_id="ada")
    for each in (own, own, lent):
        await each.aclose()
    told = [await toolkit.get_tools()[0].ainvoke({"query": QUESTION}) for toolkit in (own, lent)]
    assert [each[:20] for each in told] == ["search_memory failed", "Nothing that bears o"]


def test_a_list_of_tools_is_the_callers_own(client: MemOS) -> None:
    toolkit = MemOSToolkit(client)
    toolkit.get_tools().clear()
    assert len(toolkit.get_tools()) == 3


@pytest.mark.parametrize(
    ("options", "configurable", "user", "conversation"),
    [
        ({}, {"user_id": "bob"}, "bob", None),
        ({"user_id": "ada"}, {"user_id": "bob"}, "ada", None),
        ({"user_id": lambda _, config: config["configurable"]["tenant"]}, {"tenant": "cleo"}, "cleo", None),
        ({}, {"user_id": "bob", "thread_id": 7}, "bob", "7"),
        ({}, {"user_id": "bob", "thread_id": "t", "conversation_id": "c"}, "bob", "c"),
        ({"conversation_id": "own"}, {"user_id": "bob", "thread_id": "t"}, "bob", "own"),
    ],
)
def test_whose_it_is(
    client: MemOS, engine: CountingEngine, options: Any, configurable: Any, user: str, conversation: str | None
) -> None:
    search, add, *_ = MemOSToolkit(client, **options).get_tools()
    search.invoke({"query": QUESTION}, {"configurable": configurable})
    add.invoke({"text": FACT}, {"configurable": configurable})
    client.flush()
    (found,), (added,) = engine.searched, engine.added
    assert (found.user_id, found.conversation_id) == (user, conversation)
    assert added.user_id == user
    assert added.conversation_id == conversation or (conversation is None and str(added.conversation_id)[:4] == "run-")


def test_the_options_of_a_search_go_with_it(client: MemOS, engine: CountingEngine) -> None:
    wanted: Any = {"and": [{"app_id": "shop"}]}
    toolkit = MemOSToolkit(client, filter=wanted, relativity=0.5, preference_limit_number=2, include_preference=True)
    toolkit.get_tools()[0].invoke({"query": QUESTION}, ADA)
    (call,) = engine.searched
    assert (call.relativity, call.preference_limit_number, call.include_preference) == (0.5, 2, True)
    assert call.condition is not None
