"""Long-term memory for LlamaIndex agents and chat engines."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from llama_index.core.base.llms.types import ChatMessage
from pydantic import ConfigDict, Field, PrivateAttr, ValidationError
from typing_extensions import Unpack

from memos_integrations.client import MemOS, surely
from memos_integrations.llama_index._bound import Bound
from memos_integrations.llama_index._history import History, Question
from memos_integrations.llama_index._messages import text_of
from memos_integrations.llama_index._placement import Placement, form_of, placed
from memos_integrations.memory.handed import reader_zone
from memos_integrations.memory.prompt import render
from memos_integrations.memory.recall import NOTHING, Recall, RecallOptions
from memos_integrations.memory.record import begin
from memos_integrations.memory.record import record as hand_over
from memos_integrations.memory.scope import Scope, new_conversation
from memos_integrations.wire.answers import Found
from memos_integrations.wire.checks import invalid

__all__ = ["MemOSMemory"]


class MemOSMemory(Bound):
    """Recalls what MemOS knows of the user into each turn's question, and records the turn when it is answered.

    Seen by FunctionAgent, ReActAgent, CodeActAgent, AgentWorkflow and the chat engines: one search and one write a
    user turn, whatever the number of steps. Recalled text is in the copies that `get` returns, never in the
    history. Make it with `from_defaults`; one memory is one user's conversation. LlamaIndex's handlers get `events`.

    A context keeps history, scope and what is not yet written, through JSON too; the client's address is kept, its
    key is not: restored in another process, the memory calls `connect(address)`, or waits for `attach(client)` where
    the address was ":memory:". LlamaIndex restores it for every further run on one context: the memory is then
    `await ctx.store.get("memory")`, and another that is handed to such a run is ignored, another user's too.

    >>> from memos_integrations import connect
    >>> with connect(":memory:") as client:
    ...     memory = MemOSMemory.from_defaults(user_id="ada", conversation_id="monday", client=client)
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    scope: Scope = Field(description="Whose memory this is")
    recall: Recall = Field(default_factory=Recall, description="How memories are recalled")
    placement: Placement = Field(default="user", description="Where recalled text goes")
    record: bool = Field(default=True, description="Whether turns are written")
    token_limit: int = Field(default=30_000, ge=1, description="Most tokens of history that get returns (estimated)")
    history: History = Field(default_factory=History, description="The conversation in this process")

    _writing: Any = PrivateAttr(default_factory=threading.Lock)

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
        **options: Unpack[RecallOptions],
    ) -> Self:
        """A memory for `user_id` (required: there is no default user).

        `conversation_id` None makes one up. `client` None means `connect()`, which reads the environment; adapters
        made so share one client. `placement`: "user" (default) sets memories before the user's latest words, which
        every agent and engine sees; "system" into the history's system message or one of its own, beside the one of an
        agent's prompt (ReActAgent and CodeActAgent without a prompt drop it); "off" recalls nothing. `record` False
        writes nothing, `record_tools` also tool calls with their results. `chat_history` is adopted as already known.
        Further keywords are `Recall`'s: limits, relativity, filter, knowledgebase_ids, recall_seconds (3 s), on_error
        ("warn"). Raises `Invalid` before any I/O.
        """
        memory = cls(
            scope=Scope(
                user_id=user_id,
                conversation_id=new_conversation() if conversation_id is None else conversation_id,
                agent_id=agent_id,
                app_id=app_id,
                tags=tags,
                info=info or {},
            ),
            recall=Recall(**options),
            placement=placement,
            record=record,
            token_limit=token_limit,
            timezone=timezone,
            history=History(tools=record_tools),
        )
        memory.history.replace(chat_history)
        memory.history.unwritten = []
        return memory.attach(client) if client is not None else memory._open(None)

    def get(self, input: str | ChatMessage | None = None, **_: Any) -> list[ChatMessage]:  # noqa: A002
        """The conversation with what was recalled for its latest question: copies, safe to change.

        `input` is a question that is not put yet (some engines ask first and put later). One search a turn; none once
        it is answered.
        """
        question, client = self._question(input), self._bound()
        found = NOTHING
        if question is not None and client is not None:
            found = self.recall.found(client, self.scope, turn=question.turn, text=question.text)
        return self._told(question, found, client)

    async def aget(self, input: str | ChatMessage | None = None, **_: Any) -> list[ChatMessage]:  # noqa: A002
        """The same without blocking the loop."""
        question, client = self._question(input), await self._abound()
        found = NOTHING
        if question is not None and client is not None:
            found = await self.recall.afound(client, self.scope, turn=question.turn, text=question.text)
        return self._told(question, found, client)

    def get_all(self) -> list[ChatMessage]:
        """The whole conversation in this process as it was put, without recalled text; copies."""
        with self._lock:
            return self.history.messages()

    async def aget_all(self) -> list[ChatMessage]:
        """The same: it waits for nothing."""
        return self.get_all()

    def put(self, message: ChatMessage) -> None:
        """Takes a message; a turn that it completes goes into the client's outbox, which delivers it later."""
        with self._lock:
            self.history.put([message])
        self._deliver(self._bound())

    async def aput(self, message: ChatMessage) -> None:
        """The same without blocking the loop."""
        with self._lock:
            self.history.put([message])
        await self._adeliver(await self._abound())

    def put_messages(self, messages: list[ChatMessage]) -> None:
        """Takes several: an agent's steps, of which only a last plain answer is speech, or a piece of conversation."""
        with self._lock:
            self.history.put_several(messages)
        self._deliver(self._bound())

    async def aput_messages(self, messages: list[ChatMessage]) -> None:
        """The same without blocking the loop."""
        with self._lock:
            self.history.put_several(messages)
        await self._adeliver(await self._abound())

    def set(self, messages: list[ChatMessage]) -> None:
        """Takes the caller's history: what goes beyond the known one is new; another one is adopted, not written."""
        with self._lock:
            self.history.replace(messages)
        self._deliver(self._bound())

    async def aset(self, messages: list[ChatMessage]) -> None:
        """The same without blocking the loop."""
        with self._lock:
            self.history.replace(messages)
        await self._adeliver(await self._abound())

    def reset(self) -> None:
        """Forgets the conversation in this process. MemOS keeps what it was told: see `delete_memory`."""
        with self._lock:
            self.history.clear()

    async def areset(self) -> None:
        """The same: it waits for nothing."""
        self.reset()

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

    def __repr_args__(self) -> Iterator[tuple[str | None, object]]:
        yield from (("scope", self.scope), ("messages", len(self.history.entries)), ("address", self.address))

    def _question(self, given: str | ChatMessage | None) -> Question | None:
        if self.placement == "off":
            return None
        with self._lock:
            return self.history.question(text_of(given) if isinstance(given, ChatMessage) else given)

    def _told(self, question: Question | None, found: Found, client: MemOS | None) -> list[ChatMessage]:
        with self._lock:
            messages, skipped = self.history.within(self.token_limit)
        if question is None or client is None:
            return messages
        reader = reader_zone(self.timezone, client)
        text = render(found, form=form_of(self.placement), reader=reader, server=client.timezone)
        place = None if question.place is None else question.place - skipped
        return placed(messages, text, self.placement, place) if text else messages

    def _deliver(self, client: MemOS | None) -> None:
        """Puts into the outbox what is new; writes a file. One at a time, so that it goes there in order."""
        if client is None and self.record:
            return  # a restored memory keeps what was said until a client is attached
        with self._writing:
            with self._lock:
                begun, finished = self.history.begun(), self.history.finished()
            if client is None or not self.record:
                return
            for name, words in finished:  # all of it was said before what has no answer yet
                hand_over(client, self.scope, words, name)
            for turn, said in begun:
                begin(client, self.scope, turn, said)

    async def _adeliver(self, client: MemOS | None) -> None:
        """The same without blocking the loop; a thread is taken only when there is something to do."""
        with self._lock:
            owes = self.history.owes
        if owes:
            await surely(self._deliver, client)
