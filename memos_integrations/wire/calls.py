"""The calls: one class an endpoint, which is the client's signature, the wire's schema and the engine's parameter.

Limits are the contract's (§1.5, §2). A field left None is not sent, so that each server's own default holds.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import Field, model_validator

from memos_integrations.wire.answers import (
    Added,
    Answer,
    Deleted,
    Found,
    Memories,
    StoredMessages,
    TaskStatus,
)
from memos_integrations.wire.by_id import GetMemoryById
from memos_integrations.wire.call import (
    MAX_PAGE,
    Call,
    Filtering,
    Id,
    Ids,
    Info,
    Limit,
    Prompts,
    Relativity,
    Texts,
    Views,
)
from memos_integrations.wire.chat import Chat, StreamChat
from memos_integrations.wire.checks import Spoken, broken
from memos_integrations.wire.filters import OneGroup
from memos_integrations.wire.message import Message, Messages

__all__ = [
    "CALLS",
    "AddFeedback",
    "AddMessage",
    "Chat",
    "DeleteMemory",
    "GetMemory",
    "GetMemoryById",
    "GetMessage",
    "GetStatus",
    "SearchMemory",
    "StreamChat",
]


def _one_subject(call: "SearchMemory | GetMemory") -> None:
    if (call.user_id is None) == (call.agent_id is None):
        raise broken("subject", "give exactly one of user_id and agent_id (contract §2)")


class AddMessage(Call[Added]):
    """Store conversation turns, from which MemOS extracts facts and preferences (`POST add/message`, contract §2.1).

    At least one of `user_id` and `agent_id` (each one id, or up to 20 of a group conversation; ids are at most
    100 characters). At most 40,000 tokens of messages a call. Without `conversation_id` the server makes one
    up and does not tell it, so the turn can't be read back. `async_mode` (server's default: True) False waits
    for the extraction. `allow_memory_view` restricts what is extracted. `custom_extract_prompt` (by view, "image"
    or "document") holds for this call only. Tokens are counted by the server alone (40013, 40305).
    The API has no idempotency key: after a lost reply the client reads the conversation back, and sends again only
    what is not there. What can't be read back (no `conversation_id`, several users, an agent's memory, more than 50
    messages, no plain text of user or assistant) is sent once: `Unreachable` with `sent` says that it may be there.
    """

    path: ClassVar[str] = "add/message"
    answer: ClassVar[type[Answer]] = Added

    messages: Messages
    user_id: Ids | None = None
    agent_id: Ids | None = None
    conversation_id: Id | None = None
    app_id: Id | None = None
    tags: Texts | None = None
    info: Info | None = None
    allow_public: bool | None = None
    allow_knowledgebase_ids: Texts | None = None
    allow_memory_view: Views | None = None
    async_mode: bool | None = None
    custom_extract_prompt: Prompts | None = None
    source: str | None = None

    @model_validator(mode="after")
    def _has_an_owner(self) -> "AddMessage":
        if self.user_id is None and self.agent_id is None:
            raise broken("subject", "give user_id, agent_id or both (contract §2.1)")
        return self

    @property
    def turns(self) -> tuple[Message, ...]:
        """The messages as what they are at run time."""
        return cast("tuple[Message, ...]", self.messages)

    @property
    def users(self) -> tuple[str, ...]:
        """The users whose memory this becomes."""
        return _several(self.user_id)

    @property
    def agents(self) -> tuple[str, ...]:
        """The agents named, whether as owners or as markers."""
        return _several(self.agent_id)

    def empty(self) -> Any:
        """An add that was accepted without a word."""
        return {"success": True, "task_id": None, "status": "running"}  # §1.3: "accepted, no task id"


def _several(ids: Ids | None) -> tuple[str, ...]:
    return () if ids is None else (ids,) if isinstance(ids, str) else tuple(ids)


class SearchMemory(Filtering[Found]):
    """Find the memories that bear on `query` (`POST search/memory`, contract §2.3).

    Exactly one of `user_id` and `agent_id`. `conversation_id` raises the weight of that conversation and
    excludes none. Limits are 0 to 25 a kind (server's default: 9). `relativity` 0..1 is the least similarity
    (MemOS Cloud's default .45, the embedded engine's .2; 0 disables; the two scales are not comparable).
    `include_memory_view`, where given, decides alone; the `include_…` switches are its older form.
    """

    path: ClassVar[str] = "search/memory"
    answer: ClassVar[type[Answer]] = Found
    repeatable: ClassVar[bool] = True

    query: Spoken
    user_id: Id | None = None
    agent_id: Id | None = None
    conversation_id: Id | None = None
    knowledgebase_ids: Texts | None = None
    include_memory_view: Views | None = None
    memory_limit_number: Limit | None = None
    relativity: Relativity | None = None
    include_preference: bool | None = None
    preference_limit_number: Limit | None = None
    include_tool_memory: bool | None = None
    tool_memory_limit_number: Limit | None = None
    include_skill: bool | None = None
    skill_limit_number: Limit | None = None
    context_format: Literal["memory", "sources", "mixed", "heuristic_routing"] | None = None
    source: str | None = None

    @model_validator(mode="after")
    def _of_one(self) -> "SearchMemory":
        _one_subject(self)
        return self


class GetMessage(Call[StoredMessages]):
    """Read back the newest messages of a conversation (`POST get/message`, contract §2.2).

    `message_limit_number` is 1 to 50 (server's default: 6). There is no way to older messages.
    """

    path: ClassVar[str] = "get/message"
    answer: ClassVar[type[Answer]] = StoredMessages
    repeatable: ClassVar[bool] = True

    user_id: Id
    conversation_id: Id
    message_limit_number: Annotated[int, Field(ge=1, le=MAX_PAGE)] | None = None
    conversation_limit_number: Annotated[int, Field(ge=1)] | None = None
    source: str | None = None


class GetMemory(Filtering[Memories]):
    """Page through everything MemOS keeps of a user or an agent (`POST get/memory`, contract §2.4).

    Exactly one of `user_id` and `agent_id`. `page` counts from 1 (default 1), `size` is 1 to 50 for each kind
    (server's default: 10). `filter` takes the form for all sources only.
    """

    path: ClassVar[str] = "get/memory"
    answer: ClassVar[type[Answer]] = Memories
    repeatable: ClassVar[bool] = True

    user_id: Id | None = None
    agent_id: Id | None = None
    filter: OneGroup | None = None
    page: Annotated[int, Field(ge=1)] | None = None
    size: Annotated[int, Field(ge=1, le=MAX_PAGE)] | None = None
    include_memory_view: Views | None = None
    include_preference: bool | None = None
    include_tool_memory: bool | None = None

    @model_validator(mode="after")
    def _of_one(self) -> "GetMemory":
        _one_subject(self)
        return self


class DeleteMemory(Filtering[Deleted]):
    """Delete memories (`POST delete/memory`, contract §2.7): for good, there is no undo.

    Exactly one selector: `memory_ids`, `user_id` (everything of that user), `agent_id`, or `filter` (sent by
    the official SDK only). `user_ids` is the older spelling; beside `memory_ids` it is ignored, alone it must
    hold one id. `memory_type` is a hint of the official SDK. Not repeated after a lost reply.
    """

    path: ClassVar[str] = "delete/memory"
    answer: ClassVar[type[Answer]] = Deleted

    memory_ids: Annotated[Texts, Field(min_length=1)] | None = None
    user_id: Id | None = None
    agent_id: Id | None = None
    user_ids: Annotated[Texts, Field(min_length=1)] | None = None
    memory_type: str | None = None

    @model_validator(mode="after")
    def _by_one_selector(self) -> "DeleteMemory":
        if self.user_ids and len(self.user_ids) > 1 and not self.memory_ids:
            raise broken("subject", "user_ids alone holds exactly one id: call once for each user")
        if sum(s is not None for s in (self.memory_ids, self.user, self.agent_id, self.filter)) != 1:
            raise broken("subject", "give exactly one of memory_ids, user_id, agent_id and filter (contract §2.7)")
        return self

    @property
    def user(self) -> str | None:
        """The user whose everything goes, in either spelling."""
        if self.memory_ids or self.user_id is not None:
            return self.user_id
        return self.user_ids[0] if self.user_ids else None


class GetStatus(Call[TaskStatus]):
    """How far an asynchronous task is (`POST get/status`, contract §2.12): running, completed or failed."""

    path: ClassVar[str] = "get/status"
    answer: ClassVar[type[Answer]] = TaskStatus
    repeatable: ClassVar[bool] = True

    task_id: Annotated[str, Field(min_length=1)]

    def fitted(self, data: Any) -> Any:
        """A status in the older form of a list, and without its task's id."""
        only = data[0] if isinstance(data, list) and len(data) == 1 else data  # before v2.0.25: a list of one
        if isinstance(only, dict):
            return {**only, "task_id": only.get("task_id") or self.task_id}
        return only


class AddFeedback(Call[Added]):
    """Correct what is remembered, in plain words (`POST add/feedback`, contract §2.9).

    Two kinds are documented: replacing a keyword in all memories of the user, and a correction in the context of
    `conversation_id` (required by MemOS's schema, optional by its prose; give it where there is one).
    `feedback_time` is written like a message's `chat_time` (default: now). How far the work is tells `get_status`.
    Sent once, since it can't be read back: a lost reply raises `Unreachable` with `sent`.
    """

    path: ClassVar[str] = "add/feedback"
    answer: ClassVar[type[Answer]] = Added

    user_id: Id
    feedback_content: Spoken
    conversation_id: Id | None = None
    agent_id: Id | None = None
    app_id: Id | None = None
    feedback_time: str | None = None
    allow_public: bool | None = None
    allow_knowledgebase_ids: Texts | None = None
    info: Info | None = None


CALLS: Mapping[str, type[Call[Any]]] = {
    call.path: call
    for call in (
        AddMessage,
        GetMessage,
        SearchMemory,
        GetMemory,
        DeleteMemory,
        GetStatus,
        GetMemoryById,
        AddFeedback,
        Chat,
    )
}
"""The calls by path. `Chat` and `StreamChat` share theirs: `stream` in the body tells them apart."""
