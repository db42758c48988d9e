"""The open-source server's replies in the words that every client of MemOS reads. Pure.

Its own words are never told on: its errors show tracebacks, ids, and what was sent.
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import from_json, to_json

from memos_integrations.errors import ServerFault
from memos_integrations.wire.envelope import Reply
from memos_integrations.wire.events import ChatEvent, Lines, event_bytes, failure_bytes

__all__ = ["Rewriting", "data_of", "garbled", "refused"]

_JSON: Final = {"content-type": "application/json"}
_KEPT: Final = ("date", "retry-after")
_FINE: Final = frozenset({0, 200})
_PLACES: Final = 5
_WORDS: Final[Mapping[int, str]] = {
    400: "the server says that the request is wrong: its log says why",
    401: "the server, or what stands before it, wants a key: give api_key",
    403: "the server, or what stands before it, refuses this key",
    405: "the server knows no such call: is the address its root, as in memos+http://host:8000?",
    429: "the server is asked too often",
    503: "the server can't do this now; chat needs ENABLE_CHAT_API=true and CHAT_MODEL_LIST there",
}
_NO_PATH: Final = "the server has no such path: is the address its root, as in memos+http://host:8000?"
_NOTHING: Final = "there is nothing of that name"
_FAILED: Final = "the server failed: its log says why; of a chat, is model_name one of its CHAT_MODEL_LIST?"


def data_of(reply: Reply) -> Any:
    """The `data` of a reply that is fine; None for any other."""
    told = _object(reply)
    fine = 200 <= reply.status < 300 and told is not None and told.get("code", 200) in _FINE
    return told.get("data") if fine and told is not None else None


def refused(reply: Reply) -> Reply:
    """A reply that is not fine, with its status, what it says of waiting, and words of ours."""
    told = _object(reply)
    status = reply.status
    code = (told or {}).get("code")
    if status < 400 and (told is None or code in {*_FINE, None}):
        return garbled(reply)
    if status < 300 and isinstance(code, int):
        status = code if 400 <= code < 600 else 500
    headers = _headers(reply)
    if status == 429 and isinstance(wait := (told or {}).get("retry_after"), int | float):
        headers = {"retry-after": f"{wait:g}", **headers}
    return Reply(status, to_json({"message": _words(status, told), "data": None}), headers)


def garbled(reply: Reply) -> Reply:
    """What every client reads as no reply of MemOS's."""
    return Reply(reply.status, b"unreadable", _headers(reply))


def _words(status: int, told: Mapping[str, Any] | None) -> str:
    if status == 404:
        return _NO_PATH if told is None or "code" not in told else _NOTHING
    if status == 422:
        return f"the server does not take this request: {_places(told or {}) or 'its log says why'}"
    return _WORDS.get(status) or (_FAILED if status >= 500 else _WORDS[400])


def _places(told: Mapping[str, Any]) -> str:
    """Where a request is wrong, and which rule it breaks; never what stood there."""
    detail = told.get("detail")
    if not isinstance(detail, list):
        return ""
    found = [(each.get("loc"), each.get("type")) for each in detail if isinstance(each, dict)]
    places = [
        f"{'.'.join(str(step) for step in place[1:])} ({rule})" for place, rule in found if isinstance(place, list)
    ]
    return ", ".join(dict.fromkeys(places[:_PLACES]))


def _object(reply: Reply) -> dict[str, Any] | None:
    try:
        told = from_json(reply.body)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _headers(reply: Reply) -> dict[str, str]:
    return {**_JSON, **{name: reply.headers[name] for name in _KEPT if name in reply.headers}}


class Rewriting:
    """A stream of events, as it comes, with an end, and with errors in words of ours.

    The server's stream has no end event: its body just ends. What ends so is taken for whole.
    """

    def __init__(self) -> None:
        self._lines, self._over = Lines(), False

    def next(self, piece: bytes) -> bytes:
        """What the client reads for `piece`."""
        told = b"".join(self._line(line) for line in self._lines.feed(piece))
        return told + self._lines.rest() if self._lines.overlong else told

    def rest(self) -> bytes:
        """What it reads when the body has ended."""
        told = self._line(self._lines.rest())
        return told if self._over else told + event_bytes(ChatEvent(type="end"))

    def _line(self, line: bytes) -> bytes:
        if self._over or not line.startswith(b"data:"):
            return b""
        said = _said(line.removeprefix(b"data:"))
        kind = said.get("type") if said else None
        self._over = kind in ("error", "end")
        return failure_bytes(ServerFault(_FAILED)) if kind == "error" else line + b"\n\n"


def _said(payload: bytes) -> dict[str, Any] | None:
    try:
        said = from_json(payload)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None
