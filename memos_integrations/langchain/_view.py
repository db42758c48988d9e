"""What a history shows of a conversation: read once, plus what was added here; and what is on its way to the server."""

import threading
from collections import Counter, OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from itertools import chain
from typing import Any

from langchain_core.messages import BaseMessage, ToolMessage

from memos_integrations.langchain._stored import plain, restored, same
from memos_integrations.langchain._writers import marked_as_history
from memos_integrations.memory._look import Look
from memos_integrations.memory.latest import keep
from memos_integrations.wire.answers import StoredMessage
from memos_integrations.wire.message import Message
from memos_integrations.wire.readback import Digest, digests, heard

__all__ = ["Entry", "InLine", "Told", "View", "in_line", "on_the_way"]

_MAX_KNOWN = 2_048  # messages that one history knows as written

Batch = list[BaseMessage]
Known = tuple[BaseMessage, BaseMessage]  # as it was given, and as it is kept


class View:
    """The newest `limit` messages of a conversation, as one reader has come to know it. Its length changes by adding
    alone: `RunnableWithMessageHistory` counts on that between a run's begin and end. What it shows is marked, so that
    `ChatMemOS` knows who writes the turn.
    """

    def __init__(self, limit: int) -> None:
        self._lock, self._limit = threading.Lock(), limit
        self._read: list[BaseMessage] | None = None
        self._added: list[BaseMessage] = []
        self._known: OrderedDict[Hashable, Known] = OrderedDict()  # with the objects, so that identities stay their own

    @property
    def unread(self) -> bool:
        """Whether the server was not asked yet."""
        return self._read is None

    def read(self, messages: Sequence[BaseMessage]) -> None:
        """Takes what the server told, once. What was added before is among it, or on its way and so among it too."""
        with self._lock:
            if self._read is None:
                self._read, self._added = [marked_as_history(message) for message in messages], []
                for message in self._read:
                    self._know(message, message)

    def shown(self) -> list[BaseMessage]:
        """A list of one's own. Where it was cut, it does not begin with results of a tool call that was cut off."""
        with self._lock:
            messages = [*(self._read or ()), *self._added]
        if len(messages) < self._limit:
            return messages
        messages = messages[-self._limit :]
        first = next((i for i, message in enumerate(messages) if not isinstance(message, ToolMessage)), len(messages))
        return messages[first:]

    def add(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """Shows what is not shown yet; returns what was never written: a message is one by its id, or as an object.

        What stands after a new message is said anew, though it was known before: a model's cache gives an old answer,
        old id and all, to a question that is asked again.
        """
        pairs = [(message, marked_as_history(plain(message))) for message in messages]
        new = list[BaseMessage]()
        with self._lock:
            before = set(self._known)
            shown = {_name(message) for message in (*(self._read or ()), *self._added)}
            for given, whole in pairs:
                _, kept = self._known.get(_name(given)) or self._known.get(_name(whole)) or (None, None)
                again = bool(new) and not before.isdisjoint({_name(given), _name(whole)})
                if kept is None or again:
                    before -= {_name(given), _name(whole)}
                    self._know(given, whole)
                    new.append(whole)
                if again or _name(kept or whole) not in shown:
                    self._added.append(kept or whole)
                    shown.add(_name(kept or whole))
            self._added = self._added[-self._limit :]
        return new

    def __deepcopy__(self, memo: dict[int, Any]) -> "View":
        """Another reader's, who knows the same; of the same messages, since some are known as objects alone."""
        twin = View(self._limit)
        with self._lock:
            twin._read = None if self._read is None else list(self._read)
            twin._added, twin._known = list(self._added), self._known.copy()
        return twin

    def clear(self) -> None:
        """Shows nothing from here on but what is added. What was written is still known as written."""
        with self._lock:
            self._read, self._added = [], []

    def _know(self, given: BaseMessage, kept: BaseMessage) -> None:
        for name in {_name(given), _name(kept)}:
            keep(self._known, name, (given, kept), _MAX_KNOWN)


def _name(message: BaseMessage) -> Hashable:
    """Callers also number from 1, so the same id with other words is another message."""
    return (message.id, message.type, str(message.text)) if message.id else id(message)


@dataclass(frozen=True, slots=True)
class Entry:
    """A write that waits; `sent`: it may have arrived. `digests` are of what can be compared in it."""

    batch: Batch
    sent: bool
    digests: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class InLine:
    """What an outbox has for a conversation, by number, and digests of what arrived there of late, in order."""

    entries: Mapping[int, Entry] = field(default_factory=dict)
    arrived: Sequence[bytes] = ()
    digest: Digest = lambda _, __: b""

    def of(self, stored: Sequence[StoredMessage]) -> list[bytes]:
        """The digests of what a server told."""
        return [one.digest for one in heard(stored, self.digest, UTC)]


@dataclass(frozen=True, slots=True)
class Told:
    """What a server told of a conversation; `full`: it may hold older messages too."""

    messages: Batch
    digests: Sequence[bytes]
    full: bool


def in_line(look: Look) -> InLine:
    """What an outbox has for a conversation, as messages."""
    entries = {
        number: Entry([_message(turn) for turn in call.turns], sent, digests(call.turns, look.digest))
        for number, call, sent in look.waiting
    }
    return InLine(entries, look.arrived, look.digest)


def on_the_way(told: Told, before: InLine, after: InLine) -> list[Batch]:
    """What a server has not got yet, when it `told` that between two looks at the line.

    What waits unsent afterwards has not arrived. What was under way may have: it is looked for among what was told,
    beside its equals that had arrived before. Delivery is in order, so what stands before one that arrived has too.
    """
    unsent = {number for number, entry in after.entries.items() if not entry.sent}
    under_way = sorted({**before.entries, **after.entries}.items())
    doubtful = [entry for number, entry in under_way if number not in unsent]
    more = _more(told, before.arrived, [entry.digests for entry in doubtful])
    last = max((i for i in range(more) if _holds(told, doubtful[i].batch)), default=-1)
    return [*(entry.batch for entry in doubtful[last + 1 :]), *(after.entries[n].batch for n in sorted(unsent))]


def _more(told: Told, arrived: Sequence[bytes], sent: Sequence[Sequence[bytes]]) -> int:
    """How many of those `sent` may be among what was told, beside what had `arrived` before."""
    lines = [[*arrived, *chain(*sent[:count])] for count in range(len(sent) + 1)]
    if told.full:
        size = len(told.digests)
        return max((count for count, line in enumerate(lines) if line[-size:] == told.digests), default=len(sent))
    shown = Counter(told.digests)  # what is kept in other words than it was sent in says nothing
    known = [Counter(digest for digest in line if digest in shown) for line in lines]
    return max((count for count, line in enumerate(known) if line <= shown), default=len(sent))


def _message(turn: Message) -> BaseMessage:
    return restored(StoredMessage.model_validate(turn.model_dump(mode="json", exclude_none=True)))


def _holds(told: Told, batch: Batch) -> bool:
    messages, width = told.messages, len(batch)
    first = 1 - width if told.full else 0  # a full window may have cut the batch's beginning off
    return any(
        all(same(messages[start + i], message) for i, message in enumerate(batch) if start + i >= 0)
        for start in range(first, len(messages) - width + 1)
    )
