"""What the benchmarks of agents share beside the measuring: their options, their table, and the page that shows it."""

import argparse
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from _agents_worker import Worker

__all__ = ["differing", "making", "missing", "options", "publish", "table"]

_DOCS = Path(__file__).parent.parent / "docs"
_MARKED = re.compile(r"(?<=<!-- agents:begin -->\n).*(?=<!-- agents:end -->)", re.DOTALL)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def missing(workers: Mapping[str, Worker], how: str) -> str:
    """What is not installed, and how to get it; "" where everything is."""
    names = [name for name, one in workers.items() if one.name is None]
    return f"\nNot installed: {', '.join(names)}; {how}" if names else ""


def making(venv: Path, frameworks: Iterable[str], wanted: Iterable[str]) -> str:
    """How to make the environment with the others, on the frameworks that ours has."""
    pins = [f"{name}=={version(name)}" for name in frameworks]
    return (
        f"to have them measured:\n\n  python3.11 -m venv {venv}\n"
        f"  {venv}/bin/python -m pip install {' '.join([*pins, *wanted])}\n"
        f"  {sys.executable} {sys.argv[0]} --peers {venv}\n"
    )


def differing(workers: Mapping[str, Worker], ours: str) -> str:
    """Ratios between different frameworks would say little of the memories."""
    own = workers[ours].frameworks
    others = {", ".join(one.frameworks) for one in workers.values() if one.name and one.frameworks != own}
    return f" **The others had {'; '.join(sorted(others))}.**" if others else " The same for all."


def publish(name: str, shown: str) -> None:
    """Writes between docs/`name`'s lines agents:begin and agents:end."""
    page = _DOCS / name
    text = page.read_text(encoding="utf-8")
    if not _MARKED.search(text):
        raise SystemExit(f"{name} has no lines agents:begin and agents:end to write between")
    page.write_text(_MARKED.sub(lambda _: f"\n{shown}\n", text), encoding="utf-8")


def options(about: str | None, page: str, frameworks: Iterable[str], wanted: Iterable[str]) -> argparse.Namespace:
    """`peers`, `quick` and `write`."""
    given = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--peers", type=Path, metavar="VENV", help="a virtual environment with the other memories")
    given.add_argument("--quick", action="store_true", help="a short run; the figures are rough")
    given.add_argument("--write", action="store_true", help=f"put the table into docs/{page}")
    found = given.parse_args()
    if found.peers and not (found.peers / "bin" / "python").exists():
        given.error(f"there is no virtual environment at {found.peers}; {making(found.peers, frameworks, wanted)}")
    return found
