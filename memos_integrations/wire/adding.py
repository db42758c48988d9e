"""What is given to MemOS: turns of conversations, and corrections (contract §2.1, §2.9)."""

from collections.abc import Iterable
from typing import Any, ClassVar, cast

from pydantic import model_validator

from memos_integrations.wire.answers import Added, Answer
from memos_integrations.wire.call import Call, Id, Ids, Info, Prompts, Texts, Views
from memos_integrations.wire.checks import Spoken, broken
from memos_integrations.wire.message import Message, Messages
from memos_integrations.wire.tokens import ADD

__all__ = ["AddFeedback", "AddMessage"]


class AddMessage(Call[Added]):
    """Store conversation turns, from which MemOS extracts facts and preferences (`POST add/message`, contract §2.1).

    At least one of `user_id` and `agent_id` (each one id, or up to 20 of a group conversation; ids are at most
    100 characters). At most 40,000 tokens of messages a call. Without `conversation_id` the server makes one
    up and does not tell it, so the turn can't be read back. `async_mode` (server's default: True) False waits
    for the extraction. `allow_memory_view` restricts what is extracted. `custom_extract_prompt` (by view, "image"
    or "document") holds for this call only. What has more than 40,000 tokens even by a low estimate raises `Invalid`
    before it is sent ("too_many_tokens"); the server counts for itself (40013). `add_history` sends any number.
    The API has no idempotency key: after a lost reply the client reads the conversation back, and sends again only
    what is not there. What can't be read back (no `conversation_id`, several users, an agent's memory, more than 50
    messages, no plain text of user or assistant) is sent once: `Unreachable` with `sent` says that it may be there.
    """

    path: ClassVar[str] = "add/message"
    answer: ClassVar[type[Answer]] = Added
    too_long: ClassVar[int] = 40013

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

    def bounded(self) -> tuple[str, int, Iterable[str]]:
        """The messages' words; images and files are not counted."""
        return "messages", ADD, (message.words for message in self.turns)

    def empty(self) -> Any:
        """An add that was accepted without a word."""
        return {"success": True, "task_id": None, "status": "running"}  # §1.3: "accepted, no task id"


def _several(ids: Ids | None) -> tuple[str, ...]:
    return () if ids is None else (ids,) if isinstance(ids, str) else tuple(ids)


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
