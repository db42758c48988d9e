"""Uploads: what goes over the wire, what is told of it, and what never leaves."""

import asyncio
import io
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from memos_integrations.client import AsyncMemOS, MemOS
from memos_integrations.client import _upload as upload
from memos_integrations.errors import Invalid
from memos_integrations.wire.answers import Answer
from memos_integrations.wire.form import read_form
from memos_integrations.wire.knowledge import FilesAdded
from tests.client.server import Server, ok, refusal

COLOURS = ["plain", "awaited", "theirs"]
ADDED = ok([{"id": "f1", "type": "document", "name": "a.md", "sizeMB": 0.01, "status": "running"}])


@pytest.fixture(autouse=True)
def _adding(server: Server) -> None:
    server.usual = ADDED


def sent(server: Server, colour: str, **given: Any) -> FilesAdded:
    """An upload, in one of the three ways there are."""
    arguments = {"knowledgebase_id": "kb 1", **given}
    if colour == "theirs":
        with httpx.Client(trust_env=False) as http, MemOS(base_url=server.url, http_client=http) as client:
            return client.upload_knowledgebase_file(**arguments)
    with MemOS(base_url=server.url) as client:
        if colour == "plain":
            return client.upload_knowledgebase_file(**arguments)

        async def awaited() -> FilesAdded:
            try:
                return await client.aio.upload_knowledgebase_file(**arguments)
            finally:
                await client.aio.close()

        return asyncio.run(awaited())


@pytest.mark.parametrize("colour", COLOURS)
def test_what_goes_over_the_wire(server: Server, colour: str) -> None:
    added = sent(server, colour, files=[("a.md", b"hi\r\n"), ("é.pdf", b"\0\xff")], type="document")
    assert [(file.id, file.sizeMB) for file in added.files] == [("f1", 0.01)]
    ((path, headers, body),) = server.requests
    assert path in {
        "/api/add/knowledgebase-file?knowledgebase_id=kb%201&type=document",
        "/api/add/knowledgebase-file?knowledgebase_id=kb+1&type=document",
    }
    kinds = [value for name, value in headers.items() if name.lower() == "content-type"]
    assert len(kinds) == 1
    assert kinds[0].startswith("multipart/form-data; boundary=")
    assert read_form(body, kinds[0]) == [("a.md", b"hi\r\n"), ("é.pdf", b"\0\xff")]
    assert b"Content-Type: text/markdown\r\n" in body
    assert b"Content-Type: application/pdf\r\n" in body


@pytest.mark.parametrize("colour", COLOURS)
def test_progress_is_told(server: Server, colour: str) -> None:
    told: list[tuple[int, int]] = []
    sent(server, colour, files=[("a.txt", bytes(1_000_000))], on_progress=lambda *now: told.append(now))
    whole = len(server.requests[0][2])
    assert {total for _, total in told} == {whole}
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert len(told) == 4
    assert told[-1] == (whole, whole)


@pytest.mark.parametrize("colour", COLOURS)
def test_a_further_try_sends_the_same_form_and_tells_anew(server: Server, colour: str) -> None:
    server.script.append(refusal(40309, "later"))
    told: list[tuple[int, int]] = []
    sent(server, colour, files=[("a.txt", b"words")], on_progress=lambda *now: told.append(now))
    first, second = (body for _, _, body in server.requests)
    assert first == second
    assert told == [(len(first), len(first))] * 2


@pytest.mark.parametrize("colour", COLOURS)
def test_what_on_progress_raises_is_dropped(server: Server, colour: str, caplog: pytest.LogCaptureFixture) -> None:
    def on_progress(done: int, whole: int) -> None:
        raise RuntimeError("secret words")

    assert sent(server, colour, files=[("a.txt", b"words")], on_progress=on_progress).files
    assert "on_progress raised RuntimeError" in caplog.text
    assert "secret" not in caplog.text


class _Text(io.StringIO):
    name = "a.txt"


def _beyond(tmp_path: Path) -> list[object]:
    path = tmp_path / "large.txt"
    with path.open("wb") as file:
        file.truncate((100 << 20) + 1)
    return [path]


NOT_THERE: Callable[[Path], Any] = lambda tmp_path: [tmp_path / "no such marker"]  # noqa: E731
WRONG: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a path alone": (lambda _: "a.txt", "files"),
    "none": (lambda _: [], "files"),
    "too many": (lambda _: [("a.txt", b"x")] * 21, "files"),
    "a number": (lambda _: 5, "files"),
    "numbers": (lambda _: [("a.txt", b"x"), 5], "files.1"),
    "text for bytes": (lambda _: [("a.txt", "marker")], "files.0"),
    "bytes alone": (lambda _: [b"marker"], "files.0"),
    "a stream of text": (lambda _: [_Text("marker")], "files.0"),
    "a stream without a name": (lambda _: [io.BytesIO(b"marker")], "files.0"),
    "an empty file": (lambda _: [("a.txt", b"")], "files.0.1"),
    "no name": (lambda _: [("", b"x")], "files.0.0"),
    "not there": (NOT_THERE, "files.0"),
    "a folder": (lambda tmp_path: [tmp_path], "files.0"),
    "too large": (_beyond, "files.0"),
}


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("wrong", WRONG)
def test_bad_files_never_leave(server: Server, colour: str, wrong: str, tmp_path: Path) -> None:
    made, field = WRONG[wrong]
    with pytest.raises(Invalid) as caught:
        sent(server, colour, files=made(tmp_path))
    assert caught.value.field == field
    assert "marker" not in str(caught.value)
    assert server.requests == []


@pytest.mark.parametrize("given", [{"knowledgebase_id": ""}, {"type": "picture"}])
def test_other_arguments_are_checked_before_files_are_read(server: Server, given: Any) -> None:
    stream = io.BytesIO(b"words")
    stream.name = "a.txt"
    with pytest.raises(Invalid):
        sent(server, "plain", files=[stream], **given)
    assert stream.tell() == 0
    assert server.requests == []


def test_all_together_are_limited(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "MAX_TOTAL_BYTES", 10)
    with pytest.raises(Invalid, match="300 MB"):
        sent(server, "plain", files=[("a.txt", b"x" * 6), ("b.txt", b"x" * 5)])
    assert server.requests == []


def test_streams_are_left_open(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"0123456789")
    with path.open("rb") as stream:
        stream.seek(4)
        sent(server, "plain", files=[stream])
        assert not stream.closed
    _, headers, body = server.requests[0]
    kind = next(value for name, value in headers.items() if name.lower() == "content-type")
    assert read_form(body, kind) == [("a.txt", b"456789")]


async def test_files_are_read_off_the_loop(server: Server) -> None:
    class Stream(io.BytesIO):
        name = "a.txt"

        def read(self, size: int | None = -1, /) -> bytes:
            where.append(threading.current_thread())
            return super().read(size)

    where: list[threading.Thread] = []
    async with AsyncMemOS(base_url=server.url) as client:
        added: Answer = await client.upload_knowledgebase_file(knowledgebase_id="k", files=[Stream(b"x")])
    assert added
    assert where
    assert threading.current_thread() not in where


def test_an_upload_has_time(server: Server) -> None:
    with MemOS(base_url=server.url) as client:
        call = upload._asked("k", None, [("a.txt", b"x")])()
        assert client._seconds(call) == 600
        assert client.with_options(deadline=5)._seconds(call) == 5


def test_what_it_holds_is_in_no_repr() -> None:
    call = upload._asked("marker", None, [("marker.txt", b"marker")])()
    assert "marker" not in repr(call) + str(call)
    assert json.dumps(call.model_dump(include={"type"})) == '{"type": null}'
