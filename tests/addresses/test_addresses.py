"""Every call on every address that can be had here does what the page says of it, plain and awaited.

`python -m tests.addresses --write` writes the page's table from what came of the checks.
"""

import pytest

from tests.addresses.opened import OPEN_SOURCE
from tests.addresses.outcomes import (
    ADDRESSES,
    CALLS_ASKED,
    PAGE,
    Outcome,
    cell,
    cells_of_page,
    checks_of,
    missing,
    outcome,
    table,
)
from tests.addresses.registry import Check
from tests.self_hosted.cassette import Tape
from tests.self_hosted.surroundings import Surroundings


@pytest.mark.parametrize("call", CALLS_ASKED)
@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("awaited", [False, True], ids=["plain", "awaited"])
def test_a_call_does_what_the_page_says(
    call: str, address: str, awaited: bool, tape: Tape | None, real: Surroundings | None
) -> None:
    if awaited and address == OPEN_SOURCE:
        tape = real = None  # what is sent is compared with what was recorded plain
    host = real.host if real else None
    came: dict[Check, Outcome] = {
        check: outcome(check, address, awaited=awaited, tape=tape, real=host) for check in checks_of(call)
    }
    assert cell(came) == cells_of_page().get((call, address))


def test_the_page_has_all_calls_and_nothing_else() -> None:
    assert missing() == set()
    assert table(cells_of_page()) in PAGE.read_text(encoding="utf-8")
