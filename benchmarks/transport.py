"""What a search over HTTP costs a caller's process, beside bare httpx and other services' own clients, in one run.

python benchmarks/transport.py [--quick] [--write]   (--write puts the table into docs/transport.md)

A server on the loopback, in another process, answers at once. Another quantity is another function in `SECTIONS`.
"""

import asyncio
import gc
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib import import_module
from statistics import median

import httpx
from _loopback import ANSWER, HANGS_UP, Loopback, loopback
from _measure import Block, Row, blocks, machine, options, paired, publish, spent
from _outbox import appends, deliveries
from _peers import BARE, KEY, OFFICIAL, OURS, PEERS, QUERY, makers
from _worker import Worker, worker

from memos_integrations import AsyncMemOS, MemOS, Unreachable
from memos_integrations.wire.calls import SearchMemory
from memos_integrations.wire.envelope import Reply, read

TASKS = 64
DEADLINE = 2.0
UNTYPED = "json.loads, untyped"
KINDS = {"dead": "never answers", "drip-head": "drips its head", "drip-body": "drips its body"}
ABOUT = (
    "A loopback server in another process answers each search with 6 facts and 6 preferences (5.8 KB; the clients of "
    "other services: 12 items in their own form). Each client has a process of its own. CPU: user and system time of "
    "all threads of that process, medians of blocks that take turns; ratios: medians of the pairs of each round. "
    "Bare httpx posts the same JSON over a pooled client and does not parse the answer; ours checks the arguments, "
    "bounds the call as a whole, may try again, and parses the answer into types."
)


@dataclass(frozen=True)
class Bench:
    """The server, a worker for each client, and how long to measure."""

    server: Loopback
    workers: dict[str, Worker]
    rounds: int
    calls: int

    @property
    def official(self) -> str:
        return list(self.workers)[2]


def sync_calls(bench: Bench) -> Iterator[Row]:
    taken = blocks({name: _block(one, bench.calls, 0) for name, one in bench.workers.items()}, bench.rounds)
    yield from _beside("sync call, CPU", taken, {BARE: 1.15, bench.official: 0.33})


