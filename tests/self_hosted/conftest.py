"""One real server for all of these tests, and the tape that its answers go to."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from memos_integrations import MemOS, connect
from memos_integrations.client._product import AsyncProductTransport, ProductTransport
from tests.product.tape import Tape, Taped
from tests.self_hosted.surroundings import Surroundings, standing


@pytest.fixture(scope="session")
def stand() -> Iterator[Surroundings]:
    python = os.environ.get("MEMOS_SELF_HOSTED_PYTHON")
    assert python, "run these tests with: make test-self-hosted"
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        standing(Path(python).absolute(), Path(folder)) as made,
    ):
        yield made


@pytest.fixture(scope="session")
def tape(request: pytest.FixtureRequest) -> Iterator[Tape]:
    """Written in the end, where it was asked for and all went well."""
    made = Tape("MemoryOS 2.0.33")
    yield made
    if os.environ.get("MEMOS_SELF_HOSTED_RECORD") and not request.session.testsfailed:
        made.write()


@pytest.fixture
def memos(stand: Surroundings, tape: Tape) -> Iterator[MemOS]:
    with connect(stand.address) as client:
        record(client, tape)
        yield client


def record(client: MemOS, tape: Tape) -> None:
    """Lets the tape run between `client` and the server."""
    taped = Taped()
    object.__setattr__(taped, "tape", tape)
    for transport in (client._shared.transport, client._shared.aio_transport):
        assert isinstance(transport, ProductTransport | AsyncProductTransport)
        transport._dialect = taped
