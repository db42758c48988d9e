"""What changes or takes away what MemOS keeps (contract §2.6, §2.7)."""

from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from memos_integrations.wire.answers import Answer, Deleted, Updated
from memos_integrations.wire.call import Call, Filtering, Id, Texts
from memos_integrations.wire.checks import Spoken, broken

__all__ = ["DeleteMemory", "UpdateMemory"]


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


class UpdateMemory(Call[Updated]):
    """Give a memory another text, title or status (`POST update/memory`, contract §2.6).

    At least one of `content` (the text of a fact, preference, event or profile field), `title` and `status`
    (activated, resolving, archived or deleted; MemOS's own list of them is not published). An id that does not exist
    raises `NotFound` (40307). Said twice it does the same, so a lost reply is asked for again.
    """

    path: ClassVar[str] = "update/memory"
    answer: ClassVar[type[Answer]] = Updated
    repeatable: ClassVar[bool] = True

    memory_id: Spoken
    content: Spoken | None = None
    title: Spoken | None = None
    status: Spoken | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> "UpdateMemory":
        if self.content is None and self.title is None and self.status is None:
            raise broken("missing", "give content, title or status: nothing would change (contract §2.6)")
        return self
