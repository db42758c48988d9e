"""One part of the server's surroundings, run by the Python that has MemoryOS: `parts.py postgres|redis|server …`.

Each says one line when it stands, and ends when its input does, so that none outlives the tests. No import of ours.
"""

import json
import os
import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import Any

_told = os.fdopen(os.dup(1), "w")  # for the one line; what else is printed goes where errors go
os.dup2(2, 1)
_HUB = ("models--gpt2", "models--openai-community--gpt2")


def main() -> None:
    part, *arguments = sys.argv[1:]
    {"postgres": postgres, "redis": redis, "server": server}[part](*arguments)


def stands(what: str) -> None:
    _told.write(f"{what}\n")
    _told.flush()


def postgres(folder: str) -> None:
    """Postgres on a socket in `folder`; its index looks everywhere, else it finds a third of what is there."""
    server: Any = import_module("pgserver").get_server(folder, cleanup_mode="stop")
    server.psql("CREATE EXTENSION IF NOT EXISTS vector; ALTER ROLE postgres SET ivfflat.probes = 100;")
    stands(server.get_uri().split("host=")[1])
    sys.stdin.read()
    server.cleanup()


def redis(port: str) -> None:
    """Something that answers as Redis does, and forgets all when it ends."""
    made: Any = import_module("fakeredis").TcpFakeServer(("127.0.0.1", int(port)), server_type="redis")
    threading.Thread(target=made.serve_forever, daemon=True).start()
    stands(port)
    sys.stdin.read()
    os._exit(0)


def server(port: str) -> None:
    """The server of the wheel, on loopback, in the folder that it was started in."""
    tokenizer(Path.cwd())
    vectors_as_lists()
    uvicorn: Any = import_module("uvicorn")
    app: Any = import_module("memos.api.server_api").app
    config = uvicorn.Config(app, host="127.0.0.1", port=int(port), log_level="warning")
    running = uvicorn.Server(config)
    threading.Thread(target=watched, args=(running, port), daemon=True).start()
    running.run()


def watched(running: Any, port: str) -> None:
    while not running.started:
        time.sleep(0.05)
    stands(port)
    sys.stdin.read()
    os._exit(0)  # its schedulers' threads would go on for half a minute


def tokenizer(folder: Path) -> None:
    """A tokenizer by the name that MemOS asks the network for: each byte is a token."""
    parts: Any = import_module("tokenizers")
    letters = sorted(parts.pre_tokenizers.ByteLevel.alphabet())
    model = parts.models.BPE(vocab={letter: number for number, letter in enumerate(letters)}, merges=[])
    made = parts.Tokenizer(model)
    made.pre_tokenizer = parts.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = parts.decoders.ByteLevel()
    files = {
        "tokenizer.json": made.to_str(),
        "tokenizer_config.json": json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 1024}),
        "config.json": json.dumps({"model_type": "gpt2"}),
    }
    commit = "0" * 40
    hub = [folder / "hf" / "hub" / name for name in _HUB]
    for place in (folder / "gpt2", *(name / "snapshots" / commit for name in hub)):
        place.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (place / name).write_text(text)
    for place in hub:
        (place / "refs").mkdir(exist_ok=True)
        (place / "refs" / "main").write_text(commit)


def vectors_as_lists() -> None:
    """So that MemOS's Postgres backend can read what it wrote: psycopg2 gives it a vector as text.

    A server that runs as it is in the wheel finds nothing on Postgres, whoever asks.
    """
    psycopg2: Any = import_module("psycopg2")
    extensions: Any = import_module("psycopg2.extensions")
    names = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD", "dbname": "DB"}
    connection = psycopg2.connect(**{name: os.environ[f"POSTGRES_{told}"] for name, told in names.items()})
    with connection.cursor() as cursor:
        cursor.execute("SELECT 'vector'::regtype::oid")
        (kind,) = cursor.fetchone()
    connection.close()

    def listed(text: str | None, _: object) -> list[float] | None:
        return None if text is None else [float(number) for number in text.strip("[]").split(",")]

    extensions.register_type(extensions.new_type((kind,), "VECTOR", listed))


if __name__ == "__main__":
    main()
