"""Processes of the tests: the server that goes wrong, and those that record."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Child", "child", "serving"]

Child = subprocess.Popen[str]


@contextmanager
def child(*command: str, input: bool = False) -> Iterator[Child]:
    """`python COMMAND...` with its output as text; killed on leaving, if it still runs. Warnings are errors in it."""
    stdin = subprocess.PIPE if input else subprocess.DEVNULL
    started = [sys.executable, "-W", "error", *command]
    with subprocess.Popen(started, stdin=stdin, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def serving(ledger: Path, *, share: float) -> Iterator[str]:
    """`python -m tests.faulty` with its ledger in that file; its address."""
    with child("-m", "tests.faulty", "--share", str(share), "--ledger", str(ledger)) as server:
        assert server.stdout
        yield server.stdout.readline().strip()
        server.send_signal(signal.SIGTERM)
        assert server.wait() == 0
