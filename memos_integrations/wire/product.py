"""The open-source MemOS server's dialect (`/product/*`), as one table beside the protocol. Pure.

```
call             asked of the server                        its reply read as
add_message      POST product/add                           200: taken; the task's id is ours
search_memory    POST product/search                        text_mem, pref_mem, tool_mem, skill_mem
get_memory       POST product/get_memory                    the same, paged here
get_status       GET  product/scheduler/status              its words: running, completed, failed
add_feedback     POST product/feedback                      200: taken; the task's id is ours
delete_memory    POST product/delete_memory, by ids         200: gone; by owner or filter: listed here first
chat             POST product/chat/complete, chat/stream    the answer; a stream gets its end here
```
All else is not there, and says so before anything is sent. Observed on MemoryOS 2.0.33 with its Postgres backend.
"""

import re
import uuid
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from memos_integrations.errors import Unsupported
from memos_integrations.wire._product_replies import Rewriting, data_of, garbled, refused
from memos_integrations.wire._product_sent import (
    add_body,
    chat_body,
    check_deletion,
    feedback_body,
    owner_of_add,
    owner_of_one,
    search_body,
)
from memos_integrations.wire._product_told import Wanted, found, listed, only_owned, read_buckets
from memos_integrations.wire.adding import AddFeedback, AddMessage
from memos_integrations.wire.answers import Added, ChatAnswer, Deleted, TaskStatus
from memos_integrations.wire.asking import GetMemory, GetStatus, SearchMemory
from memos_integrations.wire.by_id import GetMemoryById
from memos_integrations.wire.call import Call
from memos_integrations.wire.calls import CALLS
from memos_integrations.wire.changing import DeleteMemory
from memos_integrations.wire.chat import Chat, StreamChat
from memos_integrations.wire.envelope import Reply, Request, write
from memos_integrations.wire.owners import Cube, Cubes, Owner, owner_of_task, task_id
from memos_integrations.wire.tasks import NamedAdd

__all__ = ["Conversation", "Cube", "Cubes", "Owner", "Product", "Rewriting"]

C = TypeVar("C", bound=Call[Any])
Conversation = Generator[Request, Reply, Reply]
"""Yields what is asked of the server, is sent each reply, and returns the one that the client reads."""

_JSON: Final = {"content-type": "application/json"}
_STATUS: Final[Mapping[str, str]] = {"completed": "completed", "failed": "failed", "cancelled": "failed"}
_NO_BASES = "it has no knowledge bases: use the embedded engine or MemOS Cloud for them"
_NO_PROFILES = "it has no profiles: use the embedded engine or MemOS Cloud for them"
_NOT_THERE: Final = (
    ("get/message", "it tells no messages: keep the conversation in your application"),
    ("get/memory/", "it finds a memory by its id in one cube only: page through get_memory(user_id=…)"),
    ("update/memory", "it changes no memory: delete_memory, and add what is right"),
    ("extract/memory", "it extracts only what it keeps: use the embedded engine or MemOS Cloud for this"),
    ("chat/completions", "it takes one question at a time: use chat"),
    ("rerank", "it ranks only what it keeps: use the embedded engine or MemOS Cloud for this"),
    (".*knowledgebase", _NO_BASES),
    (".*profile", _NO_PROFILES),
)


@dataclass(frozen=True, slots=True)
class Product:
    """The dialect, for these cubes; `zone` is the server's, for times without one."""

    cubes: Cubes = field(default_factory=Cubes)
    zone: tzinfo = UTC
    token: Callable[[], str] = lambda: uuid.uuid4().hex

    def conversation(self, request: Request) -> Conversation:
        """What is asked for `request`, a call of the API. Raises `Unsupported` before anything is."""
        call = _call_of(request)
        return _TABLE[call.path](self, call)

    def streaming(self, request: Request) -> Request:
        """What is asked for a chat whose answer is streamed; its events are to be rewritten. Raises `Unsupported`."""
        return _post("chat/stream", chat_body(_read(StreamChat, request), self.cubes))

    def unstreamed(self, reply: Reply) -> Reply:
        """What is read for a reply to that which is no stream."""
        answer = _answer_of(data_of(reply))
        return refused(reply) if answer is None else write(answer)


def _chat(dialect: Product, call: Chat) -> Conversation:
    return _told(_post("chat/complete", chat_body(call, dialect.cubes)), _answer_of)


def _add(dialect: Product, call: AddMessage) -> Conversation:
    named = call.task_id if isinstance(call, NamedAdd) else task_id(dialect.token(), owner_of_add(call))
    asked = _post("add", add_body(call, dialect.cubes, named))
    done = "completed" if call.async_mode is False else "running"
    return _taken(asked, Added(task_id=named, status=done))


def _feedback(dialect: Product, call: AddFeedback) -> Conversation:
    task = task_id(dialect.token(), Owner("user", call.user_id))
    return _taken(_post("feedback", feedback_body(call, dialect.cubes, task)), Added(task_id=task))


