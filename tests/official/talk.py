"""What MemOS's own client is told to do, what it sent for that, and whether all was as it was meant.

Run by the official client's Python, which has its packages and none of ours.
"""

import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import import_module
from typing import Any

import requests
from requests.adapters import HTTPAdapter

__all__ = ["FINE", "Meant", "Talk", "refused"]

TRIES = 3  # of the client, whatever the failure
DEADLINE = 30.0  # seconds for what is done in the background
SHORTEST_ID = 8  # characters; a shorter one might stand in a body by chance
UNTOLD = {"Authorization", "Content-Length"}  # the key's name is told, and the length follows from the body
BOUNDARY = "0" * 32
"""Instead of the client's own, which is another each time, and as long."""


@dataclass(frozen=True)
class Meant:
    """What an answer is to be: its code and HTTP status, words that it has and words that it must not have.

    `gives` names ids in it for later, by where they are. `settled`: asked again until the words are there. `key` is
    the name of the key that is sent: of one project, of an "other", or one that is "unknown"; "slash" is the first one
    again, for a base URL with a slash at its end.
    """

    code: int = 0
    status: int = 200
    says: Sequence[str] = ()
    lacks: Sequence[str] = ()
    gives: Mapping[str, str] = field(default_factory=dict)
    settled: bool = False
    key: str = "key"


FINE = Meant()


def _official() -> Any:
    """The class of MemOS's client, quiet: its import has much to say, and it logs each refusal three times."""
    logging.disable()
    return import_module("memos.api.client").MemOSClient


def refused(code: int, *, status: int = 200, key: str = "key") -> Meant:
    return Meant(code, status, key=key)


class Talk:
    """`talk.ask("search_memory", query="…", user_id="ada", meant=Meant(says=["Lyon"]))`; `faults` are the surprises."""

    def __init__(self, base_url: str, keys: Mapping[str, str]) -> None:
        self.ids: dict[str, str] = {}
        self.lines: list[dict[str, Any]] = []
        self.faults: list[str] = []
        official = _official()
        self.methods = sorted(name for name in vars(official) if not name.startswith("_"))
        self._clients = {name: official(api_key=key, base_url=base_url) for name, key in keys.items()}
        self._clients["slash"] = official(api_key=keys["key"], base_url=f"{base_url}/")  # asks for //search/memory
        self._sent: list[tuple[requests.PreparedRequest, requests.Response]] = []
        _listen(self._sent)

    def ask(self, call: str, /, *arguments: Any, meant: Meant = FINE, **more: Any) -> None:
        """Calls one of the client's methods, once, or until the words are there that are to be."""
        until = time.monotonic() + DEADLINE
        while True:
            self._sent.clear()
            got = self._got(call, arguments, more, meant)
            faults = list(self._faults(got, meant))
            if not (faults and meant.settled and time.monotonic() < until):
                break
            time.sleep(0.05)
        self.faults += [f"line {len(self.lines) + 1}, {call}: {fault}" for fault in faults]
        self._write(call, meant)
        self._take(call, meant)

    def _got(self, call: str, arguments: Sequence[Any], more: Mapping[str, Any], meant: Meant) -> Any:
        """What the method returned, or the error that it raised. Of a stream, all that it told."""
        try:
            got = getattr(self._clients[meant.key], call)(*arguments, **more)
            return list(got) if isinstance(got, Iterator) else got
        except Exception as error:
            return error

    def _faults(self, got: Any, meant: Meant) -> Iterator[str]:
        if not self._sent:
            yield f"nothing was sent: {type(got).__name__}: {got}"
            return
        last = self._sent[-1][1]
        if last.status_code != meant.status:
            yield f"HTTP {last.status_code} instead of {meant.status}: {last.text[:300]}"
        elif isinstance(got, list):
            yield from _faults_of_stream(got, last, meant)
        else:
            yield from _faults_of_reply(got, last.json(), meant)
        if len(self._sent) != (TRIES if isinstance(got, Exception) else 1):
            yield f"sent {len(self._sent)} times"

    def _write(self, call: str, meant: Meant) -> None:
        """Each request as it left, without keys, and with names for the ids that the server chose."""
        told = {name: value for name, value in asdict(meant).items() if value}
        for request, _ in self._sent:
            headers = {name: str(value) for name, value in request.headers.items() if name not in UNTOLD}
            body = request.body or b""
            text = body.decode("latin-1") if isinstance(body, bytes) else str(body)
            text, headers["Content-Type"] = _same_boundary(text, headers.get("Content-Type", ""))
            line = {"call": call, "method": request.method, "path": self._named(request.path_url)}
            shown = {name: value for name, value in headers.items() if value}
            self.lines.append({**line, "headers": shown, "body": self._named(text), "meant": told})

    def _named(self, text: str) -> str:
        for name, value in self.ids.items():
            text = text.replace(value, f"{{{{{name}}}}}")
        return text

    def _take(self, call: str, meant: Meant) -> None:
        for name, where in meant.gives.items():
            try:
                found: Any = self._sent[-1][1].json()
                for step in where.split("."):
                    found = found[int(step) if step.isdecimal() else step]
            except (LookupError, TypeError, ValueError):
                found = ""
            if not isinstance(found, str) or len(found) < SHORTEST_ID:
                self.faults.append(f"line {len(self.lines)}, {call}: the answer has no id at {where}")
                found = f"there is no {name}"
            self.ids[name] = found


