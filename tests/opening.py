"""Clients whose opening waits until a test lets it go on."""

import threading
from collections.abc import Iterator

import pytest

from memos_integrations import MemOS, connect

__all__ = ["HUNG", "Opening", "opening"]

HUNG = 10.0  # seconds after which a test goes on without what it waits for, and fails


class Opening:
    """Stands for `connect` where clients are borrowed."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.told = list[bool]()  # whether each was let go on, and not stuck
        self.opened = list[MemOS]()

    def connect(self, address: str | None = None) -> MemOS:
        self.begun.set()
        self.told.append(self.go_on.wait(HUNG))
        self.opened.append(connect(address))
        return self.opened[-1]


@pytest.fixture
def opening(monkeypatch: pytest.MonkeyPatch) -> Iterator[Opening]:
    opening = Opening()
    monkeypatch.setattr("memos_integrations._connect.connect", opening.connect)
    yield opening
    opening.go_on.set()
    for client in opening.opened:
        client.close()
