"""A stand-in for the open-source server, on loopback: what it says was recorded of the real one, and it keeps tasks.

Only what a write's fate hangs on is its own: an add that it applied makes its task known, as in the real server the
task is known once the memories are written (tests/self_hosted/test_server.py shows that it is).
"""

import json
from collections import deque
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from tests.client.server import Answer, Server, reset, says, stall
from tests.self_hosted.cassette import recorded

__all__ = ["Fault", "StandIn"]

Fault = Literal["before", "after", "500 before", "500 after", "503", "stalls after", "fine"]
_JSON = {"content-type": "application/json"}
_STATUS = "/product/scheduler/status"


def said(scope: str, path: str) -> str:
    """The server's last word there on that path."""
    *_, line = (line for line in recorded().of(scope) if line.target.startswith(path))
    return line.told


class StandIn(Server):
    """`faults` strike the adds in turn; `added` is what was applied, `tasks` what is known of it."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__()
        self.faults, self.tasks = deque(faults), dict[str, str]()
        self.added: list[dict[str, Any]] = []
        self.tasks_fail = False
        written = "test_server::test_a_turn_is_written_and_found_in_both_colours"
        failed = "test_server::test_what_the_server_fails_with_stays_with_it"
        self._added, self._known = said(written, "/product/add"), said(written, _STATUS)
        self._unknown = said(failed, _STATUS)

    @property
    def address(self) -> str:
        return "memos+" + self.url.removesuffix("/api")

    def asked(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        self.requests.append((path, headers, body))
        self.arrived.release()
        parts = urlsplit(path)
        if parts.path == _STATUS:
            return self._status(parse_qs(parts.query))
        assert parts.path == "/product/add", parts.path
        return self._add(json.loads(body), self.faults.popleft() if self.faults else "fine")

    def _add(self, call: dict[str, Any], fault: Fault) -> Answer:
        if fault not in ("before", "500 before", "503"):
            self.added.append(call)
            self.tasks[call["task_id"]] = call["user_id"]
        if fault == "stalls after":
            return stall
        if fault in ("before", "after"):
            return reset
        return says(200, self._added, _JSON) if fault == "fine" else says(int(fault[:3]), '{"code":500}', _JSON)

    def _status(self, query: dict[str, list[str]]) -> Answer:
        if self.tasks_fail:
            return says(502, "<h1>Bad gateway</h1>")
        (task,), (user,) = query["task_id"], query["user_id"]
        if self.tasks.get(task) != user:
            return says(404, self._unknown, _JSON)
        told = json.loads(self._known)
        told["data"][0]["task_id"] = task
        return says(200, json.dumps(told), _JSON)
