"""What the embedded engine takes as it fills: add and search from a thousand memories to a million, beside two others.

python benchmarks/engine.py [--sizes 1k,one-10k,100k,one-100k,1m] [--peers VENV | --alone] [--quick] [--write]

A size is a number of memories, of owners with 100 each; one-10k is one owner with 10,000. VENV is a virtual environment
with mem0ai, qdrant-client and langgraph; without it, they are looked for beside this package. If one is not installed,
that is told, with the commands that install it. --write puts the tables into docs/scale.md.
"""

import argparse
import os
import platform
import re
import sqlite3
import sys
from contextlib import ExitStack
from pathlib import Path

from _agents_page import table
from _measure import installed
from _scale_page import BESIDE_HEAD, GOALS_HEAD, RATES_HEAD, Results, beside, goals, rates
from _scale_plan import LANGGRAPH, MEM0, OURS, Length, Measured, Plan, measure, plan
from _scale_worker import worker

SIZES = "1k,one-10k,100k,one-100k,1m"
PACKAGES = {OURS: ("memos-integrations",), MEM0: ("mem0ai", "qdrant-client"), LANGGRAPH: ("langgraph", "numpy")}
WANTED = "mem0ai==2.2.1 qdrant-client==1.20.0 langgraph==1.2.22 numpy"
PAGE = Path(__file__).parent.parent / "docs" / "scale.md"
MARKED = re.compile(r"(?<=<!-- scale:begin -->\n).*(?=<!-- scale:end -->)", re.DOTALL)
ABOUT = """\
Each memory has a process and a folder of its own for each size, and they take turns, block by block: CPU is user and
system time of all threads of that process, wall the clock; p50 and p99 of {operations} operations, fewer where a block
would take more than 6 s (no p99 of fewer than 100); ratios are medians of the rounds' ratios."""


def main() -> None:
    given = _options()
    began, results, names = os.getloadavg()[0], Results(), dict[str, str]()
    length = Length(2, 10, 1) if given.quick else Length(5, 60, 2)
    python = str(given.peers / "bin" / "python") if given.peers else sys.executable
    for one in given.sizes:
        told = _measured(one, python, length, names, alone=given.alone)
        results.append((one, told))
        print(f"{one.name}: {', '.join(told)}", file=sys.stderr, flush=True)
    shown = _shown(results, names, length, given, began)
    print(shown, flush=True)
    missing = [name for name in PACKAGES if name not in names and any(one.borne(name) for one in given.sizes)]
    if missing and not given.alone:
        print(f"\nNot installed: {', '.join(missing)}; {_making(Path('PEERS'))}", flush=True)
    if given.write:
        PAGE.write_text(MARKED.sub(lambda _: f"\n{shown}\n\n", PAGE.read_text("utf-8")), encoding="utf-8")


def _measured(plan: Plan, python: str, length: Length, names: dict[str, str], *, alone: bool) -> dict[str, Measured]:
    with ExitStack() as held:
        workers = {
            name: held.enter_context(worker(sys.executable if name == OURS else python, name, packages))
            for name, packages in PACKAGES.items()
            if plan.borne(name) and (name == OURS or not alone)
        }
        there = {name: one for name, one in workers.items() if one.name}
        names.update((name, str(one.name)) for name, one in there.items())
        return measure(there, plan, length)


def _shown(results: Results, names: dict[str, str], length: Length, given: argparse.Namespace, began: float) -> str:
    sizes = ",".join(one.name for one in given.sizes)
    quick = " --quick" * given.quick
    peers = " --alone" if given.alone else " --peers VENV" if given.peers else ""
    return "\n\n".join((
        f"`python benchmarks/engine.py --sizes {sizes}{peers}{quick} --write`",
        table(GOALS_HEAD, goals(results)),
        "Beside the others (empty: not filled so far):",
        table(BESIDE_HEAD, beside(results)),
        "Memories added a second of the clock / of CPU:",
        table(RATES_HEAD, rates(results)),
        ABOUT.format(operations=length.rounds * length.times),
        f"{os.cpu_count()} CPUs ({platform.machine()}), whose load was {began:.1f} when this began and "
        f"{os.getloadavg()[0]:.1f} when it ended: CPU figures and ratios count; wall times are a busy machine's. "
        f"Python "
        f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"{installed('PyStemmer') or 'no PyStemmer'}; {'; '.join(names.values())}.",
    ))  # fmt: skip


def _making(venv: Path) -> str:
    return (
        f"to have them measured:\n\n  python3.11 -m venv {venv}\n  {venv}/bin/python -m pip install {WANTED}\n"
        f"  {sys.executable} {sys.argv[0]} --peers {venv}\n"
    )


def _sizes(given: str) -> list[Plan]:
    return [plan(name) for name in given.split(",")]


def _options() -> argparse.Namespace:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--sizes", type=_sizes, default=SIZES, help=f"which to measure, of any size ({SIZES})")
    given.add_argument("--peers", type=Path, metavar="VENV", help="a virtual environment with the others")
    given.add_argument("--alone", action="store_true", help="leave the others out")
    given.add_argument("--quick", action="store_true", help="a short run; the figures are rough")
    given.add_argument("--write", action="store_true", help="put the tables into docs/scale.md")
    found = given.parse_args()
    if found.peers and not (found.peers / "bin" / "python").exists():
        given.error(f"there is no virtual environment at {found.peers}; {_making(found.peers)}")
    return found


if __name__ == "__main__":
    main()
