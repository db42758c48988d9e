"""What was recorded of a real server: of which, how whole it is, and streams of it however they are cut.

The calls themselves are tried against it by tests/self_hosted and tests/addresses. `make test-self-hosted RECORD=1`
makes it anew.
"""

import pytest

from memos_integrations.wire.product import Rewriting
from tests.self_hosted.cassette import RECORDED, Exchange, recorded

STREAMS = [line for line in recorded().lines if line.target == "/product/chat/stream"]


def scope(line: Exchange) -> str:
    return line.scope


def rewritten(body: bytes, size: int) -> bytes:
    rewriting = Rewriting()
    told = b"".join(rewriting.next(body[start : start + size]) for start in range(0, len(body), size))
    return told + rewriting.rest()


@pytest.mark.parametrize("line", STREAMS, ids=scope)
@pytest.mark.parametrize("size", [1, 7, 4096])
def test_a_stream_reads_as_it_does_whole_however_it_is_cut(line: Exchange, size: int) -> None:
    whole = rewritten(line.told.encode(), len(line.told) * 4)
    assert rewritten(line.told.encode(), size) == whole
    assert b'"type":"end"' in whole.replace(b" ", b"") or b"Traceback" in line.told.encode()


def test_it_tells_of_which_server_and_of_all_its_calls() -> None:
    assert recorded().server.startswith("MemoryOS ")
    assert f"{recorded().when:%Y-%m-%d}" >= "2026-11-21"
    paths = {line.target.removeprefix("/product/").partition("?")[0] for line in recorded().lines}
    chats, tasks = {"chat/complete", "chat/stream"}, {"scheduler/status"}
    assert {"add", "search", "get_memory", "delete_memory", "feedback", *chats, *tasks} <= paths


def test_no_folder_of_a_machine_is_in_it() -> None:
    text = RECORDED.read_text(encoding="utf-8")
    assert "Traceback" in text
    assert "site-packages" not in text


def test_no_traceback_of_the_server_is_told_on() -> None:
    failed = [line for line in STREAMS if "Traceback" in line.told]
    assert failed
    assert not any(b"Traceback" in rewritten(line.told.encode(), 4096) for line in failed)
