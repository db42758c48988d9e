"""A memory of the user's own that keeps a conversation for ours: found again by name, as clients are."""

import threading
from collections.abc import Sequence
from uuid import uuid4
from weakref import WeakValueDictionary

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.memory import BaseMemory

from memos_integrations.llama_index._messages import text_of

__all__ = ["find_question", "keep", "kept_under"]

_lock = threading.Lock()
_kept: WeakValueDictionary[str, BaseMemory] = WeakValueDictionary()


def keep(memory: BaseMemory) -> str:
    """A name under which this process finds `memory` again as long as anybody has it."""
    with _lock:
        name = next((name for name, kept in _kept.items() if kept is memory), None) or uuid4().hex
        _kept[name] = memory
        return name


def kept_under(name: str | None) -> BaseMemory | None:
    """The memory of that name; None when it is another process's, or gone."""
    return None if name is None else _kept.get(name)


def find_question(messages: Sequence[ChatMessage], words: str) -> int | None:
    """Where the user's `words` stand, said last; else the user's latest message, since some memories write into it."""
    asked = [place for place, message in enumerate(messages) if message.role == MessageRole.USER]
    same = [place for place in asked if text_of(messages[place]) == words]
    found = same or asked
    return found[-1] if found else None
