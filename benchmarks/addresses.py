"""What a user turn costs on each address: in memory, in a file, served, on an open-source server, in the cloud.

python benchmarks/addresses.py [--self-hosted PYTHON] [--cloud URL] [--memories N] [--turns N] [--write]

PYTHON has MemoryOS 2.0.33 (tests/self_hosted/requirements.txt); its server runs on the loopback meanwhile. MemOS Cloud
is measured where MEMOS_API_KEY is set, and may charge for it: three adds and three searches for each of --turns, an add
for each 20 of --memories, and the asking whether they are done. --write puts the tables into docs/addresses.md.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from _addresses_clocks import used
from _addresses_open import CLOUD, HOSTED, Address, cloud, embedded, fill, owned, self_hosted, served
from _addresses_taken import HEAD, PARTS_HEAD, measured, parts, rows
from _agents_page import table
from _measure import machine

PAGE = Path(__file__).parent.parent / "docs" / "addresses.md"
MARKED = re.compile(r"(?<=<!-- addresses:begin -->\n).*(?=<!-- addresses:end -->)", re.DOTALL)
IDLE = 3.0  # seconds
PACKAGES = ("langchain", "llama-index-core", "pydantic", "httpx", "starlette", "uvicorn")


def main() -> None:
    given = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that it ends what it started
    began, key = os.getloadavg()[0], _settings_left_out()
    with TemporaryDirectory() as folder, ExitStack() as held:
        addresses = list(_opened(held, Path(folder), given, key))
        for address in addresses:
            fill(address, given.memories)
        idle = [_idle(address) for address in addresses]
        before = list(map(owned, addresses))
        told = measured(addresses, given.turns)
        after = list(map(owned, addresses))
    idling = {address.name: rate for address, rate in zip(addresses, idle, strict=True) if rate}
    shown = "\n\n".join((
        _command(given), _named(addresses, given.self_hosted), table(HEAD, rows(told)),
        _counts(addresses, before, after), table(PARTS_HEAD, parts(told, idling)), _run(given, began),
    ))  # fmt: skip
    print(shown, flush=True)
    if given.write:
        PAGE.write_text(MARKED.sub(lambda _: f"\n{shown}\n\n", PAGE.read_text("utf-8")), encoding="utf-8")


def _settings_left_out() -> str:
    """Takes ours out of the environment, so that no model or address of the user's is asked; the key among them."""
    key = os.environ.get("MEMOS_API_KEY", "").strip()
    for name in [name for name in os.environ if name.startswith("MEMOS_") and name != "MEMOS_IS_GLOBAL"]:
        del os.environ[name]
    return key


def _opened(held: ExitStack, folder: Path, given: argparse.Namespace, key: str) -> Iterator[Address]:
    yield from embedded(held, folder)
    yield served(held, folder)
    if given.self_hosted:
        yield self_hosted(held, folder, given.self_hosted)
    if key:
        yield held.enter_context(cloud(folder, given.cloud, key))


def _idle(address: Address) -> dict[str, float]:
    """CPU milliseconds a second of its server's processes while nobody asks anything."""
    if not address.parts:
        return {}
    before = used(address.parts)
    time.sleep(IDLE)
    after = used(address.parts)
    return {name: (after[name] - before[name]) / IDLE for name in after}


def _command(given: argparse.Namespace) -> str:
    hosted = " --self-hosted PYTHON" * bool(given.self_hosted)
    sizes = f" --memories {given.memories} --turns {given.turns}"
    return f"`python benchmarks/addresses.py{hosted}{sizes} --write`"


def _named(addresses: Sequence[Address], python: Path | None) -> str:
    names = [f"{HOSTED} ({_version(python)})" if python and each.name == HOSTED else each.name for each in addresses]
    left = [] if python else [f"{HOSTED} (no `--self-hosted`)"]
    left += [] if CLOUD in names else [f"{CLOUD} (no MEMOS_API_KEY was set)"]
    return f"Measured in this run: {'; '.join(names)}. Not measured: {'; '.join(left) or 'none'}."


def _counts(addresses: Sequence[Address], before: Sequence[int], after: Sequence[int]) -> str:
    told = (f"{each.name} {a:,} and {b:,}" for each, a, b in zip(addresses, before, after, strict=True))
    return f"Facts and preferences that the user had before the first turn and after the last: {'; '.join(told)}."


def _run(given: argparse.Namespace, began: float) -> str:
    return (
        f"Figures of {given.turns:,} turns or calls each, after 3 that don't count; no p99 of fewer than 100. The load "
        f"was {began:.1f} when this began and {os.getloadavg()[0]:.1f} when it ended: a busy machine shows longer wall "
        f"times. {machine(*PACKAGES)}"
    )


def _options() -> argparse.Namespace:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--self-hosted", type=Path, metavar="PYTHON", help="a Python that has MemoryOS 2.0.33")
    given.add_argument("--cloud", metavar="URL", help="where MemOS Cloud is (default: where the client finds it)")
    given.add_argument("--memories", type=int, default=200, help="what each user has before the first turn (200)")
    given.add_argument("--turns", type=int, default=100, help="how many on each address, and as many calls (100)")
    given.add_argument("--write", action="store_true", help="put the tables into docs/addresses.md")
    found = given.parse_args()
    if found.memories < 1 or found.turns < 1:
        given.error("--memories and --turns are at least 1")
    if found.self_hosted and not _version(found.self_hosted):
        given.error("--self-hosted: this is no Python that has MemoryOS: tests/self_hosted/requirements.txt makes one")
    return found


def _version(python: Path) -> str:
    """Of the MemoryOS that it has; "" where it has none, or is no Python."""
    code = "from importlib.metadata import version; print('MemoryOS', version('MemoryOS'))"
    try:
        return subprocess.run([python, "-c", code], check=False, capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


if __name__ == "__main__":
    main()
