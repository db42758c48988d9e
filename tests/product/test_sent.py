"""Calls in the server's own words: what has no place there is told before anything is sent."""

import json
from typing import Any

import pytest

from memos_integrations.errors import Invalid, Unsupported
from memos_integrations.wire.call import Call
from memos_integrations.wire.calls import (
    CALLS,
    AddFeedback,
    AddMessage,
    Chat,
    DeleteMemory,
    GetMemory,
    GetMemoryById,
    GetMessage,
    GetStatus,
    Rerank,
    SearchMemory,
    StreamChat,
)
from memos_integrations.wire.envelope import Request, request
from memos_integrations.wire.product import Cubes, Product
from tests.product.talking import bodies

HELLO = [{"role": "user", "content": "Hello."}]
ADD = {"messages": HELLO, "user_id": "ada"}
SEARCH = {"query": "tea", "user_id": "ada"}
CHAT = {"query": "tea", "user_id": "ada", "conversation_id": "c"}
TAGGED = {"and": [{"tags": {"contains": "x"}}]}
REFUSED: list[tuple[type[Call[Any]], dict[str, Any], str]] = [
    (AddMessage, {**ADD, "tags": ["x"]}, "tags"),
    (AddMessage, {**ADD, "allow_public": True}, "allow_public"),
    (AddMessage, {**ADD, "allow_knowledgebase_ids": ["b"]}, "allow_knowledgebase_ids"),
    (AddMessage, {**ADD, "allow_memory_view": ["event"]}, "allow_memory_view"),
    (AddMessage, {**ADD, "custom_extract_prompt": {"event": "x"}}, "custom_extract_prompt"),
    (AddMessage, {**ADD, "source": "x"}, "source"),
    (AddMessage, {**ADD, "user_id": ["ada", "bob"]}, "user_id"),
    (AddMessage, {**ADD, "info": {"status": "x"}}, "info"),
    (AddMessage, {**ADD, "info": {"app_id": "x"}, "app_id": "y"}, "info"),
    (AddMessage, {**ADD, "messages": [{**HELLO[0], "role_name": "Ada"}]}, "role_name"),
    (AddFeedback, {"user_id": "ada", "feedback_content": "No.", "allow_public": True}, "allow_public"),
    (SearchMemory, {**SEARCH, "knowledgebase_ids": ["b"]}, "knowledgebase_ids"),
    (SearchMemory, {**SEARCH, "include_memory_view": ["profile"]}, "include_memory_view"),
    (SearchMemory, {**SEARCH, "context_format": "sources"}, "context_format"),
    (SearchMemory, {**SEARCH, "source": "x"}, "source"),
    (SearchMemory, {**SEARCH, "filter": TAGGED}, "tags"),
    (GetMemory, {"user_id": "ada", "filter": TAGGED}, "tags"),
    (GetMemory, {"user_id": "ada", "include_memory_view": ["event"]}, "include_memory_view"),
    (DeleteMemory, {"filter": {"and": [{"scene": "x"}]}}, "filter"),
    (DeleteMemory, {"user_id": "ada", "memory_type": "x"}, "memory_type"),
    *((Chat, {**CHAT, name: 0.5}, name) for name in ("temperature", "top_p")),
    (Chat, {**CHAT, "max_tokens": 5}, "max_tokens"),
    (Chat, {**CHAT, "filter": {"and": [{"scene": "x"}]}}, "filter"),
    (Chat, {**CHAT, "tags": ["x"]}, "tags"),
    (Chat, {**CHAT, "agent_id": "x"}, "agent_id"),
    (Chat, {**CHAT, "async_mode": False}, "async_mode"),
    (Chat, {**CHAT, "memory_limit_number": 0}, "memory_limit_number"),
    (GetMessage, {"user_id": "ada", "conversation_id": "c"}, "get/message"),
    (GetMemoryById, {"memory_id": "SECRET"}, "get/memory"),
    (Rerank, {"query": "q", "documents": ["d"]}, "rerank"),
]


