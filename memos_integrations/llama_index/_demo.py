"""A LlamaIndex agent for the demo, over any callable that stands in for a model."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.llms.mock import MockFunctionCallingLLM

from memos_integrations.client import MemOS
from memos_integrations.llama_index._messages import text_of
from memos_integrations.llama_index.memory import MemOSMemory

__all__ = ["speaker"]

Reply = Callable[[Sequence[tuple[str, str]]], str]


def speaker(
    client: MemOS, user: str, conversation: str, reply: Reply, *, recall: bool
) -> Callable[[str], tuple[Sequence[str], str]]:
    """An agent in one conversation of `user`: takes a text, gives what its model was handed and the answer."""
    handed: list[str] = []

    def answer(messages: Sequence[ChatMessage], **_: Any) -> ChatMessage:
        said = [(message.role.value, text_of(message)) for message in messages]
        handed[:] = [text for _, text in said]
        return ChatMessage(role=MessageRole.ASSISTANT, content=reply(said))

    agent = FunctionAgent(tools=[], llm=MockFunctionCallingLLM(response_generator=answer))
    memory = MemOSMemory.from_defaults(
        user_id=user, conversation_id=conversation, client=client, placement="user" if recall else "off"
    )

    async def run(text: str) -> str:
        return str(await agent.run(text, memory=memory))

    def ask(text: str) -> tuple[Sequence[str], str]:
        said = asyncio.run(run(text))
        return list(handed), said

    return ask
