"""A memory's conversation on its way to MemOS, and back."""

import threading
from collections.abc import Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.memory import BaseMemory
from pydantic import Field, PrivateAttr, field_validator

from memos_integrations.client import MemOS, surely
from memos_integrations.errors import Invalid
from memos_integrations.llama_index._bound import Bound
from memos_integrations.llama_index._entry import entry_of
from memos_integrations.llama_index._history import History
from memos_integrations.llama_index._joining import joined
from memos_integrations.llama_index._short_term import keep, kept_under
from memos_integrations.memory.record import Said, begin
from memos_integrations.memory.record import record as hand_over
from memos_integrations.memory.scope import Scope
from memos_integrations.memory.stored import in_order, words_of
from memos_integrations.wire.answers import StoredMessages
from memos_integrations.wire.call import checked
from memos_integrations.wire.calls import GetMessage

__all__ = ["Writing"]

_ON_ITS_WAY = 3.0  # seconds that undelivered turns are waited for, before a conversation is read
_ROLES = {"user": MessageRole.USER, "assistant": MessageRole.ASSISTANT}


class Writing(Bound):
    """The half of a memory that has to do with what is written, and what was."""

    scope: Scope = Field(description="Whose memory this is")
    record: bool = Field(default=True, description="Whether turns are written")
    history: History = Field(default_factory=History, description="The conversation in this process")
    short_term: BaseMemory | None = Field(default=None, exclude=True, repr=False, description="What keeps it instead")
    short_term_name: str | None = Field(default=None, description="Its name in this process")

    _check = field_validator("short_term")(lambda given: given if given is None else _other(given))
    _delivering: Any = PrivateAttr(default_factory=threading.Lock)

    def model_post_init(self, context: Any) -> None:
        """Comes upon the memory that kept the conversation for the dumped one, if it is still there."""
        super().model_post_init(context)
        if self.short_term is None:
            self.short_term = kept_under(self.short_term_name)
        else:
            self._keep_in(self.short_term)

    def import_history(self, messages: Sequence[ChatMessage]) -> int:
        """Writes an earlier conversation that MemOS does not know yet, as this one's beginning; the number of messages
        put into the outbox.

        It goes there turn by turn, and from there in calls of up to 40 messages. What this memory recorded, or
        imported before, is not written again; another memory knows that from the outbox, for 30 days. Times are those
        of the import, since LlamaIndex's messages have none. Raises `Invalid` without a client, or with record=False.
        """
        client = self._importing(self._bound())
        if self.short_term is not None:
            self.short_term.set(_before(messages, self.short_term.get_all()))
        return self._import(client, messages)

    async def aimport_history(self, messages: Sequence[ChatMessage]) -> int:
        """The same without blocking the loop."""
        client = self._importing(await self._abound())
        if self.short_term is not None:
            await self.short_term.aset(_before(messages, await self.short_term.aget_all()))
        return await surely(self._import, client, messages)

    def load_history(self, limit: int = 50) -> list[ChatMessage]:
        """Reads the newest `limit` (1 to 50) messages that MemOS has of this conversation and takes them as known,
        before what was said here; returns them, oldest first.

        What waits in the outbox is delivered first, 3 s at most. Read are the words of user and assistant alone.
        Raises what `get_message` raises (`Unsupported` on an open-source server, which tells no messages), and
        `Invalid` without a client.
        """
        call, client = self._asked(limit), self._needed(self._bound())
        client.flush(_ON_ITS_WAY)
        messages = _said_in(client.send(call))
        if self.short_term is not None:
            self.short_term.set(_before(messages, self.short_term.get_all()))
        return self._take(messages)

    async def aload_history(self, limit: int = 50) -> list[ChatMessage]:
        """The same without blocking the loop."""
        call, client = self._asked(limit), self._needed(await self._abound())
        await client.aio.flush(_ON_ITS_WAY)
        messages = _said_in(await client.aio.send(call))
        if self.short_term is not None:
            await self.short_term.aset(_before(messages, await self.short_term.aget_all()))
        return self._take(messages)

    def _keep_in(self, short_term: BaseMemory) -> None:
        self.short_term, self.short_term_name = _other(short_term), keep(short_term)

    def _adopt(self, messages: Sequence[ChatMessage]) -> None:
        if messages and self.short_term is not None:
            raise Invalid("chat_history: short_term keeps the conversation, so give it to that", field="chat_history")
        self.history.adopt(messages)

    def _importing(self, client: MemOS | None) -> MemOS:
        if not self.record:
            raise Invalid("a memory made with record=False writes nothing, an import neither", field="record")
        return self._needed(client)

    def _import(self, client: MemOS, messages: Sequence[ChatMessage]) -> int:
        """Puts into the outbox what of an earlier conversation MemOS does not know; writes a file."""
        with self._delivering:
            with self._lock:
                turns, beside = self.history.precede(messages, told=False), self.history.living()
            return sum(hand_over(client, self.scope, words, name, beside) for name, words in turns)

    def _asked(self, limit: int) -> GetMessage:
        """What reads this conversation. Raises `Invalid`."""
        subject = {"user_id": self.scope.user_id, "conversation_id": self.scope.conversation_id}
        return checked(GetMessage, {**subject, "message_limit_number": limit})

    def _take(self, messages: list[ChatMessage]) -> list[ChatMessage]:
        with self._lock:
            self.history.precede(messages, told=True)
        return messages

    def _waiting(self) -> int:
        with self._lock:
            return len(self.history.unwritten)

    def _deliver(self, client: MemOS | None) -> None:
        """Puts into the outbox what is new; writes a file. One at a time, so that it goes there in order."""
        if client is None and self.record:
            return  # a restored memory keeps what was said until a client is attached
        with self._delivering:
            begun, finished, beside = self._new()
            if client is None or not self.record:
                return
            for name, words in finished:  # all of it was said before what has no answer yet
                hand_over(client, self.scope, words, name, beside)
            for turn, said in begun:
                begin(client, self.scope, turn, said, beside)

    def _new(self) -> tuple[list[tuple[str, Said]], list[tuple[str | None, list[Said]]], frozenset[str]]:
        """Questions and finished turns that no outbox has yet, and which turns go on at the same time."""
        with self._lock:
            return self.history.begun(), self.history.finished(), self.history.living()

    async def _adeliver(self, client: MemOS | None) -> None:
        """The same without blocking the loop; a thread is taken only when there is something to do."""
        with self._lock:
            owes = self.history.owes
        if owes:
            await surely(self._deliver, client)


def _other(given: BaseMemory) -> BaseMemory:
    """`given`, which keeps messages and nothing else."""
    if isinstance(given, Bound):
        raise Invalid("short_term must be a memory of another kind, which keeps messages alone", field="short_term")
    return given


def _before(messages: Sequence[ChatMessage], kept: Sequence[ChatMessage]) -> list[ChatMessage]:
    """A user's own memory's conversation after `messages`, what both have once."""
    return [entry.message for entry in joined([*map(entry_of, messages)], [*map(entry_of, kept)])]


def _said_in(answer: StoredMessages) -> list[ChatMessage]:
    """What user and assistant said in a conversation that was read, oldest first."""
    said = [(_ROLES.get(message.role), words_of(message)) for message in in_order(answer.message_detail_list)]
    return [ChatMessage(role=role, content=words) for role, words in said if role is not None and words.strip()]
