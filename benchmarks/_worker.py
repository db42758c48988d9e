"""One client in a process of its own, so that none pays for what another one imports.

It is told, a line at a time, how many calls to make, how many before them unmeasured, and by how many tasks (0: without
asyncio); it answers with the CPU microseconds a call.
"""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from _measure import Work, spent
from _peers import makers

__all__ = ["Worker", "worker"]


@dataclass(frozen=True)
class Worker:
    """The running process. `aio` says whether its client can be awaited."""

    aio: bool
    _process: subprocess.Popen[str]

    def spent(self, calls: int, warm: int = 0, tasks: int = 0) -> float:
        """CPU microseconds a call. With tasks, `calls` and `warm` are shared out among them."""
        assert self._process.stdin
        assert self._process.stdout
        print(calls, warm, tasks, file=self._process.stdin, flush=True)
        return float(self._process.stdout.readline())


@contextlib.contextmanager
def worker(name: str, url: str) -> Iterator[Worker]:
    """The client that `makers` has by that name; made when this begins."""
    command = [sys.executable, str(Path(__file__).resolve()), name, url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield Worker(process.stdout.readline() == "aio\n", process)
        assert process.stdin
        process.stdin.close()


def _main(name: str, url: str) -> None:
    client = makers()[name](url)
    print("aio" if client.aio else "sync", flush=True)
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            calls, warm, tasks = map(int, line.split())
            work = _at_once(runner, client.aio, tasks) if tasks and client.aio else _in_a_row(client.sync)
            print(spent(work, calls, warm), flush=True)
    client.close()


def _in_a_row(ask: Callable[[], object]) -> Work:
    def work(calls: int) -> None:
        for _ in range(calls):
            ask()

    return work


def _at_once(runner: asyncio.Runner, ask: Callable[[], Awaitable[object]], tasks: int) -> Work:
    async def one(calls: int) -> None:
        for _ in range(calls):
            await ask()

    async def work(calls: int) -> None:
        await asyncio.gather(*(one(calls // tasks) for _ in range(tasks)))

    return lambda calls: runner.run(work(calls))


if __name__ == "__main__":
    _main(*sys.argv[1:])
