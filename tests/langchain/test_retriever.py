"""Facts and preferences as documents: which, how many, whose, and in every way LangChain asks for them."""

import asyncio
import copy
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.runnables import ConfigurableField, RunnableLambda, RunnablePassthrough
from langchain_core.tools import create_retriever_tool

from memos_integrations.client import MemOS
from memos_integrations.langchain import MemOSRetriever
from memos_integrations.memory.prompt import render
from memos_integrations.wire.answers import Found, Preference
from memos_integrations.wire.calls import SearchMemory
from tests.fakes import CountingEngine, client_over
from tests.langchain.models import MARK, QUESTION

Teach = Callable[[], None]
SAID = ["I drink green tea every morning.", "I avoid tea with milk.", "I bought tea in Lyon.", "I prefer loose tea."]
ADA: Any = {"configurable": {"user_id": "ada"}}
BOB: Any = {"configurable": {"user_id": "bob"}}


@pytest.fixture
def taught(client: MemOS, engine: CountingEngine) -> MemOS:
    for user, texts in {"ada": SAID, "bob": ["I only drink black tea."]}.items():
        messages = [{"role": "user", "content": text} for text in texts]
        client.add_message(
            messages=messages, user_id=user, conversation_id="earlier", tags=["drinks"], async_mode=False
        )
    return client


def joined(documents: list[Document]) -> str:
    return " | ".join(document.page_content for document in documents)


def memory_in(told: dict[str, Any]) -> str:
    return str(told["memory"])


def kinds(documents: list[Document]) -> list[str]:
    return [document.metadata["kind"] for document in documents]


def test_facts_and_preferences_take_turns(taught: MemOS) -> None:
    retriever = MemOSRetriever(taught, user_id="ada")
    assert kinds(retriever.invoke(QUESTION, k=4)) == ["fact", "preference", "fact", "preference"]
    assert kinds(retriever.invoke(QUESTION, k=1)) == ["fact"]
    every = retriever.invoke(QUESTION, k=25)
    assert sorted(kinds(every)) == ["fact"] * 4 + ["preference"] * 2


@pytest.mark.parametrize("kind", ["fact", "preference"])
def test_one_kind_alone(taught: MemOS, engine: CountingEngine, kind: Any) -> None:
    documents = MemOSRetriever(taught, user_id="ada", include=[kind]).invoke(QUESTION)
    assert set(kinds(documents)) == {kind}
    assert (engine.searched[-1].memory_limit_number == 0) == (kind == "preference")
    assert engine.searched[-1].include_preference == (kind == "preference")


def test_a_document_tells_all_of_its_memory(taught: MemOS) -> None:
    fact, preference = MemOSRetriever(taught, user_id="ada", k=2).invoke(QUESTION)
    known = taught.search_memory(query=QUESTION, user_id="ada")
    told, liking = known.memory_detail_list[0], known.preference_detail_list[0]
    assert (fact.id, fact.page_content) == (told.id, told.memory_value)
    assert fact.metadata == {
        "id": told.id,
        "kind": "fact",
        "score": told.relativity,
        "create_time": told.create_time,
        "update_time": told.update_time,
        "conversation_id": "earlier",
        "tags": list(told.tags),
    }
    assert "drinks" in fact.metadata["tags"]
    assert preference.metadata["preference_type"] == "explicit_preference"
    assert (preference.id, preference.page_content) == (liking.id, liking.preference)
    json.dumps([fact.metadata, preference.metadata])


def test_the_search_is_what_was_asked_for(client: MemOS, engine: CountingEngine) -> None:
    wanted: Any = {"and": [{"tags": {"contains": "drinks"}}]}
    retriever = MemOSRetriever(client, user_id="ada", conversation_id="c1", filter=wanted, relativity=0.3, k=7)
    retriever.invoke("tea")
    search = engine.searched[-1]
    assert (search.query, search.user_id, search.conversation_id, search.relativity) == ("tea", "ada", "c1", 0.3)
    assert (search.memory_limit_number, search.preference_limit_number) == (7, 7)
    assert search.filter is not None
    MemOSRetriever(client, user_id="ada", knowledgebase_ids=["kb1"]).invoke("tea")
    assert engine.searched[-1].knowledgebase_ids == ("kb1",)


def test_each_call_is_a_search_of_its_own(taught: MemOS, engine: CountingEngine) -> None:
    retriever = MemOSRetriever(taught, user_id="ada")
    for _ in range(2):
        retriever.invoke(QUESTION)
    assert len(engine.searched) == 2
    assert retriever.invoke("   ") == []
    assert len(engine.searched) == 2


