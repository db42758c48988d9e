"""A chat's answer as LangChain's messages. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from memos_integrations.wire.events import ChatEvent

__all__ = ["Saying", "whole"]

_PROVIDER: Final = {"model_provider": "memos"}


class Saying:
    """Pieces of an answer, as they come, to chunks of one message. Text is plain until a model's thoughts make blocks
    of both.
    """

    def __init__(self, model: str | None) -> None:
        self._about = _about(model)
        self._kind, self._index, self._in_blocks = "", -1, False

    def chunk(self, piece: ChatEvent) -> ChatGenerationChunk:
        """The piece's chunk."""
        return self._said(piece.type, piece.data, _PROVIDER)

    def last(self) -> ChatGenerationChunk:
        """The last chunk, which tells whose answer it is."""
        return self._said("text", "", self._about, chunk_position="last")

    def _said(self, kind: str, words: str, about: Mapping[str, Any], **more: Any) -> ChatGenerationChunk:
        content: str | list[str | dict[str, Any]] = words
        self._in_blocks = self._in_blocks or kind == "reasoning"
        if words and kind != self._kind:
            self._kind, self._index = kind, self._index + 1
        if self._in_blocks:
            content = [{"type": kind, kind: words, "index": self._index}] if words else []
        return ChatGenerationChunk(message=AIMessageChunk(content=content, response_metadata=dict(about), **more))


def whole(text: str, model: str | None) -> ChatResult:
    """An answer that came in one piece."""
    message = AIMessage(content=text, response_metadata=dict(_about(model)))
    return ChatResult(generations=[ChatGeneration(message=message)])


def _about(model: str | None) -> Mapping[str, Any]:
    """Without a model's name where MemOS chose it, since it doesn't tell."""
    return _PROVIDER if model is None else {**_PROVIDER, "model_name": model}
