"""What crosses the wire, as values; who carries it, as protocols; and the way from bytes to answers and back."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Generic, Protocol, TypeVar, cast

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json

from memos_integrations.errors import Garbled, Invalid, Refused, ServerFault
from memos_integrations.wire.answers import Added, Answer
from memos_integrations.wire.call import Call
from memos_integrations.wire.codes import FINE, code_of, error_class

__all__ = [
    "AsyncTransport",
    "Progress",
    "Reply",
    "Request",
    "Streamed",
    "Transport",
    "read",
    "refuse",
    "request",
    "told",
    "write",
]

T = TypeVar("T")
Body_co = TypeVar("Body_co", covariant=True)
_logger = logging.getLogger(__name__)
Progress = Callable[[int, int], None]
_MAX_WORDS = 500  # characters of a server's message that an error carries


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: `path` is relative to the base URL ("search/memory"), `body` JSON, or a form of files.

    `progress` is told how many bytes of the body were sent, and how many there are.
    """

    method: str
    path: str
    body: bytes = field(default=b"", repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    progress: Progress | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. Header names are in lower case."""

    status: int
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Streamed(Generic[Body_co]):
    """A reply whose body comes in `pieces`, as they arrive. Header names are in lower case."""

    status: int
    pieces: Body_co = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class Transport(Protocol):
    """Carries a request and brings the reply. `seconds` is the most it may take, all in all."""

    def send(self, request: Request, seconds: float) -> Reply:
        """The reply, whatever its status. Raises `Unreachable` when none came."""
        ...

    def stream(self, request: Request, seconds: float) -> AbstractContextManager[Reply | Streamed[Iterator[bytes]]]:
        """The reply as soon as its head is there: in pieces where it is a stream of events, else whole.

        `seconds` bound the wait for the head, and again for each piece, which raises `Unreachable` when it doesn't
        come. Leaving the context gives the stream up and closes its connection.
        """
        ...

    def close(self) -> None:
        """Lets go of connections and threads; may be called twice."""


class AsyncTransport(Protocol):
    """The same for asyncio. Works from any running loop and never blocks it."""

    async def send(self, request: Request, seconds: float) -> Reply:
        """The reply, whatever its status. Raises `Unreachable` when none came."""
        ...

    def stream(
        self, request: Request, seconds: float
    ) -> AbstractAsyncContextManager[Reply | Streamed[AsyncIterator[bytes]]]:
        """The same as `Transport.stream`; a wait may be cancelled."""
        ...

    async def close(self) -> None:
        """Lets go of connections and threads; may be called twice."""


class _Envelope(BaseModel, Generic[T]):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)
    code: int | None = None
    message: str | None = None
    data: T | None = None


def request(call: Call[Any], progress: Progress | None = None) -> Request:
    """`call` as it crosses the wire, told of to `progress`.

    Raises `Invalid` for text that no JSON can carry, and for too much of it.
    """
    if error := call.overlong():
        raise error
    if call.method == "GET":
        return Request(call.method, call.target())
    headers = {"content-type": call.content_type}
    return Request(call.method, call.target(), call.body(), call.parameters(), headers, progress)


def told(progress: Progress | None, sent: int, whole: int) -> None:
    """Tells `progress`; what it raises must not end what it watches, and is logged by its kind."""
    if progress is None:
        return
    try:
        progress(sent, whole)
    except Exception as error:  # noqa: BLE001 - the caller's own
        _logger.warning("on_progress raised %s", type(error).__name__)


def read(call: Call[T], reply: Reply) -> T:
    """The answer to `call`; raises the `Refused` that `reply` states, or `Garbled`.

    The body's code speaks first, then the HTTP status (contract §1.3: MemOS refuses with HTTP 200 as well).
    """
    quick = _quick(call, reply) if reply.status < 300 else None
    return cast("T", quick if quick is not None else _careful(call, reply))


def _quick(call: Call[Any], reply: Reply) -> Answer | None:
    """The usual case, parsed straight from bytes; None where a second look is needed."""
    try:
        envelope = _envelope_of(call.answer).model_validate_json(reply.body)
    except ValidationError:
        return None
    data = envelope.data
    plain = type(call).fitted is Call.fitted and data is not None and not _failed(data)
    return data if plain and envelope.code in FINE else None


_envelopes: dict[type[Answer], type[_Envelope[Answer]]] = {}


def _envelope_of(answer: type[Answer]) -> type[_Envelope[Answer]]:
    if answer not in _envelopes:
        _envelopes[answer] = _Envelope[answer]  # type: ignore[valid-type]
    return _envelopes[answer]


def _careful(call: Call[Any], reply: Reply) -> Answer:
    if not reply.body.strip() and 200 <= reply.status < 300:
        return _answer(call, call.empty(), reply)
    try:
        envelope = _Envelope[Any].model_validate_json(reply.body)
    except ValidationError:
        _raise_by_status(call, reply, "")
        raise Garbled("the reply is not MemOS's JSON envelope", status=reply.status, path=call.path) from None
    if envelope.code is not None and envelope.code not in FINE:
        raise _refusal(call, reply, envelope.code, envelope.message or "")
    _raise_by_status(call, reply, envelope.message or "")
    data = envelope.data
    if data is None and not call.enveloped and envelope.code is None:
        data = from_json(reply.body)
    return _answer(call, call.fitted(data), reply)


def _raise_by_status(call: Call[Any], reply: Reply, words: str) -> None:
    if reply.status >= 400:
        raise _refusal(call, reply, 0, words)
    if not 200 <= reply.status < 300:
        raise Garbled("a redirection: is base_url the API's own address?", status=reply.status, path=call.path)


def _refusal(call: Call[Any], reply: Reply, code: int, words: str) -> Refused:
    kind = error_class(code, reply.status)
    wait = _seconds(reply.headers.get("retry-after", ""), reply.headers.get("date", ""))
    return kind(words[:_MAX_WORDS], code=code, status=reply.status, path=call.path, retry_after=wait)


def _seconds(text: str, date: str) -> float | None:
    """Retry-After: seconds, or an HTTP date, which is told apart by the reply's own; None for neither."""
    with suppress(ValueError, TypeError):
        return max(0.0, float(text))
    with suppress(ValueError, TypeError):
        return max(0.0, (parsedate_to_datetime(text) - parsedate_to_datetime(date)).total_seconds())
    return None


def _answer(call: Call[Any], data: Any, reply: Reply) -> Answer:
    try:
        answer = call.answer.model_validate(data)
    except ValidationError as error:
        places = sorted({".".join(map(str, e["loc"])) or "data" for e in error.errors(include_input=False)})
        what = f"the reply's data does not have the documented form at: {', '.join(places[:5])}"
        raise Garbled(what, status=reply.status, path=call.path) from None
    if _failed(answer):
        raise ServerFault("the server reports no success", status=reply.status, path=call.path)
    return answer


def _failed(answer: Answer) -> bool:
    """A refusal inside an answer (contract §1.2). A task that failed is none: its status is what was asked for."""
    lost = isinstance(answer, Added) and answer.status in {"error", "fail", "failed"}
    return lost or getattr(answer, "success", True) is False


def write(answer: Answer, *, enveloped: bool = True) -> Reply:
    """`answer` as a server sends it."""
    body = answer.model_dump_json(exclude_none=True).encode()
    if enveloped:
        body = b'{"code":0,"data":' + body + b',"message":"ok"}'
    return Reply(200, body, {"content-type": "application/json"})


def refuse(error: Invalid | Refused) -> Reply:
    """`error` as a server sends it: the envelope with its code, HTTP 200 for business errors (contract §1.3)."""
    if isinstance(error, Invalid):
        code, status, words = code_of(error.field, error.rule), 200, str(error)
    else:
        code, status, words = error.code or 50000, error.status, error.message
    envelope = _Envelope[None](code=code, message=words)
    headers = {"content-type": "application/json"}
    if isinstance(error, Refused) and error.retry_after is not None:
        headers["retry-after"] = f"{error.retry_after:g}"
    return Reply(status, envelope.model_dump_json().encode(), headers)
