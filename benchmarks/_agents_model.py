"""The model and the tool of all compared agents, LangChain's own classes alone, so that it runs beside any of them."""

from collections.abc import Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool

__all__ = ["KNOWS", "KNOWS_NOT", "Model", "look"]

KNOWS, KNOWS_NOT = "You like the small shop's.", "I don't know."
_REMEMBERED = "green tea from the small shop"  # stands in what the service remembers, and not in the question


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
        if done < self.steps:
            call = {"name": "look", "args": {"word": "tea"}, "id": f"call-{done}"}
            return AIMessage("", tool_calls=[call])
        knows = any(_REMEMBERED in str(message.text) for message in messages)
        return AIMessage(KNOWS if knows else KNOWS_NOT)


@tool
def look(word: str) -> str:
    """Look a word up."""
    return word
