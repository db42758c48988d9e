"""The answers: the envelope's `data`, typed, with MemOS's own names (contract §2, §3).

Lists that a server leaves out or sends as null read as empty. Members we don't know are kept. Times are epoch
milliseconds or text without a zone, as the server sent them (the contract records both).
"""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field

from memos_integrations.wire.checks import TOLERANT, Discreet

__all__ = [
    "Added",
    "Answer",
    "ChatAnswer",
    "Deleted",
    "Event",
    "Fact",
    "Found",
    "Members",
    "Memories",
    "Memory",
    "Preference",
    "ProfileHit",
    "Several",
    "Skill",
    "StoredMessage",
    "StoredMessages",
    "TaskStatus",
    "Time",
    "ToolMemory",
    "Updated",
    "Words",
]

T = TypeVar("T")
Time = int | str | None
Several = Annotated[tuple[T, ...], BeforeValidator(lambda value: () if value is None else value)]
Words = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]
Members = Annotated[Mapping[str, Any], BeforeValidator(lambda value: {} if value is None else value)]


class Answer(Discreet):
    """What a call gets back."""

    model_config = TOLERANT


class Added(Answer):
    """`task_id` goes into `get_status`; it is None when the server accepted without telling one."""

    success: bool = True
    task_id: str | None = None
    status: str = "running"


class Fact(Answer):
    """A fact. `memory_value` is its text, `memory_key` a short title, `relativity` its bearing on the query.

    `memory_type` is WorkingMemory (not yet refined), LongTermMemory or UserMemory; further ones occur.
    """

    id: str
    memory_key: Words = ""
    memory_value: Words = ""
    memory_type: str | None = None
    create_time: Time = None
    update_time: Time = None
    memory_time: Time = None
    conversation_id: str | None = None
    status: str | None = None
    confidence: float | None = None
    tags: Several[str] = ()
    relativity: float | None = None
    sources: Several[Any] = ()
    info: Members = Field(default_factory=dict)


class Preference(Answer):
    """A preference: `preference` is its text; `preference_type` explicit_preference or implicit_preference."""

    id: str
    preference_type: str | None = None
    preference: Words = ""
    reasoning: Words = ""
    create_time: Time = None
    update_time: Time = None
    conversation_id: str | None = None
    status: str | None = None
    relativity: float | None = None
    sources: Several[Any] = ()
    info: Members = Field(default_factory=dict)


class ToolMemory(Answer):
    """What was learned about a tool; `tool_value` is text, or an object for schema memories."""

    id: str
    tool_type: str | None = None
    tool_value: Any = None
    tool_used_status: Several[Mapping[str, Any]] = ()
    experience: Words = ""
    create_time: Time = None
    update_time: Time = None
    conversation_id: str | None = None
    status: str | None = None
    relativity: float | None = None
    source: Words = ""
    info: Members = Field(default_factory=dict)


class Skill(Answer):
    """A way of doing things, made from conversations or uploaded; `skill_value` is the documented object."""

    id: str
    skill_value: Any = None
    skill_url: str | None = None
    skill_type: str | None = None
    create_time: Time = None
    update_time: Time = None
    conversation_id: str | None = None
    status: str | None = None
    confidence: float | None = None
    tags: Several[str] = ()
    relativity: float | str | None = None
    info: Members = Field(default_factory=dict)


class ProfileHit(Answer):
    """A profile's field as search finds it (`memory`: "Category.Field: value"), or an instance's `properties` tree."""

    id: str
    memory: Words = ""
    memory_type: str | None = None
    template_id: str | None = None
    profile_category: str | None = None
    profile_field: str | None = None
    profile_path: str | None = None
    project_id: str | None = None
    profile_template_id: str | None = None
    properties: Members = Field(default_factory=dict)
    status: str | None = None
    created_at: Time = None
    updated_at: Time = None
    confidence: float | None = None
    relativity: float | None = None
    algorithm_updatable: bool | None = None


class Event(Answer):
    """Something that happened: when (`event_time`), where (`event_location`), who (`event_roles`), in free text."""

    id: str
    event_key: Words = ""
    event_value: Words = ""
    event_type: str | None = None
    create_time: Time = None
    update_time: Time = None
    conversation_id: str | None = None
    status: str | None = None
    relativity: float | None = None
    event_time: Several[str] = ()
    event_location: Several[str] = ()
    event_roles: Several[str] = ()
    sources: Several[Any] = ()
    info: Members = Field(default_factory=dict)


class Found(Answer):
    """What a search found, best first within each kind; `preference_note` is a ready-made paragraph for the prompt."""

    memory_detail_list: Several[Fact] = ()
    preference_detail_list: Several[Preference] = ()
    preference_note: Words = ""
    tool_memory_detail_list: Several[ToolMemory] = ()
    skill_detail_list: Several[Skill] = ()
    profile_detail_list: Several[ProfileHit] = ()
    event_detail_list: Several[Event] = ()
    message_detail_list: Several[Mapping[str, Any]] = ()


class Memories(Answer):
    """One page of everything; `total` is the largest kind's count, not the sum (contract §2.4)."""

    memory_detail_list: Several[Fact] = ()
    preference_detail_list: Several[Preference] = ()
    tool_memory_detail_list: Several[ToolMemory] = ()
    skill_detail_list: Several[Skill] = ()
    profile_detail_list: Several[ProfileHit] = ()
    event_detail_list: Several[Event] = ()
    total: int | None = None
    size: int | None = None
    current: int | None = None
    pages: int | None = None


class Memory(Answer):
    """One memory by its id. `content` is text for facts and preferences, an object for skills and tools.

    `status` is activated, resolving, archived or deleted; an archived memory is kept and no longer found.
    """

    id: str
    memory_view: str | None = None
    title: Words = ""
    content: Any = None
    conversation_id: str | None = None
    message_ids: Several[str] = ()
    status: str | None = None
    algorithm_updatable: bool | None = None
    created_at: Time = None
    updated_at: Time = None
    user_id: str | None = None
    agent_id: str | None = None
    tags: Several[str] = ()
    info: Members = Field(default_factory=dict)


class ChatAnswer(Answer):
    """What the model said: `response`."""

    response: str


class StoredMessage(Answer):
    """A message as it was stored. Sort by `create_time` before relying on the order (contract §2.2)."""

    role: str
    content: Any = None
    create_time: Time = None
    update_time: Time = None


class StoredMessages(Answer):
    """The newest messages of a conversation."""

    message_detail_list: Several[StoredMessage] = ()


class Deleted(Answer):
    """`success` says that everything named is gone."""

    success: bool = True


class Updated(Answer):
    """`success` says that the memory is now as was asked."""

    success: bool = True


class TaskStatus(Answer):
    """`status` is running, completed or failed; `memory_views` tells what a completed task changed:
    `{"added" | "updated" | "deleted": {kind: {"memory_ids": [...]}}}`.
    """

    task_id: str
    status: str
    memory_views: Members = Field(default_factory=dict)
