"""The calls, and what both colours of the client have besides."""

import os
from collections.abc import Callable, Iterable
from datetime import tzinfo
from typing import ClassVar, NoReturn, Self, TypeVar
from uuid import uuid4

from memos_integrations.client._exchange import Retry, Steps, exchange
from memos_integrations.client._method import method, stream
from memos_integrations.client._outbox import IN_MEMORY, OutboxOptions, outbox_options
from memos_integrations.client._settings import zone
from memos_integrations.client._shared import Shared, listeners
from memos_integrations.client._verified import Past, verified, verified_by_task
from memos_integrations.client.events import Event, OnEvent
from memos_integrations.errors import Invalid, Unreachable
from memos_integrations.wire.call import Call
from memos_integrations.wire.calls import (
    AddFeedback,
    AddKnowledgebaseFile,
    AddMessage,
    AddProfileTemplate,
    BindProfileTemplate,
    Chat,
    ChatCompletions,
    CreateKnowledgebase,
    DeleteKnowledgebase,
    DeleteKnowledgebaseFile,
    DeleteMemory,
    DeleteProfile,
    DeleteProfileTemplate,
    EditProfile,
    ExtractMemory,
    GetKnowledgebaseFile,
    GetMemory,
    GetMemoryById,
    GetMessage,
    GetProfileTemplate,
    GetStatus,
    ListProfileTemplate,
    Rerank,
    SearchMemory,
    StreamChat,
    UpdateMemory,
    UpdateProfileTemplate,
)
from memos_integrations.wire.envelope import AsyncTransport, Transport
from memos_integrations.wire.knowledge import UploadKnowledgebaseFile
from memos_integrations.wire.tasks import named

__all__ = ["RETRY", "Calls"]

T = TypeVar("T")
DEADLINE = 30.0  # seconds for a call, all tries and pauses together
MODEL_DEADLINE = 120.0  # the same where a model is asked; for a stream, until it begins, and between two pieces
UPLOAD_DEADLINE = 600.0  # the same where files are sent: 300 MB at 4 Mbit a second
_LONGEST_DEADLINE = 86_400.0
RETRY = Retry()


