"""A conversation's messages for `RunnableWithMessageHistory`, and alone.

LangChain deprecates chat histories (langchain-core 1.6.4, gone with 2.0): for agents take `MemOSMiddleware`. Nothing
else of this package needs this module.
"""

import logging
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import copy, deepcopy
from datetime import UTC, datetime
from typing import Any, Literal, Self

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage

from memos_integrations._connect import borrow, give_back
from memos_integrations.client import MemOS, aside, surely
from memos_integrations.errors import Invalid, MemOSError
from memos_integrations.langchain._here import Here
from memos_integrations.langchain._stored import batches, joined, restored, to_store
from memos_integrations.langchain._view import InLine, Told, View, in_line, on_the_way
from memos_integrations.memory.breaker import Attempt, Breaker, Skipped
from memos_integrations.memory.closing import Closing
from memos_integrations.memory.degraded import tell_degraded
from memos_integrations.memory.handed import one_of, scope_of
from memos_integrations.memory.loan import Held
from memos_integrations.memory.outbox import Outbox
from memos_integrations.memory.record import put
from memos_integrations.memory.stored import in_order
from memos_integrations.memory.times import said_at
from memos_integrations.wire.answers import StoredMessages
from memos_integrations.wire.call import MAX_PAGE, checked
from memos_integrations.wire.calls import AddMessage, GetMessage

__all__ = ["MemOSChatMessageHistory"]

_log = logging.getLogger(__name__)


