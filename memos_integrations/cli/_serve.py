"""The engine as a server: opened, announced, and ended with everything done that was accepted."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from ipaddress import ip_address
from pathlib import Path
from types import FrameType
from typing import Final

import typer
import uvicorn

from memos_integrations.engine import EmbeddingEndpoint, Engine, LLMExtractor, ModelEndpoint
from memos_integrations.engine._keys import Keys
from memos_integrations.engine._server import make_app
from memos_integrations.errors import Invalid, Unsupported

__all__ = ["KEYS", "listening", "serve"]

KEYS: Final = "MEMOS_SERVER_KEYS"
_REQUESTS_END: Final = 10  # seconds that requests under way have when the server is asked to end
_TASKS_END: Final = 10.0  # seconds for accepted tasks after that; what is left, the file's next engine does
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def serve(path: str, *, host: str, port: int, keys: Path | None, anyone: bool, max_body: int) -> None:
    """Answers MemOS's API from the file `path` until a signal ends it; then finishes what was accepted.

    Chats are answered, and memories extracted, by the models that the environment names. Raises `Invalid` for keys or a
    model that can't be and for a `host` beyond this machine without keys, `Unsupported` for a file or an address that
    can't be used.
    """
    known, model, extractor = _keys(keys), ModelEndpoint.from_environment(), LLMExtractor.from_environment()
    embedder = EmbeddingEndpoint.from_environment()
    if known is None and not anyone and not _is_loopback(host):
        raise Invalid(
            f"--host {host} lets others in: give keys with --keys FILE or {KEYS}, "
            "or let everyone read and delete memories with --anyone",
            field="host",
        )
    opened = Engine(path, model=model, extractor=extractor, embedder=embedder)
    with closing(opened) as engine, closing(listening(host, port)) as at:
        app = make_app(engine, keys=known, hosts=(host,), max_body=max_body)
        server = uvicorn.Server(_settings(app))
        with _ended_by_signals(server):
            typer.echo(_told(path, host, at.getsockname()[1], known, _models(model, extractor, embedder)))
            server.run(sockets=[at])
        left = engine.settle(_TASKS_END)
    if left:
        typer.echo(f"{left} tasks, files or vectors are left: whoever opens the file next finishes them", err=True)


def _settings(app: object) -> uvicorn.Config:
    """No access log, since paths hold memories' ids; nothing from proxies' headers, and no word of who we are."""
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="on",
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_REQUESTS_END,
    )


def _keys(file: Path | None) -> Keys | None:
    """The keys in `file`, else those of the environment; None where neither is given."""
    if file is not None:
        try:
            return Keys.read(file.read_text(encoding="utf-8-sig"), "--keys")
        except (OSError, UnicodeDecodeError) as error:
            raise Invalid(f"--keys: the file can't be read as UTF-8 text ({type(error).__name__})") from None
    given = os.environ.get(KEYS)
    return None if given is None else Keys.read("\n".join(given.split()), KEYS)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def listening(host: str, port: int) -> socket.socket:
    """A socket at `host` and `port` (0: a free one). Raises `Unsupported`."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        made = socket.create_server(address[:2], family=family)
        # Named as TCP, which create_server leaves out: asyncio sends at once, without Nagle's 40 ms, only where it is.
        return socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, fileno=made.detach())
    except (OSError, OverflowError, UnicodeError) as error:
        told = getattr(error, "strerror", None) or type(error).__name__
        raise Unsupported(f"can't listen at {host}, port {port}: {told}") from None


@contextmanager
def _ended_by_signals(server: uvicorn.Server) -> Iterator[None]:
    """A signal is a request to end, from here on, and no failure: uvicorn would raise it once more when it is done."""

    def end(_signal: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    before = {each: signal.signal(each, end) for each in _SIGNALS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _told(path: str, host: str, port: int, keys: Keys | None, models: str) -> str:
    """The line that says how to get in."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 -- named, not chosen
    address = f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
    way = f'connect("{address}")' if keys is None else f'connect("{address}", api_key="…")'
    asked = "no key needed" if keys is None else "key needed"
    return f"Serving {path}: {way}, {asked}; {models}. Ctrl-C ends it."


def _models(model: ModelEndpoint | None, extractor: LLMExtractor | None, embedder: EmbeddingEndpoint | None) -> str:
    chats = "no model, so chat is refused" if model is None else f"chat is answered by {model.model}"
    endpoint = None if extractor is None else extractor.endpoint
    told = f"{chats}, memories are extracted by {endpoint.model}" if isinstance(endpoint, ModelEndpoint) else chats
    return f"{told}, vectors are made by {embedder.model}" if embedder else told
