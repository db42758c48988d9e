"""Forgetting: off unless it is asked for, for good, and of the very user's own alone."""

import re
from typing import Any

import pytest

from memos_integrations.client import MemOS
from memos_integrations.errors import NotFound, ServerFault, Unauthorized
from memos_integrations.langchain import MemOSForgetTool, MemOSToolkit
from memos_integrations.wire.answers import Deleted, Memory
from memos_integrations.wire.calls import DeleteMemory, GetMemoryById
from tests.fakes import CountingEngine, client_over
from tests.langchain.test_tools import ADA, call_of, called, ways

REFUSED = "Nothing was forgotten: an id is none of this user's memories. Search, and give ids as they are shown."
TEA, COFFEE = "I bought tea in Lyon.", "I bought coffee in Rome."


class Deleting(CountingEngine):
    """Keeps what it was asked to delete; may tell something else of whose a memory is."""

    def __init__(self) -> None:
        super().__init__()
        self.deleted: list[DeleteMemory] = []
        self.told: dict[str, Any] = {}
        self.error: Exception | None = None

    def get_memory_by_id(self, call: GetMemoryById, project: str = "") -> Memory:
        if self.error is not None:
            raise self.error
        return super().get_memory_by_id(call, project).model_copy(update=self.told)

    def delete_memory(self, call: DeleteMemory, project: str = "") -> Deleted:
        self.deleted.append(call)
        return super().delete_memory(call, project)


@pytest.fixture
def engine() -> Deleting:
    return Deleting()


def remember(client: MemOS, user: str, *texts: str) -> list[str]:
    """The ids of the facts that are made of `texts`."""
    messages = [{"role": "user", "content": text} for text in texts]
    client.add_message(messages=messages, user_id=user, async_mode=False)
    facts = {fact.memory_value: fact.id for fact in client.get_memory(user_id=user).memory_detail_list}
    return [facts[text] for text in texts]


def left(client: MemOS, user: str = "ada") -> set[str]:
    return {fact.memory_value for fact in client.get_memory(user_id=user).memory_detail_list}


def test_it_is_off_unless_asked_for(client: MemOS) -> None:
    assert "forget_memory" not in [tool.name for tool in MemOSToolkit(client).get_tools()]


@ways
def test_what_a_search_shows_can_be_forgotten(client: MemOS, way: str) -> None:
    remember(client, "ada", TEA, COFFEE)
    search, *_, forget = MemOSToolkit(client, forget=True).get_tools()
    shown = called(search, way, {"query": "tea in Lyon"})
    (found,) = re.findall(r"\[([0-9a-f-]{36})] I bought tea", shown)
    told = called(forget, way, call_of(forget, memory_ids=[found, found]))
    assert (told.status, told.content) == ("success", "Forgotten.")
    assert left(client) == {COFFEE}


@ways
def test_the_same_call_again_says_the_same(client: MemOS, engine: Deleting, way: str) -> None:
    ids = remember(client, "ada", TEA)
    forget = MemOSForgetTool(client)
    for _ in range(2):
        assert called(forget, way, call_of(forget, memory_ids=ids)).content == "Forgotten."
    assert len(engine.deleted) == 1
    assert called(forget, way, call_of(forget, "call-2", memory_ids=ids)).content == REFUSED


@ways
def test_anothers_and_nobodys_ids_are_refused_alike(client: MemOS, engine: Deleting, way: str) -> None:
    (own,), (foreign,) = remember(client, "ada", TEA), remember(client, "bob", COFFEE)
    forget = MemOSForgetTool(client)
    for ids in ([foreign], ["nobody's"], [".."], ["x" * 1_001], [" "], [own, foreign], [own, "nobody's"]):
        told = called(forget, way, call_of(forget, memory_ids=ids))
        assert (told.status, told.content) == ("error", REFUSED), ids
    assert engine.deleted == []
    assert (left(client), left(client, "bob")) == ({TEA}, {COFFEE})


@ways
@pytest.mark.parametrize("owner", [None, "", "ADA", " ada"])
def test_unless_the_server_tells_whose_it_is_nothing_goes(
    client: MemOS, engine: Deleting, way: str, owner: str | None
) -> None:
    ids = remember(client, "ada", TEA)
    engine.told = {"user_id": owner}
    assert called(MemOSForgetTool(client), way, {"memory_ids": ids}) == REFUSED
    assert engine.deleted == []


@ways
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (NotFound("gone", code=40001), REFUSED),
        (Unauthorized("not yours", code=40306), REFUSED),
        (
            Unauthorized("the key expired", code=40132),
            "forget_memory failed: Unauthorized, code 40132: the key expired",
        ),
        (ServerFault("down", code=50002), "forget_memory failed: ServerFault, code 50002: down"),
    ],
    ids=str,
)
def test_what_fails_may_be_tried_again(client: MemOS, engine: Deleting, way: str, error: Exception, told: str) -> None:
    ids, forget = remember(client, "ada", TEA), MemOSForgetTool(client)
    engine.error = error
    failed = called(forget, way, call_of(forget, memory_ids=ids))
    assert (failed.status, failed.content) == ("error", told)
    engine.error = None
    assert called(forget, way, call_of(forget, memory_ids=ids)).content == "Forgotten."


@pytest.mark.parametrize("ids", [[], ["m"] * 26, "m1", [1], None])
def test_bad_ids_are_refused_before_any_call(client: MemOS, engine: Deleting, ids: Any) -> None:
    forget = MemOSForgetTool(client)
    told = forget.invoke(call_of(forget, memory_ids=ids), ADA)
    assert told.status == "error"
    assert told.content.startswith("arguments: memory_ids")
    assert engine.deleted == []


def test_it_asks_nothing_of_others() -> None:
    engine = Deleting()
    with client_over(engine) as client:
        ids = remember(client, "ada", TEA)
        assert MemOSForgetTool(client, user_id="bob").invoke({"memory_ids": ids}, ADA) == REFUSED
        assert left(client) == {TEA}
