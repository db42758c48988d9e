"""What each check comes to on an address, and the page's table of it."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Literal

from memos_integrations.errors import ServerFault, Unsupported
from memos_integrations.wire.calls import CALLS
from tests.addresses import of_adds, of_bases, of_chats, of_memories
from tests.addresses.opened import FILE, OPEN_SOURCE, SERVED, opened
from tests.addresses.registry import CHECKS, Asked, Check
from tests.self_hosted.cassette import Tape

__all__ = ["ADDRESSES", "CALLS_ASKED", "PAGE", "Outcome", "cell", "cells_of_page", "checks_of", "outcome", "table"]

Outcome = Literal["works", "not there", "differs"]
ADDRESSES = (FILE, SERVED, OPEN_SOURCE)
CLOUD = {"chat/completions": "named in the documentation, no more"}
PAGE = Path(__file__).parents[2] / "docs" / "fleet.md"
NO_MODEL = 50002  # what a call is refused with that needs a model where none is
BEGIN, END = "<!-- calls:begin -->", "<!-- calls:end -->"
_MODULES = tuple(
    module.__name__ for module in (of_adds, of_memories, of_chats, of_bases)
)  # which register their checks
CHECKS.sort(key=lambda check: _MODULES.index(check.run.__module__))
CALLS_ASKED = tuple(dict.fromkeys(check.call for check in CHECKS))
_ROW = re.compile(r"^\| ([a-z][^|]*?) \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def checks_of(call: str) -> list[Check]:
    return [check for check in CHECKS if check.call == call]


def outcome(
    check: Check, address: str, *, awaited: bool = False, tape: Tape | None = None, real: str | None = None
) -> Outcome:
    """Whether the promise is kept, refused before anything is sent, or not kept. What fails otherwise, raises."""
    colour = asyncio.Runner() if awaited else nullcontext(None)
    with opened(address, check.name, tape, real) as client, colour as runner:
        ada = re.sub(r"[^a-z]+", "-", check.name.lower()) if address == OPEN_SOURCE else "ada"
        try:
            check.run(Asked(client, runner, ada))
        except Unsupported:
            return "not there"
        except ServerFault as error:
            if error.code != NO_MODEL:
                raise
            return "not there"
        except AssertionError:
            return "differs"
    return "works"


def cell(outcomes: Mapping[Check, Outcome]) -> str:
    """A call on an address, in the page's words."""
    kinds: set[str] = set(outcomes.values())
    if len(kinds) == 1 and "differs" not in kinds:
        return kinds.pop()
    whats = {
        kind: [check.what for check, came in outcomes.items() if came == kind] for kind in ("not there", "differs")
    }
    return "; ".join(f"{kind}: {', '.join(each)}" for kind, each in whats.items() if each)


def table(cells: Mapping[tuple[str, str], str], calls: Sequence[str] = CALLS_ASKED) -> str:
    """The table, as it stands between the page's marks."""
    head = ["call", *ADDRESSES, "MemOS Cloud"]
    rows = [[call, *(cells[call, address] for address in ADDRESSES), CLOUD.get(call, "documented")] for call in calls]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cells_of_page() -> dict[tuple[str, str], str]:
    """What the page says."""
    text = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    return {
        (row[0], address): told.strip()
        for row in _ROW.findall(text)
        for address, told in zip(ADDRESSES, row[1:4], strict=True)
    }


def missing() -> set[str]:
    """Calls of the API that no check asks."""
    return set(CALLS) - set(CALLS_ASKED)
