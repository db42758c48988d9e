"""What holds for every test: nothing is kept in the developer's own folders."""

import pytest


@pytest.fixture(autouse=True)
def _own_outbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients of a service keep their turns in memory, unless a test says otherwise."""
    monkeypatch.setenv("MEMOS_OUTBOX", ":memory:")
