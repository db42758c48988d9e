"""A memory service on the loopback for benchmarks, in a process of its own: quick answers, and two kinds of bad ones.

It answers MemOS's search with 6 facts and 6 preferences (5.8 KB) and the search of other services with as many items
in their own form. Below /dead it never answers; below /drip-head and /drip-body it sends one byte each half second from
the head's or the body's beginning, and hangs up after `HANGS_UP` seconds.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

__all__ = ["ANSWER", "HANGS_UP", "Loopback", "loopback"]

HANGS_UP = 8.0  # seconds after which a dripping server ends the connection
_STEP = 0.5
_WHEN = "2026-01-02T03:04:05Z"
_TEXTS = [f"Item {n}: likes the green tea from the small shop in Lyon, most of all in the morning." for n in range(12)]
_TAGS = ["tea", "breakfast", "Lyon"]


def _fact(number: int) -> dict[str, Any]:
    return {
        "id": f"3f1e8a52-0c4d-4b7e-9a61-{number:012}",
        "memory_key": f"Morning tea, item {number}",
        "memory_value": _TEXTS[number],
        "memory_type": "LongTermMemory",
        "create_time": 1767323045000,
        "update_time": 1767323045000,
        "conversation_id": "conversation-0001",
        "status": "activated",
        "confidence": 0.99,
        "tags": _TAGS,
        "relativity": 0.8 - number / 100,
    }


def _preference(number: int) -> dict[str, Any]:
    return {
        "id": f"7c2d9b63-1d5e-4c8f-8b72-{number:012}",
        "preference_type": "implicit_preference",
        "preference": _TEXTS[number],
        "reasoning": "Said so twice, of mornings at home and of mornings on a journey, and asked for the shop's hours.",
        "create_time": 1767323045000,
        "update_time": 1767323045000,
        "conversation_id": "conversation-0001",
        "status": "activated",
        "relativity": 0.8 - number / 100,
    }


def _answer() -> dict[str, Any]:
    found = {
        "memory_detail_list": [_fact(number) for number in range(6)],
        "preference_detail_list": [_preference(number) for number in range(6, 12)],
        "preference_note": "# Note\nWhat was asked counts more than these preferences. " * 10,
        "tool_memory_detail_list": [],
        "skill_detail_list": [],
    }
    return {"code": 0, "data": found, "message": "ok"}


def _mem0(number: int) -> dict[str, Any]:
    times = {"created_at": _WHEN, "updated_at": _WHEN}
    return {"id": str(number), "memory": _TEXTS[number], "user_id": "u", "score": 0.8, "categories": _TAGS, **times}


def _zep(number: int) -> dict[str, Any]:
    ends = {"source_node_uuid": str(number), "target_node_uuid": str(number), "episode_uuids": [str(number)]}
    return {"uuid": str(number), "fact": _TEXTS[number], "name": "LIKES", "created_at": _WHEN, "score": 0.8, **ends}


def _honcho(number: int) -> dict[str, Any]:
    place = {"peer_id": "u", "session_id": "s", "workspace_id": "w"}
    return {"id": str(number), "content": _TEXTS[number], "created_at": _WHEN, "token_count": 20, **place}


def _letta(number: int) -> dict[str, Any]:
    passage = {"id": str(number), "text": _TEXTS[number], "created_at": _WHEN, "tags": _TAGS, "metadata": {}}
    return {"passage": passage, "score": 0.8, "metadata": {"rank": number}}


def _supermemory(number: int) -> dict[str, Any]:
    what = {"memory": _TEXTS[number], "metadata": {"tags": _TAGS}, "system": {"updatedAt": _WHEN}}
    return {"id": str(number), "similarity": 0.8, "isLatest": True, "isInference": False, **what}


def _all(make: Any) -> list[dict[str, Any]]:
    return [make(number) for number in range(12)]


ANSWER = json.dumps(_answer(), separators=(",", ":")).encode()
_BY_END: dict[str, bytes] = {  # the end of a path, and what it answers
    "/search/memory": ANSWER,
    "/add/message": b'{"code":0,"data":{"success":true,"task_id":"t","status":"running"},"message":"ok"}',
    "/v1/ping/": b'{"org_id":"o","project_id":"p","user_email":"u@example.com"}',
    "/v3/memories/search/": json.dumps({"results": _all(_mem0)}).encode(),
    "/search/edges": json.dumps({"items": _all(_zep)}).encode(),
    "/v3/workspaces": json.dumps({"id": "w", "created_at": _WHEN}).encode(),
    "/w/search": json.dumps(_all(_honcho)).encode(),
    "/v1/passages/search": json.dumps(_all(_letta)).encode(),
    "/ns/u/search": json.dumps({"results": _all(_supermemory), "searchTime": 1.5}).encode(),
}


def _reply(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


class _Connection(asyncio.Protocol):
    opened = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        type(self).opened += 1
        self._transport, self._got = transport, b""

    def data_received(self, data: bytes) -> None:
        self._got += data
        while (end := self._got.find(b"\r\n\r\n")) >= 0:
            head = self._got[:end].decode("latin-1")
            lengths = [line[15:] for line in head.lower().split("\r\n") if line.startswith("content-length:")]
            whole = end + 4 + (int(lengths[0]) if lengths else 0)
            if len(self._got) < whole:
                return
            self._got = self._got[whole:]
            self._answer(head.split(" ", 2)[1].partition("?")[0])

    def _answer(self, path: str) -> None:
        if path == "/opened":
            self._transport.write(_reply(str(self.opened).encode()))
        elif path.startswith(("/drip-head", "/drip-body")):
            reply = _reply(ANSWER)
            sent = reply.find(b"\r\n\r\n") + 4 if path.startswith("/drip-body") else 1
            self._transport.write(reply[:sent])
            self._drip(reply[sent:], HANGS_UP)
        elif not path.startswith("/dead"):
            body = next((body for end, body in _BY_END.items() if path.endswith(end)), None)
            self._transport.write(_reply(b"{}", "404 Not Found") if body is None else _reply(body))

    def _drip(self, rest: bytes, seconds: float) -> None:
        if seconds <= 0 or self._transport.is_closing():
            self._transport.close()
            return
        self._transport.write(rest[:1])
        asyncio.get_running_loop().call_later(_STEP, self._drip, rest[1:], seconds - _STEP)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)  # until the benchmark closes it, or dies


@dataclass
class Loopback:
    """The running server: its address, and how many connections it has taken."""

    url: str
    _control: HTTPConnection

    def opened(self) -> int:
        self._control.request("GET", "/opened")
        return int(self._control.getresponse().read())


@contextlib.contextmanager
def loopback() -> Iterator[Loopback]:
    command = [sys.executable, str(Path(__file__).resolve())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        port = int(process.stdout.readline())
        with contextlib.closing(HTTPConnection("127.0.0.1", port)) as control:
            yield Loopback(f"http://127.0.0.1:{port}", control)
        process.stdin.close()


if __name__ == "__main__":
    asyncio.run(_serve())
