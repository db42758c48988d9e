"""What the dialect has no row for is refused before anything is asked, and docs/fleet.md says that it is not there."""

import pytest

from memos_integrations.errors import Unsupported
from memos_integrations.wire.calls import CALLS
from memos_integrations.wire.envelope import Request
from memos_integrations.wire.product import Product
from tests.addresses.opened import OPEN_SOURCE
from tests.addresses.outcomes import cells_of_page


@pytest.mark.parametrize("path", CALLS)
def test_the_table_tells_what_is_not_there(path: str) -> None:
    told = cells_of_page()[path, OPEN_SOURCE]
    try:
        Product().conversation(Request("POST", path, b"{}"))
    except Unsupported:
        assert told == "not there"
    except ValueError:  # it is there, and misses its arguments
        assert told != "not there"
