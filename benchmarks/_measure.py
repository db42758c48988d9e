"""How the benchmarks measure and what they print: CPU time in blocks that take turns, ratios in pairs, one table."""

import argparse
import datetime
import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

__all__ = ["Block", "Row", "Work", "blocks", "installed", "machine", "options", "paired", "publish", "spent"]

Work = Callable[[int], object]
"""Does something that many times."""
Block = Callable[[], float]
"""Does something and tells what it took."""

_HEAD = ("quantity", "ours", "compared with", "ratio", "goal", "met")


@dataclass(frozen=True)
class Row:
    """A line of the table; `ratio` is ours to theirs, `met` whether `goal` is, None where there is none."""

    quantity: str
    ours: str
    other: str = ""
    ratio: float | None = None
    goal: str = ""
    met: bool | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        met = "" if self.met is None else "yes" if self.met else "**no**"
        return self.quantity, self.ours, self.other, "" if self.ratio is None else f"{self.ratio:.2f}", self.goal, met


def spent(work: Work, calls: int, warm: int) -> float:
    """CPU microseconds a call, of all threads of this process, after `warm` calls that don't count."""
    work(warm)
    started = time.process_time_ns()
    work(calls)
    return (time.process_time_ns() - started) / calls / 1_000


def blocks(subjects: Mapping[str, Block], rounds: int) -> dict[str, list[float]]:
    """What each subject takes, round by round.

    The subjects take turns and start with another one each round, so that a busy moment strikes all alike.
    """
    taken: dict[str, list[float]] = {name: [] for name in subjects}
    names = list(subjects)
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            taken[name].append(subjects[name]())
    return taken


def paired(ours: Iterable[float], theirs: Iterable[float]) -> float:
    """The median of the ratios round by round."""
    return median(a / b for a, b in zip(ours, theirs, strict=True))


def installed(package: str) -> str | None:
    """Name and version, as the tables have it; None where it isn't there."""
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return None


def machine(*packages: str) -> str:
    """What the figures depend on."""
    found = ", ".join(filter(None, map(installed, packages)))
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    return f"{os.cpu_count()} CPUs ({platform.machine()}), Python {platform.python_version()}, {found}; {day}."


def options(about: str) -> argparse.Namespace:
    """`--quick` for a short run with rough figures, `--write` to put the table into docs/."""
    given = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--quick", action="store_true", help="a short run; the figures are rough")
    given.add_argument("--write", action="store_true", help="put the table into docs/")
    return given.parse_args()


def publish(name: str, title: str, rows: Iterable[Row], about: str, *, write: bool) -> None:
    """Prints the table, and puts it into docs/`name`.md where it is to be written."""
    lines = [_HEAD, tuple("---" for _ in _HEAD), *(row.cells for row in rows)]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    print(f"{table}\n\n{about}", flush=True)
    if write:
        page = f"# {title}\n\nPrinted by `make bench` (`python benchmarks/{name}.py`).\n\n{table}\n\n{about}\n"
        (Path(__file__).parent.parent / "docs" / f"{name}.md").write_text(page, encoding="utf-8")
