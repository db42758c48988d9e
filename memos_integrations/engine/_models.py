"""A question to an OpenAI-compatible endpoint over HTTP: a connection of its own, bounded in time, cut at any time."""

import os
import socket
import ssl
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Literal, Self

import httpx

from memos_integrations.engine._completions import FAILED, Reader, events_of, refusal
from memos_integrations.engine._pieces import Waiting
from memos_integrations.errors import Refused, ServerFault
from memos_integrations.wire.events import ChatEvent

__all__ = ["Answer", "Question", "whole"]

_now = time.monotonic
_CONNECT_SECONDS: Final = 10.0
_CONNECTED: Final = ("connect_tcp.complete", "start_tls.complete")
_MOST_WORDS: Final = 64 << 10  # bytes of a refusal that are read
_LARGEST: Final = 32 << 20  # bytes of an answer that came whole
_FAILURES = (httpx.HTTPError, httpx.InvalidURL)


@dataclass(frozen=True, slots=True)
class Question:
    """What is sent where: all of it but the model's own words in `headers` and `body` stays out of sight."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Answer(Iterator[ChatEvent]):
    """The answer to a question, in events as they come (one that comes whole: all at once). Asked when first read.

    `seconds` bound each wait for an event. Raises `Refused`: 50002 where it can't be reached, or broke off.
    One that is dropped closes itself.
    """

    def __init__(self, question: Question, seconds: float) -> None:
        self._line = _Line(seconds, httpx.URL(question.url).netloc.decode())
        self._events = _read(question, self._line)  # which must not refer to this, or dropping this would not end it

    def __next__(self) -> ChatEvent:
        with self._line.timed():
            return next(self._events)

    def close(self) -> None:
        """Closes the connection; may be called twice, in the thread that reads."""
        self._line.cut("given up")
        self._events.close()

    def stop(self) -> None:
        """Closes the connection under a read in another thread, which ends at once.

        Only a name's look-up and the making of the connection are not cut short: they have 10 s at most.
        """
        self._line.cut("given up")


def _read(question: Question, line: "_Line") -> Generator[ChatEvent, None, None]:
    reader = Reader()
    line.check()
    with line:
        try:
            yield from _asked(question, line, reader)
        except (*_FAILURES, Refused) as error:
            if not reader.ended:
                raise line.failure(error) from None  # its own words may quote the endpoint's
    line.check()


def whole(question: Question, seconds: float, waiting: Waiting, *, most: int) -> bytes:
    """The body of the reply, of which `most` bytes are read, in `seconds`. Raises `Refused`, as `Answer` does."""
    line = _Line(seconds, httpx.URL(question.url).netloc.decode())
    waiting.on_give_up(lambda: line.cut("given up"))
    line.check()
    with line, line.timed():
        try:
            with _replied(question, line) as response:
                body = _most(response, most)
        except (*_FAILURES, Refused) as error:
            raise line.failure(error) from None  # its own words may quote the endpoint's
    line.check()
    return body


def _asked(question: Question, line: "_Line", reader: Reader) -> Iterator[ChatEvent]:
    with _replied(question, line) as response:
        yield from _events(response, reader)


@contextmanager
def _replied(question: Question, line: "_Line") -> Iterator[httpx.Response]:
    """The reply once its head is there. Raises `Refused` for a refusal."""
    bound = httpx.Timeout(line.seconds, connect=min(line.seconds, _CONNECT_SECONDS))
    trace = {"trace": line.seen}
    with (
        httpx.Client(verify=_trust(question.url), timeout=bound, follow_redirects=False) as client,
        client.stream(
            "POST", question.url, content=question.body, headers=question.headers, extensions=trace
        ) as response,
        line.answered(),
    ):
        if response.status_code != httpx.codes.OK:
            retry_after = response.headers.get("retry-after", "")
            raise refusal(response.status_code, _most(response, _MOST_WORDS), retry_after)
        yield response


def _events(response: httpx.Response, reader: Reader) -> Iterator[ChatEvent]:
    if "event-stream" not in response.headers.get("content-type", ""):
        yield from events_of(_most(response, _LARGEST))
        reader.ended = True
        return
    for piece in response.iter_bytes():
        yield from reader.feed(piece)
        if reader.done:
            return
    yield from reader.finish()


class _Line:
    """The connection under a question. Whatever ends it, `why` says so; a thread of its own keeps the time."""

    def __init__(self, seconds: float, host: str) -> None:
        self.seconds, self.begun, self._host = seconds, False, host
        self.why: Literal["", "late", "given up"] = ""
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._pid = os.getpid()
        self._until: float | None = None
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._keep_time, name="memos-model-time", daemon=True)

    def __enter__(self) -> Self:
        self._watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._watch.join()

    @contextmanager
    def timed(self) -> Iterator[None]:
        """The time that passes inside counts."""
        self._until = _now() + self.seconds
        try:
            yield
        finally:
            self._until = None

    def seen(self, event: str, info: Mapping[str, Any]) -> None:
        """What httpx tells it does; a new connection is the one to cut."""
        if event.endswith(_CONNECTED):
            made = info["return_value"].get_extra_info("socket")
            with self._lock:
                self._socket = made
                if self.why:
                    _shut(made)

    def cut(self, why: Literal["late", "given up"]) -> None:
        """Ends the connection, in whichever thread it is read: a read under way finds it at its end."""
        with self._lock:
            self.why = self.why or why
            if self._socket is not None and self._pid == os.getpid():
                _shut(self._socket)

    @contextmanager
    def answered(self) -> Iterator[None]:
        """The reply has begun. Its end is the connection's, also where a fork's child holds a copy of it."""
        self.begun = True
        try:
            yield
        finally:
            with self._lock:
                if self._socket is not None and self._pid == os.getpid():  # a fork's child ends no parent's
                    _shut(self._socket)
                self._socket = None

    def check(self) -> None:
        """Raises `ServerFault` for who gave it up and reads on."""
        if self.why == "given up":
            raise _given_up()

    def failure(self, error: Exception) -> Refused:
        """What `error` means, and whether asking again is safe to be tried."""
        if self.why == "given up":
            return _given_up()
        if self.why == "late" or isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout):
            return ServerFault(
                f"the model did not go on within {self.seconds:g} s: give its endpoint's timeout, "
                "or the client's deadline, more seconds",
                code=FAILED,
            )
        if isinstance(error, Refused):
            return error
        if self.begun:
            return ServerFault(f"the model's answer broke off ({type(error).__name__})", code=FAILED)
        told = f"the model endpoint at {self._host} can't be reached ({type(error).__name__}): is it running?"
        return ServerFault(told, code=FAILED)

    def _left(self) -> float:
        """Seconds to sleep: while nobody waits, no wait can end sooner than a whole one from now."""
        until = self._until
        return self.seconds if until is None else until - _now()

    def _keep_time(self) -> None:
        while not self._over.wait(max(0.0, self._left())):
            if self._left() <= 0:
                self.cut("late")
                return


def _shut(connection: socket.socket) -> None:
    """Not the connection's own `shutdown`: that of TLS would take apart what another thread is reading with."""
    with suppress(OSError):  # it is at its end already
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


def _trust(url: str) -> ssl.SSLContext:
    """Over http:// an empty one: loading the certificates takes 30 ms."""
    return httpx.create_ssl_context() if url.startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _most(response: httpx.Response, most: int) -> bytes:
    """The reply's body, as far as it is of a size that makes sense."""
    body = bytearray()
    for piece in response.iter_bytes():
        body += piece
        if len(body) > most:
            break
    return bytes(body[:most])


def _given_up() -> ServerFault:
    return ServerFault("the answer was given up", code=FAILED)
