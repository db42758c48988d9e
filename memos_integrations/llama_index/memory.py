"""Long-term memory for LlamaIndex agents and chat engines."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.memory import BaseMemory
from pydantic import ConfigDict, ValidationError
from typing_extensions import Unpack

from memos_integrations._connect import borrow
from memos_integrations.client import MemOS
from memos_integrations.llama_index._handed import handed_to_this_run, tell_ignored
from memos_integrations.llama_index._history import History
from memos_integrations.llama_index._messages import copy_of, text_of
from memos_integrations.llama_index._placement import Placement
from memos_integrations.llama_index._recalling import Recalling
from memos_integrations.llama_index._writers import await_question, marked_as_memory, note_answer
from memos_integrations.memory.handed import scope_of
from memos_integrations.memory.recall import RecallOptions, recall_of
from memos_integrations.memory.scope import Scope, new_conversation
from memos_integrations.wire.checks import invalid

__all__ = ["MemOSMemory"]

_OPTIONS = ("recall_options", "placement", "record", "token_limit", "timezone", "address", "client_name")


class MemOSMemory(Recalling):
    """Recalls what MemOS knows of the user into each turn's question, and records the turn when it is answered.

    Seen by FunctionAgent, ReActAgent, CodeActAgent, AgentWorkflow and the chat engines: one search and one write a
    user turn, whatever the number of steps. Recalled text is in the copies that `get` returns, never in the
    history. Make it with `from_defaults`; one memory is one user's conversation. LlamaIndex's handlers get `events`.

    Runs on one memory at once see, and have recorded, each its own turn beside those that are over. Of chat engines in
    threads that holds for turns of up to a minute; two `stream_chat` in threads at once may swap their answers.

    A context keeps history, scope and what is not yet written, through JSON too; the client's address is kept, its
    key is not: restored in another process, the memory calls `connect(address)`, or waits for `attach(client)` where
    the address was ":memory:". LlamaIndex restores it for every further run on one context: the memory is then
    `await ctx.store.get("memory")`, and another that is handed to such a run is ignored, another user's too, which is
    told by one warning.

    >>> from memos_integrations import connect
    >>> with connect(":memory:") as client:
    ...     memory = MemOSMemory.from_defaults(user_id="ada", conversation_id="monday", client=client)
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    if not TYPE_CHECKING:

        def __init__(self, **members: Any) -> None:
            try:
                super().__init__(**members)
            except ValidationError as error:
                raise invalid(error, "MemOSMemory") from None

    @classmethod
    def class_name(cls) -> str:
        """The name under which LlamaIndex stores it."""
        return "MemOSMemory"

    @classmethod
    def from_defaults(  # type: ignore[override]
        cls,
        *,
        user_id: str,
        conversation_id: str | None = None,
        client: MemOS | None = None,
        agent_id: str | None = None,
        app_id: str | None = None,
        tags: Sequence[str] = (),
        info: Mapping[str, Any] | None = None,
        placement: Placement = "user",
        record: bool = True,
        record_tools: bool = False,
        token_limit: int = 30_000,
        timezone: str | None = None,
        chat_history: Sequence[ChatMessage] = (),
        short_term: BaseMemory | None = None,
        **options: Unpack[RecallOptions],
    ) -> Self:
        """A memory for `user_id` (required: there is no default user).

        `conversation_id` None makes one up. `client` None means `connect()`, which reads the environment; adapters
        made so share one client. `placement`: "user" (default) sets memories before the user's latest words, which
        every agent and engine sees; "system" into the history's system message or one of its own, beside the one of an
        agent's prompt (ReActAgent and CodeActAgent without a prompt drop it); "off" recalls nothing. `record` False
        writes nothing, `record_tools` also tool calls with their results. `chat_history` is adopted as already known.

        `short_term` is a LlamaIndex memory that keeps the conversation instead of this one, with its own window
        (`token_limit` is then its own), for this conversation alone. Runs at once see in it what it shows them. A dump
        does not hold it: in this process it is found again while anybody has it; in another one give it to
        `attach(client, short_term=…)`, or the memory goes on with what passed through it, which it keeps too.

        Further keywords are `Recall`'s: limits, relativity, filter, knowledgebase_ids, recall_seconds (3 s), on_error
        ("warn"). Raises `Invalid` before any I/O.
        """
        memory = cls(
            scope=scope_of(
                "MemOSMemory",
                user_id=user_id,
                conversation_id=new_conversation() if conversation_id is None else conversation_id,
                agent_id=agent_id,
                app_id=app_id,
                tags=tags,
                info=info or {},
            ),
            recall_options=recall_of("MemOSMemory", cls.from_defaults, options),
            placement=placement,
            record=record,
            token_limit=token_limit,
            timezone=timezone,
            history=History(tools=record_tools),
            short_term=short_term,
        )
        memory._adopt(chat_history)
        return memory.attach(client) if client is not None else memory._open(borrow)

    def attach(self, client: MemOS, *, short_term: BaseMemory | None = None) -> Self:
        """Gives a restored memory its client, and the client what was waiting to be written; and the memory that
        keeps its conversation, if another one does. Another client that it borrowed is given back, and closed by its
        last borrower, which flushes it.
        """
        if short_term is not None:
            self._keep_in(short_term)
        return super().attach(client)

    def with_scope(
        self,
        *,
        conversation_id: str | None = None,
        agent_id: str | None = None,
        app_id: str | None = None,
        tags: Sequence[str] | None = None,
        info: Mapping[str, Any] | None = None,
        short_term: BaseMemory | None = None,
    ) -> Self:
        """A new memory for the same user, client and options in another conversation, with a history of its own.

        `conversation_id` None makes one up; of the rest, None keeps what this one has. Raises `Invalid`.
        """
        given = {"agent_id": agent_id, "app_id": app_id, "tags": tags, "info": info}
        marks = {**dict(self.scope), **{name: value for name, value in given.items() if value is not None}}
        marks["conversation_id"] = new_conversation() if conversation_id is None else conversation_id
        own = {name: getattr(self, name) for name in _OPTIONS}
        tools = History(tools=self.history.tools)
        return type(self)(scope=Scope(**marks), history=tools, short_term=short_term, **own)._beside(self)  # noqa: SLF001

    def get(self, input: str | ChatMessage | None = None, **kwargs: Any) -> list[ChatMessage]:  # noqa: A002
        """The conversation with what was recalled for its latest question: copies, safe to change.

        `input` is a question that is not put yet (some engines ask first and put later). One search a turn; none once
        it is answered.
        """
        question, client = None if self.placement == "off" else self._question(input), self._bound()
        theirs = None if self.short_term is None else _copies(self.short_term.get(_words(input), **kwargs))
        return self._handed_out(self._told(question, self._found(client, question), client, theirs), input)

    async def aget(self, input: str | ChatMessage | None = None, **kwargs: Any) -> list[ChatMessage]:  # noqa: A002
        """The same without blocking the loop."""
        question, client = None if self.placement == "off" else self._question(input), await self._abound()
        theirs = None if self.short_term is None else _copies(await self.short_term.aget(_words(input), **kwargs))
        return self._handed_out(self._told(question, await self._afound(client, question), client, theirs), input)

    def get_all(self) -> list[ChatMessage]:
        """The whole conversation as it was put, without recalled text; copies."""
        if self.short_term is not None:
            return _copies(self.short_term.get_all())
        with self._lock:
            return self.history.messages()

    async def aget_all(self) -> list[ChatMessage]:
        """The same without blocking the loop."""
        return self.get_all() if self.short_term is None else _copies(await self.short_term.aget_all())

    def put(self, message: ChatMessage) -> None:
        """Takes a message; a turn that it completes goes into the client's outbox, which delivers it later."""
        note_answer(message)
        with self._lock:
            self.history.put([message])
        try:
            if self.short_term is not None:
                self.short_term.put(copy_of(message))
        finally:
            self._deliver(self._bound())

    async def aput(self, message: ChatMessage) -> None:
        """The same without blocking the loop."""
        self._look_who_is_handed()
        note_answer(message)
        with self._lock:
            self.history.put([message])
        try:
            if self.short_term is not None:
                await self.short_term.aput(copy_of(message))
        finally:
            await self._adeliver(await self._abound())

    def put_messages(self, messages: list[ChatMessage]) -> None:
        """Takes several: an agent's steps, of which only a last plain answer is speech, or a piece of conversation."""
        with self._lock:
            self.history.put_several(messages)
        try:
            if self.short_term is not None and messages:
                self.short_term.put_messages(_copies(messages))
        finally:
            self._deliver(self._bound())

    async def aput_messages(self, messages: list[ChatMessage]) -> None:
        """The same without blocking the loop."""
        with self._lock:
            self.history.put_several(messages)
        try:
            if self.short_term is not None and messages:
                await self.short_term.aput_messages(_copies(messages))
        finally:
            await self._adeliver(await self._abound())

    def set(self, messages: list[ChatMessage]) -> None:
        """Takes the caller's history: what goes beyond the known one is new; another one is adopted, not written."""
        with self._lock:
            self.history.replace(messages)
        try:
            if self.short_term is not None:
                self.short_term.set(_copies(messages))
        finally:
            self._deliver(self._bound())

    async def aset(self, messages: list[ChatMessage]) -> None:
        """The same without blocking the loop."""
        self._look_who_is_handed()
        with self._lock:
            self.history.replace(messages)
        try:
            if self.short_term is not None:
                await self.short_term.aset(_copies(messages))
        finally:
            await self._adeliver(await self._abound())

    def reset(self) -> None:
        """Forgets the conversation in this process. MemOS keeps what it was told: see `delete_memory`."""
        if self.short_term is not None:
            self.short_term.reset()
        with self._lock:
            self.history.clear()

    async def areset(self) -> None:
        """The same without blocking the loop."""
        if self.short_term is not None:
            await self.short_term.areset()
        with self._lock:
            self.history.clear()

    def to_dict(self, **kwargs: Any) -> dict[str, Any]:
        """What restores this memory, safe for JSON; without any key."""
        with self._lock:
            return self.model_dump(mode="json", fallback=str, **kwargs)

    def __reduce__(self) -> Any:
        """Pickled as dumped: a lock and a client can't be, and a key shall not be."""
        return type(self).from_dict, (self.to_dict(),)

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Itself: `ctx.store.edit_state()` copies all state, and two of one conversation would write it twice."""
        return self

    def _handed_out(self, messages: list[ChatMessage], question: str | ChatMessage | None) -> list[ChatMessage]:
        """As a `MemOSLLM` knows them: it leaves to this memory what this memory writes."""
        await_question(_words(question) if self.record else None)
        return [marked_as_memory(message) for message in messages] if self.record else messages

    def _look_who_is_handed(self) -> None:
        handed = handed_to_this_run()
        if handed is not None and not (isinstance(handed, MemOSMemory) and _same(handed.scope, self.scope)):
            tell_ignored(handed)


def _same(one: Scope, other: Scope) -> bool:
    return (one.user_id, one.conversation_id) == (other.user_id, other.conversation_id)


def _words(given: str | ChatMessage | None) -> str | None:
    return text_of(given) if isinstance(given, ChatMessage) else given


def _copies(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    return [copy_of(message) for message in messages]