def _search(dialect: Product, call: SearchMemory) -> Conversation:
    body, most = search_body(call, dialect.cubes)
    wanted = _wanted(dialect, owner_of_one(call), call)
    return _told(_post("search", body), lambda data: found(data, wanted, most, call.relativity))


def _list(dialect: Product, call: GetMemory) -> Conversation:
    wanted = _wanted(dialect, owner_of_one(call), call)
    return _told(_listing(wanted), lambda data: listed(data, wanted, call))


def _status(_: Product, call: GetStatus) -> Conversation:
    name = owner_of_task(call.task_id)
    if name is None:
        return _said(refused(Reply(404, b'{"code":404}')))
    query = {"user_id": name, "task_id": call.task_id}
    return _told(Request("GET", "product/scheduler/status", query=query), lambda data: _status_of(data, call))


def _delete(dialect: Product, call: DeleteMemory) -> Conversation:
    check_deletion(call)
    if call.memory_ids:
        return _taken(_post("delete_memory", {"memory_ids": list(call.memory_ids)}), Deleted())
    if call.user is None and call.agent_id is None:
        why = "deletes by filter only within an owner: list with get_memory(user_id=…, filter=…), delete the ids"
        raise Unsupported(f"{call.path}: filter: the open-source server {why}")
    owner = Owner("user", call.user) if call.user is not None else Owner("agent", call.agent_id or "")
    return _emptied(_wanted(dialect, owner, call))


def _emptied(wanted: Wanted) -> Conversation:
    """By ids: told an owner, its Postgres backend deletes and answers with a failure."""
    told = yield _listing(wanted)
    data = data_of(told)
    read = read_buckets(data)
    if read is None:
        return refused(told) if data is None else garbled(told)
    ids = list(dict.fromkeys(item.id for items in only_owned(read, wanted).values() for item in items))
    if not ids:
        return write(Deleted())
    return (yield from _taken(_post("delete_memory", {"memory_ids": ids}), Deleted()))


def _wanted(dialect: Product, owner: Owner, call: SearchMemory | GetMemory | DeleteMemory) -> Wanted:
    return Wanted.of(owner, call, dialect.cubes, dialect.zone)


def _listing(wanted: Wanted) -> Request:
    switches = {f"include_{kind}": True for kind in ("preference", "tool_memory", "skill_memory")}
    return _post("get_memory", {"mem_cube_id": wanted.cube, **switches})


_TABLE: Final[Mapping[str, Callable[[Product, Any], Conversation]]] = {
    AddMessage.path: _add,
    SearchMemory.path: _search,
    GetMemory.path: _list,
    GetStatus.path: _status,
    AddFeedback.path: _feedback,
    DeleteMemory.path: _delete,
    Chat.path: _chat,
}


def _call_of(request: Request) -> Call[Any]:
    if request.path not in _TABLE:
        why = next((why for path, why in _NOT_THERE if re.match(path, request.path)), "it has no such call")
        shown = GetMemoryById.path if request.path.startswith("get/memory/") else request.path
        raise Unsupported(f"{shown}: the open-source server can't do this: {why}")
    if request.path == AddMessage.path and "task_id" in from_json(request.body):
        return _read(NamedAdd, request)
    return _read(CALLS[request.path], request)


def _read(call: type[C], request: Request) -> C:
    members = from_json(request.body)
    members.pop("stream", None)
    return call.model_validate(members)


def _post(path: str, body: Mapping[str, Any]) -> Request:
    return Request("POST", f"product/{path}", to_json(body), headers=_JSON)


def _said(reply: Reply) -> Conversation:
    """In which nothing is asked."""
    yield from ()
    return reply


def _taken(asked: Request, answer: Added | Deleted) -> Conversation:
    """Where a reply that is fine is all there is to know."""
    reply = yield asked
    data = data_of(reply)
    if data is None or (isinstance(data, dict) and data.get("status") == "failure"):
        return refused(reply) if data is None else refused(Reply(500, b"{}", reply.headers))
    return _dated(write(answer), reply)


def _told(asked: Request, read: Callable[[Any], Any]) -> Conversation:
    """Where the answer is made of the reply's data."""
    reply = yield asked
    data = data_of(reply)
    if data is None:
        return refused(reply)
    answer = read(data)
    return garbled(reply) if answer is None else _dated(write(answer), reply)


def _answer_of(data: Any) -> ChatAnswer | None:
    response = data.get("response") if isinstance(data, dict) else None
    return ChatAnswer(response=response) if isinstance(response, str) else None


def _status_of(data: Any, call: GetStatus) -> TaskStatus | None:
    try:
        (only,) = (TaskStatus.model_validate(each) for each in data)
    except (TypeError, ValueError, ValidationError):
        return None
    return TaskStatus(task_id=call.task_id, status=_STATUS.get(only.status, "running"))


def _dated(reply: Reply, told: Reply) -> Reply:
    """With the server's time."""
    return Reply(reply.status, reply.body, {**reply.headers, **_date(told)})


def _date(told: Reply) -> dict[str, str]:
    return {"date": told.headers["date"]} if "date" in told.headers else {}