@pytest.mark.parametrize(
    ("call", "arguments", "named"), REFUSED, ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_has_no_place_there_is_refused_unsent(
    call: type[Call[Any]], arguments: dict[str, Any], named: str
) -> None:
    with pytest.raises(Unsupported, match=named) as caught:
        Product().conversation(request(call.model_validate(arguments)))
    assert "SECRET" not in str(caught.value)
    assert ": " in str(caught.value)


def test_calls_that_are_not_there_say_so_whatever_they_hold() -> None:
    """The calls to come, too: what is not in the table is not there."""
    there = {call.path for call in (AddMessage, AddFeedback, SearchMemory, GetMemory, GetStatus, DeleteMemory, Chat)}
    for path in {*CALLS, "add/something/new"} - there:
        with pytest.raises(Unsupported, match="open-source server"):
            Product().conversation(Request("POST", path, b"--multipart--"))


@pytest.mark.parametrize(
    "harmless",
    [
        {"tags": [], "allow_public": False, "allow_knowledgebase_ids": [], "source": None},
        {"info": {}, "app_id": None},
    ],
)
def test_what_asks_for_nothing_is_no_harm(harmless: dict[str, Any]) -> None:
    told = bodies(AddMessage.model_validate({**ADD, **harmless}))
    assert set(told) == {"messages", "user_id", "writable_cube_ids", "async_mode", "task_id"}


def test_an_add_in_its_words() -> None:
    call = AddMessage.model_validate(
        {**ADD, "conversation_id": "c", "agent_id": ["a", "b"], "app_id": "shop", "info": {"scene": "home"}}
    )
    told = bodies(call)
    assert (told["session_id"], told["writable_cube_ids"], told["async_mode"]) == ("c", ["user-ada"], "async")
    assert told["info"] == {"scene": "home", "agent_id": ["a", "b"], "app_id": "shop"}
    assert told["messages"] == HELLO


def test_a_search_asks_for_what_the_api_does_by_default() -> None:
    told = bodies(SearchMemory.model_validate(SEARCH))
    assert told == {
        "query": "tea",
        "user_id": "ada",
        "readable_cube_ids": ["user-ada"],
        "top_k": 9,
        "include_preference": True,
        "pref_top_k": 9,
        "search_tool_memory": False,
        "tool_mem_top_k": 0,
        "include_skill_memory": False,
        "skill_mem_top_k": 0,
    }


def test_a_search_asks_for_more_where_some_are_left_out() -> None:
    call = SearchMemory.model_validate({**SEARCH, "filter": {"and": [{"scene": "x"}]}, "relativity": 0})
    told = bodies(call)
    assert "filter" not in told
    assert (told["top_k"], told["pref_top_k"], told["relativity"]) == (50, 50, 0)
    assert bodies(SearchMemory.model_validate(SEARCH), dialect=Product(Cubes("team")))["top_k"] == 50
    assert bodies(SearchMemory.model_validate({**SEARCH, "memory_limit_number": 0}))["top_k"] == 1


def test_views_choose_the_kinds() -> None:
    told = bodies(SearchMemory.model_validate({**SEARCH, "include_memory_view": ["skill", "tool_memory"]}))
    assert (told["include_preference"], told["search_tool_memory"], told["include_skill_memory"]) == (False, True, True)


def test_a_chat_is_never_in_a_cube_of_others() -> None:
    """The server recalls what is in the cube, whoever's it is."""
    team = Product(Cubes("team"))
    with pytest.raises(Unsupported, match="one cube"):
        team.streaming(request(StreamChat.model_validate(CHAT)))
    with pytest.raises(Unsupported, match="one cube"):
        team.conversation(request(Chat.model_validate(CHAT)))
    asked = Product().streaming(request(StreamChat.model_validate({**CHAT, "model_name": "m"})))
    told = json.loads(asked.body)
    assert (told["readable_cube_ids"], told["writable_cube_ids"]) == (["user-ada"], ["user-ada"])
    assert (told["model_name_or_path"], told["top_k"], told["pref_top_k"]) == ("m", 9, 9)
    assert "stream" not in told


@pytest.mark.parametrize("wrong", ["", "  ", 5, ["x"]])
def test_a_cube_is_a_name_or_a_function(wrong: Any) -> None:
    with pytest.raises(Invalid):
        Cubes(wrong)


def test_a_function_must_name_a_cube() -> None:
    with pytest.raises(Invalid):
        bodies(SearchMemory.model_validate(SEARCH), dialect=Product(Cubes(lambda _: " ")))
    told = bodies(
        SearchMemory.model_validate(SEARCH), dialect=Product(Cubes(lambda owner: f"c-{owner.kind}-{owner.id}"))
    )
    assert told["readable_cube_ids"] == ["c-user-ada"]
