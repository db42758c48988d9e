"""What a user turn of a LangChain agent costs with a memory: ours beside other services' own integrations, in one run.

python benchmarks/agents.py [--peers VENV] [--quick] [--write]   (--write puts the table into docs/langchain.md)

VENV is a virtual environment with the others; without it they are looked for beside this package. What is not installed
is told, with the commands that make one. Servers: one on the loopback, which waits as long as it is told.
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median

from _agents_page import differing, making, missing, options, publish, table
from _agents_server import READS, WRITES, Service, service
from _agents_worker import Block, Role, Spent, Worker, worker
from _measure import blocks, machine, paired

FRAMEWORKS = ("langchain", "langchain-core", "langgraph", "pydantic", "httpx")
STEPS = (0, 1, 3)
WAITS = (50, 200)
OURS = "memos-integrations"
WAYS = {  # by the package that makes each: what it is, as the table has it
    OURS: "ours, `MemOSMiddleware`",
    "MemoryOS": "MemOS's client by hand",
    "requests": "`requests.post` to MemOS by hand",
    "zep-langgraph": "zep-langgraph's quick start",
    "langchain-memoryrouter": "langchain-memoryrouter's nodes",
}
THEIRS = [package for package in WAYS if package != OURS]
PAGE = "langchain.md"
HEAD = (
    "memory",
    "reads + writes a turn",
    "CPU ms without memory",
    "CPU ms added",
    "times ours",
    *(f"wall ms added, a memory that takes {wait} ms" for wait in WAITS),
)
ABOUT = """\
Each cell: 0 / 1 / 3 tool steps, so that the model is asked 1 / 2 / 4 times. The model is scripted and answers at once.
The memories are served on the loopback by another process, which counts the calls and finds 12 items: MemOS's as 5.8 KB
of JSON, the others' as a block of text. Each memory has a process of its own, and in it the same agent without memory,
which takes turns with it: that is what "added" is measured against. CPU: user and system time of all threads until the
turn is written, with a memory that answers at once; an agent without memory never waits, so what waiting costs a
processor's caches is in what is added. Wall: until the agent has answered. Medians of {rounds} blocks of {turns} turns
(wall: {waited} turns); times ours: the same steps, sync beside sync and async beside async, medians of the pairs of
each round.

Each is built as its own documentation tells:

- ours: `create_agent` with the middleware. When the agent answers, the turn is in the outbox's file, from which a
  thread delivers it; with the others the run waits until the service has it.
- MemOS by hand: `create_agent`, a search before it and an add after it. Neither way has an async half.
- zep-langgraph: `create_react_agent` with a `prompt` that fetches the context, so at each model call; the user's
  message is added before, the reply after. Its search tool is left out, since the model would not call it.
- langchain-memoryrouter: a graph of its recall node, a model with tools, and its retain node. Each call makes an HTTP
  client. The nodes are sync; in an async run LangGraph gives them a thread."""


@dataclass(frozen=True)
class Case:
    """A kind of turn of one memory's agents."""

    package: str
    aio: bool
    steps: int


@dataclass(frozen=True)
class Length:
    rounds: int
    turns: int
    waited: int


@dataclass
class Taken:
    """What a case took: CPU milliseconds without and with memory by round, added wall milliseconds by wait, calls."""

    plain: list[float] = field(default_factory=list)
    added: list[float] = field(default_factory=list)
    walls: dict[int, float] = field(default_factory=dict)
    calls: str = ""


