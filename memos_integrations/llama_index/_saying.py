"""A chat's answer as LlamaIndex's responses. Pure."""

from typing import Any

from llama_index.core.base.llms import types
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, CompletionResponse, MessageRole, TextBlock

from memos_integrations.wire.events import ChatEvent

__all__ = ["Saying", "completed", "whole"]

_THINKING: Any = getattr(types, "ThinkingBlock", None)  # not every llama-index-core has it


class Saying:
    """Pieces of an answer, as they come, to responses that each hold all that was said so far."""

    def __init__(self) -> None:
        self._thought, self._said = "", ""

    def response(self, piece: ChatEvent) -> ChatResponse:
        """With the piece: of what is said as its delta, of a thought as agents look for it."""
        if piece.type == "reasoning":
            self._thought += piece.data
            return ChatResponse(message=self._message(), delta="", additional_kwargs={"thinking_delta": piece.data})
        self._said += piece.data
        return ChatResponse(message=self._message(), delta=piece.data)

    def _message(self) -> ChatMessage:
        thoughts = [_THINKING(content=self._thought)] if self._thought and _THINKING else []
        return ChatMessage(role=MessageRole.ASSISTANT, blocks=[*thoughts, TextBlock(text=self._said)])


def whole(text: str) -> ChatResponse:
    """An answer that came in one piece."""
    return ChatResponse(message=ChatMessage(role=MessageRole.ASSISTANT, content=text))


def completed(response: ChatResponse) -> CompletionResponse:
    """The same as a completion."""
    text = response.message.content or ""
    return CompletionResponse(text=text, delta=response.delta, additional_kwargs=dict(response.additional_kwargs))
