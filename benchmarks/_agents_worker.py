"""One memory's agents in a process of its own, so that none pays for what another one imports or leaves running.

It is told, a line at a time, what to measure, and answers in a line; the first line tells what is installed.
"""

import asyncio
import contextlib
import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from _measure import installed
from _peers import quiet

if TYPE_CHECKING:
    from _agents_subjects import Subject

__all__ = ["FRAMEWORKS", "Block", "Spent", "Worker", "worker"]

FRAMEWORKS = ("langchain", "langchain-core", "langgraph", "pydantic", "httpx")
_Timed = Callable[[str], tuple[float, str]]  # wall milliseconds, and the answer

QUESTION = "Turn {}: what did I say about the tea from Lyon?"


@dataclass(frozen=True)
class Block:
    """`turns` user turns in a row of an agent that takes so many tool `steps`; `told`: with memory."""

    steps: int
    told: bool
    aio: bool
    turns: int


@dataclass(frozen=True)
class Spent:
    """CPU milliseconds a turn, of all threads, until all is written; wall milliseconds of each until its answer."""

    cpu: float
    walls: list[float]


@dataclass(frozen=True)
class Worker:
    """The running process. `name` has the package's version, None where it is not installed; `aio`: can be awaited."""

    name: str | None
    aio: bool
    frameworks: list[str]
    _process: subprocess.Popen[str]

    def spent(self, block: Block) -> Spent:
        assert self._process.stdin
        print(json.dumps(asdict(block)), file=self._process.stdin, flush=True)
        return Spent(**json.loads(_line(self._process)))


@contextlib.contextmanager
def worker(python: str, package: str, url: str) -> Iterator[Worker]:
    """The agents of `package`, as that interpreter has it, and memories at `url`."""
    command = [python, str(Path(__file__).resolve()), package, url]
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


def _main(package: str, url: str) -> None:
    name, frameworks = installed(package), [found for found in map(installed, FRAMEWORKS) if found]
    if name is None:
        print(json.dumps({"name": None, "aio": False, "frameworks": frameworks}), flush=True)
        return
    with quiet():
        from _agents_subjects import SUBJECTS

        subject = SUBJECTS[package](url)
        logging.getLogger().setLevel(logging.ERROR)
    print(json.dumps({"name": name, "aio": subject.aio is not None, "frameworks": frameworks}), flush=True)
    with asyncio.Runner() as runner:
        measure = _measuring(subject, runner)
        for line in sys.stdin:
            print(json.dumps(asdict(measure(Block(**json.loads(line))))), flush=True)
    subject.close()


def _measuring(subject: "Subject", runner: asyncio.Runner) -> Callable[[Block], Spent]:
    from _agents_model import KNOWS, KNOWS_NOT

    @cache
    def timed(steps: int, told: bool, aio: bool) -> _Timed:
        return _awaited(subject, steps, told, runner) if aio else _called(subject, steps, told)

    def measure(block: Block) -> Spent:
        turn, walls, answers = timed(block.steps, block.told, block.aio), list[float](), set[str]()
        started = time.process_time_ns()
        for number in range(block.turns):
            wall, answer = turn(QUESTION.format(number))
            if block.told:
                subject.settle()
            walls.append(wall)
            answers.add(answer)
        cpu = (time.process_time_ns() - started) / block.turns / 1_000_000
        assert answers == {KNOWS if block.told else KNOWS_NOT}, "no memory was asked with, or one where none should be"
        return Spent(cpu, walls)

    return measure


def _called(subject: "Subject", steps: int, told: bool) -> _Timed:
    turn = subject.turn(steps, told)

    def timed(text: str) -> tuple[float, str]:
        started = time.perf_counter()
        answer = turn(text)
        return (time.perf_counter() - started) * 1_000, answer

    return timed


def _awaited(subject: "Subject", steps: int, told: bool, runner: asyncio.Runner) -> _Timed:
    assert subject.aio
    turn = subject.aio(steps, told)

    async def timed(text: str) -> tuple[float, str]:
        started = time.perf_counter()
        answer = await turn(text)
        return (time.perf_counter() - started) * 1_000, answer

    return lambda text: runner.run(timed(text))


if __name__ == "__main__":
    _main(*sys.argv[1:])
