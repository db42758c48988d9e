import inspect
import traceback
from typing import Any, get_type_hints

import pytest

from memos_integrations.client import AsyncMemOS, MemOS
from memos_integrations.errors import Invalid
from memos_integrations.wire.answers import Found
from memos_integrations.wire.calls import CALLS, GetMemoryById, SearchMemory
from tests.client.server import Server, ok

METHODS = {
    "get_memory_by_id" if path == GetMemoryById.path else path.replace("/", "_").replace("-", "_"): call
    for path, call in CALLS.items()
}
NAMES = sorted(METHODS)


def test_every_call_is_a_method_of_both() -> None:
    for kind in (MemOS, AsyncMemOS):
        assert {getattr(kind, name) for name in NAMES} == set(CALLS.values())


def test_on_the_class_it_is_the_call() -> None:
    call: object = MemOS.search_memory
    assert call is SearchMemory


def test_plain_on_one_and_awaitable_on_the_other(server: Server) -> None:
    client = MemOS(base_url=server.url)
    assert not inspect.iscoroutinefunction(client.search_memory)
    assert inspect.iscoroutinefunction(client.aio.search_memory)
    client.close()


@pytest.mark.parametrize("name", NAMES)
def test_it_presents_itself(name: str) -> None:
    client = MemOS(base_url="http://127.0.0.1:1")
    for holder, title in ((client, "MemOS"), (client.aio, "AsyncMemOS")):
        method: Any = getattr(holder, name)
        call = METHODS[name]
        signature = inspect.signature(method)
        assert (method.__name__, method.__qualname__, method.__doc__) == (name, f"{title}.{name}", call.__doc__)
        assert list(signature.parameters) == list(call.model_fields)
        assert {p.kind for p in signature.parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
        assert "FieldInfo" not in str(signature)
        assert "Annotated" not in str(signature)
        assert get_type_hints(method)["return"] is signature.return_annotation is call.answer


def test_required_and_optional_parameters() -> None:
    parameters = inspect.signature(MemOS(base_url="http://h").search_memory).parameters
    assert parameters["query"].default is inspect.Parameter.empty
    assert parameters["user_id"].default is None


def test_arguments_are_keywords(server: Server) -> None:
    with MemOS(base_url=server.url) as client:
        wrong: Any = client.search_memory
        with pytest.raises(TypeError, match=r"search_memory.*keyword"):
            wrong("tea", "u")


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"query": "marker" * 9, "user_id": "u" * 101}, "user_id"),
        ({"query": "marker", "user_id": "u", "marker_unknown": "marker"}, "marker_unknown"),
        ({"query": "marker", "user_id": "u", "filter": {"and": [{"tags": "marker"}]}}, "filter.and.0"),
        ({"user_id": "marker"}, "query"),
        ({"query": "marker"}, ""),
    ],
    ids=str,
)
def test_a_bad_argument_is_refused_before_anything_is_sent(server: Server, arguments: Any, field: str) -> None:
    with MemOS(base_url=server.url) as client, pytest.raises(Invalid) as caught:
        client.search_memory(**arguments)
    assert caught.value.field == field
    assert str(caught.value).startswith("search_memory: ")
    assert "marker" not in str(caught.value).replace("marker_unknown", "")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    shown = "".join(traceback.format_exception(caught.value))
    assert "pydantic" not in shown
    assert server.connections == 0


async def test_the_same_when_awaited(server: Server) -> None:
    async with AsyncMemOS(base_url=server.url) as client:
        with pytest.raises(Invalid, match="query"):
            await client.search_memory(query="", user_id="u")
        found = await client.search_memory(query="tea", user_id="u")
        assert isinstance(found, Found)
    assert len(server.requests) == 1


def test_a_memory_by_its_id_is_one_part_of_the_path(server: Server) -> None:
    server.usual = ok({"id": "m/1 ?", "memory_view": "detail_factual", "content": "likes tea"})
    with MemOS(base_url=server.url) as client:
        memory = client.get_memory_by_id(memory_id="m/1 ?")
        assert (memory.id, memory.content) == ("m/1 ?", "likes tea")
        for wrong in ("..", "", "x" * 1_001):
            with pytest.raises(Invalid):
                client.get_memory_by_id(memory_id=wrong)
    path, _, body = server.requests[0]
    assert (path, body) == ("/api/get/memory/m%2F1%20%3F", b"")