class MemOSChatMessageHistory(Closing, BaseChatMessageHistory):
    """One conversation's messages, kept by MemOS, which makes memories of them.

    `messages` is read once, at the first use, and is then that plus what this instance adds: a snapshot that nobody
    else's writing changes, never search results. So make an instance for each run, as the factory of a
    `RunnableWithMessageHistory` does. It holds the newest `limit` messages (1 to 50, MemOS's own bound; default 50).
    Set beside `MemOSMiddleware` on one conversation it would write every turn twice: take one of the two. Around
    `ChatMemOS`, which also writes, make that with `add_message_on_answer=False`.

    The embedded engine gives messages back equal: ids, names, tool calls, content blocks, metadata (values that JSON
    can't hold as text). MemOS Cloud documents role, text and times alone, so there another instance gets text; what
    this one added keeps its all. An open-source server ("memos+http://…") tells no messages: there all instances on
    one client show what they added, after what waits in the outbox, and another process begins with nothing. Written
    is without what MemOSMiddleware or a prompt of ours set before the user's text; chunks of a stream are written as
    messages; a message that was read or added before, by its id (without one: the same object), is not written again.

    Writing puts into the client's outbox and waits for that file alone: see `client.flush`. `read_seconds` (3) is the
    time budget of reading. `on_error` "warn" (the default) logs one warning without content, emits `Degraded` and
    goes on with what is on its way; "raise" lets `messages` raise. `client`, `user_id` (required: there
    is no default user), `agent_id`, `app_id`, `tags` and `info` are as for `MemOSMiddleware`; without a client, made
    on a running event loop, `connect()` waits for the first use. Raises `Invalid`.

    >>> from memos_integrations import connect
    >>> with connect(":memory:") as client:
    ...     history = MemOSChatMessageHistory(client, user_id="ada", conversation_id="monday")
    ...     history.add_user_message("I moved to Lyon.")
    ...     history.messages[0].content
    'I moved to Lyon.'
    """

    _held: Held
    writes_to_memos = True
    """So that `ChatMemOS` within a `RunnableWithMessageHistory` knows who writes the turn, the first one included."""

    def __init__(
        self,
        client: MemOS | None = None,
        *,
        user_id: str,
        conversation_id: str,
        agent_id: str | None = None,
        app_id: str | None = None,
        tags: Sequence[str] = (),
        info: Mapping[str, Any] | None = None,
        limit: int = MAX_PAGE,
        read_seconds: float = 3.0,
        on_error: Literal["warn", "raise"] = "warn",
    ) -> None:
        super().__init__()
        one_of("on_error", on_error, ("warn", "raise"))
        _check_bounds(limit, read_seconds)
        marks: dict[str, Any] = {"agent_id": agent_id, "app_id": app_id, "tags": tags, "info": info or {}}
        whose = {"user_id": user_id, "conversation_id": conversation_id}
        self._scope = scope_of("MemOSChatMessageHistory", **whose, **marks)
        self._asked = checked(GetMessage, {**whose, "message_limit_number": limit})
        self._key, self._limit = (user_id, conversation_id), limit
        self._seconds, self._raises = read_seconds, on_error == "raise"
        self._view = View(limit)
        self._held = Held(client, "MemOSChatMessageHistory", borrow, give_back, waits=True)

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]  # as LangChain's own histories do
        """The newest messages, oldest first; a list of the caller's own."""
        if self._view.unread:
            self._view.read(self._conversation(self._held.now()))
        return self._view.shown()

    async def aget_messages(self) -> list[BaseMessage]:
        """The same without blocking the loop."""
        if self._view.unread:
            self._view.read(await self._aconversation(await self._held.anow()))
        return self._view.shown()

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Shows them at once and puts into the outbox those that are not known. Raises `Invalid` for no messages."""
        with suppress(MemOSError):  # what can't be read keeps nobody from writing
            _ = self.messages
        self._write(self._held.now(), self._view.add(joined(messages)))

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """The same without blocking the loop."""
        with suppress(MemOSError):
            await self.aget_messages()
        client, new = await self._held.anow(), self._view.add(joined(messages))
        if new:
            await surely(self._write, client, new)

    def clear(self) -> None:
        """Shows nothing from here on but what is added. MemOS keeps what it was told, and another instance shows it:
        to begin anew take another `conversation_id`; to forget, `client.delete_memory`.
        """
        self._view.clear()

    async def aclear(self) -> None:
        """The same: it waits for nothing."""
        self.clear()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """One on the same client that goes on by itself from what is shown here."""
        twin = copy(self)
        twin._view = deepcopy(self._view, memo)  # noqa: SLF001 - of its own class
        return twin

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'unread' if self._view.unread else len(self._view.shown())}>"

    def _conversation(self, client: MemOS) -> list[BaseMessage]:
        """Read between two looks at what is in line, so that nothing delivered meanwhile falls through."""
        if not client.tells_messages:
            return self._here(client)
        before, started = self._in_line(client), time.perf_counter()
        try:
            with client.share(Breaker, Breaker).passing(Attempt()):
                answer = client.with_options(deadline=self._seconds).send(self._asked)
        except MemOSError as error:
            return self._degraded(client, error, started, before)
        return self._told(answer, before, self._in_line(client))

    async def _aconversation(self, client: MemOS) -> list[BaseMessage]:
        if not client.tells_messages:
            return await aside(self._here, client)
        before, started = await aside(self._in_line, client), time.perf_counter()
        try:
            with client.share(Breaker, Breaker).passing(Attempt()):
                answer = await client.aio.with_options(deadline=self._seconds).send(self._asked)
        except MemOSError as error:
            return self._degraded(client, error, started, before)
        return self._told(answer, before, await aside(self._in_line, client))

    def _here(self, client: MemOS) -> list[BaseMessage]:
        """What was said in this process, and before that what waits."""

        def waiting() -> list[BaseMessage]:
            return [message for entry in self._in_line(client).entries.values() for message in entry.batch]

        return client.share(Here, Here).of(self._key, waiting)

    def _in_line(self, client: MemOS) -> InLine:
        """What the outbox has for this conversation, this process's and others'."""
        try:
            return in_line(Outbox.of(client).look(*self._key))
        except MemOSError:
            return InLine()

    def _told(self, answer: StoredMessages, before: InLine, after: InLine) -> list[BaseMessage]:
        stored = in_order(answer.message_detail_list)
        told = Told([restored(message) for message in stored], before.of(stored), full=len(stored) >= self._limit)
        return [*told.messages, *(message for batch in on_the_way(told, before, after) for message in batch)]

    def _degraded(self, client: MemOS, error: MemOSError, started: float, before: InLine) -> list[BaseMessage]:
        """Goes on with what is on its way, unless an error was asked for."""
        spent = (time.perf_counter() - started) * 1_000
        name, code = tell_degraded(client, self._key[1], "recall", error, spent)
        if self._raises or isinstance(error, Invalid):
            raise error
        level = logging.DEBUG if isinstance(error, Skipped) else logging.WARNING
        _log.log(level, "a conversation could not be read (%s, code %d) after %.0f ms", name, code, spent)
        return [message for entry in before.entries.values() for message in entry.batch]

    def _write(self, client: MemOS, messages: Sequence[BaseMessage]) -> None:
        if messages and not client.tells_messages:
            client.share(Here, Here).add(self._key, messages)
        when = said_at(datetime.now(UTC), client.timezone)
        for batch in batches(messages):
            stored = [to_store(message, when) for message in batch]
            put(client, checked(AddMessage, {"messages": stored, **self._scope.marks()}))


def _check_bounds(limit: int, read_seconds: float) -> None:
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MAX_PAGE:
        raise Invalid(f"limit is a whole number from 1 to {MAX_PAGE}", field="limit", rule="range")
    if not isinstance(read_seconds, int | float) or not 0 < read_seconds < math.inf:
        raise Invalid("read_seconds is a number of seconds above 0", field="read_seconds", rule="range")
