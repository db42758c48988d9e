"""Which runnables memory fits around: none that would keep, drop or show what is remembered."""

from collections.abc import Iterator
from typing import Any

from langchain_core.prompts import BasePromptTemplate, ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import (
    Runnable,
    RunnableAssign,
    RunnableBranch,
    RunnableParallel,
    RunnableSequence,
    RunnableWithFallbacks,
)
from langchain_core.runnables.base import RunnableBindingBase

from memos_integrations.errors import Invalid

__all__ = ["check_fit", "is_graph", "leaves_out"]

_GRAPH = (
    "with_memory: a graph keeps what it is handed in its state: take MemOSMiddleware in the agent, "
    "with_memory(model) in a node, or recall=False"
)
_HISTORY = (
    "with_memory: a RunnableWithMessageHistory stores what it is handed: put it around with_memory(…, record=False), "
    "or give recall=False"
)


def check_fit(runnable: Runnable[Any, Any], memory_key: str, *, recall: bool) -> None:
    """Raises `Invalid` where `runnable` can't be handed what is remembered."""
    if recall and is_graph(runnable):
        raise Invalid(_GRAPH, field="runnable")
    if recall and any(_is(step, "RunnableWithMessageHistory", "langchain_core.") for step in _first_in(runnable)):
        raise Invalid(_HISTORY, field="runnable")
    if any(_is_for_messages(step, memory_key) for step in _handed_in(runnable)):
        raise Invalid(
            f"with_memory: MessagesPlaceholder({memory_key!r}) takes messages, and what is remembered is text: write "
            f"{{{memory_key}}} into a message of the prompt",
            field="memory_key",
        )


def is_graph(runnable: Runnable[Any, Any]) -> bool:
    """Whether a graph of LangGraph's is what `runnable` begins with."""
    return any(_is(step, "PregelProtocol", "langgraph.") for step in _first_in(runnable))


def leaves_out(runnable: Runnable[Any, Any], memory_key: str) -> bool:
    """Whether `runnable` begins with a prompt that has no place for memories."""
    first = runnable.first if isinstance(runnable, RunnableSequence) else runnable
    if not isinstance(first, BasePromptTemplate):
        return False
    return memory_key not in {*first.input_variables, *first.optional_variables, *first.partial_variables}


def _is(runnable: object, name: str, package: str) -> bool:
    """By name, since both are slow to import, and one is about to be removed."""
    return any(base.__name__ == name and base.__module__.startswith(package) for base in type(runnable).__mro__)


def _is_for_messages(step: object, key: str) -> bool:
    if not isinstance(step, ChatPromptTemplate):
        return False
    return any(isinstance(part, MessagesPlaceholder) and part.variable_name == key for part in step.messages)


def _first_in(runnable: object) -> Iterator[object]:
    """`runnable` and what in it is handed the input first, alone."""
    yield runnable
    if isinstance(runnable, RunnableBindingBase):
        yield from _first_in(runnable.bound)
    elif isinstance(runnable, RunnableSequence):
        yield from _first_in(runnable.first)
    elif isinstance(runnable, RunnableWithFallbacks):
        for other in (runnable.runnable, *runnable.fallbacks):
            yield from _first_in(other)


def _handed_in(runnable: object) -> Iterator[object]:
    """The same with what is handed the input beside others."""
    for step in _first_in(runnable):
        yield step
        for beside in _beside_in(step):
            yield from _handed_in(beside)


def _beside_in(step: object) -> list[Any]:
    if isinstance(step, RunnableParallel):
        return list(step.steps__.values())
    if isinstance(step, RunnableAssign):
        return [step.mapper]
    if isinstance(step, RunnableBranch):
        return [step.default, *(chosen for _, chosen in step.branches)]
    return []
