"""What a user turn of a LlamaIndex agent costs with a memory: ours and Mem0Memory beside stock Memory, in one run.

python benchmarks/llama_agents.py [--peers VENV] [--quick] [--write]   (--write puts the table into docs/llama_index.md)

VENV is a virtual environment with Mem0Memory; without it, it is looked for beside this package. If it is not installed,
that is told, with the commands that install it. Servers: one on the loopback, which waits as long as it is told.
"""

import os
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median

from _agents_page import differing, making, missing, options, publish, table
from _agents_server import READS, WRITES, Asked, Service, service
from _agents_worker import Block, Role, Spent, Times, Worker, worker
from _measure import blocks, machine, paired

FRAMEWORKS = ("llama-index-core", "llama-index-workflows", "pydantic", "httpx")
STEPS = (0, 3)
WAITS = (50, 200)
OURS, BLOCK, THEIRS = "MemOSMemory", "MemOSMemoryBlock", "Mem0Memory"
WAYS = {  # by the class: who makes it
    OURS: ("memos-integrations",),
    BLOCK: ("memos-integrations",),
    "FixedBlock": ("llama-index-core",),
    THEIRS: ("llama-index-memory-mem0", "mem0ai"),
}
WANTED = ("llama-index-memory-mem0==2.1.0",)
PAGE = "llama_index.md"
HEAD = (
    "memory",
    "reads + writes until the answer",
    "after it",
    "CPU ms, the whole turn",
    *(
        f"ms added until {what}, memory takes {wait} ms"
        for wait, what in product(WAITS, ("the answer", "the run's end"))
    ),
)
ABOUT = """\
Each cell: 0 / 3 tool steps, so that the model is asked 1 / 4 times. A FunctionAgent as it is by default, whose model is
scripted and answers at once, in one piece. The answer: when the model gives it, which is when a stream shows it; the
run's end: when `await agent.run(…)` returns. Turns are a conversation's second and later ones. "Added" is against the
same agent with stock `Memory` (`Memory.from_defaults()`) in the same process, in turns with it; the first row is what
that takes, and it remembers nothing of other conversations. `MemOSMemory` stands in its place and saves its work on
the history, so it can add less than the one search that its run waits for; the others work on top of it.

The memories are served on the loopback by another process, which counts the calls and finds 12 items: MemOS's as 5.8 KB
of JSON, Mem0's in its platform's form. CPU: user and system time of all threads until the turn is written, with a
memory that answers at once; medians of {rounds} blocks of {turns} turns. Added milliseconds: differences of medians of
{waited} turns each. Ratios: of calls, of CPU (the median of the rounds' ratios), of added milliseconds.

- `MemOSMemory` with its defaults, and `MemOSMemoryBlock` in a `Memory` with `insert_method="user"`: one search, and
  one write after the answer, for which no run waits: the turn is then in the outbox's file, and a thread delivers it.
- `FixedBlock`: a block of a `Memory` that gives 12 fixed lines and asks nobody. What it costs is LlamaIndex's own work
  around any block: the larger part of what `MemOSMemoryBlock` adds beside its search.
- `Mem0Memory` over Mem0's platform by its `MemoryClient`, its telemetry off. It writes the question, searches before
  each step, writes the answer and searches once more, and the run waits for each. Its `from_client` raises with this
  mem0ai, which no longer takes the `org_id` it hands over, so it is made by its constructor, of the same parts."""

BUSY = """\
The machine's load was {began:.1f} when this began and {ended:.1f} when it ended. Calls are the same
anywhere; added milliseconds are the memory's own time and the wait for a processor: a busy machine shows more."""


@dataclass(frozen=True)
class Case:
    """A kind of turn of one memory's agents."""

    memory: str
    steps: int


@dataclass(frozen=True)
class Length:
    """Rounds and turns of a block: of those that take the CPU's time, and of those that wait."""

    rounds: int
    turns: int
    waited_rounds: int
    waited_turns: int


@dataclass
class Taken:
    """What a case took: CPU milliseconds a turn with stock `Memory` and with this one, by round; calls of a turn until
    the answer and after it; milliseconds until the answer and until the run's end, by wait and with or without.
    """

    plain: list[float] = field(default_factory=list)
    told: list[float] = field(default_factory=list)
    calls: tuple[Counter[str], Counter[str]] = field(default_factory=lambda: (Counter(), Counter()))
    walls: dict[tuple[int, bool], list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))

    def wall(self, wait: int, end: int, *, told: bool) -> float:
        return median(both[end] for both in self.walls[wait, told])

    def waited(self, wait: int, end: int) -> float:
        """Added until the answer (`end` 0) or the run's end (1)."""
        return self.wall(wait, end, told=True) - self.wall(wait, end, told=False)


