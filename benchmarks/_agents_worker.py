"""One memory's agents in a process of its own, so that none pays for what another one imports or leaves running.

It is told, a line at a time, what to measure, and answers in a line; the first line tells what is installed.
"""

import asyncio
import contextlib
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from _agents_script import KNOWS, KNOWS_NOT, answered
from _measure import installed
from _peers import quiet

if TYPE_CHECKING:
    from _agents_turns import Subject

__all__ = ["Block", "Role", "Spent", "Times", "Worker", "worker"]

Times = tuple[float, float, float]
"""When a turn began, its model answered, and its agent answered: seconds, on the clock of all processes."""
_Timed = Callable[[str], tuple[Times, str]]  # with the answer

QUESTION = "Turn {}: what did I say about the tea from Lyon?"


@dataclass(frozen=True)
class Role:
    """Which agents: `subject` in the `SUBJECTS` of a module, made by `packages`, on `frameworks`, as pip names them."""

    module: str
    subject: str
    packages: Sequence[str]
    frameworks: Sequence[str]


@dataclass(frozen=True)
class Block:
    """`turns` user turns in a row of an agent that takes so many tool `steps`; `told`: with memory."""

    steps: int
    told: bool
    aio: bool
    turns: int


@dataclass(frozen=True)
class Spent:
    """CPU milliseconds a turn, of all threads, until all is written; and the times of each."""

    cpu: float
    times: list[Times]

    @property
    def walls(self) -> list[float]:
        """Milliseconds of each turn until its agent answered."""
        return [(ended - started) * 1_000 for started, _, ended in self.times]

    @property
    def heard(self) -> list[float]:
        """Milliseconds of each turn until its model answered, which is when a stream shows it."""
        return [(at - started) * 1_000 for started, at, _ in self.times]


@dataclass(frozen=True)
class Worker:
    """The running process. `name` has the packages' versions, None where they are not all installed; `aio`: its agents
    can be awaited.
    """

    name: str | None
    aio: bool
    frameworks: list[str]
    _process: subprocess.Popen[str]

    def spent(self, block: Block) -> Spent:
        assert self._process.stdin
        print(json.dumps(asdict(block)), file=self._process.stdin, flush=True)
        return Spent(**json.loads(_line(self._process)))


@contextlib.contextmanager
def worker(python: str, role: Role, url: str) -> Iterator[Worker]:
    """Those agents, as that interpreter has them, with memories at `url`."""
    command = [python, str(Path(__file__).resolve()), json.dumps(asdict(role)), url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        yield Worker(**json.loads(_line(process)), _process=process)
        process.stdin.close()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    line = process.stdout.readline()
    if not line:
        raise SystemExit("a process with a memory's agents ended early; it says above why")
    return line


def _main(role: Role, url: str) -> None:
    names, frameworks = [installed(one) for one in role.packages], [*filter(None, map(installed, role.frameworks))]
    if None in names:
        print(json.dumps({"name": None, "aio": False, "frameworks": frameworks}), flush=True)
        return
    with quiet():
        subject: Subject = import_module(role.module).SUBJECTS[role.subject](url)
        logging.getLogger().setLevel(logging.ERROR)
    ready = {"name": ", ".join(map(str, names)), "aio": subject.aio is not None, "frameworks": frameworks}
    print(json.dumps(ready), flush=True)
    with asyncio.Runner() as runner:
        measure = _measuring(subject, runner)
        for line in sys.stdin:
            print(json.dumps(asdict(measure(Block(**json.loads(line))))), flush=True)
        subject.close()
        os._exit(0)  # before the loop is closed, which databases of LlamaIndex's need whenever they are collected


def _measuring(subject: "Subject", runner: asyncio.Runner) -> Callable[[Block], Spent]:
    def made(steps: int, told: bool, aio: bool) -> _Timed:
        return _awaited(subject, steps, told, runner) if aio else _called(subject, steps, told)

    timed = made if subject.talks else cache(made)

    def measure(block: Block) -> Spent:
        turn, times, answers = timed(block.steps, block.told, block.aio), list[Times](), set[str]()

        def take(number: int) -> None:
            taken, answer = turn(QUESTION.format(number))
            if block.told:
                subject.settle()
            times.append(taken)
            answers.add(answer)

        if subject.talks:
            take(0)
            times.clear()
        started = time.process_time_ns()
        for number in range(1, block.turns + 1):
            take(number)
        cpu = (time.process_time_ns() - started) / block.turns / 1_000_000
        assert answers == {KNOWS if block.told else KNOWS_NOT}, "no memory was asked with, or one where none should be"
        return Spent(cpu, times)

    return measure


def _called(subject: "Subject", steps: int, told: bool) -> _Timed:
    assert subject.turn
    turn = subject.turn(steps, told)

    def timed(text: str) -> tuple[Times, str]:
        started = time.monotonic()
        answer = turn(text)
        return (started, answered(), time.monotonic()), answer

    return timed


def _awaited(subject: "Subject", steps: int, told: bool, runner: asyncio.Runner) -> _Timed:
    assert subject.aio
    turn = subject.aio(steps, told)

    async def timed(text: str) -> tuple[Times, str]:
        started = time.monotonic()
        answer = await turn(text)
        return (started, answered(), time.monotonic()), answer

    return lambda text: runner.run(timed(text))


if __name__ == "__main__":
    _main(Role(**json.loads(sys.argv[1])), sys.argv[2])
