"""The memory services of the compared agents, on the loopback in a process of its own: it waits as told, then answers,
and counts what it was asked.

Searches find 12 items: MemOS's in 5.8 KB of JSON, the others' as a block of text, as each service gives them.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, ClassVar

from _loopback import _BY_END, _TEXTS, ANSWER, _Connection, _reply

__all__ = ["READS", "WRITES", "Asked", "Service", "service"]

READS, WRITES = "reads", "writes"
Asked = tuple[str, float]
"""What a call was, and when it came, on the clock of all processes."""

_WHEN = "2026-01-02T03:04:05Z"
_BLOCK = "\n".join(f"- {text} ({_WHEN})" for text in _TEXTS)


def _zep_message(number: int, role: str) -> dict[str, Any]:
    return {"uuid": f"3f1e8a52-0c4d-4b7e-9a61-{number:012}", "role": role, "content": _TEXTS[0], "created_at": _WHEN}


_ADDED: dict[str, Any] = {"messages": [_zep_message(0, "user")], "task": {"task_id": "t", "status": "pending"}}
_PENDING = {"message": "Memory processing has been queued", "status": "PENDING", "event_id": "e"}
_KNOWN: dict[str, tuple[str, bytes]] = {  # a path's end: what it is, and what it is answered
    "/search/memory": (READS, ANSWER),
    "/add/message": (WRITES, b'{"code":0,"data":{"success":true,"task_id":"t","status":"running"},"message":"ok"}'),
    "/context": (READS, json.dumps({"context": _BLOCK}).encode()),  # Zep
    "/messages": (WRITES, json.dumps(_ADDED).encode()),
    "/v3/memories/search/": (READS, _BY_END["/v3/memories/search/"]),  # Mem0
    "/v3/memories/add/": (WRITES, json.dumps(_PENDING).encode()),
    "/v1/ping/": ("pings", _BY_END["/v1/ping/"]),
    "/v1/memory/prepare": (READS, json.dumps({"context": _BLOCK, "memories_found": 12}).encode()),  # MemoryRouter
    "/v1/memory/ingest": (WRITES, json.dumps({"status": "accepted", "ingested": 2}).encode()),
}


class _Counting(_Connection):
    seconds = 0.0
    asked: ClassVar[list[Asked]] = []

    def _answer(self, path: str) -> None:
        if path.startswith("/wait/"):
            type(self).seconds = int(path[6:]) / 1_000
            self._transport.write(_reply(b"{}"))
        elif path == "/asked":
            self._transport.write(_reply(json.dumps(self.asked).encode()))
            self.asked.clear()
        else:
            kind, body = next((known for end, known in _KNOWN.items() if path.endswith(end)), (path, b""))
            self.asked.append((kind, time.monotonic()))
            reply = _reply(body) if body else _reply(b"{}", "404 Not Found")
            asyncio.get_running_loop().call_later(self.seconds, self._transport.write, reply)


@dataclass(frozen=True)
class Service:
    """The running server."""

    url: str
    _control: HTTPConnection

    def wait(self, milliseconds: int) -> None:
        """How long each answer takes from here on."""
        self._get(f"/wait/{milliseconds}")

    def asked(self) -> Counter[str]:
        """How many reads, writes and other calls there were since this was asked last."""
        return Counter(kind for kind, _ in self.calls())

    def calls(self) -> list[Asked]:
        """The same, call by call."""
        return [(kind, at) for kind, at in self._get("/asked")]

    def _get(self, path: str) -> Any:
        self._control.request("GET", path)
        return json.loads(self._control.getresponse().read())


@contextlib.contextmanager
def service() -> Iterator[Service]:
    command = [sys.executable, str(Path(__file__).resolve())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        port = int(process.stdout.readline())
        with contextlib.closing(HTTPConnection("127.0.0.1", port)) as control:
            yield Service(f"http://127.0.0.1:{port}", control)
        process.stdin.close()


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Counting, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)  # until the benchmark closes it, or dies


if __name__ == "__main__":
    asyncio.run(_serve())
