"""A mistake is told in the words of whoever made it: the adapter's name, the keyword, and what there is instead."""

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.prompts import ChatPromptTemplate

from memos_integrations.client import MemOS
from memos_integrations.errors import Invalid
from memos_integrations.langchain import (
    ChatMemOS,
    MemOSAddTool,
    MemOSChatMessageHistory,
    MemOSForgetTool,
    MemOSMiddleware,
    MemOSRetriever,
    MemOSSearchTool,
    MemOSToolkit,
    with_memory,
)
from tests.fakes import CountingEngine
from tests.langchain.models import Scripted, after_tools, at, create_agent, said

LONG = "MARKER" * 20
PROMPT = ChatPromptTemplate.from_messages([("system", "{memories}"), ("human", "{question}")])


def chain(client: MemOS, **options: Any) -> Any:
    return with_memory(PROMPT | Scripted(script=after_tools(0)), client, **options)


def history(client: MemOS, **options: Any) -> Any:
    return MemOSChatMessageHistory(client, **{"conversation_id": "c1", **options})


ADAPTERS: list[tuple[Any, str]] = [
    (MemOSMiddleware, "MemOSMiddleware"),
    (chain, "with_memory"),
    (MemOSRetriever, "MemOSRetriever"),
    (MemOSSearchTool, "MemOSSearchTool"),
    (MemOSAddTool, "MemOSAddTool"),
    (MemOSForgetTool, "MemOSForgetTool"),
    (MemOSToolkit, "MemOSToolkit"),
]


@pytest.mark.parametrize(("make", "who"), ADAPTERS)
def test_a_misspelt_keyword_is_told_with_those_that_there_are(
    client: MemOS, make: Callable[..., Any], who: str
) -> None:
    with pytest.raises(Invalid, match=rf"^{who}: user is no parameter of it: there are ") as caught:
        make(client, user=LONG)
    assert caught.value.field == "user"
    known = str(caught.value).partition("there are ")[2].split(", ")
    assert known == sorted(known)
    assert {"client", "user_id"} <= set(known)
    assert LONG not in str(caught.value)


@pytest.mark.parametrize(("make", "who"), [*ADAPTERS, (history, "MemOSChatMessageHistory"), (ChatMemOS, "ChatMemOS")])
def test_an_id_that_is_no_text_is_told_with_what_to_do(client: MemOS, make: Callable[..., Any], who: str) -> None:
    with pytest.raises(Invalid, match=rf"^{who}: user_id must be text \(given: int\): give an id as text") as caught:
        make(client, user_id=123)
    assert caught.value.field == "user_id"
    assert "123" not in str(caught.value)


def test_a_recall_s_options_are_among_those_that_there_are(client: MemOS) -> None:
    with pytest.raises(Invalid) as caught:
        MemOSMiddleware(client, relativty=0.5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    assert {"relativity", "recall_seconds", "placement"} <= set(str(caught.value).split(" are ")[1].split(", "))


def test_a_thread_id_that_is_too_long_is_told_as_such(client: MemOS, engine: CountingEngine) -> None:
    agent = create_agent(Scripted(script=after_tools(0)), [], middleware=[MemOSMiddleware(client)])
    with pytest.raises(Invalid, match=r"thread_id is at most 100 characters long \(given: text of 120") as caught:
        agent.invoke(said(), at(thread=LONG))
    assert LONG not in str(caught.value)
    assert engine.searched == []


def test_a_thread_id_that_is_too_long_does_no_harm_beside_a_conversation(client: MemOS, engine: CountingEngine) -> None:
    agent = create_agent(Scripted(script=after_tools(0)), [], middleware=[MemOSMiddleware(client)])
    agent.invoke(said(), at(thread=LONG, conversation_id="monday"))
    assert client.flush() == 0
    assert [call.conversation_id for call in engine.added] == ["monday"]
