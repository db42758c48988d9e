"""A MemOS on loopback that goes wrong on request and keeps an exact ledger of what it applied.

`with Faulty(Mixed(share=0.25, seed=7)) as server:` or, for tests that kill clients, in a process of its own:
`python -m tests.faulty --share 0.25 --seed 7 --ledger FILE`.
"""

import argparse
import json
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from tests.faults.kinds import ACCEPT, Fault, Faults, Mixed, Seen, before, chosen_by, status
from tests.faults.ledger import Applied, Ledger, Times, read_ledger

__all__ = ["Applied", "Fault", "Faulty", "Ledger", "Mixed", "read_ledger"]

_ADD, _READ, _SEARCH = "add/message", "get/message", "search/memory"
_LINGER = struct.pack("ii", 1, 0)  # closing is a reset
_DOWN = before(status(503))


class Faulty:
    """`ledger` has what was applied, `struck` the faults, each with its path and the number of the call among those.

    `faults`: see `Faults`. `times` and `clock` (epoch seconds, for the Date header too) make `create_time`. `file` gets
    each applied add as a line of JSON, appended.
    """

    def __init__(
        self,
        faults: Faults | None = None,
        *,
        times: Times = "text",
        clock: Callable[[], float] = time.time,
        port: int = 0,
        file: str | Path | None = None,
    ) -> None:
        self.struck: list[tuple[str, int, Fault]] = []
        self._choose, self._clock, self._is_down = chosen_by(faults), clock, False
        self._rest = ExitStack()
        written: TextIO | None = None
        if file is not None:
            written = Path(file).open("a", encoding="utf-8")  # noqa: SIM115 -- closed with the server
            self._rest.callback(written.close)
        self.ledger = Ledger(times=times, clock=clock, file=written)
        self._listener = _Listener(self, port)
        self._listener.server_activate()
        self.port = self._listener.server_port

    @property
    def base_url(self) -> str:
        """What a client is given."""
        return f"http://127.0.0.1:{self.port}/api/openmem/v1"

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Nobody listens: what was under way is cut off, and new connections are refused."""
        self._listener.stop()
        self._listener = _Listener(self, self.port)  # keeps the port, and does not listen yet
        try:
            yield
        finally:
            self._listener.server_activate()
            self._listener.begin()

    @contextmanager
    def down(self) -> Iterator[None]:
        """Every call gets 503; faults wait."""
        self._is_down = True
        try:
            yield
        finally:
            self._is_down = False

    def fault(self, path: str, number: int) -> Fault | None:
        """What strikes the `number`th call of `path`."""
        if self._is_down:
            return None if path == ACCEPT else _DOWN
        fault = self._choose(path, number)
        if fault is not None:
            self.struck.append((path, number, fault))
        return fault

    def date(self) -> str:
        """The Date header of a reply that is made now."""
        return formatdate(self._clock(), usegmt=True)

    def __enter__(self) -> Self:
        self._listener.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.stop()
        self._rest.close()


class _Listener(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for them
    request_queue_size = 128

    def __init__(self, at: Faulty, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler, bind_and_activate=False)
        self.at, self.over = at, threading.Event()
        self._lock, self._open = threading.Lock(), set[socket.socket]()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name="faulty")
        self.server_bind()

    def begin(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Cuts everything off."""
        self.over.set()
        if self._thread.is_alive():
            self.shutdown()
            self._thread.join()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):  # the client was quicker
                    connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        # in the listener's thread, so that once that has ended no connection is unknown to stop()
        fault = self.at.fault(ACCEPT, self.at.ledger.connected())
        if fault is not None:
            request.close()
            return
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
            if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(_LINGER)) == _LINGER:
                request.close()  # at once: an orderly end before it would be seen first
            else:
                super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are the point of many tests; anything else is a mistake of the tests."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def _listener(self) -> _Listener:
        assert isinstance(self.server, _Listener)
        return self.server

    def do_POST(self) -> None:
        at, body = self._listener.at, self.rfile.read(int(self.headers.get("content-length", 0)))
        path = "/".join(self.path.partition("?")[0].split("/")[-2:])
        fault = at.fault(path, at.ledger.called(path))
        if fault is None:
            self._end(Seen("fine"), self._answer(path, body))
        elif fault.applied or path != _ADD:
            self._end(fault.seen, self._answer(path, body))
        else:
            self._end(fault.seen, _enveloped({"success": True, "task_id": "none", "status": "running"}))

    def _answer(self, path: str, body: bytes) -> str:
        """The true reply's body; applies what is to be applied."""
        call, key, ledger = json.loads(body), self.headers.get("authorization", ""), self._listener.at.ledger
        if path == _ADD:
            return _enveloped(ledger.add(key, call)) if call.get("messages") else _refused(40003)
        if path == _READ:
            known = call.get("user_id") and call.get("conversation_id")
            return _enveloped(ledger.newest(key, call)) if known else _refused(40002)
        return _enveloped({"memory_detail_list": [], "preference_detail_list": []}) if path == _SEARCH else _refused()

    def _end(self, seen: Seen, answer: str) -> None:
        body = (answer if seen.body is None else seen.body).encode()
        head, half = self._head(seen, len(body)), body[: len(body) // 2]
        self.close_connection = seen.end != "whole" or self.close_connection
        if seen.end == "whole":
            self.wfile.write(head + body)
        elif seen.end == "truncated":
            self.wfile.write(head + half)
        elif seen.end == "hang":
            self.connection.recv(1)  # until the client hangs up, or we do
        elif seen.end == "drip":
            self._drip(head + body, seen.drip_seconds)
        else:
            self.wfile.write(head + half if seen.end == "reset inside" else b"")
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)

    def _head(self, seen: Seen, length: int) -> bytes:
        first = f"HTTP/1.1 {seen.status} {HTTPStatus(seen.status).phrase}"
        usual = (("date", self._listener.at.date()), ("content-type", seen.kind), ("content-length", str(length)))
        return "\r\n".join([first, *map(": ".join, (*usual, *seen.headers)), "", ""]).encode()

    def _drip(self, reply: bytes, seconds: float) -> None:
        for n in range(len(reply)):
            self.wfile.write(reply[n : n + 1])
            if self._listener.over.wait(seconds):
                return

    def log_message(self, format: str, *args: object) -> None:
        pass


def _enveloped(data: dict[str, Any]) -> str:
    return json.dumps({"code": 0, "data": data, "message": "ok"})


def _refused(code: int = 50000) -> str:
    return json.dumps({"code": code, "data": None, "message": "no"})


def main() -> None:
    """Serves until SIGTERM; prints the address first."""
    parser = argparse.ArgumentParser(prog="python -m tests.faulty")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--share", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--times", choices=("text", "milliseconds"), default="text")
    parser.add_argument("--ledger", type=Path)
    said, stop = parser.parse_args(), threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    with Faulty(Mixed(said.share, said.seed), times=said.times, port=said.port, file=said.ledger) as server:
        sys.stdout.write(server.base_url + "\n")
        sys.stdout.flush()
        stop.wait()


if __name__ == "__main__":
    main()
