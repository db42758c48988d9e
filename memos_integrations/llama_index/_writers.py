"""Where several of ours meet in one turn, it is written by one of them: by the memory, where there is one."""

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field

from llama_index.core.base.llms.types import ChatMessage, MessageRole

from memos_integrations.memory.marked import is_marked, marked

__all__ = ["await_question", "is_written_by_a_memory", "marked_as_memory", "note_answer"]


@dataclass(slots=True)
class _Awaited:
    """A question that a memory was asked about, and is put later: with nothing said before, it has no message to mark.

    Engines ask for streamed answers in threads and tasks with copies of the context, which share this.
    """

    words: str = field(repr=False)
    answered: bool = False


_awaited: ContextVar[_Awaited | None] = ContextVar("memos_awaited", default=None)


def marked_as_memory(message: ChatMessage) -> ChatMessage:
    """`message`, which is a copy of the caller's own, so that `is_written_by_a_memory` knows it; equal as before."""
    message.additional_kwargs = marked(message.additional_kwargs)
    return message


def await_question(words: str | None) -> None:
    """A memory that writes was asked about the user's `words`; None: about what it has already."""
    _awaited.set(None if words is None else _Awaited(words))


def note_answer(message: ChatMessage) -> None:
    """A memory was put `message`: an answer ends what was awaited."""
    asked = _awaited.get()
    if asked is not None and message.role != MessageRole.USER:
        asked.answered = True


def is_written_by_a_memory(messages: Sequence[ChatMessage], query: str) -> bool:
    """Whether a memory of ours writes what is asked with `messages`, or will be put `query` by the present engine."""
    asked = _awaited.get()
    waits = asked is not None and not asked.answered and asked.words.strip() == query.strip()
    return waits or any(is_marked(message.additional_kwargs) for message in messages)
