"""docs/fleet.md says of each call what the dialect does with it."""

import re
from pathlib import Path

import pytest

from memos_integrations.errors import Unsupported
from memos_integrations.wire.calls import CALLS
from memos_integrations.wire.envelope import Request
from memos_integrations.wire.product import Product

PAGE = (Path(__file__).parents[2] / "docs" / "fleet.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| (\S[^|]*?) \| works[^|]* \| works[^|]* \| ([^|]+?) \| works \|$", PAGE, re.MULTILINE))
FAMILIES = {"profile": "profiles and their templates", "knowledgebase": "knowledge bases and their files"}


@pytest.mark.parametrize("path", CALLS)
def test_the_table_tells_what_is_not_there(path: str) -> None:
    row = next((name for part, name in FAMILIES.items() if part in path), path)
    try:
        Product().conversation(Request("POST", path, b"{}"))
    except Unsupported:
        assert ROWS[row] == "not there"
    except ValueError:  # it is there, and misses its arguments
        assert ROWS[row].startswith(("works", "differs"))
