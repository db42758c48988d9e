"""Where several of our classes meet in one run, the turn is written by one of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from langchain_core.messages import BaseMessage

from memos_integrations.memory.marked import is_marked, marked

__all__ = ["is_from_history", "is_recorded_around", "marked_as_history", "recording"]

_recorded: ContextVar[bool] = ContextVar("memos_recorded_around", default=False)


@contextmanager
def recording(*, by_us: bool = True) -> Iterator[None]:
    """Around a request that we pass on: what is asked within it is recorded by us, so that `ChatMemOS` writes nothing.

    It reaches through bindings, fallbacks and other middlewares, since it goes with the run's context and not with
    the model. Enter it around each step of a generator, never across a `yield`: a context is the caller's.
    """
    if not by_us:
        yield
        return
    before = _recorded.set(True)
    try:
        yield
    finally:
        _recorded.reset(before)


def is_recorded_around() -> bool:
    """Whether a middleware or a chain of ours records what is asked here."""
    return _recorded.get()


def marked_as_history(message: BaseMessage) -> BaseMessage:
    """A copy of `message` that `is_from_history` knows. It stays equal to `message`, and the mark is never stored."""
    return message.model_copy(update={"response_metadata": marked(message.response_metadata)})


def is_from_history(messages: Sequence[BaseMessage]) -> bool:
    """Whether a history of ours returned one of `messages`, and so will write what is asked with them."""
    return any(is_marked(message.response_metadata) for message in messages)
