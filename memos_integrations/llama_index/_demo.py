"""A LlamaIndex agent for the demo, over any callable that stands in for a model."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, LLMMetadata, MessageRole
from llama_index.core.llms.function_calling import FunctionCallingLLM
from pydantic import PrivateAttr

from memos_integrations.client import MemOS
from memos_integrations.llama_index._messages import text_of
from memos_integrations.llama_index.memory import MemOSMemory

__all__ = ["speaker"]

Reply = Callable[[Sequence[tuple[str, str]]], str]


class _Speaking(FunctionCallingLLM):
    """A model that says what a callable says, and calls no tool."""

    _say: Callable[[Sequence[ChatMessage]], str] = PrivateAttr()

    def __init__(self, say: Callable[[Sequence[ChatMessage]], str]) -> None:
        super().__init__()
        self._say = say

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(is_chat_model=True, is_function_calling_model=True)

    def chat(self, messages: Sequence[ChatMessage], **_: Any) -> ChatResponse:
        return ChatResponse(message=ChatMessage(role=MessageRole.ASSISTANT, content=self._say(messages)))

    async def achat(self, messages: Sequence[ChatMessage], **_: Any) -> ChatResponse:
        return self.chat(messages)

    def get_tool_calls_from_response(self, *_: Any, **__: Any) -> list[Any]:
        return []

    def _prepare_chat_with_tools(
        self, tools: Any, user_msg: Any = None, chat_history: Any = None, *_: Any, **__: Any
    ) -> dict[str, Any]:
        return {"messages": chat_history or [user_msg], "tools": tools}

    def complete(self, *_: Any, **__: Any) -> NoReturn:
        raise NotImplementedError

    acomplete = stream_complete = astream_complete = stream_chat = astream_chat = complete


def speaker(
    client: MemOS, user: str, conversation: str, reply: Reply, *, recall: bool
) -> Callable[[str], tuple[Sequence[str], str]]:
    """An agent in one conversation of `user`: takes a text, gives what its model was handed and the answer."""
    handed: list[str] = []

    def answer(messages: Sequence[ChatMessage]) -> str:
        said = [(message.role.value, text_of(message)) for message in messages]
        handed[:] = [text for _, text in said]
        return reply(said)

    agent = FunctionAgent(tools=[], llm=_Speaking(answer), streaming=False)
    memory = MemOSMemory.from_defaults(
        user_id=user, conversation_id=conversation, client=client, placement="user" if recall else "off"
    )

    async def run(text: str) -> str:
        return str(await agent.run(text, memory=memory))

    def ask(text: str) -> tuple[Sequence[str], str]:
        said = asyncio.run(run(text))
        return list(handed), said

    return ask
