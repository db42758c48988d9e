"""What was said to a real server and what it answered: recorded once, replayed wherever the tests run."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from memos_integrations.wire.envelope import Reply, Request
from memos_integrations.wire.product import Conversation, Product, Rewriting

__all__ = ["RECORDED", "Tape", "Taped", "recorded", "reply_of", "request_of"]

RECORDED = Path(__file__).with_name("recorded.jsonl")
_KEPT = ("content-type", "retry-after")
_PLACE = re.compile(r'(File \\+")[^"\\]*/site-packages/')


@dataclass
class Tape:
    """The conversations that were held under a name, one line each."""

    server: str
    lines: list[dict[str, Any]] = field(default_factory=list)
    _name: str = ""

    @contextmanager
    def recording(self, name: str) -> Iterator[None]:
        """What is said meanwhile is recorded; the rest is not."""
        self._name = name
        try:
            yield
        finally:
            self._name = ""

    def note(self, request: Request, token: str, asked: list[tuple[Request, Reply]], told: Reply) -> None:
        if self._name:
            said = [{"asked": _written(each), "got": _replied(reply)} for each, reply in asked]
            self._add(request, token, said, _replied(told))

    def stream(self, request: Request, asked: Request, reply: Reply) -> None:
        """A streamed reply, whole, and how it reads."""
        got, rewriting = _replied(reply), Rewriting()
        told = rewriting.next(got["body"].encode()) + rewriting.rest()
        self._add(request, "", [{"asked": _written(asked), "got": got}], {**got, "body": told.decode()})

    def _add(self, request: Request, token: str, said: list[dict[str, Any]], told: dict[str, Any]) -> None:
        line = {"name": self._name, "request": _written(request), "token": token, "said": said, "told": told}
        self.lines.append(line)

    def write(self) -> None:
        """Replaces what was recorded before."""
        head = {"server": self.server, "graph": "postgres", "recorded": f"{datetime.now(UTC):%Y-%m-%d}"}
        lines = (json.dumps(line, ensure_ascii=False, sort_keys=True) for line in (head, *self.lines))
        RECORDED.write_text("\n".join([*lines, ""]), encoding="utf-8")


class Taped(Product):
    """The dialect itself, with a tape running."""

    tape: Tape

    def conversation(self, request: Request) -> Conversation:
        token = uuid4().hex
        steps = Product(self.cubes, self.zone, lambda: token).conversation(request)
        return self._held(request, token, steps)

    def _held(self, request: Request, token: str, steps: Conversation) -> Conversation:
        said = list[tuple[Request, Reply]]()
        try:
            asked = next(steps)
            while True:
                reply = yield asked
                said.append((asked, reply))
                asked = steps.send(reply)
        except StopIteration as end:
            self.tape.note(request, token, said, end.value)
            return end.value  # type: ignore[no-any-return]


def recorded() -> list[dict[str, Any]]:
    """What was recorded, without the line that says of which server, and when."""
    return [json.loads(line) for line in RECORDED.read_text(encoding="utf-8").splitlines()[1:]]


def request_of(written: dict[str, Any]) -> Request:
    body = written.get("body")
    raw = b"" if body is None else json.dumps(body).encode()
    return Request(written["method"], written["path"], raw, written.get("query", {}))


def reply_of(got: dict[str, Any]) -> Reply:
    return Reply(got["status"], got["body"].encode(), got["headers"])


def _written(request: Request) -> dict[str, Any]:
    told: dict[str, Any] = {"method": request.method, "path": request.path}
    if request.query:
        told["query"] = dict(request.query)
    if request.body:
        told["body"] = json.loads(request.body)
    return told


def _replied(reply: Reply) -> dict[str, Any]:
    """Without the folders of the machine, which tracebacks tell."""
    kept = {name: reply.headers[name] for name in _KEPT if name in reply.headers}
    return {"status": reply.status, "headers": kept, "body": _PLACE.sub(r"\1", reply.body.decode())}