class Bench:
    """The service, the workers whose packages are there, and what was measured."""

    def __init__(self, server: Service, workers: dict[str, Worker], length: Length) -> None:
        self._server, self._workers, self._length = server, workers, length
        colours = [(name, aio) for name, one in workers.items() for aio in ((False, True) if one.aio else (False,))]
        self.taken = {Case(name, aio, steps): Taken() for (name, aio), steps in product(colours, STEPS)}

    def measure(self) -> None:
        self._server.wait(0)
        for case in self.taken:
            self._block(case, told=True, turns=2)  # warms up, and what is not right fails early
            self._block(case, told=False, turns=2)
        self._processor()
        for wait in WAITS:
            self._server.wait(wait)
            self._clock(wait)

    def _processor(self) -> None:
        def block(case: Case) -> float:
            self._server.asked()
            told = self._block(case, told=True, turns=self._length.turns).cpu
            asked = self._server.asked()
            plain = self._block(case, told=False, turns=self._length.turns).cpu
            others = sum(asked.values()) - asked[READS] - asked[WRITES]
            counts = [asked[READS], asked[WRITES], *([others] if others else [])]
            taken = self.taken[case]
            taken.calls = " + ".join(f"{count / self._length.turns:g}" for count in counts)
            taken.plain.append(plain)
            return told - plain

        subjects = {str(case): partial(block, case) for case in self.taken}
        for case, added in zip(self.taken, blocks(subjects, self._length.rounds).values(), strict=True):
            self.taken[case].added = added

    def _clock(self, wait: int) -> None:
        """The cases take turns here too, one turn each."""

        def both(case: Case, told: bool) -> float:
            return self._block(case, told=told, turns=1).walls[0]

        pairs = list(product(self.taken, (True, False)))
        subjects = {str(pair): partial(both, *pair) for pair in pairs}
        walls = dict(zip(pairs, map(median, blocks(subjects, self._length.waited).values()), strict=True))
        for case, taken in self.taken.items():
            taken.walls[wait] = walls[case, True] - walls[case, False]

    def _block(self, case: Case, *, told: bool, turns: int) -> Spent:
        return self._workers[case.package].spent(Block(case.steps, told, case.aio, turns))


def rows(bench: Bench, workers: dict[str, Worker]) -> Iterator[tuple[str, ...]]:
    for package, way in WAYS.items():
        one = workers[package]
        if one.name is None:
            yield way, f"{package} is not installed", *[""] * (len(HEAD) - 2)
            continue
        for aio in (False, True) if one.aio else (False,):
            label = f"{way} ({one.name}), {'async' if aio else 'sync'}"
            yield label, *_cells(bench.taken, package, aio)


def _cells(taken: dict[Case, Taken], package: str, aio: bool) -> Iterator[str]:
    cases = [taken[Case(package, aio, steps)] for steps in STEPS]
    own = [taken[Case(OURS, aio, steps)] for steps in STEPS]
    calls = [case.calls for case in cases]
    yield calls[0] if len(set(calls)) == 1 else " / ".join(calls)
    yield " / ".join(f"{median(case.plain):.1f}" for case in cases)
    yield " / ".join(f"{median(case.added):.1f}" for case in cases)
    yield " / ".join(f"{paired(case.added, ours.added):.2f}" for case, ours in zip(cases, own, strict=True))
    for wait in WAITS:
        yield " / ".join(f"{case.walls[wait]:.0f}" for case in cases)


def text(rows: Iterable[tuple[str, ...]], workers: dict[str, Worker], length: Length) -> str:
    about = ABOUT.format(rounds=length.rounds, turns=length.turns, waited=length.waited)
    return f"{table(HEAD, rows)}\n\n{about}\n\n{machine(*FRAMEWORKS)}{differing(workers, OURS)}\n"


def main() -> None:
    given = options(__doc__, PAGE, FRAMEWORKS, THEIRS)
    theirs = str(given.peers / "bin" / "python") if given.peers else sys.executable
    length = Length(2, 3, 2) if given.quick else Length(9, 5, 4)
    with service() as server, ExitStack() as held:
        workers = dict[str, Worker]()
        for package in WAYS:
            role = Role("_langchain_subjects", package, [package], FRAMEWORKS)
            python = sys.executable if package == OURS else theirs
            workers[package] = held.enter_context(worker(python, role, server.url))
        bench = Bench(server, {package: one for package, one in workers.items() if one.name}, length)
        bench.measure()
    shown = text(rows(bench, workers), workers, length)
    print(f"{shown}{missing(workers, making(Path('PEERS'), FRAMEWORKS, THEIRS))}", flush=True)
    if given.write:
        publish(PAGE, shown)


if __name__ == "__main__":
    main()
