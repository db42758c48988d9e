"""`connect("memos+http://…")`: the address, what goes with it, and what holds for it in both colours."""

from typing import Any

import pytest

from memos_integrations import connect
from memos_integrations.client import Owner
from memos_integrations.errors import Invalid, ServerFault, Unreachable, Unsupported
from memos_integrations.langchain import MemOSChatMessageHistory, MemOSForgetTool
from tests.client.server import Server, cut, says, streams
from tests.product.talking import item, shelves

ROOT = "memos+http://127.0.0.1:9"
CHAT: dict[str, Any] = {"user_id": "ada", "conversation_id": "c", "query": "Where?"}


@pytest.mark.parametrize(
    ("given", "cube", "address"),
    [
        (f"{ROOT}/", None, ROOT),
        ("MEMOS+HTTPS://memos.example/x/", None, "memos+https://memos.example/x"),
        (ROOT, "team a", f"{ROOT}?cube=team%20a"),
        (f"{ROOT}?cube=team%20a", None, f"{ROOT}?cube=team%20a"),
        (f"{ROOT}?cube=other", "team", f"{ROOT}?cube=team"),
        (ROOT, lambda owner: owner.id, f"{ROOT}?cube="),
    ],
)
def test_the_address_is_told_with_its_cube(given: str, cube: Any, address: str) -> None:
    with connect(given, cube=cube) as client:
        assert client.address == address
        assert not client.tells_messages
        assert "memos+" in repr(client)


@pytest.mark.parametrize(
    ("address", "arguments", "named"),
    [
        (f"{ROOT}?cube=", {}, "function"),
        (f"{ROOT}?x=1", {}, "cube="),
        (ROOT, {"cube": ""}, "cube"),
        (ROOT, {"is_global": True}, "is_global"),
        (ROOT, {"fetch": print}, "fetch"),
        (":memory:", {"cube": "team"}, "cube"),
        ("http://127.0.0.1:9", {"cube": "team"}, "cube"),
        ("memos+http://user:word@host", {}, "password"),
    ],
)
def test_what_can_be_no_address_is_refused(address: str, arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(Invalid, match=named):
        connect(address, **arguments)


def test_the_environment_may_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOS_BASE_URL", f"{ROOT}?cube=team")
    with connect() as client:
        assert client.address == f"{ROOT}?cube=team"


def test_an_owner_does_not_show_its_id() -> None:
    assert "ada" not in repr(Owner("user", "ada"))


def served(*answers: Any) -> Server:
    return Server(*answers, usual=says(200, shelves(item(1)).body.decode()))


async def test_both_colours_send_the_key_and_ask_the_root() -> None:
    with served() as server, connect(f"memos+{server.url.removesuffix('/api')}/x", api_key="mpg-1") as client:
        plain = client.search_memory(query="q", user_id="ada")
        assert await client.aio.search_memory(query="q", user_id="ada") == plain
        assert [fact.id for fact in plain.memory_detail_list] == ["m1"]
        for path, headers, _ in server.requests:
            assert (path, headers["authorization"]) == ("/x/product/search", "Token mpg-1")


async def test_unsupported_calls_send_nothing() -> None:
    with served() as server, connect(f"memos+{server.url.removesuffix('/api')}") as client:
        with pytest.raises(Unsupported):
            client.get_message(user_id="ada", conversation_id="c")
        with pytest.raises(Unsupported):
            await client.aio.rerank(query="q", documents=["d"])
        with pytest.raises(Unsupported):
            next(iter(client.stream_chat(**CHAT, temperature=0.5)))
        with pytest.raises(Unsupported):
            _ = [event async for event in client.aio.stream_chat(**CHAT, temperature=0.5)]
        assert server.requests == []


async def test_a_streamed_chat_ends_fails_and_breaks_off() -> None:
    text = 'data: {"type": "text", "data": "In Ly"}\n\n'
    failure = 'data: {"type": "error", "content": "Traceback SECRET"}\n\n'
    refusal = says(500, '{"code": 500, "message": "Traceback SECRET"}')
    whole = says(200, '{"message": "ok", "data": {"response": "In Lyon."}}')
    script = [streams(text), streams(text), streams(text, failure), streams(text, then=cut), refusal, whole, whole]
    with served(*script) as server, connect(f"memos+{server.url.removesuffix('/api')}") as client:
        assert [event.type for event in client.stream_chat(**CHAT)] == ["text", "end"]
        assert [event.type async for event in client.aio.stream_chat(**CHAT)] == ["text", "end"]
        with pytest.raises(ServerFault) as failed:
            list(client.stream_chat(**CHAT))
        with pytest.raises(Unreachable):
            list(client.stream_chat(**CHAT))
        with pytest.raises(ServerFault) as refused:
            list(client.stream_chat(**CHAT))
        for error in (failed.value, refused.value):
            assert "SECRET" not in str(error)
        assert [event.data for event in client.stream_chat(**CHAT)] == ["In Lyon.", ""]
        assert [event.data async for event in client.aio.stream_chat(**CHAT)] == ["In Lyon.", ""]


async def test_a_history_shows_what_this_process_said() -> None:
    added = says(200, '{"code": 200, "message": "ok", "data": []}')
    with Server(usual=added) as server, connect(f"memos+{server.url.removesuffix('/api')}") as client:
        first = MemOSChatMessageHistory(client, user_id="ada", conversation_id="c", on_error="raise")
        first.add_user_message("I moved to Lyon.")
        await first.aadd_messages([_answer()])
        assert client.flush(30) == 0
        again = MemOSChatMessageHistory(client, user_id="ada", conversation_id="c", on_error="raise")
        assert [message.text for message in await again.aget_messages()] == ["I moved to Lyon.", "Noted."]
        assert [message.text for message in again.messages] == ["I moved to Lyon.", "Noted."]
        assert MemOSChatMessageHistory(client, user_id="ada", conversation_id="d").messages == []
        assert MemOSChatMessageHistory(client, user_id="bob", conversation_id="c").messages == []
        assert {path for path, _, _ in server.requests} == {"/product/add"}


@pytest.mark.parametrize(("ids", "told", "deletes"), [(["m1"], "Forgotten.", 1), (["m1", "m2"], "Nothing was", 0)])
def test_what_a_model_may_forget_is_told_by_a_listing(ids: list[str], told: str, deletes: int) -> None:
    deleted = says(200, '{"code": 200, "message": "ok", "data": {"status": "success"}}')
    with served() as server, connect(f"memos+{server.url.removesuffix('/api')}") as client:
        server.answers["delete_memory"] = deleted
        assert MemOSForgetTool(client, user_id="ada").invoke({"memory_ids": ids}).startswith(told)
        assert [path for path, _, _ in server.requests].count("/product/delete_memory") == deletes


def _answer() -> Any:
    from langchain_core.messages import AIMessage

    return AIMessage("Noted.")
