"""Agents and chat engines of LlamaIndex, and what a turn with them is checked for."""

from typing import Any

from llama_index.core.agent.workflow import CodeActAgent, FunctionAgent, ReActAgent
from llama_index.core.agent.workflow.base_agent import BaseWorkflowAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.chat_engine import (
    CondensePlusContextChatEngine,
    CondenseQuestionChatEngine,
    ContextChatEngine,
    SimpleChatEngine,
)
from llama_index.core.chat_engine.types import BaseChatEngine, StreamingAgentChatResponse
from llama_index.core.query_engine import RetrieverQueryEngine

from memos_integrations.client import MemOS
from memos_integrations.llama_index import MemOSMemory
from tests.fakes import CountingEngine
from tests.llama_index.conftest import QUESTION, counted
from tests.llama_index.models import Shelf, Step, ToldModel, action, answer, calls, code, now, text_of_all

SAID = "It is Sencha."
FINAL = {"function": answer(SAID), "react": answer(f"Thought: I know.\nAnswer: {SAID}"), "code": answer(SAID)}


def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


def execute(code: str) -> str:
    """Runs nothing."""
    return "1"


def agent_of(kind: str, model: ToldModel, *, streaming: bool = True, prompt: str | None = None) -> BaseWorkflowAgent:
    if kind == "code":
        return CodeActAgent(code_execute_fn=execute, llm=model, streaming=streaming, system_prompt=prompt)
    make = FunctionAgent if kind == "function" else ReActAgent
    return make(tools=[add, now], llm=model, streaming=streaming, system_prompt=prompt)


def script_of(kind: str, rounds: int) -> list[Step]:
    step = {"function": calls("add", a=1, b=2), "react": action(), "code": code()}[kind]
    return [*[step] * rounds, FINAL[kind]]


def has_memory_once(messages: list[ChatMessage], question: str = QUESTION) -> None:
    """The fact is in there, in one block, right before the user's latest words."""
    text = text_of_all(messages)
    assert text.count("<memories id=") == 1
    assert "Sencha from Uji" in text[text.index("<memories id=") : text.index("</memories>")]
    assert question in text[text.index("</memories>") :]


def settled(client: MemOS, engine: CountingEngine) -> tuple[int, int]:
    assert client.flush() == 0
    return counted(engine)


def simple(model: ToldModel, memory: MemOSMemory) -> BaseChatEngine:
    return SimpleChatEngine.from_defaults(llm=model, memory=memory, system_prompt="You sell tea.")


def context(model: ToldModel, memory: MemOSMemory) -> BaseChatEngine:
    return ContextChatEngine.from_defaults(retriever=Shelf(), llm=model, memory=memory, system_prompt="You sell tea.")


def condense_context(model: ToldModel, memory: MemOSMemory) -> BaseChatEngine:
    return CondensePlusContextChatEngine.from_defaults(retriever=Shelf(), llm=model, memory=memory)


def condense_question(model: ToldModel, memory: MemOSMemory) -> BaseChatEngine:
    query = RetrieverQueryEngine.from_args(Shelf(), llm=model)
    return CondenseQuestionChatEngine.from_defaults(query_engine=query, llm=model, memory=memory)


ENGINES = [simple, context, condense_context, condense_question]
WAYS = ["chat", "achat", "stream_chat", "astream_chat"]


async def asked(chat: BaseChatEngine, way: str, text: str) -> str:
    method: Any = getattr(chat, way)
    told: Any = method(text)
    if way.startswith("a"):
        told = await told
    if not isinstance(told, StreamingAgentChatResponse):
        return str(told)
    if way.startswith("a"):
        return "".join([token async for token in told.async_response_gen()])
    return "".join(told.response_gen)
