"""What a real server was asked and what it answered: recorded by a proxy, and said again wherever the tests run.

It stands on loopback between a client and the server, so that a test is the same with either. A scope (a test's name)
has its own exchanges, each answered once and in order; the last that was read of a task is said again, for those who
poll it.
"""

import http.client
import json
import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from tests.client.server import Answer, Handler, Server, says, streams

__all__ = ["RECORDED", "Cassette", "Exchange", "Tape", "playing", "recorded"]

RECORDED = Path(__file__).with_name("recorded.jsonl")
_KEPT = ("content-type", "retry-after")
_PLACE = re.compile(r'(File \\*")[^"\\]*/site-packages/')
_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.(?=[A-Za-z0-9_-]+$)")
_LONG = frozenset({"background", "working_binding"})
_SECONDS = 120  # for one reply of a real server


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request, and its reply."""

    scope: str
    method: str
    target: str
    asked: Any
    status: int
    headers: dict[str, str]
    told: str

    @property
    def key(self) -> str:
        """What two requests have in common that say the same: task ids are new each time, and so is what time it is."""
        path, _, query = self.target.partition("?")
        said = _timeless(dict(parse_qsl(query)))
        return json.dumps([self.method, path, said, _timeless(self.asked)], sort_keys=True, ensure_ascii=False)

    def line(self) -> str:
        """As it stands in the file: without the folders of a machine, which tracebacks tell."""
        told: Any = _PLACE.sub(r"\1", self.told)
        if self.headers.get("content-type") == "application/json":
            told = _trimmed(json.loads(told))
        reply = {"status": self.status, "headers": self.headers, "told": told}
        return json.dumps(
            {"scope": self.scope, "method": self.method, "target": self.target, "asked": self.asked, **reply},
            ensure_ascii=False,
        )


def _trimmed(told: Any) -> Any:
    """Without what an item tells at length and we don't read."""
    if isinstance(told, list):
        return [_trimmed(each) for each in told]
    if not isinstance(told, dict):
        return told
    return {name: _trimmed(value) for name, value in told.items() if name not in _LONG}


def _timeless(asked: Any) -> Any:
    if isinstance(asked, list):
        return [_timeless(each) for each in asked]
    if not isinstance(asked, dict):
        return asked
    return {name: _plain(name, value) for name, value in asked.items()}


def _plain(name: str, value: Any) -> Any:
    if name == "task_id":
        return _TOKEN.sub("", value)
    if name == "chat_time" and _is_now(value):
        return "now"
    return _timeless(value)


def _is_now(told: str) -> bool:
    """Adapters say what time it is: no test gives one of the days around any recording, or any run."""
    try:
        when = datetime.strptime(told, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return False
    return min(abs(when - day) for day in (datetime.now(UTC), recorded().when)) < timedelta(days=3)


@dataclass(slots=True)
class Tape:
    """All that was recorded, of which server and when."""

    server: str
    when: datetime
    lines: list[Exchange] = field(default_factory=list)

    def of(self, scope: str) -> list[Exchange]:
        return [line for line in self.lines if line.scope == scope]

    def write(self) -> None:
        """Replaces what was recorded before."""
        head = json.dumps({"server": self.server, "graph": "postgres", "recorded": f"{self.when:%Y-%m-%d}"})
        RECORDED.write_text("\n".join([head, *(line.line() for line in self.lines), ""]), encoding="utf-8")


@cache
def recorded() -> Tape:
    """The file, read once."""
    head, *lines = (json.loads(line) for line in RECORDED.read_text(encoding="utf-8").splitlines())
    when = datetime.fromisoformat(head["recorded"]).replace(tzinfo=UTC)
    return Tape(head["server"], when, [_exchange(line) for line in lines])


def _exchange(line: dict[str, Any]) -> Exchange:
    told = line.pop("told")
    return Exchange(told=told if isinstance(told, str) else json.dumps(told, ensure_ascii=False), **line)


class Cassette(Server):
    """Answers for `scope`: what `real` (host:port) says, noted on `tape`, or without it what the tape says."""

    def __init__(self, scope: str, tape: Tape, real: str | None = None) -> None:
        super().__init__()
        self._scope, self._tape, self._real, self._lock = scope, tape, real, threading.Lock()
        self._left: defaultdict[str, list[Exchange]] = defaultdict(list)
        self.strange: list[str] = []
        for line in tape.of(scope) if real is None else ():
            self._left[line.key].append(line)

    @property
    def unasked(self) -> list[str]:
        """What was recorded, and not asked so far."""
        return [line.key for left in self._left.values() for line in left if line.method != "GET"]

    @property
    def address(self) -> str:
        return "memos+" + self.url.removesuffix("/api")

    def asked(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        def answer(handler: Handler) -> None:
            kind = {name.lower(): value for name, value in headers.items()}.get("content-type", "")
            said = json.loads(body) if body and kind.startswith("application/json") else body.decode() or None
            asked = Exchange(self._scope, handler.command, path, said, 0, {}, "")
            (self._again if self._real is None else self._asked_of_it)(asked, handler, body, kind)

        return answer

    def _asked_of_it(self, asked: Exchange, handler: Handler, body: bytes, kind: str) -> None:
        assert self._real
        line = http.client.HTTPConnection(self._real, timeout=_SECONDS)
        try:
            line.request(asked.method, asked.target, body, {"content-type": kind} if kind else {})
            reply = line.getresponse()
            told = reply.read().decode()
        finally:
            line.close()
        kept = {name: value for name in _KEPT if (value := reply.getheader(name)) is not None}
        noted = Exchange(asked.scope, asked.method, asked.target, asked.asked, reply.status, kept, told)
        with self._lock:
            self._tape.lines.append(noted)
        _say(noted, handler)

    def _again(self, asked: Exchange, handler: Handler, _body: bytes, _kind: str) -> None:
        with self._lock:
            left = self._left[asked.key]
            line = next(iter(left), None)
            if asked.method != "GET" or len(left) > 1:
                del left[:1]
            if line is None:
                self.strange.append(asked.key)
        if line is None:
            handler.say(418, b"this was not recorded", {})
        else:
            _say(line, handler)


def _say(line: Exchange, handler: Handler) -> None:
    if line.headers.get("content-type", "").startswith("text/event-stream"):
        streams(line.told, kind=line.headers["content-type"])(handler)
        return
    says(line.status, line.told, line.headers)(handler)


@contextmanager
def playing(scope: str, tape: Tape | None = None, real: str | None = None) -> Iterator[Cassette]:
    """The cassette in; in the end nothing was asked that was not recorded, and all of that was asked."""
    with Cassette(scope, tape or recorded(), real) as cassette:
        yield cassette
    assert cassette.strange == [], "asked, but not recorded: make test-self-hosted RECORD=1 records anew"
    assert cassette.unasked == [], "recorded, but not asked"
