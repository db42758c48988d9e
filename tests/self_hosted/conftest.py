"""The open-source server for these tests: the real one, where there is one, else what was recorded of it."""

from collections.abc import Iterator

import pytest

from memos_integrations import MemOS, connect
from tests.self_hosted.cassette import Tape, playing
from tests.self_hosted.stand import Stand
from tests.self_hosted.surroundings import Surroundings


@pytest.fixture
def stand(request: pytest.FixtureRequest, real: Surroundings | None, tape: Tape | None) -> Iterator[Stand]:
    scope = f"{request.path.stem}::{request.node.name}"
    with playing(scope, tape, real.host if real else None) as cassette:
        yield Stand(cassette, real)


@pytest.fixture
def memos(stand: Stand) -> Iterator[MemOS]:
    with connect(stand.address) as client:
        yield client
