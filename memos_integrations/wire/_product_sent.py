"""Calls as the open-source server takes them: fields under its own names, nulls left out, nothing dropped silently.

What it has no place for raises `Unsupported` here, before anything is sent. Pure.
"""

from collections.abc import Mapping
from typing import Any, Final

from memos_integrations.errors import Unsupported
from memos_integrations.wire.adding import AddFeedback, AddMessage
from memos_integrations.wire.asking import GetMemory, SearchMemory
from memos_integrations.wire.call import Call, View
from memos_integrations.wire.changing import DeleteMemory
from memos_integrations.wire.chat import Chat, StreamChat
from memos_integrations.wire.owners import Cubes, Owner, server_id

__all__ = [
    "DEPTH",
    "add_body",
    "chat_body",
    "check_deletion",
    "feedback_body",
    "owner_of_add",
    "owner_of_one",
    "search_body",
    "views",
]

DEPTH: Final = 50
"""How many of each kind are asked for where some are left out on our side: by a filter, or in a cube that is shared."""

_LIMIT: Final = 9  # of facts, and of preferences, by default (contract §2.3); the server's own defaults differ
_FEWER: Final = 6  # the same of tool memories, and of skills
_MAPPED: Final[Mapping[View, str]] = {
    "detail_factual": "text_mem",
    "preference": "pref_mem",
    "tool_memory": "tool_mem",
    "skill": "skill_mem",
}
# What the server takes for its own when it is given as info, and drops without a word (2.0.33, list_all_fields).
_RESERVED: Final = frozenset(
    {
        "background",
        "confidence",
        "covered_history",
        "created_at",
        "dialog_id",
        "embedding",
        "evolve_to",
        "file_ids",
        "history",
        "id",
        "info",
        "internal_info",
        "is_fast",
        "key",
        "mem_cube_id",
        "memory",
        "memory_type",
        "metadata",
        "original_text",
        "preference",
        "preference_type",
        "relativity",
        "score",
        "session_id",
        "source",
        "sources",
        "status",
        "tags",
        "type",
        "updated_at",
        "usage",
        "user_id",
        "version",
        "visibility",
        "working_binding",
    }
)
_WHY: Final = {
    "allow_knowledgebase_ids": "has no knowledge bases: leave it out",
    "allow_memory_view": "extracts what it extracts: leave it out",
    "allow_public": "has no public memory: leave it out",
    "app_id": "does not keep it with what a chat writes: add the turn with add_message",
    "agent_id": "does not keep it with what a chat writes: add the turn with add_message",
    "async_mode": "writes a chat's turn after it has answered: leave async_mode out",
    "context_format": "tells memories alone: leave it out",
    "custom_extract_prompt": "has prompts of its own: leave it out",
    "filter": "would show the model what the filter leaves out: search with it, and ask a model of your own",
    "info": "does not keep it with what a chat writes: add the turn with add_message",
    "knowledgebase_ids": "has no knowledge bases: leave it out",
    "max_tokens": "does not pass it on to its model: set it there",
    "memory_type": "deletes by ids, by owner and by filter: leave it out",
    "source": "does not keep it: give it in info, under another name",
    "tags": "keeps no tags: give them in info, and filter by that name",
    "temperature": "does not pass it on to its model: set it there",
    "top_p": "does not pass it on to its model: set it there",
}


def _refuse(call: Call[Any], *names: str) -> None:
    """Raises `Unsupported` for the first of `names` that asks for anything."""
    for name in names:
        value = getattr(call, name)
        if value not in (None, (), "") and value is not False:
            raise unsupported(call, name, _WHY[name])


def unsupported(call: Call[Any], name: str, why: str) -> Unsupported:
    """The error for an argument that this server does not have."""
    return Unsupported(f"{call.path}: {name}: the open-source server {why}")


def owner_of_one(call: SearchMemory | GetMemory) -> Owner:
    """Whose memories are asked for."""
    return Owner("user", call.user_id) if call.user_id is not None else Owner("agent", call.agent_id or "")


def owner_of_add(call: AddMessage) -> Owner:
    """Whose memory it becomes; an agent beside a user only marks it."""
    first, *others = call.users or call.agents
    if others:
        what = "user_id" if call.users else "agent_id"
        raise unsupported(call, what, "keeps a turn for one owner: add it once for each")
    return Owner("user" if call.users else "agent", first)


def add_body(call: AddMessage, cubes: Cubes, task: str) -> dict[str, Any]:
    """The body of `POST product/add`."""
    names = ("tags", "allow_public", "allow_knowledgebase_ids", "allow_memory_view", "custom_extract_prompt", "source")
    _refuse(call, *names)
    if any(message.role_name or message.role_id for message in call.turns):
        raise unsupported(call, "messages: role_name", "keeps no speakers: write the name into the text")
    owner = owner_of_add(call)
    marks = {"app_id": call.app_id, "agent_id": _one_or_several(call.agents) if owner.kind == "user" else None}
    body = {
        "messages": [message.model_dump(mode="json", exclude_none=True) for message in call.turns],
        "session_id": call.conversation_id,
        "async_mode": "sync" if call.async_mode is False else "async",
        "info": _info(call, marks),
        "task_id": task,
    }
    return {**_owned(owner, cubes, "writable_cube_ids"), **_given(body)}


def _one_or_several(ids: tuple[str, ...]) -> str | list[str] | None:
    if len(ids) == 1:
        return ids[0]
    return list(ids) or None