class Bench:
    """The service, the workers whose packages are there, and what was measured."""

    def __init__(self, server: Service, workers: dict[str, Worker], length: Length) -> None:
        self._server, self._workers, self._length = server, workers, length
        self.taken = {Case(name, steps): Taken() for name, steps in product(workers, STEPS)}

    def measure(self) -> None:
        self._server.wait(0)
        for case in self.taken:
            self._block(case, told=True, turns=1)  # warms up, and what is not right fails early
            self._block(case, told=False, turns=1)
        subjects = {str(case): partial(self._processor, case) for case in self.taken}
        blocks(subjects, self._length.rounds)
        for wait in WAITS:
            self._server.wait(wait)
            pairs = product(self.taken, (True, False))
            waiting = {str(pair): partial(self._clock, wait, *pair) for pair in pairs}
            blocks(waiting, self._length.waited_rounds)

    def _processor(self, case: Case) -> float:
        self._server.calls()
        told = self._block(case, told=True, turns=self._length.turns)
        asked = self._server.calls()
        taken = self.taken[case]
        taken.calls = counted(asked, told.times)
        taken.told.append(told.cpu)
        taken.plain.append(self._block(case, told=False, turns=self._length.turns).cpu)
        return told.cpu

    def _clock(self, wait: int, case: Case, told: bool) -> float:
        spent = self._block(case, told=told, turns=self._length.waited_turns)
        self.taken[case].walls[wait, told] += zip(spent.heard, spent.walls, strict=True)
        return spent.walls[-1]

    def _block(self, case: Case, *, told: bool, turns: int) -> Spent:
        return self._workers[case.memory].spent(Block(case.steps, told, aio=True, turns=turns))


def counted(asked: Iterable[Asked], times: list[Times]) -> tuple[Counter[str], Counter[str]]:
    """The calls of each of those turns until its answer and after it; all turns have as many, or it raises."""
    until, after = ([Counter[str]() for _ in times] for _ in range(2))
    for kind, at in asked:
        turn = sum(started <= at for started, _, _ in times) - 1
        if turn >= 0:  # else of the turn that does not count
            (until if at < times[turn][1] else after)[turn][kind] += 1
    if any(turns != [turns[0]] * len(times) for turns in (until, after)):
        raise SystemExit(f"not every turn made the same calls: {until}, {after}")
    return until[0], after[0]


def rows(taken: dict[Case, Taken], workers: dict[str, Worker]) -> Iterator[tuple[str, ...]]:
    yield "stock `Memory`: the whole turn", *_stock([taken[Case(OURS, steps)] for steps in STEPS])
    for memory, one in workers.items():
        if one.name is None:
            yield f"`{memory}`", "not installed", *[""] * (len(HEAD) - 2)
        else:
            yield f"`{memory}` ({one.name})", *_added([taken[Case(memory, steps)] for steps in STEPS])
    if workers[THEIRS].name is None:
        return
    for memory in (OURS, BLOCK):
        pairs = [(taken[Case(memory, steps)], taken[Case(THEIRS, steps)]) for steps in STEPS]
        yield f"`{memory}` to `{THEIRS}`", *_ratios(pairs)


def _stock(cases: list[Taken]) -> Iterator[str]:
    yield from ("none", "none")
    yield _cell(median(case.plain) for case in cases)
    yield from _walls(lambda wait, end: [case.wall(wait, end, told=False) for case in cases], ".0f")


def _added(cases: list[Taken]) -> Iterator[str]:
    for part in (0, 1):
        cells = [_calls(case.calls[part]) for case in cases]
        yield cells[0] if len(set(cells)) == 1 else " / ".join(cells)
    yield _cell(median(case.told) for case in cases)
    yield from _walls(lambda wait, end: [case.waited(wait, end) for case in cases], ".0f")


def _ratios(pairs: list[tuple[Taken, Taken]]) -> Iterator[str]:
    for part in (0, 1):
        yield _cell((a.calls[part].total() / b.calls[part].total() for a, b in pairs), ".2f")
    yield _cell((paired(a.told, b.told) for a, b in pairs), ".2f")
    yield from _walls(lambda wait, end: [a.waited(wait, end) / b.waited(wait, end) for a, b in pairs], ".2f")


def _calls(calls: Counter[str]) -> str:
    others = calls.total() - calls[READS] - calls[WRITES]
    return " + ".join(map(str, [calls[READS], calls[WRITES], *([others] if others else [])]))


def _walls(of: Callable[[int, int], list[float]], form: str) -> Iterator[str]:
    for wait, end in product(WAITS, (0, 1)):
        yield _cell(of(wait, end), form)


def _cell(figures: Iterable[float], form: str = ".1f") -> str:
    return " / ".join(f"{figure:{form}}" for figure in figures)


def text(shown: str, workers: dict[str, Worker], length: Length, began: float) -> str:
    waited = length.waited_rounds * length.waited_turns
    about = ABOUT.format(rounds=length.rounds, turns=length.turns, waited=waited)
    busy = BUSY.format(began=began, ended=os.getloadavg()[0])
    paragraphs = (shown, about, busy, f"{machine(*FRAMEWORKS)}{differing(workers, OURS)}\n")
    return "\n\n".join(paragraphs)


def main() -> None:
    given = options(__doc__, PAGE, FRAMEWORKS, WANTED)
    began = os.getloadavg()[0]
    theirs = str(given.peers / "bin" / "python") if given.peers else sys.executable
    length = Length(2, 2, 2, 1) if given.quick else Length(9, 5, 8, 3)
    with service() as server, ExitStack() as held:
        workers = dict[str, Worker]()
        for memory, packages in WAYS.items():
            role = Role("_llama_subjects", memory, packages, FRAMEWORKS)
            python = theirs if memory == THEIRS else sys.executable
            workers[memory] = held.enter_context(worker(python, role, server.url))
        bench = Bench(server, {memory: one for memory, one in workers.items() if one.name}, length)
        bench.measure()
    shown = text(table(HEAD, rows(bench.taken, workers)), workers, length, began)
    print(f"{shown}{missing(workers, making(Path('PEERS'), FRAMEWORKS, WANTED))}", flush=True)
    if given.write:
        publish(PAGE, shown)


if __name__ == "__main__":
    main()
