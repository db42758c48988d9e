"""LangChain's messages as MemOS stores them, and back. Pure.

What a message of the API has no place for goes along as JSON text in one member of our own, `langchain`. The embedded
engine gives every member back, so the message comes back equal; a server that keeps role, content and times gives text.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    BaseMessageChunk,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    message_chunk_to_message,
    messages_from_dict,
)
from pydantic_core import to_jsonable_python

from memos_integrations.errors import Invalid
from memos_integrations.memory.prompt import strip
from memos_integrations.wire.answers import StoredMessage

__all__ = ["batches", "joined", "plain", "restored", "same", "to_store"]

_REST = "langchain"
_MAX_BATCH = 20_000  # characters of a call: within 40,000 tokens (contract §1.5) in any language
_ROLES = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool", "function": "tool"}
_OTHER_ROLES = {"user": "user", "human": "user", "system": "system", "developer": "system", "tool": "tool"}


def plain(message: BaseMessage) -> BaseMessage:
    """`message` as it is to be kept: no chunk of a stream, and without text that we set before the user's.

    Raises `Invalid` for what is no message, or only tells to remove one.
    """
    if not isinstance(message, BaseMessage) or message.type == "remove":
        raise Invalid(f"messages: a chat message is needed (given: {type(message).__name__})", field="messages")
    whole = message_chunk_to_message(message)
    content = _stripped(whole.content)
    return whole if content == whole.content else whole.model_copy(update={"content": content})


def joined(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """`messages` with the pieces of a streamed one put together: neighbouring chunks of one id, as they came."""
    whole: list[BaseMessage] = []
    for message in messages:
        last = whole[-1] if whole else None
        if last is not None and _goes_on(last, message):
            whole[-1] = cast("BaseMessage", cast("Any", last) + message)
        else:
            whole.append(message)
    return whole


def _goes_on(last: BaseMessage, message: BaseMessage) -> bool:
    if not (isinstance(last, BaseMessageChunk) and isinstance(message, BaseMessageChunk)) or last is message:
        return False
    ended = getattr(last, "chunk_position", None) == "last"
    return type(last) is type(message) and last.id is not None and last.id == message.id and not ended


def _stripped(content: str | list[Any]) -> str | list[Any]:
    if isinstance(content, str):
        return strip(content)
    return [_stripped_block(block) for block in content]


def _stripped_block(block: Any) -> Any:
    if isinstance(block, str):
        return strip(block)
    text = block.get("text") if isinstance(block, Mapping) else None
    return {**block, "text": strip(text)} if isinstance(text, str) else block


def to_store(message: BaseMessage, at: str) -> dict[str, Any]:
    """`message`, added `at` that time, as a message of the API; its words alone are the content."""
    members = _outline(message)
    rest = _difference(message, _read(members))
    if rest is not None:
        members[_REST] = rest
    return {**members, "chat_time": at}


def _outline(message: BaseMessage) -> dict[str, Any]:
    """What the API has a place for, and the name. Half a surrogate pair, which JSON can't carry, is a question mark."""
    text = str(message.text)
    members: dict[str, Any] = {"role": _role(message), "content": text, "message_id": message.id, "name": message.name}
    if isinstance(message, AIMessage) and message.tool_calls:
        members["tool_calls"] = [_asked(call) for call in message.tool_calls]
        members["content"] = text or None
    if isinstance(message, ToolMessage):
        members |= {"tool_call_id": message.tool_call_id, "content": text or "(nothing)"}
    told = {name: value for name, value in members.items() if value is not None}
    encodable = json.dumps(told, ensure_ascii=False).encode("utf-8", "replace")
    return cast("dict[str, Any]", json.loads(encodable))


def _role(message: BaseMessage) -> str:
    if isinstance(message, ChatMessage):
        return _OTHER_ROLES.get(message.role.lower(), "assistant")
    return _ROLES.get(message.type, "assistant")  # of what we don't know, nothing becomes the user's word


