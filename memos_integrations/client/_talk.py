"""What both colours of the HTTP transport say alike, over connections of our own and over a user's client."""

import ssl
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from functools import lru_cache

import httpcore
import httpx

from memos_integrations.client._settings import Settings, user_agent
from memos_integrations.errors import Invalid, Unreachable
from memos_integrations.wire.envelope import Progress, Reply, told

__all__ = ["FAILURES", "Body", "Masked", "Talk", "named", "parts"]

FAILURES = (
    httpx.HTTPError,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.TimeoutException,
    ssl.SSLError,  # as httpcore's first releases let it through
    TimeoutError,
    RuntimeError,
)
_QUOTING = (
    httpx.DecodingError,
    httpx.ProtocolError,
    httpx.ProxyError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
)  # their texts may hold what a server or a proxy sent
_REDACTED_FROM = 8  # characters; a shorter key is no secret, and would be "found" inside ordinary words
_PIECE = 262_144  # bytes sent between two tidings of progress
_PATHS = 64  # addresses kept ready


class Talk:
    """What both colours say alike: URL, headers, and how a reply and a failure are told."""

    def __init__(self, settings: Settings) -> None:
        key = settings.api_key.get_secret_value() if settings.api_key else ""
        self._host = settings.host
        self._secret = key.encode() if len(key) >= _REDACTED_FROM else b""
        authorization = {"authorization": f"Token {key}"} if key else {}
        self._own = {**authorization, "user-agent": user_agent()}  # read from disk: here, not on a loop
        self.url = url = lru_cache(_PATHS)(lambda path: httpx.URL(f"{settings.base_url}/{path}"))
        self._plain = lru_cache(_PATHS)(lambda path: parts(url(path)))
        try:
            self.url("")
        except httpx.InvalidURL:
            raise Invalid("base_url is no valid address", field="base_url", rule="url") from None

    @property
    def own(self) -> dict[str, str]:
        """The headers that say who asks."""
        return dict(self._own)

    def standing(self) -> dict[bytes, bytes]:
        """The headers of all requests over connections of our own."""
        accepted = {"accept": "*/*", "accept-encoding": "gzip, deflate", "connection": "keep-alive"}
        host = {b"host": self.url("").netloc}
        return host | {name.encode(): value.encode() for name, value in (accepted | self.own).items()}

    def target(self, path: str, query: Mapping[str, str]) -> httpcore.URL:
        """Where `path` is, in httpcore's terms."""
        return parts(httpx.URL(self.url(path), params=dict(query))) if query else self._plain(path)

    def reply(self, status: int, headers: Mapping[str, str], body: bytes) -> Reply:
        """The reply, without the key that a server's error message may repeat."""
        if self._secret and self._secret in body:
            body = body.replace(self._secret, b"***")
        return Reply(status, body, headers)

    def masked(self) -> "Masked":
        """What keeps the key out of a reply that comes in pieces."""
        return Masked(self._secret)

    def failed(self, error: Exception, body: "Body", *, ours: bool) -> Reply:
        """Raises what `error` means. A user's own client may have hooks that raise for a status: that is a reply.

        Their client may also be closed, or belong to another loop, which httpx and asyncio tell by RuntimeError.
        """
        if isinstance(error, httpx.HTTPStatusError):
            return Reply(error.response.status_code)
        if ours and isinstance(error, RuntimeError):
            raise error
        raise self.failure(error, body) from _harmless(error)

    def failure(self, error: Exception, body: "Body") -> Unreachable:
        """By class names only: the text of an error may quote what the server sent."""
        names = " from ".join(dict.fromkeys((type(error).__name__, type(_root(error)).__name__)))
        fate = "the request was under way, and may have been carried out" if body.begun else "nothing was sent"
        return Unreachable(f"no reply from {self._host} ({names}): {fate}", sent=body.begun)


class Masked:
    """Pieces of a reply without the key, wherever they were cut."""

    def __init__(self, secret: bytes) -> None:
        self._secret, self._held = secret, b""

    def next(self, piece: bytes) -> bytes:
        """`piece` after what was held back, without the key; an end that may begin the key is held back."""
        if not self._secret:
            return piece
        whole = (self._held + piece).replace(self._secret, b"***")
        begun = next((n for n in range(len(self._secret) - 1, 0, -1) if whole.endswith(self._secret[:n])), 0)
        self._held = whole[len(whole) - begun :]
        return whole[: len(whole) - begun]

    def rest(self) -> bytes:
        """What was held back last."""
        return self._held


class Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A request's body that knows whether it was asked for: before that, no server can carry the request out."""

    def __init__(self, content: bytes, progress: Progress | None = None) -> None:
        self.content, self.begun, self._progress = content, False, progress

    def __iter__(self) -> Iterator[bytes]:
        self.begun = True
        if self._progress is None:
            yield self.content
            return
        for start in range(0, len(self.content), _PIECE):
            yield self.content[start : start + _PIECE]
            self._tell(min(start + _PIECE, len(self.content)))  # asked for the next, it has sent the one before

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece

    def _tell(self, sent: int) -> None:
        if self._progress is not None:
            told(self._progress, sent, len(self.content))


def named(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """A reply's headers, their names in lower case."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}


def parts(url: httpx.URL) -> httpcore.URL:
    """`url` in httpcore's terms."""
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


def _root(error: BaseException) -> BaseException:
    """The system's own error behind `error`, where there is one: refused, no such name, a bad certificate."""
    root, cause = error, error.__cause__ or error.__context__
    while cause is not None:
        root = cause if isinstance(cause, OSError) else root
        cause = cause.__cause__ or cause.__context__
    return root


def _harmless(error: Exception) -> Exception | None:
    """`error` as a cause to show, unless it may quote what the server sent."""
    return None if isinstance(error, _QUOTING) else error