def _info(call: AddMessage | AddFeedback, marks: Mapping[str, Any]) -> dict[str, Any] | None:
    info, marks = dict(call.info or {}), _given(marks)
    for name in info:
        if name in _RESERVED or name in marks:
            raise unsupported(call, "info", f"keeps the name {name} for something else: rename it")
    return {**info, **marks} or None


def feedback_body(call: AddFeedback, cubes: Cubes, task: str) -> dict[str, Any]:
    """The body of `POST product/feedback`."""
    _refuse(call, "allow_public", "allow_knowledgebase_ids")
    body = {
        "session_id": call.conversation_id,
        "feedback_content": call.feedback_content,
        "feedback_time": call.feedback_time,
        "info": _info(call, {"app_id": call.app_id, "agent_id": call.agent_id}),
        "task_id": task,
        "async_mode": "async",
    }
    return {**_owned(Owner("user", call.user_id), cubes, "writable_cube_ids"), "history": [], **_given(body)}


def views(call: SearchMemory | GetMemory) -> frozenset[str]:
    """The buckets that are asked for; `include_memory_view`, where given, decides alone."""
    if call.include_memory_view is None:
        listing = isinstance(call, GetMemory)  # which tells tools and skills unless it is told not to (contract §2.4)
        tools, skills = call.include_tool_memory, None if isinstance(call, GetMemory) else call.include_skill
        asked = {
            "pref_mem": call.include_preference is not False,
            "tool_mem": tools is not False if listing else bool(tools),
            "skill_mem": listing or bool(skills),
        }
        return frozenset({"text_mem", *(name for name, wanted in asked.items() if wanted)})
    for view in call.include_memory_view:
        if view not in _MAPPED:
            raise unsupported(call, "include_memory_view", "has neither profiles nor events: ask for the other views")
    return frozenset(_MAPPED[view] for view in call.include_memory_view)


def search_body(call: SearchMemory, cubes: Cubes) -> tuple[dict[str, Any], Mapping[str, int]]:
    """The body of `POST product/search`, and how many of each bucket are told in the end."""
    _refuse(call, "knowledgebase_ids", "source")
    if call.context_format not in (None, "memory"):
        _refuse(call, "context_format")
    owner, asked = owner_of_one(call), views(call)
    given = (
        ("text_mem", call.memory_limit_number, _LIMIT),
        ("pref_mem", call.preference_limit_number, _LIMIT),
        ("tool_mem", call.tool_memory_limit_number, _FEWER),
        ("skill_mem", call.skill_limit_number, _FEWER),
    )
    most = {name: (usual if limit is None else limit) if name in asked else 0 for name, limit, usual in given}
    depth = {name: max(limit, DEPTH) if call.condition or not cubes.own else limit for name, limit in most.items()}
    body = {
        "query": call.query,
        "session_id": call.conversation_id,
        "relativity": call.relativity,
        "top_k": max(depth["text_mem"], 1),
        "include_preference": most["pref_mem"] > 0,
        "pref_top_k": depth["pref_mem"],
        "search_tool_memory": most["tool_mem"] > 0,
        "tool_mem_top_k": depth["tool_mem"],
        "include_skill_memory": most["skill_mem"] > 0,
        "skill_mem_top_k": depth["skill_mem"],
    }
    return {**_owned(owner, cubes, "readable_cube_ids"), **_given(body)}, most


def chat_body(call: Chat | StreamChat, cubes: Cubes) -> dict[str, Any]:
    """The body of `POST product/chat/complete` and `product/chat/stream`."""
    if cubes.shared:
        why = "would read everybody's memories in the one cube: connect without cube=, or search and ask your own model"
        raise unsupported(call, "user_id", why)
    kept = ("agent_id", "app_id", "tags", "info", "source", "allow_public", "allow_knowledgebase_ids")
    _refuse(call, "filter", "knowledgebase_ids", "max_tokens", "temperature", "top_p", *kept)
    if call.async_mode is False and call.add_message_on_answer is not False:
        raise unsupported(call, "async_mode", _WHY["async_mode"])
    if call.memory_limit_number == 0:
        raise unsupported(
            call, "memory_limit_number", "takes 1 or more: ask your own model for a chat without memories"
        )
    owner = Owner("user", call.user_id)
    body = {
        "query": call.query,
        "session_id": call.conversation_id,
        "top_k": _LIMIT if call.memory_limit_number is None else call.memory_limit_number,
        "include_preference": call.preference_limit_number != 0 and call.include_preference is not False,
        "pref_top_k": _LIMIT if call.preference_limit_number is None else call.preference_limit_number,
        "relativity": call.relativity,
        "model_name_or_path": call.model_name,
        "system_prompt": call.system_prompt,
        "add_message_on_answer": call.add_message_on_answer,
    }
    cube = _owned(owner, cubes, "writable_cube_ids")
    return {**_owned(owner, cubes, "readable_cube_ids"), **cube, **_given(body)}


def check_deletion(call: DeleteMemory) -> None:
    """Raises `Unsupported` for a hint that the server has no place for."""
    _refuse(call, "memory_type")


def _owned(owner: Owner, cubes: Cubes, where: str) -> dict[str, Any]:
    return {"user_id": server_id(owner), where: [cubes.of(owner)]}


def _given(members: Mapping[str, Any]) -> dict[str, Any]:
    """Without what was left out: a null is refused there."""
    return {name: value for name, value in members.items() if value is not None}