def test_a_query_goes_without_what_we_set_into_it(client: MemOS, engine: CountingEngine) -> None:
    block = render(Found(preference_detail_list=(Preference(id="p", preference=MARK),)))
    MemOSRetriever(client, user_id="ada").invoke(block + "tea")
    assert engine.searched[-1].query == "tea"


def test_a_memory_without_text_is_no_document() -> None:
    class Blank(CountingEngine):
        def search_memory(self, call: SearchMemory, project: str = "", *more: Any, **named: Any) -> Found:
            facts = [{"id": "1"}, {"id": "2", "memory_key": "title"}, {"id": "3", "memory_value": "text"}]
            return Found.model_validate({"memory_detail_list": facts, "preference_detail_list": [{"id": "4"}]})

    with client_over(Blank()) as client:
        documents = MemOSRetriever(client, user_id="ada").invoke("x")
        assert [(d.id, d.page_content) for d in documents] == [("2", "title"), ("3", "text")]
        assert documents[0].metadata.keys() == {
            "id", "kind", "score", "create_time", "update_time", "conversation_id"
        }  # fmt: skip


async def test_in_a_chain_each_run_has_its_user(taught: MemOS) -> None:
    chain: Any = {"memory": MemOSRetriever(taught) | joined, "question": RunnablePassthrough()} | RunnableLambda(
        memory_in
    )
    for got in (
        [chain.invoke(QUESTION, ADA), chain.invoke(QUESTION, BOB)],
        chain.batch([QUESTION] * 2, [ADA, BOB]),
        [await chain.ainvoke(QUESTION, ADA), await chain.ainvoke(QUESTION, BOB)],
        await chain.abatch([QUESTION] * 2, [ADA, BOB]),
        ["".join(chain.stream(QUESTION, ADA)), "".join([part async for part in chain.astream(QUESTION, BOB)])],
    ):
        assert "green tea" in got[0]
        assert "black" not in got[0]
        assert got[1].count("black tea") == len(got[1].split(" | "))


def test_many_users_at_once_get_their_own(client: MemOS) -> None:
    users = [f"u{i}" for i in range(40)]
    for user in users:
        message = {"role": "user", "content": f"I drink tea number {user}."}
        client.add_message(messages=[message], user_id=user, async_mode=False)
    retriever = MemOSRetriever(client)
    configs: Any = [{"configurable": {"user_id": user}} for user in users]
    for got in (retriever.batch([QUESTION] * 40, configs), asyncio.run(retriever.abatch([QUESTION] * 40, configs))):
        assert [{user in d.page_content for d in each} for user, each in zip(users, got, strict=True)] == [{True}] * 40


async def test_bound_configured_and_copied_it_stays_the_same(taught: MemOS) -> None:
    retriever = MemOSRetriever(taught, user_id="ada")
    variants: list[Any] = [
        retriever.bind(k=1),
        retriever.model_copy(update={"k": 1}),
        copy.deepcopy(retriever).model_copy(update={"k": 1}),
        retriever.configurable_fields(k=ConfigurableField(id="most")).with_config(configurable={"most": 1}),
        MemOSRetriever(taught, k=1).with_config(ADA),
        retriever.bind(k=1).with_retry(),
    ]
    for variant in variants:
        assert len(variant.invoke(QUESTION)) == 1
        assert len(await variant.ainvoke(QUESTION)) == 1
    changed = MemOSRetriever(taught).configurable_fields(user_id=ConfigurableField(id="whose"))
    (document,) = changed.with_config(configurable={"whose": "bob"}).invoke(QUESTION, k=1)
    assert "black" in document.page_content


def test_as_a_tool(taught: MemOS) -> None:
    tool = create_retriever_tool(MemOSRetriever(taught), "recall", "What is known of the user")
    assert "green tea" in tool.invoke({"query": QUESTION}, ADA)
    assert "black tea" in tool.invoke({"query": QUESTION}, BOB)


async def test_awaited_it_asks_on_other_threads() -> None:
    class Placed(CountingEngine):
        def __init__(self) -> None:
            super().__init__()
            self.threads = set[int]()

        def search_memory(self, call: SearchMemory, project: str = "", *more: Any, **named: Any) -> Found:
            self.threads.add(threading.get_ident())
            return super().search_memory(call, project, *more, **named)

    engine = Placed()
    with client_over(engine) as client:
        await MemOSRetriever(client).abatch([QUESTION] * 3, ADA)
        assert engine.threads
        assert threading.get_ident() not in engine.threads
        await client.aio.close()


async def test_a_plain_call_beside_a_running_loop_works(taught: MemOS) -> None:
    assert MemOSRetriever(taught, user_id="ada").invoke(QUESTION)
