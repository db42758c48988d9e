"""The model and the tool of LangChain's agents: its own classes alone, so that they run beside any memory."""

from collections.abc import Sequence
from typing import Any

from _agents_script import reply
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool

__all__ = ["Model", "look"]


class Model(BaseChatModel):
    """Asks for a tool `steps` times, then answers, at once; its answer tells whether a memory stood in the request."""

    steps: int

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> "Model":
        del tools
        return self

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._answer(messages))])

    async def _agenerate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._answer(messages))])

    def _answer(self, messages: list[BaseMessage]) -> AIMessage:
        done = sum(isinstance(message, ToolMessage) for message in messages)
        said = reply(done, self.steps, (str(message.text) for message in messages))
        if said is None:
            return AIMessage("", tool_calls=[{"name": "look", "args": {"word": "tea"}, "id": f"call-{done}"}])
        return AIMessage(said)


@tool
def look(word: str) -> str:
    """Look a word up."""
    return word
