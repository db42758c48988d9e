"""The dialect against what was recorded of a real server: a change that breaks it there is seen here.

Made anew by `make test-self-hosted RECORD=1`.
"""

import json
from typing import Any

import pytest

from memos_integrations.wire.envelope import Reply
from memos_integrations.wire.product import Product, Rewriting
from tests.product.tape import RECORDED, recorded, reply_of, request_of

LINES = recorded()
STREAMED = "product/chat/stream"


def names(line: dict[str, Any]) -> str:
    return str(line["name"])


def asked_in(line: dict[str, Any]) -> list[str]:
    return [exchange["asked"]["path"] for exchange in line["said"]]


@pytest.mark.parametrize("line", [line for line in LINES if STREAMED not in asked_in(line)], ids=names)
def test_a_call_is_said_and_read_as_it_was(line: dict[str, Any]) -> None:
    steps = Product(token=lambda: line["token"]).conversation(request_of(line["request"]))
    asked, told = next(steps), Reply(0)
    for number, exchange in enumerate(line["said"]):
        said = request_of(exchange["asked"])
        assert (asked.method, asked.path, dict(asked.query)) == (said.method, said.path, said.query)
        assert json.loads(asked.body or b"null") == exchange["asked"].get("body")
        try:
            asked = steps.send(reply_of(exchange["got"]))
        except StopIteration as end:
            assert number == len(line["said"]) - 1
            told = end.value
    assert (told.status, json.loads(told.body)) == (line["told"]["status"], json.loads(line["told"]["body"]))


@pytest.mark.parametrize("line", [line for line in LINES if STREAMED in asked_in(line)], ids=names)
@pytest.mark.parametrize("size", [1, 7, 4096])
def test_a_stream_reads_as_it_did_however_it_is_cut(line: dict[str, Any], size: int) -> None:
    (exchange,) = line["said"]
    asked = Product().streaming(request_of(line["request"]))
    assert json.loads(asked.body) == exchange["asked"]["body"]
    rewriting, body = Rewriting(), exchange["got"]["body"].encode()
    told = b"".join(rewriting.next(body[start : start + size]) for start in range(0, len(body), size))
    assert (told + rewriting.rest()).decode() == line["told"]["body"]


def test_the_recording_tells_of_which_server_it_is() -> None:
    head = json.loads(RECORDED.read_text(encoding="utf-8").partition("\n")[0])
    assert head["server"].startswith("MemoryOS ")
    assert head["recorded"] >= "2026-11-21"
    paths = {path.removeprefix("product/") for line in LINES for path in asked_in(line)}
    chats, tasks = {"chat/complete", "chat/stream"}, {"scheduler/status"}
    assert paths == {"add", "search", "get_memory", "delete_memory", "feedback", *chats, *tasks}


def test_no_traceback_of_the_server_is_told_on() -> None:
    assert any("Traceback" in exchange["got"]["body"] for line in LINES for exchange in line["said"])
    assert not any("Traceback" in line["told"]["body"] for line in LINES)
