"""Conversations as this process said them, for a server that tells none."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from langchain_core.messages import BaseMessage

from memos_integrations.memory.latest import keep
from memos_integrations.wire.call import MAX_PAGE

__all__ = ["Here"]

_MOST: Final = 1_024  # conversations
Key = tuple[str, str]


class Here:
    """The newest 50 messages of each of the latest conversations, by user and conversation. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._said: OrderedDict[Key, tuple[BaseMessage, ...]] = OrderedDict()

    def of(self, key: Key, begin: Callable[[], Sequence[BaseMessage]]) -> list[BaseMessage]:
        """What was said there; `begin` tells what is known of it before anything was."""
        with self._lock:
            known = self._said.get(key)
        if known is None:
            begun = tuple(begin())
            with self._lock:
                known = self._said.setdefault(key, begun)
        return list(known)

    def add(self, key: Key, messages: Sequence[BaseMessage]) -> None:
        """What is said there now."""
        with self._lock:
            keep(self._said, key, (*self._said.get(key, ()), *messages)[-MAX_PAGE:], _MOST)
