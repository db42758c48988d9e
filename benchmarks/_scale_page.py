"""The benchmark of sizes as tables: ours beside its goals, beside the others, and what it writes a second."""

from collections.abc import Iterator, Mapping

from _measure import paired
from _scale_plan import LANGGRAPH, MEM0, OURS, Measured, Plan
from _scale_stores import ENGINE, WHOLE

__all__ = ["BESIDE_HEAD", "GOALS_HEAD", "RATES_HEAD", "Results", "beside", "goals", "rates"]

NAMES = {MEM0: "mem0 on local Qdrant", LANGGRAPH: "LangGraph's InMemoryStore"}
GOALS_HEAD = ("what", "measured", "goal", "better still", "met")
BESIDE_HEAD = (
    "memories", "operation", "ours: CPU ms, p50 / p99", "of it the engine's", "ours: wall ms, p50 / p99",
    *(f"{name}: {what}" for name in NAMES.values() for what in ("CPU ms, p50 / p99", "times ours")),
)  # fmt: skip
RATES_HEAD = (
    "memories", "ours: one a call, NORMAL", "refined after the answer", "one a call, FULL", "20 a call", "1,000 a call",
    "file, MB", f"{NAMES[MEM0]}, one a call", f"{NAMES[LANGGRAPH]}, one a call", "1,000 a call",
)  # fmt: skip


Results = list[tuple[Plan, dict[str, Measured]]]
"""What each memory took, size by size."""


def goals(results: Results) -> Iterator[tuple[str, ...]]:
    yield from _goals_of_searching(results)
    if results:
        yield from _goals_of_adding(*results[-1])
    for plan, told in results:
        if MEM0 in told:
            for kind, goal, better in (("search", 20, 50), ("add", 10, 20)):
                ratio = _times_ours(told, MEM0, (plan.crowds[0].name, kind, WHOLE))
                what = f"{kind}: {NAMES[MEM0]}'s CPU to ours, {_words(plan)}"
                yield what, f"{ratio:.1f} times", f"≥ {goal} times", f"{better}", _met(ratio >= goal)


def _goals_of_searching(results: Results) -> Iterator[tuple[str, ...]]:
    for each, goal, better in ((100, 2, 0.7), (10_000, 4, 1.5), (100_000, 20, 5)):
        told = [(plan, crowd, told[OURS]) for plan, told in results for crowd in plan.crowds if crowd.each == each]
        for plan, crowd, measured in told[-1:]:
            took, alone = (measured.middle((crowd.name, "search", way)) for way in (WHOLE, ENGINE))
            what = f"search, an owner with {each:,}, {plan.size:,} in all"
            said = f"{took:.2f} ms, {alone:.2f} of it the engine's"
            yield what, said, f"≤ {goal} ms", f"{better}", _met(took <= goal)


def _goals_of_adding(plan: Plan, told: Mapping[str, Measured]) -> Iterator[tuple[str, ...]]:
    own = told[OURS]
    for kind, what, goal, better in (("single", "NORMAL", 1_500, 4_000), ("full", "FULL", 600, 1_500)):
        cpu, wall = (own.a_second(kind, part) for part in (0, 1))
        met = "yes" if wall >= goal else "in CPU time" if cpu >= goal else "**no**"
        said = f"{wall:,.0f} a second, {cpu:,.0f} a CPU second"
        yield f"add, one a commit, {what}, {_words(plan)}", said, f"≥ {goal:,} a second", f"{better:,}", met
    rate = own.a_second("bulk", 0)
    what = f"add, 1,000 a call, {_words(plan)}"
    yield what, f"{rate:,.0f} a CPU second", "≥ 5,000 a CPU second", "12,000", _met(rate >= 5_000)


def beside(results: Results) -> Iterator[tuple[str, ...]]:
    for plan, told in results:
        for crowd in plan.crowds:
            yield _beside(plan, told, (crowd.name, "search", WHOLE), f"search, an owner with {crowd.each:,}")
        yield _beside(plan, told, (plan.crowds[0].name, "add", WHOLE), "add, one")


def _beside(plan: Plan, told: Mapping[str, Measured], key: tuple[str, str, str], what: str) -> tuple[str, ...]:
    own, (crowd, kind, _) = told[OURS], key
    alone = own.middle((crowd, kind, ENGINE))
    others = (cell for name in NAMES for cell in _other(told, name, key))
    return _words(plan), what, _both(own, key, 0), f"{alone:.2f}", _both(own, key, 1), *others


def rates(results: Results) -> Iterator[tuple[str, ...]]:
    for plan, told in results:
        own = told[OURS]
        added, (cpu, wall) = own.filled
        yield (
            _words(plan), *(_rate(told, OURS, kind) for kind in ("single", "later", "full")),
            f"{added / wall * 1_000:,.0f} / {added / cpu * 1_000:,.0f}", _rate(told, OURS, "bulk"),
            f"{own.size / 1e6:,.1f}", _rate(told, MEM0, "single"),
            *(_rate(told, LANGGRAPH, kind) for kind in ("single", "bulk")),
        )  # fmt: skip


def _words(plan: Plan) -> str:
    owners = sum(crowd.owners * (1 + crowd.copies) for crowd in plan.crowds)
    return f"{plan.size:,}, {'one owner' if owners == 1 else f'{owners:,} owners'}"


def _both(measured: Measured, key: tuple[str, str, str], part: int) -> str:
    rare = measured.rare(key, part)
    return f"{measured.middle(key, part):.2f} / " + ("–" if rare is None else f"{rare:.2f}")


def _other(told: Mapping[str, Measured], name: str, key: tuple[str, str, str]) -> tuple[str, str]:
    return (_both(told[name], key, 0), f"{_times_ours(told, name, key):.1f}") if name in told else ("", "")


def _times_ours(told: Mapping[str, Measured], name: str, key: tuple[str, str, str]) -> float:
    return paired(told[name].by_round(key), told[OURS].by_round(key))


def _rate(told: Mapping[str, Measured], name: str, kind: str) -> str:
    """Memories a second of the clock, and of CPU."""
    return f"{told[name].a_second(kind, 1):,.0f} / {told[name].a_second(kind, 0):,.0f}" if name in told else ""


def _met(met: bool) -> str:
    return "yes" if met else "**no**"