def _listen(sent: list[tuple[requests.PreparedRequest, requests.Response]]) -> None:
    """Whatever leaves by `requests`, which is what the client uses, is kept in `sent`."""
    send = HTTPAdapter.send

    def heard(self: HTTPAdapter, request: requests.PreparedRequest, *rest: Any, **more: Any) -> requests.Response:
        response = send(self, request, *rest, **more)
        sent.append((request, response))
        return response

    HTTPAdapter.send = heard  # type: ignore[method-assign]


def _faults_of_stream(got: list[str], last: requests.Response, meant: Meant) -> Iterator[str]:
    if meant.code:  # an envelope has no "data:" lines, and the client yields nothing
        if got or last.headers["Content-Type"] != "application/json":
            yield f"a refusal was told as a stream: {got}"
        return
    events = [json.loads(each) for each in got]
    if [each["type"] for each in events][-1:] != ["end"]:
        yield f"the stream has no end: {got}"
    yield from _faults_of_words("".join(each["data"] for each in events), meant)


def _faults_of_reply(got: Any, reply: Any, meant: Meant) -> Iterator[str]:
    """Models of the client refuse an answer without data by `ValidationError`; what is raw comes through."""
    wanted = {200: "ValidationError"}.get(meant.status, "HTTPError")
    if reply.get("code", 0) != meant.code:
        yield f"code {reply.get('code')} instead of {meant.code}: {reply}"
    elif isinstance(got, Exception) and (not meant.code or type(got).__name__ != wanted):
        yield f"the client can't read it: {type(got).__name__}: {got}"
    elif meant.code and not isinstance(got, Exception) and got != reply:
        yield f"a refusal that the client takes for an answer: {got}"
    elif meant.code and not (reply["data"] is None and reply["message"]):
        yield f"a refusal without words, or with data: {reply}"
    yield from _faults_of_words(json.dumps(reply, ensure_ascii=False), meant)


def _faults_of_words(told: str, meant: Meant) -> Iterator[str]:
    yield from (f"does not say {word!r}: {told[:600]}" for word in meant.says if word not in told)
    yield from (f"says {word!r}: {told[:600]}" for word in meant.lacks if word in told)


def _same_boundary(body: str, kind: str) -> tuple[str, str]:
    _, found, boundary = kind.partition("boundary=")
    return (body.replace(boundary, BOUNDARY), kind.replace(boundary, BOUNDARY)) if found else (body, kind)
