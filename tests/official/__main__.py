"""`python -m tests.official PYTHON`: our server and a model for it, then each method of the official client.

PYTHON is the interpreter that has the client. What the client sent becomes `tests/contract/official_client.jsonl` where
all went as it was meant; else it is told what did not, and the exit code is 1.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.client.server import Server, streams
from tests.engine.endpoints import DONE, chunk

ROOT = Path(__file__).parents[2]
RECORD = ROOT / "tests" / "contract" / "official_client.jsonl"
KEY, OTHER = "mpg-0123456789abcdef", "mpg-fedcba9876543210"
LYON = streams(chunk(role="assistant"), chunk(content="In Lyon, "), chunk(content="à côté du café."), DONE)
SECONDS = 600


def main(python: str) -> int:
    interpreter = Path(python).absolute()
    with tempfile.TemporaryDirectory() as folder, Server(usual=LYON) as model, _served(folder, model.url) as address:
        work = Path(folder, "work")  # the client leaves ./.memos where it is imported
        work.mkdir()
        written = Path(folder, RECORD.name)
        command = (interpreter, "-m", "tests.official.drive", f"{address}/api/openmem/v1", written, KEY, OTHER)
        done = subprocess.run(
            command,
            cwd=work,
            env=_environment(PYTHONPATH=str(ROOT)),
            stderr=subprocess.PIPE,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode == 0:
            RECORD.write_bytes(written.read_bytes())
            return 0
    sys.stderr.buffer.write(done.stderr[-4000:])
    return 1


@contextmanager
def _served(folder: str, model: str) -> Iterator[str]:
    """The address of `memos-integrations serve`, a process of its own."""
    command = [sys.executable, "-c", "from memos_integrations.cli import main; main()", "serve", f"{folder}/memos.db"]
    chosen = {"MEMOS_SERVER_KEYS": f"{KEY} {OTHER}", "MEMOS_MODEL_BASE_URL": model, "MEMOS_MODEL_NAME": "scripted"}
    environment = _environment(PYTHONUNBUFFERED="1", **chosen)
    with subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout
        try:
            line = process.stdout.readline()
            found = re.search(r'connect\("(http://[^"]+)"', line)
            assert found, line
            yield found[1]
        finally:
            process.terminate()


def _environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MEMOS_")}
    return {**kept, **more}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
