"""OpenAI's chat completions, as many servers speak them: a question to bytes, bytes to events. Computes only."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pydantic_core import from_json, to_json

from memos_integrations.errors import BadRequest, RateLimited, Refused, ServerFault
from memos_integrations.wire.events import ChatEvent, Lines

__all__ = ["Asked", "Reader", "asked_bytes", "events_of", "refusal"]

FAILED: Final = 50002
UNAVAILABLE: Final = 50004
_INVALID, _TOO_LONG, _TOO_OFTEN = 40000, 40303, 40309
_DONE: Final = b"[DONE]"
_NAME: Final = re.compile(r"(?=.{1,60}$)[a-z]+(?:_[a-z]+)+")  # an error's code or type; other text may quote somebody
_REASONS: Final = ("reasoning_content", "reasoning")  # vLLM and DeepSeek; Ollama and OpenRouter
_OPEN, _CLOSE = "<think>", "</think>"
# By OpenAI, by llama.cpp, and in vLLM's words.
_OVERLONG: Final = ("context_length_exceeded", "exceed_context_size_error", "maximum context length")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to a model: `messages` with role and content, oldest first; `model` None for the configured one."""

    messages: tuple[Mapping[str, str], ...] = field(repr=False)
    model: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    response_format: Mapping[str, Any] | None = field(default=None, repr=False)


def asked_bytes(asked: Asked, model: str, *, stream: bool) -> bytes:
    """`asked` as the body of `POST chat/completions`; `model` where it names none.

    What was left out is left to the endpoint: not every model takes each of these, nor MemOS Cloud's defaults.
    """
    names = ("temperature", "top_p", "max_tokens", "response_format")
    chosen = {name: getattr(asked, name) for name in names}
    given = {name: value for name, value in chosen.items() if value is not None}
    return to_json({"model": asked.model or model, "messages": asked.messages, **given, "stream": stream})


def events_of(body: bytes) -> Iterator[ChatEvent]:
    """The events of an answer that came whole."""
    said = _object(body)
    _check(said)
    message = _choice(said).get("message")
    thinking = _Thinking()
    yield from _events(message if isinstance(message, dict) else {}, thinking)
    yield from thinking.rest()


class Reader:
    """A streamed answer's bytes, as they come, to events.

    `ended` once the model has said all of it, `done` once nothing more will come.
    """

    def __init__(self) -> None:
        self._lines, self._thinking = Lines(), _Thinking()
        self.ended = self.done = False

    def feed(self, piece: bytes) -> Iterator[ChatEvent]:
        """The events that `piece` completes. Raises the `Refused` that the stream states, or that it is garbled."""
        for line in self._lines.feed(piece):
            yield from self._line(line)
        if self._lines.overlong:
            raise _garbled()

    def finish(self) -> Iterator[ChatEvent]:
        """What a last line without a line end completes. Raises `ServerFault` for an answer that is not whole."""
        yield from self._line(self._lines.rest())
        yield from self._thinking.rest()
        if not self.ended:
            raise ServerFault("the model's answer broke off", code=FAILED)

    def _line(self, line: bytes) -> Iterator[ChatEvent]:
        if not line.startswith(b"data:"):
            return  # a comment that keeps the connection open, a name, a blank
        payload = line.removeprefix(b"data:").strip()
        if payload == _DONE:
            self.ended = self.done = True
        if self.done:
            return
        said = _object(payload)
        _check(said)
        choice = _choice(said)
        delta = choice.get("delta")
        yield from _events(delta if isinstance(delta, dict) else {}, self._thinking)
        self.ended = self.ended or bool(choice.get("finish_reason"))


