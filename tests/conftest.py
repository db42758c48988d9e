"""What holds for every test: nothing is kept in the developer's own folders."""

import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.self_hosted.cassette import Tape
from tests.self_hosted.surroundings import Surroundings, standing

# The same examples everywhere, however slow the machine, so that a green suite stays green; `make explore` looks for
# new ones.
settings.register_profile("explore", print_blob=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", settings.get_profile("explore"), derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture(autouse=True)
def _own_outbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients of a service keep their turns in memory, unless a test says otherwise."""
    monkeypatch.setenv("MEMOS_OUTBOX", ":memory:")


@pytest.fixture(scope="session")
def real() -> Iterator[Surroundings | None]:
    """One server for all of these tests, run by the Python that the environment names."""
    python = os.environ.get("MEMOS_SELF_HOSTED_PYTHON")
    if not python:
        yield None
        return
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        standing(Path(python).absolute(), Path(folder)) as made,
    ):
        yield made


@pytest.fixture(scope="session")
def tape(real: Surroundings | None) -> Iterator[Tape | None]:
    """Written in the end, where it was asked for."""
    if real is None:
        yield None
        return
    made = Tape("MemoryOS 2.0.33", datetime.now(UTC))
    yield made
    if os.environ.get("MEMOS_SELF_HOSTED_RECORD"):
        made.write()