def async_calls(bench: Bench) -> Iterator[Row]:
    workers = {name: one for name, one in bench.workers.items() if one.aio}
    alone = blocks({name: _block(one, bench.calls, 1) for name, one in workers.items()}, bench.rounds)
    yield from _beside("async call, 1 task, CPU", alone, {})
    crowded = blocks({name: _block(one, TASKS * 4, TASKS) for name, one in workers.items()}, bench.rounds // 2)
    yield from _beside(f"async call, {TASKS} tasks, CPU", crowded, {BARE: 0.45})
    growth = {name: median(crowded[name]) / median(alone[name]) for name in workers}
    own = growth.pop(OURS)
    for name, theirs in growth.items():
        goal, met = ("≤ 1.5 times", own <= 1.5) if name == BARE else ("", None)
        yield Row(f"growth from 1 to {TASKS} tasks", f"{own:.2f}", f"{name}: {theirs:.2f}", own / theirs, goal, met)
    for name in bench.workers:
        if name not in workers:
            yield Row("async call", "", f"{name}: has none")


def connections(bench: Bench) -> Iterator[Row]:
    """By clients that have not called yet."""
    for tasks, words in ((0, "in a row"), (TASKS, f"of {TASKS} tasks")):
        calls = bench.rounds * 40
        calls -= calls % max(1, tasks)
        names = [name for name, one in bench.workers.items() if one.aio or not tasks]
        opened = {name: _opened(bench, name, calls, tasks) for name in names}
        yield from _counts(f"TCP connections, {calls:,} calls {words}", opened, max(1, tasks))


def parsing(bench: Bench) -> Iterator[Row]:
    call, reply = SearchMemory(query=QUERY, user_id="u"), Reply(200, ANSWER, {"content-type": "application/json"})
    ways: dict[str, Callable[[], object]] = {OURS: lambda: read(call, reply), UNTYPED: lambda: json.loads(ANSWER)}
    if OFFICIAL.there:
        OFFICIAL.search(bench.server.url)
        model = import_module("memos.api.product_models").MemOSSearchResponse
        ways[f"{OFFICIAL.there}'s json.loads and model"] = lambda: model(**json.loads(ANSWER))
    gc.collect()
    gc.freeze()  # what the imports hold is not the parsers' work
    taken = blocks({name: _parsing(way, bench.calls * 5) for name, way in ways.items()}, bench.rounds)
    first, *others = _beside("typed parse of the 5.8 KB answer, CPU", taken, {})
    yield replace(first, goal="≤ 50 µs", met=median(taken[OURS]) <= 50)
    yield from others


def giving_up(bench: Bench) -> Iterator[Row]:
    """All cases wait at the same time. A reply instead of an error would end the benchmark."""
    with ThreadPoolExecutor(3 * len(KINDS)) as waiting:
        begun = [
            (kind, colour, waiting.submit(_patience, ask, f"{bench.server.url}/{kind}"))
            for kind in KINDS
            for colour, ask in (("sync", _ask), ("async", _ask_aio), (BARE, _ask_bare))
        ]
        seconds = {(kind, colour): waited.result() for kind, colour, waited in begun}
    for kind, words in KINDS.items():
        bare = seconds[kind, BARE]
        other = f"httpx, timeout={DEADLINE:g}: {bare:.2f} s" + ", when the server hung up" * (bare > HANGS_UP - 1)
        for colour in ("sync", "async"):
            own = seconds[kind, colour]
            quantity = f"giving up on a server that {words}, deadline {DEADLINE:g} s, {colour}"
            yield Row(quantity, f"{own:.2f} s", other, own / bare, f"≤ {DEADLINE * 1.05:g} s", own <= DEADLINE * 1.05)


def writing(bench: Bench) -> Iterator[Row]:
    yield from appends(bench.rounds, bench.calls * 5)
    yield from deliveries(bench.server.url, bench.rounds * 80)


def absent(bench: Bench) -> Iterator[Row]:
    del bench
    for peer in (OFFICIAL, *PEERS):
        if not peer.there:
            yield Row("all of the above", "", f"{peer.package}: not installed")


SECTIONS = (sync_calls, async_calls, connections, parsing, giving_up, writing, absent)


def _beside(quantity: str, taken: dict[str, list[float]], goals: dict[str, float]) -> Iterator[Row]:
    own = taken[OURS]
    for name, theirs in taken.items():
        if name != OURS:
            ratio, goal = paired(own, theirs), goals.get(name)
            other, met = f"{name}: {median(theirs):,.0f} µs", None if goal is None else ratio <= goal
            yield Row(quantity, f"{median(own):,.0f} µs", other, ratio, f"≤ {goal:g} times" if goal else "", met)


def _counts(quantity: str, opened: dict[str, int], most: int) -> Iterator[Row]:
    own = opened[OURS]
    for name, theirs in opened.items():
        if name != OURS:
            goal, met = (f"≤ {most}" if most > 1 else "1", own <= most) if name == BARE else ("", None)
            other = f"{name}: {theirs:,}" if theirs else f"{name}: the one that its constructor opened"
            yield Row(quantity, f"{own:,}", other, own / max(1, theirs), goal, met)


def _parsing(parse: Callable[[], object], calls: int) -> Block:
    def work(calls: int) -> None:
        for _ in range(calls):
            parse()

    return lambda: spent(work, calls, calls // 4)


def _block(one: Worker, calls: int, tasks: int) -> Block:
    """A quarter of a block goes before it, so that connections which a pool let go meanwhile are open again."""
    return lambda: one.spent(calls, calls // 4, tasks)


def _opened(bench: Bench, name: str, calls: int, tasks: int) -> int:
    with worker(name, bench.server.url) as one:
        before = bench.server.opened()
        one.spent(calls, 0, tasks)
        return bench.server.opened() - before


def _patience(ask: Callable[[str], object], url: str) -> float:
    """Seconds until `ask` gives up."""
    started = time.monotonic()
    try:
        ask(url)
    except (Unreachable, httpx.HTTPError):
        return time.monotonic() - started
    raise AssertionError("a server that never answers was heard to answer")


def _ask(url: str) -> None:
    with MemOS(base_url=url, api_key=KEY, deadline=DEADLINE) as client:
        client.search_memory(query=QUERY, user_id="u")


def _ask_aio(url: str) -> None:
    async def ask() -> None:
        async with AsyncMemOS(base_url=url, api_key=KEY, deadline=DEADLINE) as client:
            await client.search_memory(query=QUERY, user_id="u")

    asyncio.run(ask())


def _ask_bare(url: str) -> None:
    with httpx.Client(timeout=DEADLINE) as client:
        client.post(f"{url}/search/memory", json={"query": QUERY, "user_id": "u"})


def main() -> None:
    given = options(__doc__ or "")
    with loopback() as server, ExitStack() as held:
        workers = {name: held.enter_context(worker(name, server.url)) for name in makers()}
        bench = Bench(server, workers, *((5, 40) if given.quick else (25, 80)))
        rows = [row for section in SECTIONS for row in section(bench)]
    about = f"{ABOUT}\n\n{machine('httpx', 'httpcore', 'pydantic', 'requests')}"
    publish("transport", "What a call over HTTP costs", rows, about, write=given.write)


if __name__ == "__main__":
    main()
