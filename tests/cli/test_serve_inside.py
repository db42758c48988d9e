"""The command in this process: it leaves the process as it was."""

import logging
import os
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import typer
from typer.testing import CliRunner

from memos_integrations.cli import _serve
from memos_integrations.cli._app import app
from memos_integrations.cli._serve import KEYS
from tests.client.server import Handler, Server

ADA = "ada-0123456789abcdef"
LOGGERS = ("uvicorn", "uvicorn.error", "uvicorn.access")


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing of ours in the environment; loggers as they were."""
    for name in [name for name in os.environ if name.startswith("MEMOS_")]:
        monkeypatch.delenv(name)
    before = [
        (logger, logger.handlers[:], logger.level, logger.propagate) for logger in map(logging.getLogger, LOGGERS)
    ]
    yield
    for logger, handlers, level, propagate in before:
        logger.handlers, logger.level, logger.propagate = handlers, level, propagate


def run(*arguments: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["serve", *map(str, arguments)], env={"COLUMNS": "60"}, catch_exceptions=False)
    return done.exit_code, done.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    lines: list[str] = []
    statuses: list[int] = []
    asking: list[threading.Thread] = []

    def ask(address: str) -> None:
        statuses.append(httpx.get(f"{address}/health", trust_env=False).status_code)
        os.kill(os.getpid(), number)

    def told(line: str) -> None:
        lines.append(line)
        found = re.search(r'connect\("([^"]+)"', line)
        assert found
        asking.append(threading.Thread(target=ask, args=(found[1],)))
        asking[0].start()

    monkeypatch.setattr(typer, "echo", told)
    before = (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT), set(threading.enumerate()))
    assert run(tmp_path / "memos.db", "--port", "0") == (0, "")
    asking[0].join()
    assert statuses == [200]
    assert len(lines) == 1
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT), set(threading.enumerate())) == before


EVENT = b'data: {"choices": [{"delta": {"content": "MARKER"}}]}\n\n'


@pytest.mark.parametrize("begun", [False, True], ids=["before the answer", "in mid-stream"])
def test_a_model_that_hangs_holds_the_end_up_only_so_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: bool
) -> None:
    go = threading.Event()
    replies: list[tuple[int, bytes]] = []
    asking: list[threading.Thread] = []

    def hang(handler: Handler) -> None:
        if begun:
            handler.send_response(200)
            handler.send_header("content-type", "text/event-stream")
            handler.end_headers()
            handler.wfile.write(EVENT)
        else:
            os.kill(os.getpid(), signal.SIGTERM)
        go.wait(10)

    def ask(address: str) -> None:
        body = {"user_id": "u", "conversation_id": "c", "query": "MARKER", "stream": begun}
        with httpx.stream("POST", f"{address}/chat", json=body, trust_env=False) as reply:
            pieces, said = reply.iter_raw(), b""
            try:
                if begun:
                    said = next(pieces)
                    os.kill(os.getpid(), signal.SIGTERM)
                said += b"".join(pieces)
            except httpx.RemoteProtocolError:
                said += b"broken off"
            replies.append((reply.status_code, said))

    def told(line: str) -> None:
        found = re.search(r'connect\("([^"]+)"', line)
        assert found
        asking.append(threading.Thread(target=ask, args=(found[1],)))
        asking[0].start()

    monkeypatch.setattr(typer, "echo", told)
    monkeypatch.setattr(_serve, "_REQUESTS_END", 0)
    with Server(usual=hang) as model:
        monkeypatch.setenv("MEMOS_MODEL_BASE_URL", model.url)
        monkeypatch.setenv("MEMOS_MODEL_NAME", "small")
        code, said = run(tmp_path / "memos.db", "--port", "0")
        asking[0].join()
        go.set()
    ((status, reply),) = replies
    assert (code, status) == (0, 200)
    assert reply.endswith(b"broken off") if begun else b'"code":50002' in reply
    assert "Traceback" not in said
    assert "MARKER" not in said


@pytest.mark.parametrize(
    ("arguments", "keys", "words"),
    [
        (["--host", "0.0.0.0"], None, "--host 0.0.0.0 lets others in"),
        (["--host", "nowhere.invalid"], ADA, "can't listen at nowhere.invalid"),
        ([], "short", f"{KEYS}, line 1: a key has at least 16"),
        (["--keys", "/none"], ADA, "--keys: the file can't be read"),
    ],
)
def test_what_can_not_be_is_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], keys: str | None, words: str
) -> None:
    if keys is not None:
        monkeypatch.setenv(KEYS, keys)
    code, said = run(tmp_path / "memos.db", *arguments)
    assert code == 2
    assert words in said
    assert said.count("\n") == 1
    assert ADA not in said
