"""The command as somebody starts and stops it: in a process of its own, ended by signals."""

import asyncio
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from memos_integrations import MemOS, connect
from memos_integrations.cli._serve import KEYS, listening
from tests.client.server import Handler, Server
from tests.engine.endpoints import whole

ADA, BOB = "ada-0123456789abcdef", "bob-0123456789abcdef"
COMMAND = [sys.executable, "-W", "error", "-c", "from memos_integrations.cli import main; main()", "serve"]
WITHOUT = """
import sys
class Gone:
    def find_spec(self, name, *_):
        if name == {missing!r}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Gone())
from memos_integrations.cli import main
main()
"""
SAID = "I moved to Lyon, where the river is wide. I like trains. "


def surroundings(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MEMOS_")}
    return {**kept, "PYTHONUNBUFFERED": "1", **more}


@dataclass
class Serving:
    """A server that has announced itself."""

    process: subprocess.Popen[str]
    line: str

    @property
    def address(self) -> str:
        found = re.search(r'connect\("(http://[^"]+)"', self.line)
        assert found, self.line
        return found[1]

    def client(self, key: str | None = None) -> MemOS:
        return connect(self.address, api_key=key)

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """The exit code, and all that was printed after the first line."""
        self.process.send_signal(number)
        out, error = self.process.communicate(timeout=60)
        return self.process.returncode, out + error


@contextmanager
def serving(*arguments: str | Path, **environment: str) -> Iterator[Serving]:
    command = [*COMMAND, "--port", "0", *map(str, arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdout=pipe, stderr=pipe, text=True, encoding="utf-8", env=surroundings(**environment)
    ) as process:
        assert process.stdout
        try:
            yield Serving(process, process.stdout.readline())
        finally:
            if process.poll() is None:
                process.kill()


def refused(*arguments: str | Path, **environment: str) -> str:
    """What is said by a server that does not start, in one line."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=surroundings(COLUMNS="60", **environment),
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "memos.db"


def running(path: Path) -> int:
    """Tasks that are not completed, as the file has them; nobody refines them meanwhile."""
    with closing(sqlite3.connect(path)) as connection:
        (count,) = connection.execute("select count(*) from task where status = 'running'").fetchone()
    return int(count)


def test_it_is_announced_and_serves_the_file(path: Path) -> None:
    with serving(path) as server:
        assert server.line.startswith(f'Serving {path}: connect("http://127.0.0.1:')
        assert "no key needed; no model, so chat is refused" in server.line
        with server.client() as client, connect(path) as beside:
            beside.add_message(messages=[{"role": "user", "content": SAID}], user_id="u", async_mode=False)
            assert client.search_memory(query="Where did I move?", user_id="u").memory_detail_list
        assert server.end() == (0, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_everything_done_that_was_accepted(path: Path, number: int) -> None:
    with serving(path) as server:
        with server.client() as client:
            messages = [{"role": "user", "content": f"{SAID * 7} It is day {n}."} for n in range(400)]
            tasks = [client.add_message(messages=messages, user_id=user).task_id for user in ("ada", "bob", "eve")]
        assert server.end(number) == (0, "")
    assert running(path) == 0
    with connect(path) as client:
        for task in tasks:
            assert client.get_status(task_id=task or "").status == "completed"


def test_a_signal_lets_an_answer_under_way_end(path: Path) -> None:
    go = threading.Event()

    def held(handler: Handler) -> None:
        go.wait(10)
        whole(content="In Lyon.")(handler)

    with (
        Server(usual=held) as model,
        serving(
            path, MEMOS_MODEL_BASE_URL=model.url, MEMOS_MODEL_NAME="small", MEMOS_MODEL_API_KEY="sk-SECRET"
        ) as server,
    ):
        assert "chat is answered by small" in server.line
        asked: dict[str, Any] = {"user_id": "u", "conversation_id": "c", "query": "Where?", "async_mode": False}
        answers: list[str] = []

        def chat() -> None:
            with server.client() as client:
                answers.append(client.chat(**asked).response)

        chatting = threading.Thread(target=chat)
        chatting.start()
        assert model.arrived.acquire(timeout=30)
        server.process.send_signal(signal.SIGTERM)
        go.set()
        chatting.join()
        out, error = server.process.communicate(timeout=60)
        assert (server.process.returncode, out + error) == (0, "")
    assert answers == ["In Lyon."]
    assert json.loads(model.requests[0][2])["model"] == "small"
    assert "sk-SECRET" not in server.line


@pytest.mark.parametrize("by", ["file", "environment"])
def test_keys_are_asked_for_and_never_printed(path: Path, tmp_path: Path, by: str) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# ours\nshop={ADA}\n{BOB}\n", encoding="utf-8")
    arguments: list[str | Path] = ["--keys", file] if by == "file" else []
    environment = {} if by == "file" else {KEYS: f"shop={ADA} {BOB}"}
    with serving(path, *arguments, **environment) as server:
        assert "key needed" in server.line
        for key, status in ((None, 401), (f"Token {ADA}x", 401), (f"Token {ADA}", 200), (f"Bearer {BOB}", 200)):
            reply = httpx.post(
                f"{server.address}/search/memory",
                json={"query": "q", "user_id": "u"},
                headers={} if key is None else {"authorization": key},
                trust_env=False,
            )
            assert reply.status_code == status
        code, said = server.end()
        assert code == 0
        assert not any(key in server.line + said for key in (ADA, BOB))


def test_a_request_that_is_no_http_prints_nothing_of_it(path: Path) -> None:
    with serving(path) as server:
        url = httpx.URL(server.address)
        with socket.create_connection((url.host, url.port or 0)) as line:
            line.sendall(b"MARKER no http\r\n\r\n")
            assert b" 400 " in line.recv(1000)
        code, said = server.end()
        assert code == 0
        assert "MARKER" not in said


async def test_what_is_written_is_sent_at_once() -> None:
    """A reply's head and body go out one after the other: with Nagle's algorithm each took 40 ms."""
    at_once: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def taken(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        at_once.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async with await asyncio.start_server(taken, sock=listening("127.0.0.1", 0)) as server:
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await at_once
        writer.close()
        await writer.wait_closed()


def test_a_port_in_use(path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"can't listen at 127.0.0.1, port {port}: Address already in use" in refused(path, "--port", str(port))


def test_a_host_that_is_not_there(path: Path) -> None:
    assert "can't listen at" in refused(path, "--host", "nowhere.invalid", "--anyone")


@pytest.mark.parametrize("kind", ["no database", "a folder", "in no folder"])
def test_a_file_that_can_not_be_used(tmp_path: Path, kind: str) -> None:
    paths = {"no database": tmp_path / "text", "a folder": tmp_path, "in no folder": tmp_path / "none" / "memos.db"}
    (tmp_path / "text").write_text("MARKER " * 1000, encoding="utf-8")
    said = refused(paths[kind], "--port", "0")
    assert "Unsupported" in said
    assert "MARKER" not in said


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "memory.example"])
def test_a_host_beyond_loopback_needs_keys(path: Path, host: str) -> None:
    said = refused(path, "--host", host)
    assert f"--host {host} lets others in" in said
    assert not path.exists()


def test_anyone_may_be_let_in(path: Path) -> None:
    with serving(path, "--host", "0.0.0.0", "--anyone") as server:
        assert httpx.get(f"{server.address}/health", trust_env=False).status_code == 200
        assert server.end() == (0, "")


@pytest.mark.parametrize(
    ("text", "words"),
    [("short", "line 1: a key has at least 16"), ("# none", "holds no key"), (None, "can't be read as UTF-8")],
)
def test_keys_that_can_not_be(path: Path, tmp_path: Path, text: str | None, words: str) -> None:
    file = tmp_path / "keys"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    said = refused(path, "--keys", file)
    assert words in said
    assert "short" not in said


def test_no_keys_in_the_environment_are_not_taken_for_none(path: Path) -> None:
    assert "MEMOS_SERVER_KEYS holds no key" in refused(path, **{KEYS: "  "})


def test_half_a_model_is_told_at_once(path: Path) -> None:
    said = refused(path, MEMOS_MODEL_BASE_URL="http://localhost:1/v1")
    assert "MEMOS_MODEL_NAME" in said
    assert not path.exists()


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_what_is_not_installed_is_named(path: Path, missing: str) -> None:
    code = WITHOUT.format(missing=missing)
    done = subprocess.run(
        [sys.executable, "-c", code, "serve", str(path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "pip install 'memos-integrations[server]'" in done.stderr
    assert "Traceback" not in done.stderr