class Calls:
    """The calls, and what both colours have besides."""

    waits: ClassVar[bool]
    """Whether what it sends must be awaited."""

    add_message = method(AddMessage)
    get_message = method(GetMessage)
    search_memory = method(SearchMemory)
    get_memory = method(GetMemory)
    update_memory = method(UpdateMemory)
    delete_memory = method(DeleteMemory)
    get_status = method(GetStatus)
    get_memory_by_id = method(GetMemoryById)
    add_feedback = method(AddFeedback)
    extract_memory = method(ExtractMemory)
    rerank = method(Rerank)
    add_profile_template = method(AddProfileTemplate)
    list_profile_template = method(ListProfileTemplate)
    get_profile_template = method(GetProfileTemplate)
    update_profile_template = method(UpdateProfileTemplate)
    delete_profile_template = method(DeleteProfileTemplate)
    bind_profile_template = method(BindProfileTemplate)
    edit_profile = method(EditProfile)
    delete_profile = method(DeleteProfile)
    create_knowledgebase = method(CreateKnowledgebase)
    delete_knowledgebase = method(DeleteKnowledgebase)
    add_knowledgebase_file = method(AddKnowledgebaseFile)
    get_knowledgebase_file = method(GetKnowledgebaseFile)
    delete_knowledgebase_file = method(DeleteKnowledgebaseFile)
    chat = method(Chat)
    stream_chat = stream(StreamChat)
    chat_completions = method(ChatCompletions)

    @classmethod
    def over(
        cls,
        transport: Transport,
        aio_transport: AsyncTransport,
        *,
        address: str,
        timezone: str = "UTC",
        deadline: float | None = None,
        retry: Retry = RETRY,
        on_event: OnEvent | Iterable[OnEvent] = (),
        outbox: OutboxOptions | str | os.PathLike[str] = IN_MEMORY,
    ) -> Self:
        """A client over transports of one's own, which it closes with itself; `address` is how it names itself."""
        told, kept = listeners(on_event), outbox_options(outbox)
        shared = Shared(transport, aio_transport, address=address, timezone=zone(timezone), on_event=told, outbox=kept)
        return cls._on(shared, deadline, retry)

    @classmethod
    def _on(cls, shared: Shared, deadline: float | None, retry: Retry, verify: bool = True) -> Self:
        client = cls.__new__(cls)
        Calls.__init__(client, shared, deadline, retry, verify=verify)
        return client

    def __init__(self, shared: Shared, deadline: float | None, retry: Retry, *, verify: bool = True) -> None:
        if deadline is not None and not (isinstance(deadline, int | float) and 0 < deadline <= _LONGEST_DEADLINE):
            raise Invalid("deadline is a number of seconds above 0, a day at most", field="deadline", rule="range")
        self._shared, self._deadline, self.retry = shared, deadline, retry
        self._verify = verify

    @property
    def deadline(self) -> float:
        """Seconds for a call with all its tries; where none were given, chat gets 120 instead of these 30."""
        return DEADLINE if self._deadline is None else float(self._deadline)

    def _seconds(self, call: Call[T]) -> float:
        if self._deadline is None and isinstance(call, AddKnowledgebaseFile | UploadKnowledgebaseFile):
            return UPLOAD_DEADLINE
        return MODEL_DEADLINE if self._deadline is None and call.asks_model else self.deadline

    def _steps(self, call: Call[T]) -> Steps[T]:
        """The tries of `call`, verified where a write may not be made twice."""
        if self._verify and isinstance(call, AddMessage | AddFeedback):
            if isinstance(call, AddMessage) and not self.tells_messages:
                return verified_by_task(named(call, uuid4().hex), self.retry, self._seconds(call))
            past = self.share(Past, lambda: Past(self.timezone, self._shared.server_now))
            return verified(call, self.retry, self._seconds(call), past)
        return exchange(call, self.retry, self._seconds(call))

    def with_options(
        self, *, deadline: float | None = None, retry: Retry | None = None, verify: bool | None = None
    ) -> Self:
        """A client on the same connections with another deadline (seconds) or retry; what is None stays as it is.

        `verify` False sends an add whose fate is unknown neither again nor reads it back: its error is raised as it
        came. Closing one client closes all that share.
        """
        seconds = self._deadline if deadline is None else deadline
        return self._on(self._shared, seconds, retry or self.retry, self._verify if verify is None else verify)

    def server_time(self, moment: float) -> float | None:
        """`moment`, in seconds since the epoch by this machine's clock, by the server's, as its latest reply told it.

        None when no reply told the time and the server may run on another machine.
        """
        return self._shared.server_time(moment)

    @property
    def address(self) -> str:
        """Where it asks: the base URL, or for the embedded engine the file's path or ":memory:"."""
        return self._shared.address

    @property
    def tells_messages(self) -> bool:
        """Whether the server tells a conversation's messages; else a write is found again by its task's id alone."""
        return self._shared.tells_messages

    @property
    def outbox_options(self) -> OutboxOptions:
        """Where its turns wait for delivery: see `Outbox.of`."""
        return self._shared.outbox

    def account(self, salt: bytes) -> str:
        """What tells its key from others without telling the key: the same for the same `salt`. Without a key ""."""
        return self._shared.account(salt)

    @property
    def closing(self) -> bool:
        """Whether `close` has begun: what is flushed from now on is flushed for the last time."""
        return self._shared.closing

    @property
    def timezone(self) -> tzinfo:
        """The server's zone, in which it reads the times of messages."""
        return self._shared.timezone

    def share(self, kind: type[T], make: Callable[[], T]) -> T:
        """The one `kind` kept for all clients that share these connections, made now if need be; one a process."""
        return self._shared.share(kind, make)

    def on_flush(self, callback: Callable[[float | None], int]) -> None:
        """`flush` and `close` call it, the last registered first, with the seconds it may take (None: its own bound);
        it returns how much it leaves undelivered. Belongs to the process that registers it.
        """
        self._shared.on_flush(callback)

    def on_close(self, callback: Callable[[], None]) -> None:
        """`close` will call it after its last flush, before the connections go."""
        self._shared.on_close(callback)

    def listen(self, on_event: OnEvent) -> None:
        """Adds a listener to the `on_event` callables of all that share these connections; one that is there stays one.

        Raises `Invalid` for what can't be called, or must be awaited.
        """
        self._shared.listen(on_event)

    def emit(self, event: Event) -> None:
        """Tells the `on_event` callables. What one raises is logged once, and dropped."""
        self._shared.emit(event)

    def _check_open(self) -> None:
        if self._shared.closed:
            raise Unreachable("this client is closed: make a new one", sent=False)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.address}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds connections: it can be neither copied nor pickled")
