"""What a history shows of a conversation: read once, plus what was added here; and what is on its way to the server."""

import threading
from collections import OrderedDict
from collections.abc import Hashable, Sequence

from langchain_core.messages import BaseMessage, ToolMessage

from memos_integrations.langchain._stored import plain, same

__all__ = ["OnTheWay", "View", "missing"]

_MAX_CONVERSATIONS = 1_024  # whose messages on the way are kept at hand, for each client
_MAX_KNOWN = 2_048  # messages that one history knows as written
_MAX_BATCHES = 64  # of a conversation, while nothing can be delivered

Key = tuple[str, str]
Batch = list[BaseMessage]
Known = tuple[BaseMessage, BaseMessage]  # as it was given, and as it is kept


class View:
    """The newest `limit` messages of a conversation, as one reader has come to know it. Its length changes by adding
    alone: `RunnableWithMessageHistory` counts on that between a run's begin and end.
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
                self._read, self._added = list(messages), []
                for message in messages:
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
        pairs, new = [(message, plain(message)) for message in messages], list[BaseMessage]()
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

    def clear(self) -> None:
        """Shows nothing from here on but what is added. What was written is still known as written."""
        with self._lock:
            self._read, self._added = [], []

    def _know(self, given: BaseMessage, kept: BaseMessage) -> None:
        for name in {_name(given), _name(kept)}:
            self._known[name] = (given, kept)
        while len(self._known) > _MAX_KNOWN:
            self._known.popitem(last=False)


def _name(message: BaseMessage) -> Hashable:
    """Callers also number from 1, so the same id with other words is another message."""
    return (message.id, message.type, str(message.text)) if message.id else id(message)


class OnTheWay:
    """What was handed to a client's writer and no read has shown yet: one a client, in memory only, bounded."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._batches: OrderedDict[Key, list[Batch]] = OrderedDict()

    def note(self, key: Key, batch: Batch) -> None:
        """`batch` was handed over."""
        with self._lock:
            self._batches[key] = [*self._batches.get(key, []), batch][-_MAX_BATCHES:]
            self._batches.move_to_end(key)
            if len(self._batches) > _MAX_CONVERSATIONS:
                self._batches.popitem(last=False)

    def of(self, key: Key) -> list[Batch]:
        """What was handed over, in order."""
        with self._lock:
            return list(self._batches.get(key, []))

    def arrived(self, key: Key, batches: Sequence[Batch]) -> None:
        """These need not be kept at hand any more."""
        done = {id(batch) for batch in batches}
        with self._lock:
            left = [batch for batch in self._batches.get(key, []) if id(batch) not in done]
            if left:
                self._batches[key] = left
            else:
                self._batches.pop(key, None)


def missing(told: Sequence[BaseMessage], batches: Sequence[Batch], limit: int) -> list[Batch]:
    """Those of `batches` that a server has not got yet, when it `told` that and tells `limit` messages at most.

    They are delivered in order, so what stands before one that arrived has arrived.
    """
    last = max((i for i, batch in enumerate(batches) if _holds(told, batch, limit)), default=-1)
    return list(batches[last + 1 :])


def _holds(told: Sequence[BaseMessage], batch: Batch, limit: int) -> bool:
    width = len(batch)
    first = 1 - width if len(told) >= limit else 0  # a full window may have cut the batch's beginning off
    return any(
        all(same(told[start + i], message) for i, message in enumerate(batch) if start + i >= 0)
        for start in range(first, len(told) - width + 1)
    )
