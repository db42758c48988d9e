"""What holds for every test: nothing is kept in the developer's own folders."""

import os

import pytest
from hypothesis import HealthCheck, settings

# The same examples everywhere, however slow the machine, so that a green suite stays green; `make explore` looks for
# new ones.
settings.register_profile("explore", print_blob=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", settings.get_profile("explore"), derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture(autouse=True)
def _own_outbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients of a service keep their turns in memory, unless a test says otherwise."""
    monkeypatch.setenv("MEMOS_OUTBOX", ":memory:")
