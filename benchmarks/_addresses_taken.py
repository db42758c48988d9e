"""What one turn, or one call, took on each address, and the table of it."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from statistics import fmean, median, quantiles

from _addresses_clocks import used
from _addresses_open import FILE, REDIS, Address, made
from _measure import Block, blocks, paired
from turn import langchain_turn, llama_index_turn

from memos_integrations.client import Degraded, Parked, Recalled, Recorded
from memos_integrations.wire.answers import Added, Found

__all__ = ["HEAD", "PARTS_HEAD", "measured", "parts", "rows"]

NONE = "none: the agent alone"
WARM = 3
ASKED = "Turn {}: tell me again what I said about the tea from Lyon."  # no question: of those, nothing is remembered
HEAD = (
    "what", "address", "searches + writes", "wall ms, p50", "p99", "of it recall", "times `memos.db`",
    "times without memory", "delivered after, ms", "made after, ms", "CPU ms here", "CPU ms of the server",
)  # fmt: skip
PARTS_HEAD = ("server", "what", "CPU ms of its processes on this machine, mean")
Run = Callable[[str], object]


@dataclass(frozen=True)
class Operation:
    """A turn, or a bare call: made for an address, or for an agent without memory where that is possible."""

    name: str
    make: Callable[[Address | None], Run]
    turn: bool


@dataclass
class Taken:
    """Milliseconds, turn by turn; lists of what is not there stay empty.

    `delivered` and `made` begin when the turn has ended; `here` and `there` are CPU time until its memories are made.
    """

    wall: list[float] = field(default_factory=list)
    recall: list[float] = field(default_factory=list)
    delivered: list[float] = field(default_factory=list)
    made: list[float] = field(default_factory=list)
    here: list[float] = field(default_factory=list)
    there: list[Mapping[str, float]] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)

    @property
    def server(self) -> list[float]:
        return [sum(each.values()) - each.get(REDIS, 0) for each in self.there if each]


Measured = dict[Operation, dict[str, Taken]]


def _agent(make: Callable[..., Run], address: Address | None) -> Run:
    return make(address.client, 0, address.user) if address else make(None, 0)


def _search(address: Address | None) -> Run:
    assert address
    return lambda text: address.client.search_memory(query=text, user_id=address.user)


def _add(address: Address | None) -> Run:
    assert address

    def add(text: str) -> Added:
        messages = [{"role": "user", "content": text}, {"role": "assistant", "content": "You like it."}]
        return address.client.add_message(messages=messages, user_id=address.user, conversation_id="bare")

    return add


OPERATIONS = (
    Operation("LangChain `create_agent`", partial(_agent, langchain_turn), turn=True),
    Operation("LlamaIndex `FunctionAgent`", partial(_agent, llama_index_turn), turn=True),
    Operation("`search_memory`", _search, turn=False),
    Operation("`add_message`", _add, turn=False),
)


def measured(addresses: Sequence[Address], turns: int) -> Measured:
    """Operation by operation; on each, the addresses take turns, turn by turn."""
    with ExitStack() as resting:
        for address in addresses:
            resting.enter_context(address.resting())
        return {operation: _measured(operation, addresses, turns) for operation in OPERATIONS}


def _measured(operation: Operation, addresses: Sequence[Address], turns: int) -> dict[str, Taken]:
    subjects: dict[str, Address | None] = {NONE: None} if operation.turn else {}
    subjects |= {address.name: address for address in addresses}
    runs = {name: operation.make(address) for name, address in subjects.items()}
    taken = dict[str, Taken]()
    for times in (WARM, turns):
        taken = {name: Taken() for name in subjects}
        blocks({name: _block(runs[name], taken[name], address) for name, address in subjects.items()}, times)
    return taken


def _block(run: Run, taken: Taken, address: Address | None) -> Block:
    def block() -> float:
        text = ASKED.format(len(taken.wall))
        if address is None:
            _timed(run, text, taken)
        else:
            with address.awake():
                _with_memory(run, text, taken, address)
        return taken.wall[-1]

    return block


def _timed(run: Run, text: str, taken: Taken, settle: Callable[[object], object] = lambda _: None) -> None:
    cpu, started = time.process_time_ns(), time.perf_counter()
    told = run(text)
    taken.wall.append((time.perf_counter() - started) * 1_000)
    settle(told)
    taken.here.append((time.process_time_ns() - cpu) / 1e6)


def _with_memory(run: Run, text: str, taken: Taken, address: Address) -> None:
    address.events.clear()
    before = used(address.parts)
    _timed(run, text, taken, partial(_settle, taken, address))
    after = used(address.parts)
    taken.there.append({name: after[name] - before[name] for name in after})
    _hear(taken, address)


def _settle(taken: Taken, address: Address, told: object) -> None:
    """Waits for what goes on behind a turn, or behind a call that writes."""
    started = time.perf_counter()
    tasks = [told.task_id] if isinstance(told, Added) else []
    if not isinstance(told, Added | Found):
        if address.client.flush(120):
            raise SystemExit(f"{address.name}: a turn was not delivered")
        taken.delivered.append((time.perf_counter() - started) * 1_000)
        tasks = [event.task_id for event in address.events if isinstance(event, Recorded)]
    if tasks:
        made(address.client, tasks)
        taken.made.append((time.perf_counter() - started) * 1_000)


def _hear(taken: Taken, address: Address) -> None:
    for event in address.events:
        if isinstance(event, Degraded | Parked):
            raise SystemExit(f"{address.name}: a turn went on without its memory: {event.error}, {event.code}")
        taken.calls["searches" if isinstance(event, Recalled) else "writes"] += 1
        if isinstance(event, Recalled):
            taken.recall.append(event.milliseconds)


def rows(told: Measured) -> Iterator[tuple[str, ...]]:
    for operation, by_name in told.items():
        for name, taken in by_name.items():
            yield operation.name, name, *_cells(taken, by_name, turn=operation.turn)


def _cells(taken: Taken, others: Mapping[str, Taken], *, turn: bool) -> Iterator[str]:
    turns = len(taken.wall)
    yield f"{taken.calls['searches'] / turns:g} + {taken.calls['writes'] / turns:g}" if turn else ""
    yield _middle(taken.wall)
    yield _figure(quantiles(taken.wall, n=100)[98]) if turns >= 100 else ""
    yield _middle(taken.recall)
    for other in (FILE, NONE):
        yield f"{paired(taken.wall, others[other].wall):.2f}" if other in others else ""
    yield from map(_middle, (taken.delivered, taken.made, taken.here))
    yield _figure(fmean(taken.server)) if taken.server else ""


def _middle(figures: Sequence[float]) -> str:
    return _figure(median(figures)) if figures else ""


def _figure(milliseconds: float) -> str:
    return f"{milliseconds:.2f}" if milliseconds < 10 else f"{milliseconds:,.{int(milliseconds < 100)}f}"


def parts(told: Measured, idle: Mapping[str, Mapping[str, float]]) -> Iterator[tuple[str, ...]]:
    """What the figures of each server in `idle` are made of, and what it takes a second where nobody asks anything."""
    for name, idling in idle.items():
        for operation, by_name in told.items():
            every = by_name[name].there
            yield name, operation.name, _split({part: fmean(each[part] for each in every) for part in idling})
        yield name, "nothing, for a second", _split(idling)


def _split(taken: Mapping[str, float]) -> str:
    return " + ".join(f"{part} {_figure(milliseconds)}" for part, milliseconds in taken.items())
