"""MemOS's own server with all it needs, on loopback, for as long as the tests run."""

import json
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.self_hosted.model import SIZE, Models

PARTS = Path(__file__).with_name("parts.py")
SECONDS = 120  # for the server's imports alone, on a machine that does other things


@dataclass(slots=True)
class Surroundings:
    """`restart_redis` makes it forget all tasks; `restart_server` leaves them."""

    host: str
    models: Models
    restart_redis: Callable[[], None]
    restart_server: Callable[[], None]

    @property
    def address(self) -> str:
        return f"memos+http://{self.host}"


@contextmanager
def standing(python: Path, folder: Path) -> Iterator[Surroundings]:
    """All parts, each ended with this context."""
    redis_port, port = free_port(), free_port()
    folder.chmod(0o755)  # Postgres runs as a user of its own where we are root
    (folder / "files").mkdir()
    with ExitStack() as held:
        models = held.enter_context(Models())
        database = held.enter_context(part(python, folder, {}, "postgres", str(folder / "pg")))
        made = environment(folder, models, database, redis_port)
        redis = held.enter_context(ExitStack())
        server = held.enter_context(ExitStack())

        def begin_redis() -> None:
            redis.close()
            redis.enter_context(part(python, folder, {}, "redis", str(redis_port)))

        def begin_server() -> None:
            server.close()
            server.enter_context(part(python, folder, made, "server", str(port)))

        begin_redis()
        begin_server()
        yield Surroundings(f"127.0.0.1:{port}", models, begin_redis, begin_server)


@contextmanager
def part(python: Path, folder: Path, env: Mapping[str, str], *arguments: str) -> Iterator[str]:
    """What `parts.py` says once it stands; ended by the end of its input."""
    log = (folder / f"{arguments[0]}.log").open("ab")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MEMOS_", "COV_"))}
    process = subprocess.Popen(
        [python, PARTS, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        cwd=folder,
        env={**kept, **env},
    )
    assert process.stdin
    assert process.stdout
    try:
        yield said_by(process, folder / f"{arguments[0]}.log")
    finally:
        process.stdin.close()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        log.close()


def said_by(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """Its line; one that says nothing for too long is ended."""
    assert process.stdout
    late = threading.Timer(SECONDS, process.kill)
    late.start()
    try:
        line = process.stdout.readline().decode().strip()
    finally:
        late.cancel()
    assert line, log.read_text(errors="replace")[-4000:]
    return line


def free_port() -> int:
    with socket.socket() as at:
        at.bind(("127.0.0.1", 0))
        return int(at.getsockname()[1])


def environment(folder: Path, models: Models, database: str, redis_port: int) -> dict[str, str]:
    """The server's settings: without Redis's host and port it would start one of its own, for everybody."""
    api = models.url.removesuffix("/api") + "/v1"
    chat = {"backend": "openai", "api_base": api, "api_key": "none", "model_name_or_path": "stub"}
    endpoints = {
        **{f"{name}_BASE": api for name in ("OPENAI_API", "MEMRADER_API", "MOS_EMBEDDER_API")},
        **{f"{name}_KEY": "none" for name in ("OPENAI_API", "MEMRADER_API", "MOS_EMBEDDER_API")},
        "MOS_CHAT_MODEL": "stub",
        "MEMRADER_MODEL": "stub",
        "MOS_EMBEDDER_MODEL": "stub",
        "MOS_EMBEDDER_BACKEND": "universal_api",
        "MOS_EMBEDDER_PROVIDER": "openai",
        "EMBEDDING_DIMENSION": str(SIZE),
        "MOS_RERANKER_BACKEND": "cosine_local",
        "MOS_FEEDBACK_RERANKER_BACKEND": "cosine_local",
        "ENABLE_CHAT_API": "true",
        "CHAT_MODEL_LIST": json.dumps([{**chat, "support_models": ["stub"]}]),
    }
    store = {"HOST": database, "PORT": "5432", "USER": "postgres", "PASSWORD": "", "DB": "postgres"}
    queue = {"HOST": "127.0.0.1", "PORT": str(redis_port), "DB": "0"}
    return {
        **endpoints,
        **{f"POSTGRES_{name}": value for name, value in store.items()},
        **{f"MEMSCHEDULER_REDIS_{name}": value for name, value in queue.items()},
        "GRAPH_DB_BACKEND": "postgres",
        "MEMOS_SCHEMA": "memos",
        "MEMSCHEDULER_USE_REDIS_QUEUE": "true",
        "DEFAULT_USE_REDIS_QUEUE": "true",
        "MEMOS_ENABLE_REDIS": "true",
        "API_SCHEDULER_ON": "true",
        "MOS_ENABLE_SCHEDULER": "true",
        "ENABLE_PREFERENCE_MEMORY": "true",
        "ENABLE_INTERNET": "false",
        "FILE_LOCAL_PATH": str(folder / "files"),
        "MEMOS_BASE_PATH": str(folder),
        "HF_HOME": str(folder / "hf"),
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
    }
