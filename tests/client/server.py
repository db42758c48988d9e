"""A real HTTP server on loopback that answers by script. It is no MemOS: it says what it is told to say."""

import json
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import trustme

FOUND = {"memory_detail_list": [{"id": "1", "memory_value": "likes tea"}]}
Answer = Callable[["Handler"], None]


@cache
def authority() -> trustme.CA:
    """Vouches for this machine's loopback, in this run of the tests only."""
    return trustme.CA()


def ok(data: Any = FOUND, code: int = 0) -> Answer:
    return says(200, json.dumps({"code": code, "data": data, "message": "ok"}))


def refusal(code: int, message: str = "no", status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    return says(status, json.dumps({"code": code, "data": None, "message": message}), headers)


def says(status: int, body: str = "", headers: Mapping[str, str] | None = None) -> Answer:
    def answer(handler: "Handler") -> None:
        handler.say(status, body.encode(), headers or {})

    return answer


def stall(handler: "Handler") -> None:
    """Takes the request and never answers; notes when the client hangs up."""
    while not handler.at.over.is_set():
        if not handler.connection.recv(1):
            handler.at.hung_up.set()
            break
    handler.close_connection = True


def drip_head(handler: "Handler") -> None:
    _drip(handler, b"HTTP/1.1 200 OK\r\nx-drip: ")


def drip_body(handler: "Handler") -> None:
    _drip(handler, b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")


def stall_in_body(handler: "Handler") -> None:
    handler.wfile.write(b'HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n{"code"')
    stall(handler)


def _drip(handler: "Handler", start: bytes) -> None:
    handler.wfile.write(start)
    handler.close_connection = True
    while not handler.at.over.wait(0.02):
        handler.wfile.write(b"x")


def reset(handler: "Handler") -> None:
    """Takes the request and resets the connection."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True


def streams(*pieces: str | bytes, then: Answer | None = None, kind: str = "text/event-stream; charset=utf-8") -> Answer:
    """Answers in chunks, piece by piece; `then` instead of the last, empty chunk."""

    def answer(handler: "Handler") -> None:
        handler.wfile.write(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n".encode())
        for piece in pieces:
            body = piece.encode() if isinstance(piece, str) else piece
            handler.wfile.write(f"{len(body):x}\r\n".encode() + body + b"\r\n")
        if then is None:
            handler.wfile.write(b"0\r\n\r\n")
        else:
            then(handler)

    return answer


def cut(handler: "Handler") -> None:
    """Closes the connection in the middle of what was announced."""
    handler.close_connection = True


def then_close(handler: "Handler") -> None:
    """Answers, and closes the connection without having announced it."""
    ok()(handler)
    handler.close_connection = True


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    at: "Server"

    def setup(self) -> None:
        super().setup()
        self.at.connected(self.connection)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.at.asked(self.path, dict(self.headers.items()), body)(self)

    do_GET = do_POST

    def say(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Listener(ThreadingHTTPServer):
    at: "Server"
    daemon_threads = False  # so that closing waits for them
    request_queue_size = 128

    def shutdown_request(self, request: object) -> None:
        super().shutdown_request(request)  # type: ignore[arg-type]
        self.at.ended.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are the point of many tests."""


class Server:
    """`with Server() as server:`; the answers are those of `server.script`, then by path those of `server.answers`,
    else `server.usual`."""

    def __init__(self, *script: Answer, usual: Answer | None = None, tls: bool = False) -> None:
        self.script, self.usual = deque(script), usual or ok()
        self.answers: dict[str, Answer] = {}
        self.over, self.hung_up, self.arrived = threading.Event(), threading.Event(), threading.Semaphore(0)
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.ended = threading.Semaphore(0)  # one for each connection that came to its end
        self._sockets: list[socket.socket] = []
        self._listener = _Listener(("127.0.0.1", 0), type("Scripted", (Handler,), {"at": self}))
        self._listener.at = self
        self._tls = tls
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority().issue_cert("127.0.0.1", "localhost").configure_cert(context)
            self._listener.socket = context.wrap_socket(self._listener.socket, server_side=True)
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._listener.server_port}/api"

    @property
    def connections(self) -> int:
        return len(self._sockets)

    def connected(self, connection: socket.socket) -> None:
        self._sockets.append(connection)

    def asked(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        self.requests.append((path, headers, body))
        self.arrived.release()
        by_path = next((answer for end, answer in self.answers.items() if path.endswith(end)), self.usual)
        return self.script.popleft() if self.script else by_path

    def hang_up(self) -> None:
        """Closes all connections, whatever they are at."""
        for connection in self._sockets:
            with suppress(OSError):  # already gone
                connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        self._listener.shutdown()
        self.hang_up()
        self._thread.join()
        self._listener.server_close()
