"""One memory in a process of its own, so that none pays for what another one imports or leaves running.

It is told, a line at a time, what to do, and answers in a line; the first line tells what is installed.
"""

import contextlib
import json
import logging
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from _measure import installed
from _peers import quiet
from _scale_stores import STORES, WHOLE
from _scale_texts import CONVERSATION, memories, questions

__all__ = ["Crowd", "Spent", "Worker", "worker"]

Spent = tuple[float, float]
"""Milliseconds of CPU, of all threads, and of the clock."""

PATIENCE, LEAST = 6.0, 3
"""Seconds after which a block ends, but not before so many operations of each way."""


@dataclass(frozen=True)
class Crowd:
    """So many owners with so many memories each, and `copies` of every one."""

    name: str
    owners: int
    each: int
    copies: int = 0

    def any(self, chance: random.Random) -> str:
        """One of the owners."""
        copy = chance.randint(0, self.copies)
        return f"{self.name}-{chance.randrange(self.owners)}" + (f"+{copy}" if copy else "")


class Worker:
    """The running process, whose store is opened at first. `name` has the packages' versions, None where they are not
    installed.
    """

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.name: str | None = self._answer()

    def open(self, *, full: bool = False) -> None:
        self._ask("open", full=full)

    def fill(self, crowd: Crowd) -> Spent:
        """Adds what the crowd says, a conversation a call, without its copies; milliseconds in all."""
        spent: Spent = self._ask("fill", crowd=asdict(crowd))
        return spent

    def copy(self, copies: int) -> None:
        """Copies all owners, so often; ours alone."""
        self._ask("copy", copies=copies)

    def size(self) -> int:
        """Bytes on disk."""
        return int(self._ask("size"))

    def search(self, crowd: Crowd, seed: int, ways: Sequence[str], times: int) -> dict[str, list[Spent]]:
        return self._many("search", crowd=asdict(crowd), seed=seed, ways=ways, times=times)

    def add(self, crowd: Crowd, seed: int, ways: Sequence[str], times: int) -> dict[str, list[Spent]]:
        """One memory a call."""
        return self._many("add", crowd=asdict(crowd), seed=seed, ways=ways, times=times)

    def pour(self, seed: int, way: str, calls: int, each: int) -> Spent:
        """Adds `each` memories in each of so many calls, until all is done; milliseconds a memory."""
        spent: Spent = self._ask("pour", seed=seed, way=way, calls=calls, each=each)
        return spent

    def _many(self, what: str, **how: Any) -> dict[str, list[Spent]]:
        spent: dict[str, list[Spent]] = self._ask(what, **how)
        return spent

    def _ask(self, what: str, **how: Any) -> Any:
        assert self._process.stdin
        print(json.dumps([what, how]), file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("a process with a memory ended early; it says above why")
        return json.loads(line)


@contextlib.contextmanager
def worker(python: str, subject: str, packages: Sequence[str]) -> Iterator[Worker]:
    """That memory, as that interpreter has it, in a folder that goes with it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [python, str(Path(__file__).resolve()), subject, folder, *packages]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            yield Worker(process)
            assert process.stdin
            process.stdin.close()


class _Memory:
    """A store in its folder; each method is what a Worker's of that name asks for."""

    def __init__(self, subject: str, folder: Path) -> None:
        self._make, self._folder = STORES[subject], folder
        self._asking: dict[str, Iterator[str]] = {}
        self._store = self._make(folder, "NORMAL")

    def open(self, *, full: bool) -> None:
        self._store.close()
        self._store = self._make(self._folder, "FULL" if full else "NORMAL")

    def fill(self, crowd: dict[str, Any]) -> Spent:
        told, add, spent = Crowd(**crowd), self._store.adds[WHOLE], [0.0, 0.0]
        for number in range(told.owners):
            owner = f"{told.name}-{number}"
            said = list(memories(owner, told.each))
            for start in range(0, told.each, CONVERSATION):
                took = _timed(add, owner, f"{owner}-{start}", said[start : start + CONVERSATION])
                spent = [a + b for a, b in zip(spent, took, strict=True)]
        return spent[0], spent[1]

    def copy(self, copies: int) -> None:
        from _scale_copies import copy_owners

        self._store.close()
        copy_owners(str(self._folder / "memos.db"), copies)
        self._store = self._make(self._folder, "NORMAL")

    def size(self) -> int:
        return sum(path.stat().st_size for path in self._folder.rglob("*") if path.is_file())

    def search(self, crowd: dict[str, Any], seed: int, ways: list[str], times: int) -> dict[str, list[Spent]]:
        told, chance, found = Crowd(**crowd), random.Random(seed), 0

        def search(way: str) -> Spent:
            nonlocal found
            owner = told.any(chance)
            query = next(self._asking.setdefault(owner, questions(owner, told.each)))
            answers: list[int] = []
            spent = _timed(lambda: answers.append(self._store.searches[way](owner, query)))
            found += answers[0]
            return spent

        spent = _in_turns(search, ways, times)
        assert found, "nothing was found by any search"
        return spent

    def add(self, crowd: dict[str, Any], seed: int, ways: list[str], times: int) -> dict[str, list[Spent]]:
        told, chance = Crowd(**crowd), random.Random(seed)
        said = memories(f"new {seed}", times * len(ways))

        def add(way: str) -> Spent:
            return _timed(self._store.adds[way], told.any(chance), "live", [next(said)])

        return _in_turns(add, ways, times)

    def pour(self, seed: int, way: str, calls: int, each: int) -> Spent:
        owner, add = f"poured-{seed}-{way}-{each}", self._store.adds[way]
        said = list(memories(owner, calls * each))

        def pour() -> None:
            for start in range(0, len(said), each):
                add(owner, f"{owner}-{start // max(each, CONVERSATION)}", said[start : start + each])
            self._store.settle()

        cpu, wall = _timed(pour)
        return cpu / len(said), wall / len(said)

    @cached_property
    def answers(self) -> dict[str, Callable[..., Any]]:
        return {name: getattr(self, name) for name in ("open", "fill", "copy", "size", "search", "add", "pour")}

    def close(self) -> None:
        self._store.close()


def _timed(work: Callable[..., object], *arguments: object) -> Spent:
    cpu, wall = time.process_time_ns(), time.perf_counter_ns()
    work(*arguments)
    return (time.process_time_ns() - cpu) / 1e6, (time.perf_counter_ns() - wall) / 1e6


def _in_turns(work: Callable[[str], Spent], ways: Sequence[str], times: int) -> dict[str, list[Spent]]:
    """The ways take turns and begin in turn, so that what one of them leaves in a cache serves all alike."""
    spent: dict[str, list[Spent]] = {way: [] for way in ways}
    until = time.monotonic() + PATIENCE
    for number in range(times):
        if number >= LEAST and time.monotonic() > until:
            break
        for way in [*ways[number % len(ways) :], *ways[: number % len(ways)]]:
            spent[way].append(work(way))
    return spent


def _main(subject: str, folder: Path, packages: Sequence[str]) -> None:
    names = list(map(installed, packages))
    if None in names:
        print(json.dumps(None), flush=True)
        return
    with quiet():
        memory = _Memory(subject, folder)
        logging.getLogger().setLevel(logging.ERROR)
        print(json.dumps(", ".join(map(str, names))), file=sys.__stdout__, flush=True)
        for line in sys.stdin:
            what, how = json.loads(line)
            print(json.dumps(memory.answers[what](**how)), file=sys.__stdout__, flush=True)
        memory.close()


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
