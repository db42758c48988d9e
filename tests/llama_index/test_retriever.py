"""The retriever by itself: what its nodes hold, in what order, and what is refused at once."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from llama_index.core.schema import MetadataMode, NodeWithScore, QueryBundle, TextNode

from memos_integrations import connect
from memos_integrations.client import Degraded, Event, MemOS
from memos_integrations.errors import Invalid, QuotaExceeded
from memos_integrations.llama_index import MemOSRetriever
from memos_integrations.wire.answers import Found
from memos_integrations.wire.calls import SearchMemory
from tests.fakes import CountingEngine, client_over
from tests.llama_index.conftest import FACT, QUESTION, learn
from tests.llama_index.services import MARKER, warnings_in

WAYS = pytest.mark.parametrize("way", ["retrieve", "aretrieve"])
KINDS: Any = ("fact", "preference", "tool")
ANSWER: Any = {
    "memory_detail_list": [
        {"id": "f0", "memory_value": "fact 0", "relativity": 3e-5, "tags": ["tea"], "create_time": 1785578400000},
        {"id": "f1", "memory_key": "fact 1", "conversation_id": "default_session"},
        {"id": "blank"},
    ],
    "preference_detail_list": [{"id": "p0", "preference": "likes tea", "preference_type": "explicit_preference"}],
    "tool_memory_detail_list": [{"id": "t0", "tool_value": {"q": 1}, "relativity": 0.6}],
}


class Answering(CountingEngine):
    """Finds the same whatever it was asked for."""

    def search_memory(self, call: SearchMemory, project: str = "", *more: Any, **named: Any) -> Found:
        super().search_memory(call.model_copy(update={"knowledgebase_ids": None}), project)
        self.searched[-1] = call
        return Found.model_validate(ANSWER)


@pytest.fixture
def answering() -> Iterator[tuple[Answering, MemOS]]:
    engine = Answering()
    with client_over(engine) as client:
        yield engine, client


async def asked(retriever: MemOSRetriever, way: str, query: str = QUESTION) -> list[NodeWithScore]:
    if way == "retrieve":
        return await asyncio.to_thread(retriever.retrieve, query)
    return await retriever.aretrieve(query)


def texts(nodes: list[NodeWithScore]) -> list[str]:
    return [node.node.get_content(MetadataMode.LLM) for node in nodes]


@WAYS
async def test_it_finds_what_the_user_said_by_one_search(client: MemOS, engine: CountingEngine, way: str) -> None:
    learn(client, "bob", "My favourite tea is Assam.")
    nodes = await asked(MemOSRetriever(user_id="ada", client=client, conversation_id="now"), way)
    assert FACT in texts(nodes)
    assert "Assam" not in str(texts(nodes))
    assert [(call.user_id, call.conversation_id, call.query) for call in engine.searched] == [("ada", "now", QUESTION)]


@WAYS
async def test_the_same_question_again_is_another_search(client: MemOS, engine: CountingEngine, way: str) -> None:
    retriever = MemOSRetriever(user_id="ada", client=client)
    assert texts(await asked(retriever, way)) == texts(await asked(retriever, way))
    assert len(engine.searched) == 2


@WAYS
async def test_a_node_is_its_memory_and_the_model_sees_its_text_alone(
    answering: tuple[Answering, MemOS], way: str
) -> None:
    nodes = await asked(MemOSRetriever(user_id="ada", client=answering[1], include=KINDS), way)
    assert [node.node.node_id for node in nodes] == ["f0", "p0", "t0", "f1"]
    assert all(isinstance(node.node, TextNode) for node in nodes)
    for node, text in zip(nodes, ["fact 0", "likes tea", '{"q": 1}', "fact 1"], strict=True):
        assert node.node.get_content(MetadataMode.LLM) == node.node.get_content(MetadataMode.EMBED) == text
    assert [node.metadata["kind"] for node in nodes] == ["fact", "preference", "tool", "fact"]
    assert nodes[0].metadata["tags"] == ["tea"]
    assert nodes[0].metadata["create_time"] == 1785578400000
    assert nodes[1].metadata["preference_type"] == "explicit_preference"
    assert "user_id" not in nodes[0].metadata


async def test_the_score_is_memos_own(answering: tuple[Answering, MemOS]) -> None:
    nodes = await MemOSRetriever(user_id="ada", client=answering[1], include=KINDS).aretrieve(QUESTION)
    assert [node.score for node in nodes] == [3e-5, 0.0, 0.6, 0.0]
    assert all("score" not in node.metadata for node in nodes)


async def test_what_came_from_a_knowledge_base_says_so(answering: tuple[Answering, MemOS]) -> None:
    retriever = MemOSRetriever(user_id="ada", client=answering[1], knowledgebase_ids=["base"])
    assert [node.metadata.get("knowledgebase") for node in await retriever.aretrieve(QUESTION)] == [None, None, True]


async def test_limits_filter_and_relativity_are_those_of_the_search(answering: tuple[Answering, MemOS]) -> None:
    engine, client = answering
    retriever = MemOSRetriever(
        user_id="ada",
        client=client,
        include=["fact", "tool"],
        k=5,
        fact_k=1,
        filter={"and": [{"tags": {"contains": "tea"}}]},
        knowledgebase_ids=["base"],
        relativity=0.3,
    )
    assert [node.node.node_id for node in await retriever.aretrieve(QUESTION)] == ["f0", "t0"]
    (call,) = engine.searched
    sent = call.model_dump(mode="json", exclude_none=True, by_alias=True)
    assert (sent["memory_limit_number"], sent["tool_memory_limit_number"]) == (1, 5)
    assert (sent["include_preference"], sent["relativity"], sent["knowledgebase_ids"]) == (False, 0.3, ["base"])
    assert sent["filter"] == {"and": [{"tags": {"contains": "tea"}}]}


async def test_a_bundle_is_searched_for_by_its_query(client: MemOS, engine: CountingEngine) -> None:
    retriever = MemOSRetriever(user_id="ada", client=client)
    await retriever.aretrieve(QueryBundle("tea", custom_embedding_strs=["something made up"]))
    assert await retriever.aretrieve(QueryBundle("  ")) == []
    assert [call.query for call in engine.searched] == ["tea"]


@WAYS
@pytest.mark.parametrize("make", ["warn", "default", "raise"])
async def test_a_failing_service_finds_nothing_and_warns_once(
    refusing: MemOS, events: list[Event], caplog: pytest.LogCaptureFixture, way: str, make: str
) -> None:
    options: Any = {} if make == "default" else {"on_error": make}
    retriever = MemOSRetriever(user_id="ada", client=refusing, **options)
    if make == "raise":
        with pytest.raises(QuotaExceeded):
            await asked(retriever, way)
    else:
        assert await asked(retriever, way) == []
        assert len(warnings_in(caplog, "recall failed (QuotaExceeded, code 40300)")) == 1
    assert [type(event) for event in events] == [Degraded]
    assert MARKER not in caplog.text


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"user_id": " "}, "user_id"),
        ({"user_id": "ada", "k": 0}, "k"),
        ({"user_id": "ada", "k": 26}, "k"),
        ({"user_id": "ada", "tool_k": 1}, "tool_k"),
        ({"user_id": "ada", "include": "fact"}, "include"),
        ({"user_id": "ada", "include": ["facts"]}, "include"),
        ({"user_id": "ada", "relativity": 2}, "relativity"),
        ({"user_id": "ada", "recall_seconds": 0}, "recall_seconds"),
        ({"user_id": "ada", "on_error": "ignore"}, "on_error"),
        ({"user_id": "ada", "client": "memos.db"}, "client"),
    ],
    ids=str,
)
def test_what_no_search_could_be_made_of_is_refused_at_once(options: Any, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        MemOSRetriever(**options)
    assert caught.value.field == field


def test_an_async_client_is_refused_with_a_hint(client: MemOS) -> None:
    wrong: Any = client.aio
    with pytest.raises(Invalid, match=r"\.aio is the async half"):
        MemOSRetriever(user_id="ada", client=wrong)


async def test_without_a_client_it_opens_one_off_the_loop_and_closes_it(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "memos.db"
    with connect(path) as client:
        learn(client, "ada", FACT)
    monkeypatch.setenv("MEMOS_BASE_URL", str(path))
    on_the_loop, beside = MemOSRetriever(user_id="ada"), await asyncio.to_thread(MemOSRetriever, user_id="ada")
    assert texts(await on_the_loop.aretrieve(QUESTION)) == texts(await beside.aretrieve(QUESTION)) != []
    await beside.aclose()
    assert texts(await on_the_loop.aretrieve(QUESTION)) != []
    await on_the_loop.aclose()
    await on_the_loop.aclose()


def test_a_client_that_was_handed_over_stays_open(client: MemOS) -> None:
    retriever = MemOSRetriever(user_id="ada", client=client)
    retriever.close()
    assert retriever.retrieve(QUESTION) != []


async def test_fifty_users_at_once_get_each_their_own(client: MemOS) -> None:
    users = [f"user-{number}" for number in range(50)]
    for user in users:
        learn(client, user, f"My favourite tea is from cup {user}.")

    def ask(user: str) -> Any:
        return MemOSRetriever(user_id=user, client=client, recall_seconds=60).aretrieve(QUESTION)

    for user, nodes in zip(users, await asyncio.gather(*map(ask, users)), strict=True):
        assert f"from cup {user}." in str(texts(nodes))
        assert {f"from cup {other}." in str(texts(nodes)) for other in users if other != user} == {False}
