"""What MemOS's own client really sent (`make test-official-client` writes it down), sent again to our server.

Answers are checked by what the client can read (contract §2.15, the models of `test_official`), by the code and HTTP
status that each request is meant to get, and by words that must be in the answer, or must not. Ids are those of this
server: a request names them, `{{memory}}`, as an answer before it gave them.
"""

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import Field, TypeAdapter

from memos_integrations.engine import Engine
from memos_integrations.engine._keys import Keys
from memos_integrations.engine._server import make_app
from memos_integrations.wire.calls import CALLS
from tests.contract.test_official import (
    Accepted,
    ChatData,
    DeleteData,
    Items,
    MessageData,
    PageData,
    SearchData,
    StatusData,
    _Read,
)
from tests.engine.models import Scripted
from tests.serving import served

KEY, OTHER = "mpg-0123456789abcdef", "mpg-fedcba9876543210"
KEYS = {"key": KEY, "slash": KEY, "other": OTHER, "unknown": "mpg-nobody-has-this-key"}
HEAD, *LINES = map(json.loads, (Path(__file__).parent / "official_client.jsonl").read_text("ascii").splitlines())
BASE = "/api/openmem/v1/"
NAMED = re.compile(r"\{\{(\w+)\}\}")
SECONDS = 30


class Made(_Read):
    id: str


class FilePage(_Read):
    file_detail_list: Items = Field(default_factory=list)
    total: int | None = None
    page: int | None = None
    page_size: int | None = None


READ: dict[str, Any] = {
    "add/message": Accepted,
    "add/feedback": Accepted,
    "search/memory": SearchData,
    "get/memory": PageData,
    "get/message": MessageData,
    "get/status": StatusData,
    "chat": ChatData,
    "delete/memory": DeleteData,
    "create/knowledgebase": Made,
    "delete/knowledgebase": DeleteData,
    "add/knowledgebase-file": Items,
    "get/knowledgebase-file": FilePage,
    "delete/knowledgebase-file": DeleteData,
}
"""What is read by models; the rest comes through as it is."""


@dataclass(frozen=True)
class Said:
    status: int
    kind: str
    text: str

    @property
    def words(self) -> str:
        """The text as it is read: of a stream, the pieces of the answer in one."""
        if self.kind == "application/json":
            return json.dumps(json.loads(self.text), ensure_ascii=False)
        return "".join(event["data"] for event in self.events)

    @property
    def events(self) -> list[dict[str, str]]:
        return [json.loads(line[5:]) for line in self.text.splitlines() if line.startswith("data:")]


@pytest.fixture(scope="module")
def answers() -> Iterator[list[Said]]:
    """All answers, in order. An id that was not given stays a name, so that what asks for it fails."""
    with (
        closing(Engine(":memory:", model=Scripted("In Lyon, ", "à côté du café."))) as engine,
        served(make_app(engine, keys=Keys.read(f"{KEY}\n{OTHER}", "--keys"))) as address,
    ):
        yield list(_answers(engine, urlsplit(address).netloc))


def _answers(engine: Engine, host: str) -> Iterator[Said]:
    ids: dict[str, str] = {}
    for line in LINES:
        if line["meant"].get("settled"):
            assert engine.settle(SECONDS) == 0
        said = _sent(host, line, ids)
        for name, where in line["meant"].get("gives", {}).items():
            ids[name] = _found(json.loads(said.text), where)
        yield said


def _sent(host: str, line: dict[str, Any], ids: dict[str, str]) -> Said:
    """One connection for each request, as the client has it; and the path as it is."""
    path, body = (NAMED.sub(lambda name: ids.get(name[1], name[0]), line[part]) for part in ("path", "body"))
    headers = {**line["headers"], "Authorization": f"Token {KEYS[line['meant']['key']]}"}
    with closing(http.client.HTTPConnection(host, timeout=SECONDS)) as connection:
        connection.request(line["method"], path, body.encode("latin-1"), headers)
        reply = connection.getresponse()
        return Said(reply.status, reply.headers["content-type"], reply.read().decode())


def _found(reply: Any, where: str) -> str:
    for step in where.split("."):
        try:
            reply = reply[int(step) if step.isdecimal() else step]
        except (LookupError, TypeError):
            return "no such id"
    return str(reply)


def _path(line: dict[str, Any]) -> str:
    path: str = line["path"].removeprefix(BASE).partition("?")[0].strip("/")
    return "get/memory/{memory_id}" if line["method"] == "GET" else path


def _name(number: int) -> str:
    return f"{number + 1}-{LINES[number]['call']}-{LINES[number]['meant'].get('code', 0)}"


@pytest.mark.parametrize("number", range(len(LINES)), ids=_name)
def test_what_the_official_client_sends_is_answered_as_it_reads(answers: list[Said], number: int) -> None:
    line, said = LINES[number], answers[number]
    meant = line["meant"]
    assert said.status == meant["status"], said.text
    if line["call"] == "chat" and json.loads(line["body"])["stream"] and "code" not in meant:
        _check_stream(said)
    else:
        _check_reply(_path(line), said, meant.get("code", 0))
    for word in meant.get("says", ()):
        assert word in said.words
    for word in meant.get("lacks", ()):
        assert word not in said.words


def _check_stream(said: Said) -> None:
    """Without the charset the client reads Latin-1."""
    assert said.kind == "text/event-stream; charset=utf-8"
    assert [event["type"] for event in said.events] == ["text", "text", "end"]


def _check_reply(path: str, said: Said, code: int) -> None:
    assert said.kind == "application/json"
    reply = json.loads(said.text)
    if path == "rerank" and not code:
        assert "code" not in reply
        assert TypeAdapter(Items).validate_python(reply["results"], strict=True)
        return
    assert (type(reply["code"]), reply["code"], type(reply["message"])) == (int, code, str), reply
    if code:
        assert reply["data"] is None
        assert reply["message"]
    else:
        TypeAdapter(READ.get(path, dict)).validate_python(reply["data"], strict=True)


def test_each_of_its_methods_and_of_our_calls_was_tried() -> None:
    """It makes no profile templates but that one, which the rest are tried on, and asks no chat in OpenAI's form."""
    assert HEAD["client"] == "MemoryOS 2.0.33"
    assert set(HEAD["methods"]) == {line["call"] for line in LINES} - {"_post_json_dict"}
    untried = set(CALLS) - {_path(line) for line in LINES}
    templates = {f"{verb}/profile_template" for verb in ("list", "get", "update", "delete")}
    assert untried == {*templates, "chat/completions"}


def test_the_requests_are_the_clients_own() -> None:
    for line in LINES:
        assert line["headers"]["User-Agent"].startswith("python-requests/")
        assert "Authorization" not in line["headers"]
    plain = next(json.loads(line["body"]) for line in LINES if line["call"] == "search_memory")
    assert (plain["filter"], plain["relativity"], plain["memory_limit_number"]) == (None, None, 6)
    forms = [line for line in LINES if line["headers"].get("Content-Type", "").startswith("multipart/form-data")]
    assert forms
    assert all('name="file"; filename=' in line["body"] for line in forms)