class _Thinking:
    """Tells a model's thoughts from its answer where it writes both as text, thoughts first, between <think> tags."""

    def __init__(self) -> None:
        self._held = ""
        self._at: Literal["start", "thinking", "after", "saying"] = "start"

    def feed(self, text: str) -> Iterator[ChatEvent]:
        """The events in `text`; what may be the beginning of a tag is held back."""
        self._held += text
        if self._at == "start":
            self._begin()
        if self._at == "thinking":
            yield from self._thoughts()
        if self._at == "after":
            self._held = self._held.lstrip()
            self._at = "saying" if self._held else "after"
        if self._at == "saying":
            yield from self.rest()

    def rest(self) -> Iterator[ChatEvent]:
        """What was held back, when nothing more comes."""
        held, self._held = self._held, ""
        if held:
            yield ChatEvent(type="reasoning" if self._at == "thinking" else "text", data=held)

    def _begin(self) -> None:
        begun = self._held.lstrip()
        if begun.startswith(_OPEN):
            self._at, self._held = "thinking", begun.removeprefix(_OPEN)
        elif not _OPEN.startswith(begun):
            self._at = "saying"

    def _thoughts(self) -> Iterator[ChatEvent]:
        thought, closed, after = self._held.partition(_CLOSE)
        if closed:
            self._at, self._held = "after", after
        else:
            kept = next((n for n in range(len(_CLOSE) - 1, 0, -1) if thought.endswith(_CLOSE[:n])), 0)
            thought, self._held = thought[: len(thought) - kept], thought[len(thought) - kept :]
        if thought:
            yield ChatEvent(type="reasoning", data=thought)


def _events(message: Mapping[str, Any], thinking: _Thinking) -> Iterator[ChatEvent]:
    """A whole message, or a piece of one."""
    thought = next((message[name] for name in _REASONS if isinstance(message.get(name), str)), "")
    if thought:
        yield ChatEvent(type="reasoning", data=thought)
    if isinstance(content := message.get("content"), str) and content:
        yield from thinking.feed(content)


def _object(payload: bytes) -> dict[str, Any]:
    try:
        said = from_json(payload)
    except ValueError:
        raise _garbled() from None
    if not isinstance(said, dict):
        raise _garbled()
    return said


def _choice(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first choice; an empty one where there is none, as in a piece that only counts tokens."""
    choices = said.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _check(said: Mapping[str, Any]) -> None:
    """Raises the error that stands where an answer should."""
    if said.get("error"):
        raise _too_long() if _is_overlong(said) else ServerFault(_named("the model failed", said), code=FAILED)


def refusal(status: int, body: bytes, retry_after: str) -> Refused:
    """What an endpoint's refusal means for the caller; of its words only a short name, since they may quote others."""
    said: dict[str, Any] = {}
    with suppress(ValueError):
        read = from_json(body)
        said = read if isinstance(read, dict) else said
    if status in (401, 403):
        return ServerFault("the model endpoint refuses its key: see ModelEndpoint's api_key", code=FAILED)
    if status == 429:
        return RateLimited("the model endpoint is asked too often", code=_TOO_OFTEN, retry_after=_seconds(retry_after))
    if status == 404:
        return BadRequest("the model endpoint knows no such model, or its base_url is wrong", code=_INVALID)
    if 400 <= status < 500:
        refused = _named(f"the model endpoint refuses the question (HTTP {status})", said)
        return _too_long() if _is_overlong(said) else BadRequest(refused, code=_INVALID)
    if 300 <= status < 400:
        return BadRequest("the model endpoint has moved: its base_url is wrong", code=_INVALID)
    code = UNAVAILABLE if status == 503 else FAILED
    return ServerFault(_named(f"the model endpoint failed (HTTP {status})", said), code=code)


def _named(words: str, said: Mapping[str, Any]) -> str:
    error = _error(said)
    names = (error.get("code"), error.get("type"))
    name = next((name for name in names if isinstance(name, str) and _NAME.fullmatch(name)), "")
    return f"{words}: {name}" if name else words


def _error(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """The error's members: OpenAI nests them, vLLM did not always."""
    error = said.get("error")
    return error if isinstance(error, dict) else said


def _is_overlong(said: Mapping[str, Any]) -> bool:
    error = _error(said)
    told = " ".join(str(error.get(name) or "") for name in ("code", "type", "message")).lower()
    return any(sign in told for sign in _OVERLONG)


def _too_long() -> BadRequest:
    return BadRequest("the question, with history and memories, is longer than the model allows", code=_TOO_LONG)


def _garbled() -> ServerFault:
    return ServerFault("the model endpoint's reply is no chat completion: is base_url right?", code=FAILED)


def _seconds(text: str) -> float | None:
    with suppress(ValueError):
        return min(max(0.0, float(text)), 86_400.0)
    return None
