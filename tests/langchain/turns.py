"""What tests of turns share: models that fail, people who are asked, summaries, and the agents around them."""

from collections.abc import Callable, Sequence
from typing import Any

from langchain.agents.middleware import HumanInTheLoopMiddleware, SummarizationMiddleware
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt

from memos_integrations.client import MemOS
from memos_integrations.langchain import MemOSMiddleware
from tests.langchain.models import ANSWER, QUESTION, Scripted, after_tools, create_agent, look_up

__all__ = [
    "APPROVE",
    "LYON",
    "TURN",
    "Remembers",
    "agent_with",
    "approving",
    "ask_boss",
    "asked_of",
    "counting",
    "failing",
    "searching",
    "summarising",
]

Remembers = Callable[..., None]
TURN = [("user", QUESTION), ("assistant", ANSWER)]
LYON = "I moved to Lyon."
APPROVE: Any = Command(resume={"decisions": [{"type": "approve"}]})


def agent_with(client: MemOS, script: Any, **options: Any) -> Any:
    memory = MemOSMiddleware(client, **options)
    return create_agent(
        Scripted(script=script), [look_up], system_prompt="Be kind.", middleware=[memory], checkpointer=InMemorySaver()
    )


def approving(client: MemOS, model: Scripted, saver: Any, **options: Any) -> Any:
    """An agent whose tool a person has to approve."""
    approval = HumanInTheLoopMiddleware(interrupt_on={"look_up": True})
    return create_agent(model, [look_up], middleware=[MemOSMiddleware(client, **options), approval], checkpointer=saver)


def asked_of(handed: Sequence[BaseMessage]) -> list[str]:
    return [str(m.text) for m in handed if isinstance(m, HumanMessage)]


def failing(times: int) -> Callable[[Sequence[BaseMessage]], AIMessage]:
    """A model that is away for so many calls, then answers."""
    left = iter(range(times))

    def script(messages: Sequence[BaseMessage]) -> AIMessage:
        if next(left, None) is not None:
            raise ConnectionError("the model is away")
        return after_tools(0)(messages)

    return script


def counting(steps: int, name: str = "look_up") -> Callable[[Sequence[BaseMessage]], AIMessage]:
    """So many tools, then answers, whatever is left of the conversation."""
    left = iter(range(steps))

    def script(messages: Sequence[BaseMessage]) -> AIMessage:
        more = next(left, None) is not None
        return after_tools(len(messages) if more else 0, name=name)(messages)

    return script


def searching(answer: str = ANSWER, *, name: str = "search_memory") -> Callable[[Sequence[BaseMessage]], AIMessage]:
    """Searches its memory once a turn, then answers."""

    def script(messages: Sequence[BaseMessage]) -> AIMessage:
        if isinstance(messages[-1], ToolMessage):
            return AIMessage(answer)
        call = {"name": name, "args": {"query": QUESTION}, "id": f"call-{len(messages)}"}
        return AIMessage("let me think", tool_calls=[call])

    return script


@tool
def ask_boss(word: str) -> str:
    """Asks a person."""
    return str(interrupt(f"may I {word}?"))


def summarising(keep: int = 1, trigger: int = 4) -> SummarizationMiddleware:
    teller = Scripted(script=lambda _: AIMessage("they looked words up"))
    return SummarizationMiddleware(model=teller, trigger=("messages", trigger), keep=("messages", keep))
