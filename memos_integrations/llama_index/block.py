"""Long-term memory as a block of LlamaIndex's own `Memory`."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, Self, Unpack

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.memory import BaseMemoryBlock, Memory
from llama_index.core.utils import get_tokenizer
from pydantic import ConfigDict, Field, PrivateAttr, ValidationError

from memos_integrations.client import MemOS, surely, zone
from memos_integrations.errors import MemOSError
from memos_integrations.llama_index._block_capture import Sessions, settle, settle_flushed, write_whole
from memos_integrations.llama_index._block_session import Session, fingerprint
from memos_integrations.llama_index._block_text import shortened, told
from memos_integrations.llama_index._block_turns import Turn, asked_in, turns_in
from memos_integrations.llama_index._holding import held_by
from memos_integrations.memory.closing import Closing
from memos_integrations.memory.handed import one_of, reader_zone, scope_of
from memos_integrations.memory.loan import Held
from memos_integrations.memory.recall import Recall, RecallOptions, recall_of
from memos_integrations.memory.scope import Scope, new_conversation
from memos_integrations.wire.checks import invalid

__all__ = ["MemOSMemoryBlock"]

_log = logging.getLogger(__name__)

Capture = Literal["read", "flush", "manual"]
Write = Callable[[MemOS, Session, Sequence[Turn]], int]


class MemOSMemoryBlock(Closing, BaseMemoryBlock[str]):
    """What MemOS knows of the user, for those who keep LlamaIndex's `Memory`; their turns are recorded too.

    One search a user turn, whatever the number of steps. `capture`: "read" (default) writes each turn that a read of
    the `Memory` shows, so short chats are written without a flush: agents read after their answer; chat engines don't,
    so the user's words are kept at once and the answer is written at the next read, or by `asave`. "flush" writes what
    `Memory` flushes out, "manual" what `asave` is told to. A history that is shown again, after a restart too, is not
    written again as far as the client's outbox knows it (30 days); of one that nobody knows, the latest turn is new.

    Set `insert_method="user"` on the `Memory`: a system message of its own is dropped by ReActAgent and CodeActAgent
    without a prompt. A failing service never fails a run, unless `on_error="raise"`.

    >>> from llama_index.core.memory import Memory
    >>> from memos_integrations import connect
    >>> with connect(":memory:") as client:
    ...     block = MemOSMemoryBlock(user_id="ada", client=client)
    ...     memory = Memory.from_defaults(session_id="monday", memory_blocks=[block], insert_method="user")
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, hide_input_in_errors=True)

    scope: Scope = Field(exclude=True, description="Whose memory this is")
    recall: Recall = Field(exclude=True, description="How memories are recalled")
    capture: Capture = Field(default="read", description="What makes a turn be written")
    record_tools: bool = Field(default=False, description="Whether tool calls and their results are written too")
    timezone: str | None = Field(default=None, description="The reader's IANA zone; None: the server's")

    _held: Held = PrivateAttr()
    _sessions: Sessions = PrivateAttr(default_factory=Sessions)
    _unnamed: str = PrivateAttr(default_factory=new_conversation)

    def __init__(
        self,
        *,
        user_id: str,
        client: MemOS | None = None,
        conversation_id: str | None = None,
        agent_id: str | None = None,
        app_id: str | None = None,
        tags: Sequence[str] = (),
        info: Mapping[str, Any] | None = None,
        name: str = "memos",
        description: str | None = None,
        priority: int = 1,
        capture: Capture = "read",
        record_tools: bool = False,
        timezone: str | None = None,
        **options: Unpack[RecallOptions],
    ) -> None:
        """A block for `user_id` (required: there is no default user).

        `client` None means `connect()`, which reads the environment, on a running loop at the first use.
        `conversation_id` None takes the session id of each `Memory`, so one block may serve several of the user's.
        `priority` 1 lets `Memory` cut the block when its tokens run out, entry by entry; 0 never. Further keywords are
        `Recall`'s: limits, relativity, filter, knowledgebase_ids, recall_seconds (3 s), on_error ("warn"); a read may
        set them for itself alone: `memory.aget(text, filter=…)`. Raises `Invalid` before any I/O.
        """
        one_of("capture", capture, ("read", "flush", "manual"))
        marks: dict[str, Any] = {"agent_id": agent_id, "app_id": app_id, "tags": tags, "info": info or {}}
        members: dict[str, Any] = {
            "name": name,
            "description": description,
            "priority": priority,
            "scope": scope_of("MemOSMemoryBlock", user_id=user_id, conversation_id=conversation_id, **marks),
            "recall": recall_of("MemOSMemoryBlock", MemOSMemoryBlock.__init__, options),
            "capture": capture,
            "record_tools": record_tools,
            "timezone": timezone,
        }
        try:
            super().__init__(**members)
        except ValidationError as error:
            raise invalid(error, "MemOSMemoryBlock") from None
        if timezone is not None:
            zone(timezone)
        self._held = held_by("MemOSMemoryBlock", client)

    async def aput(
        self, messages: list[ChatMessage], from_short_term_memory: bool = False, session_id: str | None = None
    ) -> None:
        """Takes what `Memory` flushes out, or a caller's own turns; the messages stay as they are. A flush raises
        nothing: `Memory` has let go of its messages by then, and the run would fail.
        """
        if not from_short_term_memory:
            await self._take(write_whole, messages, session_id)
        elif self.capture != "manual" and self.accept_short_term_memory:
            try:
                await self._take(settle_flushed if self.capture == "read" else write_whole, messages, session_id)
            except MemOSError as error:
                _log.warning("what a memory flushed out could not be recorded (%s)", type(error).__name__)

    async def asave(self, memory: Memory) -> int:
        """Writes what of `memory` is not written yet; how many messages. With `capture="read"` a chat engine's last
        answer, where the next read may be another process's.
        """
        turns = turns_in(await memory.aget_all(), tools=self.record_tools)
        if not turns:
            return 0
        client, session = await self._held.anow(), self._session(memory.session_id)

        def save() -> int:
            return settle(client, session, turns, new=len(turns))

        return await surely(save)

    async def atruncate(self, content: str, tokens_to_truncate: int) -> str | None:
        """`content` without its lowest-ranked memories, shorter by that many tokens; None when none is left."""
        if not isinstance(content, str) or not content:
            return None
        return await asyncio.to_thread(shortened, content, tokens_to_truncate, _count)  # the first count reads a file

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Itself: two of one history would write it twice."""
        return self

    def __repr_args__(self) -> Iterator[tuple[str | None, object]]:
        yield from (("name", self.name), ("capture", self.capture), ("priority", self.priority))

    async def _aget(self, messages: list[ChatMessage] | None = None, **block_kwargs: Any) -> str:
        recall = self._recalling(block_kwargs)
        turns = asked_in(messages or [], tools=self.record_tools)
        client, session = await self._held.anow(), self._session(block_kwargs.get("session_id"))
        if self.capture == "read" and session.seen != fingerprint(turns):
            await surely(settle, client, session, turns)
        question = session.question(turns)
        if question is None:
            return ""
        found = await recall.afound(client, session.scope, turn=question.turn, text=question.text)
        return told(found, reader_zone(self.timezone, client), client.timezone)

    async def _aput(self, messages: list[ChatMessage]) -> None:
        await self.aput(messages)

    async def _take(
        self,
        write: Callable[[MemOS, Session, Sequence[Turn]], int],
        messages: list[ChatMessage],
        session_id: str | None,
    ) -> None:
        turns = turns_in(messages, tools=self.record_tools)
        if turns:
            await surely(write, await self._held.anow(), self._session(session_id), turns)

    def _recalling(self, given: Mapping[str, Any]) -> Recall:
        """As this read is to recall; others are not told of it."""
        asked = {name: value for name, value in given.items() if name in RecallOptions.__annotations__}
        return Recall(**{**dict(self.recall), **asked}) if asked else self.recall

    def _session(self, session_id: str | None) -> Session:
        """The history of that `Memory`."""
        where = self.scope.conversation_id or session_id or self._unnamed
        return self._sessions.of(session_id or self._unnamed, lambda: self.scope.within(where))


def _count(text: str) -> int:
    """Tokens, as `Memory` counts them unless it is told otherwise."""
    return len(get_tokenizer()(text))
