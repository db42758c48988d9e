"""A chat's answer as LangChain's messages, cut at stop words, which MemOS knows nothing of. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from memos_integrations.wire.events import ChatEvent

__all__ = ["Cut", "Saying", "whole"]

_PROVIDER: Final = {"model_provider": "memos"}


class Cut:
    """Text, as it comes, up to the first of `stops`; what may be the beginning of one is held back."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops, self._held = stops, ""
        self._reach = max((len(stop) for stop in stops), default=1) - 1
        self.over = False

    def feed(self, text: str) -> str:
        """What can be said of `text` now."""
        if self.over:
            return ""
        self._held += text
        found, open_ = self._found(), self._open()
        if found < len(self._held) and found <= open_:
            return self._end(found)
        said, self._held = self._held[:open_], self._held[open_:]
        return said

    def rest(self) -> str:
        """What was held back, when nothing more comes."""
        return self._end(self._found())

    def _end(self, at: int) -> str:
        said, self._held, self.over = self._held[:at], "", True
        return said

    def _found(self) -> int:
        """Where the first stop word begins, else the end."""
        places = (self._held.find(stop) for stop in self._stops)
        return min((place for place in places if place >= 0), default=len(self._held))

    def _open(self) -> int:
        """Where the first thing begins that may become a stop word, else the end."""
        size = len(self._held)
        starts = range(max(0, size - self._reach), size)
        return next((i for i in starts if any(_begins(stop, self._held[i:]) for stop in self._stops)), size)


def _begins(stop: str, text: str) -> bool:
    return len(text) < len(stop) and stop.startswith(text)


class Saying:
    """Events, as they come, to chunks of one message. Text is plain until a model's thoughts make blocks of both."""

    def __init__(self, model: str | None, stops: Sequence[str]) -> None:
        self._about, self._cut = _about(model), Cut(stops)
        self._kind, self._index, self._in_blocks = "", -1, False

    @property
    def over(self) -> bool:
        """Whether a stop word has come, so that nothing more is said."""
        return self._cut.over

    def chunk(self, event: ChatEvent) -> ChatGenerationChunk | None:
        """The event's chunk; None where it says nothing."""
        if event.type == "end" or self.over:
            return None
        words = self._cut.feed(event.data) if event.type == "text" else event.data
        return self._said(event.type, words, _PROVIDER) if words else None

    def last(self) -> ChatGenerationChunk:
        """The last chunk, with what was held back and whose answer it is."""
        return self._said("text", self._cut.rest(), self._about, chunk_position="last")

    def _said(self, kind: str, words: str, about: Mapping[str, Any], **more: Any) -> ChatGenerationChunk:
        content: str | list[str | dict[str, Any]] = words
        self._in_blocks = self._in_blocks or kind == "reasoning"
        if words and kind != self._kind:
            self._kind, self._index = kind, self._index + 1
        if self._in_blocks:
            content = [{"type": kind, kind: words, "index": self._index}] if words else []
        return ChatGenerationChunk(message=AIMessageChunk(content=content, response_metadata=dict(about), **more))


def whole(text: str, model: str | None, stops: Sequence[str]) -> ChatResult:
    """An answer that came in one piece."""
    cut = Cut(stops)
    message = AIMessage(content=cut.feed(text) + cut.rest(), response_metadata=dict(_about(model)))
    return ChatResult(generations=[ChatGeneration(message=message)])


def _about(model: str | None) -> Mapping[str, Any]:
    """Without a model's name where MemOS chose it, since it doesn't tell."""
    return _PROVIDER if model is None else {**_PROVIDER, "model_name": model}
