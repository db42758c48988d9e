"""The chat stream's events: read from bytes in every framing on record, and written as bytes (contract §2.8)."""

from collections.abc import Iterator
from typing import Any, Final, Literal

from pydantic_core import from_json, to_json

from memos_integrations.errors import Garbled, Interrupted, Refused
from memos_integrations.wire.checks import TOLERANT, Discreet
from memos_integrations.wire.codes import FINE, error_class

__all__ = ["ChatEvent", "EventReader", "Lines", "event_bytes", "failure_bytes"]

_DONE: Final = b"[DONE]"
_LONGEST_LINE: Final = 4 << 20  # bytes of a line without an end; what is longer is no event of a chat
_MOST_LINES: Final = 64  # of one event; each is read anew with every line that it goes on for
_MAX_WORDS: Final = 500
_FAILED: Final = 50002


class ChatEvent(Discreet):
    """A piece of an answer: `type` "reasoning" or "text" with the piece in `data`, or "end" when all is said."""

    model_config = TOLERANT
    type: Literal["reasoning", "text", "end"]
    data: str = ""


class Lines:
    """Bytes, as they come, to lines; each byte is looked at once, however small the pieces."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, piece: bytes) -> list[bytes]:
        """The lines that `piece` completes, without their ends."""
        self._rest += piece
        if b"\n" not in piece:
            return []
        *lines, rest = bytes(self._rest).split(b"\n")
        self._rest = bytearray(rest)
        return [line.removesuffix(b"\r") for line in lines]

    @property
    def overlong(self) -> bool:
        """Whether the last line goes on for longer than any event does."""
        return len(self._rest) > _LONGEST_LINE

    def rest(self) -> bytes:
        """The last line, which had no end."""
        rest, self._rest = bytes(self._rest), bytearray()
        return rest


class EventReader:
    """Bytes of a stream, as they come, to events. Reads no clock and waits for nothing."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lines = Lines()
        self._open: list[bytes] = []
        self._text: list[str] = []
        self.ended = False

    @property
    def arrived(self) -> str:
        """The answer's text so far."""
        return "".join(self._text)

    def feed(self, piece: bytes) -> Iterator[ChatEvent]:
        """The events that `piece` completes. Raises the `Refused` that the stream states, or `Garbled`."""
        for line in self._lines.feed(piece):
            yield from self._line(line)
            self._check(len(self._open) <= _MOST_LINES and sum(map(len, self._open)) <= _LONGEST_LINE)
        self._check(not self._lines.overlong)

    def _check(self, ends: bool) -> None:
        if not ends:
            raise Garbled("an event of the stream has no end", status=200, path=self._path)

    def finish(self) -> Iterator[ChatEvent]:
        """The events of a last line without a line end. Raises `Interrupted` when the stream came to no end."""
        yield from self._line(self._lines.rest())
        yield from self._line(b"")
        if not self.ended:
            raise self.interrupted("the stream stopped before its end")

    def interrupted(self, why: str) -> Interrupted:
        """The error for a stream that broke off, with what had arrived."""
        return Interrupted(f"{why}: the answer is not whole", arrived=self.arrived, path=self._path)

    def _line(self, line: bytes) -> Iterator[ChatEvent]:
        """A data line that is whole by itself is an event; one that is not goes on in the next (as the format allows).

        The official client reads line by line, and so may its servers write: blank lines are not counted on.
        """
        line = line.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r")
        if self.ended or (line and line != b"data" and not line.startswith(b"data:")):
            return  # a comment, a name, an id, a pause to keep
        if line:
            self._open.append(line.removeprefix(b"data").removeprefix(b":").removeprefix(b" "))
        payload = b"\n".join(self._open)
        event = self._payload(payload)
        if event is not None or not line:
            if event is None and payload.strip():
                raise Garbled("an event of the stream is no JSON", status=200, path=self._path)
            self._open.clear()
        yield from self._told(event) if event else ()

    def _payload(self, payload: bytes) -> dict[str, Any] | None:
        """What an event says; None while it is not whole."""
        if payload.strip() == _DONE:
            return {"type": "end"}
        try:
            said = from_json(payload)
        except ValueError:
            return None
        return said if isinstance(said, dict) else {"type": "none"}

    def _told(self, said: dict[str, Any]) -> Iterator[ChatEvent]:
        kind, words = said.get("type"), _words(said)
        code = said.get("code")
        failed = isinstance(code, int) and code not in FINE
        if kind == "error" or failed or (kind is None and said.get("status") in ("error", "failed", "fail")):
            raise self._refusal(code if isinstance(code, int) and failed else _FAILED, said)
        if kind == "end":
            self.ended = True
            yield ChatEvent(type="end", data=words)
        elif kind == "reasoning":
            yield ChatEvent(type="reasoning", data=words)
        elif kind == "text" or (kind is None and words):
            self._text.append(words)
            yield ChatEvent(type="text", data=words)

    def _refusal(self, code: int, said: dict[str, Any]) -> Refused:
        words = said.get("message") or said.get("content") or said.get("data")
        told = words[:_MAX_WORDS] if isinstance(words, str) else ""
        return error_class(code, 200)(told, code=code, status=200, path=self._path)


def _words(said: dict[str, Any]) -> str:
    """An event's text, by whichever name (contract §2.8: `data`, else `content`, else `response`)."""
    found = next((said[name] for name in ("data", "content", "response") if said.get(name) is not None), "")
    if isinstance(found, dict):  # an envelope around a whole answer
        return _words(found)
    return found if isinstance(found, str) else ""


def event_bytes(event: ChatEvent) -> bytes:
    """`event` as a server sends it."""
    return b"event: message\ndata: " + to_json({"type": event.type, "data": event.data}) + b"\n\n"


def failure_bytes(error: Refused) -> bytes:
    """`error` as a server tells it in the middle of a stream."""
    said = {"type": "error", "code": error.code or _FAILED, "content": error.message}
    return b"event: message\ndata: " + to_json(said) + b"\n\n"
