"""What is measured at each size, and what came of it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median, quantiles

from _measure import blocks
from _scale_stores import ENGINE, WHOLE
from _scale_worker import Crowd, Spent, Worker

__all__ = ["LANGGRAPH", "MEM0", "OURS", "Length", "Measured", "Plan", "fill", "measure", "plan"]

OURS, MEM0, LANGGRAPH = "ours", "mem0", "langgraph"
BORNE = {OURS: 10_000_000, MEM0: 10_000, LANGGRAPH: 100_000}
"""The most memories that each is filled with: mem0 adds some thirty a second, LangGraph keeps vectors in memory."""

COPIED = 200_000
"""Memories past which forty-nine of fifty owners with 100 are copies."""
_UNITS = {"": 1, "k": 1_000, "m": 1_000_000}


@dataclass(frozen=True)
class Plan:
    """A store by its name and size, and whose memories it holds; those who follow the first are not copied."""

    name: str
    size: int
    crowds: tuple[Crowd, ...]

    def borne(self, subject: str) -> bool:
        return self.size <= BORNE[subject]


@dataclass(frozen=True)
class Length:
    """How long to measure: rounds, operations of a block, and calls of a bulk."""

    rounds: int
    times: int
    calls: int


@dataclass
class Measured:
    """What one memory took. Operations by (crowd or "", kind, way), round by round; `rates` by kind: CPU and wall
    milliseconds a memory, round by round.
    """

    name: str
    filled: tuple[int, Spent] = (0, (0.0, 0.0))
    size: int = 0
    taken: dict[tuple[str, str, str], list[list[Spent]]] = field(default_factory=dict)
    rates: dict[str, list[Spent]] = field(default_factory=dict)

    def middle(self, key: tuple[str, str, str], part: int = 0) -> float:
        """Milliseconds of CPU (`part` 0) or of the clock (1)."""
        return median(spent[part] for block in self.taken[key] for spent in block)

    def rare(self, key: tuple[str, str, str], part: int = 0) -> float | None:
        """What one operation in a hundred exceeds; None of fewer than a hundred."""
        every = [spent[part] for block in self.taken[key] for spent in block]
        return quantiles(every, n=100)[98] if len(every) >= 100 else None

    def by_round(self, key: tuple[str, str, str]) -> list[float]:
        return [median(cpu for cpu, _ in block) for block in self.taken[key]]

    def a_second(self, kind: str, part: int) -> float:
        """Memories a second of CPU or of the clock."""
        return 1_000 / median(spent[part] for spent in self.rates[kind])


def plan(name: str) -> Plan:
    """`1k`, `100k`, `1m`: owners of 100; `one-10k`: one owner. A ValueError for anything else."""
    found = re.fullmatch(r"(one-)?([1-9]\d*)([km]?)", name)
    if not found:
        raise ValueError(f"no size: {name}")
    one, number, unit = found.groups()
    size = int(number) * _UNITS[unit]
    if one:
        return Plan(name, size, (Crowd("one", 1, size),))
    if size <= COPIED:
        return Plan(name, size, (Crowd("many", max(1, size // 100), min(size, 100)),))
    large = Crowd("ten", 1, 10_000), Crowd("hundred", 1, 100_000)
    rest = size - sum(crowd.each for crowd in large)
    return Plan(name, size, (Crowd("many", rest // 5_000, 100, copies=49), *large))


def fill(worker: Worker, plan: Plan, measured: Measured) -> None:
    cpu = wall = 0.0
    added = 0
    for crowd in plan.crowds:
        spent = worker.fill(crowd)
        cpu, wall, added = cpu + spent[0], wall + spent[1], added + crowd.owners * crowd.each
        if crowd.copies:
            worker.copy(crowd.copies)
    measured.filled = added, (cpu, wall)
    if measured.name == OURS:
        worker.open()  # what is asked of a file next was not there a moment ago
    measured.size = worker.size()


def measure(workers: dict[str, Worker], plan: Plan, length: Length) -> dict[str, Measured]:
    """All of them side by side: first what they find, then what they take in."""
    measured = {name: Measured(name) for name in workers}
    for name, worker in workers.items():
        fill(worker, plan, measured[name])
    for crowd in plan.crowds:
        _rounds(workers, measured, crowd, length, "search")
    _rounds(workers, measured, plan.crowds[0], length, "add")
    _poured(workers, measured, length)
    return measured


def _rounds(workers: dict[str, Worker], measured: dict[str, Measured], crowd: Crowd, length: Length, kind: str) -> None:
    """The memories take turns, block by block; in a block the ways of one take turns."""

    def block(name: str, seeds: Iterator[int]) -> float:
        ask = workers[name].search if kind == "search" else workers[name].add
        spent = ask(crowd, next(seeds), _ways(name), length.times)
        for way, taken in spent.items():
            measured[name].taken.setdefault((crowd.name, kind, way), []).append(taken)
        return 0.0

    for name, worker in workers.items():  # what is done for the first time only
        (worker.search if kind == "search" else worker.add)(crowd, 0, _ways(name), 3)
    blocks({name: partial(block, name, iter(range(1, 1_000))) for name in workers}, length.rounds)


def _ways(name: str) -> Sequence[str]:
    return (WHOLE, ENGINE) if name == OURS else (WHOLE,)


def _poured(workers: dict[str, Worker], measured: dict[str, Measured], length: Length) -> None:
    kinds = {
        OURS: {
            "single": (WHOLE, length.times, 1),
            "later": ("later", length.times, 1),
            "bulk": (WHOLE, length.calls, 1_000),
        },
        LANGGRAPH: {"single": (WHOLE, length.times, 1), "bulk": (WHOLE, length.calls, 1_000)},
        MEM0: {"single": (WHOLE, length.times, 1)},
    }
    for number in range(length.rounds):
        for name, worker in workers.items():
            for kind, (way, calls, each) in kinds[name].items():
                measured[name].rates.setdefault(kind, []).append(worker.pour(number, way, calls, each))
    if OURS in workers:
        workers[OURS].open(full=True)
        for number in range(length.rounds):
            spent = workers[OURS].pour(1_000 + number, WHOLE, length.times, 1)
            measured[OURS].rates.setdefault("full", []).append(spent)
