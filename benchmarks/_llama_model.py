"""The model and the tool of LlamaIndex's agents: its own classes alone, so that they run beside any memory."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any, NoReturn

from _agents_script import reply
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, LLMMetadata, MessageRole, ToolCallBlock
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection

__all__ = ["Model", "look"]


class Model(FunctionCallingLLM):
    """Asks for a tool `steps` times after the user's latest words, then answers, at once, in a stream of one piece."""

    steps: int

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(is_chat_model=True, is_function_calling_model=True)

    async def astream_chat(self, messages: Sequence[ChatMessage], **_: Any) -> AsyncGenerator[ChatResponse, None]:
        return self._said(self._answer(messages))

    async def _said(self, message: ChatMessage) -> AsyncGenerator[ChatResponse, None]:
        yield ChatResponse(message=message, delta=message.content)

    def _answer(self, messages: Sequence[ChatMessage]) -> ChatMessage:
        roles = [message.role for message in messages]
        asked = len(roles) - roles[::-1].index(MessageRole.USER)
        done = roles[asked:].count(MessageRole.TOOL)
        said = reply(done, self.steps, (message.content or "" for message in messages))
        if said is None:
            call = ToolCallBlock(tool_call_id=f"call-{done}", tool_name="look", tool_kwargs={"word": "tea"})
            return ChatMessage(role=MessageRole.ASSISTANT, blocks=[call])
        return ChatMessage(role=MessageRole.ASSISTANT, content=said)

    def get_tool_calls_from_response(self, response: ChatResponse, *_: Any, **__: Any) -> list[ToolSelection]:
        return [
            ToolSelection(tool_id=block.tool_call_id or "", tool_name=block.tool_name, tool_kwargs={"word": "tea"})
            for block in response.message.blocks
            if isinstance(block, ToolCallBlock)
        ]

    def _prepare_chat_with_tools(
        self, tools: Any, user_msg: Any = None, chat_history: Any = None, *_: Any, **__: Any
    ) -> dict[str, Any]:
        del tools, user_msg
        return {"messages": chat_history}

    def chat(self, *_: Any, **__: Any) -> NoReturn:
        raise NotImplementedError

    achat = complete = acomplete = stream_chat = stream_complete = astream_complete = chat


def look(word: str) -> str:
    """Look a word up."""
    return word
