"""The chat calls: recall, prompt, model and write-back in one (contract §2.8)."""

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import Field
from pydantic_core import from_json, to_json

from memos_integrations.wire.answers import Answer, ChatAnswer
from memos_integrations.wire.call import Filtering, Id, Info, Limit, Relativity, Texts
from memos_integrations.wire.checks import Spoken, Text
from memos_integrations.wire.filters import OneGroup
from memos_integrations.wire.tokens import ANSWER

__all__ = ["Chat", "StreamChat"]

T = TypeVar("T")


class _Chatting(Filtering[T], Generic[T]):
    path: ClassVar[str] = "chat"
    answer: ClassVar[type[Answer]] = ChatAnswer
    asks_model: ClassVar[bool] = True

    user_id: Id
    conversation_id: Id
    query: Spoken
    filter: OneGroup | None = None
    knowledgebase_ids: Texts | None = None
    memory_limit_number: Limit | None = None
    include_preference: bool | None = None
    preference_limit_number: Limit | None = None
    relativity: Relativity | None = None
    model_name: Spoken | None = None
    system_prompt: Text | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    add_message_on_answer: bool | None = None
    agent_id: Id | None = None
    app_id: Id | None = None
    tags: Texts | None = None
    info: Info | None = None
    allow_public: bool | None = None
    allow_knowledgebase_ids: Texts | None = None
    async_mode: bool | None = None
    source: str | None = None

    def bounded(self) -> tuple[str, int, Iterable[str]]:
        """The query; what else the model reads is the server's to count (40303)."""
        return "query", ANSWER, (self.query,)


class Chat(_Chatting[ChatAnswer]):
    """Answer a user with what is remembered (`POST chat`, contract §2.8), in one call.

    Recall: `filter` (one "and" or "or" group), `knowledgebase_ids`, `relativity` and the limits mean what they mean in
    search_memory. Model: `model_name` (MemOS Cloud's default: qwen2.5-72b-instruct; names count in any case),
    `temperature` 0..2 (.7), `top_p` 0..1 (.95), `max_tokens` (8,192), and `system_prompt`, where `{memories}` stands
    for what was recalled. Writing: `add_message_on_answer` (True) stores question and answer; `agent_id`, `app_id`,
    `tags`, `info`, `allow_public`, `allow_knowledgebase_ids` and `async_mode` go with that. A query has at most 8,000
    tokens (40305); more even by a low estimate raises `Invalid`. Never repeated after a lost reply, since the turn may
    have been stored.
    """


class StreamChat(_Chatting[ChatAnswer]):
    """The same as chat, with the answer as it is made: an iterator of `ChatEvent` (contract §2.8).

    Asked for when the first event is; `reasoning` and `text` events, then one `end`. A stream that breaks off raises
    `Interrupted` with what had arrived; one that has begun is never asked for again. Close the iterator, or leave
    it, to give the answer up.
    """

    def body(self) -> bytes:
        """The call as JSON, with the member that asks for a stream."""
        members: dict[str, Any] = from_json(super().body())
        return to_json({**members, "stream": True})