def _asked(call: Mapping[str, Any]) -> dict[str, Any]:
    arguments = json.dumps(call["args"], ensure_ascii=False, default=_jsonable)
    known = {"id": call["id"]} if call.get("id") else {}
    return {**known, "type": "function", "function": {"name": call["name"], "arguments": arguments}}


def _difference(message: BaseMessage, outline: BaseMessage) -> str | None:
    """What `outline` lacks of `message`, as JSON text (numbers that are none, nulls and odd characters included)."""
    all_of_it, known = dict(message), dict(outline)
    if message.type == outline.type:
        all_of_it = {name: value for name, value in all_of_it.items() if name not in known or known[name] != value}
    try:
        return json.dumps(all_of_it, default=_jsonable) if all_of_it else None
    except (TypeError, ValueError, RecursionError):  # keys that are no text, circles: the words are kept all the same
        return None


def _jsonable(value: object) -> Any:
    return to_jsonable_python(value, fallback=str, bytes_mode="base64")


def restored(stored: StoredMessage) -> BaseMessage:
    """The message that was stored so; of another's message, or from a server that keeps less, what there is."""
    members = {"role": stored.role, "content": stored.content, **(stored.model_extra or {})}
    message, rest = _read(members), members.get(_REST)
    if not isinstance(rest, str):
        return message
    try:
        known = json.loads(rest)
        data = known if known.get("type", message.type) != message.type else {**dict(message), **known}
        (whole,) = messages_from_dict([{"type": data["type"], "data": data}])
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError):  # somebody else's member of that name
        return message
    return whole


def _read(members: Mapping[str, Any]) -> BaseMessage:
    """A message of the API as LangChain's."""
    content = members.get("content")
    told: dict[str, Any] = {"content": content if isinstance(content, str | list) else ""}
    told |= {ours: members[theirs] for ours, theirs in (("id", "message_id"), ("name", "name")) if members.get(theirs)}
    role = members.get("role")
    if role == "user":
        return HumanMessage(**told)
    if role == "system":
        return SystemMessage(**told)
    if role == "tool":
        return ToolMessage(**told, tool_call_id=str(members.get("tool_call_id") or ""))
    return AIMessage(**told, tool_calls=list(_calls(members.get("tool_calls"))))


def _calls(asked: Any) -> Iterator[dict[str, Any]]:
    """The tool calls whose arguments can be read."""
    for call in asked if isinstance(asked, list | tuple) else ():
        try:
            arguments = json.loads(call["function"].get("arguments") or "{}")
            name = str(call["function"]["name"])
        except (AttributeError, LookupError, RecursionError, TypeError, ValueError):
            continue
        if isinstance(arguments, dict):
            yield {"name": name, "args": arguments, "id": call.get("id"), "type": "tool_call"}


def same(one: BaseMessage, other: BaseMessage) -> bool:
    """Whether two are one message, as far as one can tell where ids were not kept."""
    ids = {one.id, other.id} - {None}
    return len(ids) < 2 and one.type == other.type and str(one.text).strip() == str(other.text).strip()


def batches(messages: Sequence[BaseMessage]) -> Iterator[list[BaseMessage]]:
    """`messages` in calls of a size that servers take.

    A message without words goes alone, since a server may refuse it, and shall not refuse others with it.
    """
    batch: list[BaseMessage] = []
    size = 0
    for message in messages:
        length = len(str(message.text))
        alone = _is_wordless(message)
        if batch and (alone or size + length > _MAX_BATCH or _is_wordless(batch[-1])):
            yield batch
            batch, size = [], 0
        batch, size = [*batch, message], size + length
    if batch:
        yield batch


def _is_wordless(message: BaseMessage) -> bool:
    called = isinstance(message, ToolMessage) or (isinstance(message, AIMessage) and bool(message.tool_calls))
    return not called and not str(message.text).strip()
