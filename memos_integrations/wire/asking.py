"""What is asked of MemOS: memories, messages, tasks (contract §2.2 to §2.4, §2.12)."""

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from memos_integrations.wire.answers import Answer, Found, Memories, StoredMessages, TaskStatus
from memos_integrations.wire.call import MAX_PAGE, Call, Filtering, Id, Limit, Relativity, Texts, Views
from memos_integrations.wire.checks import Spoken, broken
from memos_integrations.wire.filters import OneGroup
from memos_integrations.wire.tokens import QUERY

__all__ = ["GetMemory", "GetMessage", "GetStatus", "SearchMemory"]


def _one_subject(call: "SearchMemory | GetMemory") -> None:
    if (call.user_id is None) == (call.agent_id is None):
        raise broken("subject", "give exactly one of user_id and agent_id (contract §2)")


class SearchMemory(Filtering[Found]):
    """Find the memories that bear on `query` (`POST search/memory`, contract §2.3).

    Exactly one of `user_id` and `agent_id`. `conversation_id` raises the weight of that conversation and
    excludes none. Limits are 0 to 25 a kind (server's default: 9). `relativity` 0..1 is the least similarity
    (MemOS Cloud's default .45, the embedded engine's .2; 0 disables; the two scales are not comparable).
    `include_memory_view`, where given, decides alone; the `include_…` switches are its older form.
    A query has at most 40,000 tokens (40305); one that has more even by a low estimate raises `Invalid`.
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

    def bounded(self) -> tuple[str, int, Iterable[str]]:
        """The query."""
        return "query", QUERY, (self.query,)


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
