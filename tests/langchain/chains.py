"""Chains to remember for, and every way to run one."""

import asyncio
from collections.abc import Callable
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda

from memos_integrations.client import MemOS
from memos_integrations.langchain import RunnableWithMemory, with_memory
from memos_integrations.langchain._chain_answer import joined
from tests.langchain.models import ANSWER, QUESTION, Scripted, after_tools

__all__ = ["GIVEN", "PROMPT", "RUNS", "TURN", "Failing", "drive", "failing", "of", "run_as", "texts"]

PROMPT = ChatPromptTemplate.from_messages([("system", "Be kind.\n{memories}"), ("human", "{question}")])
GIVEN = {"question": QUESTION}
TURN = [("user", QUESTION), ("assistant", ANSWER)]
RUNS = ["invoke", "ainvoke", "stream", "astream", "batch", "abatch", "step", "astep", "stream_step", "astream_step"]


def of(client: MemOS, model: Scripted | None = None, **options: Any) -> RunnableWithMemory:
    """A chain of prompt, model and parser with memory."""
    chain = PROMPT | (model or Scripted(script=after_tools(0))) | StrOutputParser()
    return with_memory(chain, client, **options)


def run_as(user: str | None = "ada", conversation: str | None = "monday") -> RunnableConfig:
    """A run's config."""
    named = {"user_id": user, "conversation_id": conversation}
    return {"configurable": {name: value for name, value in named.items() if value is not None}}


def drive(chain: Runnable[Any, Any], way: str, given: Any, config: Any = None) -> Any:
    """What one run gives, whichever of `RUNS` it is."""
    kind = way.removeprefix("a")
    run = chain
    if kind.endswith("step"):
        run, kind = RunnableLambda(_same) | chain | RunnableLambda(_same), kind.removesuffix("step").strip("_")
        kind = kind or "invoke"
    if way.startswith("a"):
        return asyncio.run(_adriven(run, kind, given, config))
    if kind == "batch":
        return run.batch([given], config)[0]
    return joined(list(run.stream(given, config))) if kind == "stream" else run.invoke(given, config)


async def _adriven(run: Runnable[Any, Any], kind: str, given: Any, config: Any) -> Any:
    if kind == "batch":
        return (await run.abatch([given], config))[0]
    if kind == "stream":
        return joined([chunk async for chunk in run.astream(given, config)])
    return await run.ainvoke(given, config)


def _same(value: Any) -> Any:
    return value


def texts(handed: list[list[BaseMessage]]) -> str:
    """All that a model was handed."""
    return "\n".join(str(message.text) for messages in handed for message in messages)


class Failing(Exception):
    """What a model fails with."""


def failing(times: int, then: Callable[[Any], AIMessage] | None = None) -> Callable[[Any], AIMessage]:
    """A script that fails so many times, then answers."""
    left = [times]

    def script(messages: Any) -> AIMessage:
        left[0] -= 1
        if left[0] >= 0:
            raise Failing
        return AIMessage(ANSWER) if then is None else then(messages)

    return script
