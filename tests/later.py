"""Hours that tests need not wait for, and who touches a database on which thread."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from memos_integrations import connect
from memos_integrations._file import File
from memos_integrations.client import Event, MemOS, Recorded
from memos_integrations.memory import _delivery
from memos_integrations.memory import outbox as outbox_module
from memos_integrations.memory.outbox import Outbox

__all__ = ["Clock", "said_in", "threads_at_files", "wait_for_orphans"]


class Clock:
    """What the outbox has for the time of day; tests move it on."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._ahead = 0.0
        self.monotonic, self.perf_counter = time.monotonic, time.perf_counter
        for module in (outbox_module, _delivery):
            patch.setattr(module, "time", self)

    def time(self) -> float:
        return time.time() + self._ahead

    def move_on(self, seconds: float) -> None:
        self._ahead += seconds


def wait_for_orphans(path: Path) -> None:
    """Another client on the same files, which writes what nobody came back for."""
    delivered = threading.Event()

    def heard(event: Event) -> None:
        if isinstance(event, Recorded):
            delivered.set()

    with connect(path, on_event=heard) as other:
        Outbox.of(other)
        assert delivered.wait(30)


def said_in(path: Path, user: str, conversation: str) -> list[tuple[str, str]]:
    """Role and text of all that was written of a conversation, in order, when nothing is left on its way."""
    with connect(path) as client:
        Outbox.of(client)
        assert client.flush() == 0
        return told(client, user, conversation)


def told(client: MemOS, user: str, conversation: str) -> list[tuple[str, str]]:
    stored = client.get_message(user_id=user, conversation_id=conversation, message_limit_number=50)
    return [(message.role or "", str(message.content)) for message in stored.message_detail_list]


@contextmanager
def threads_at_files(patch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """On which threads transactions begin meanwhile."""
    threads = list[int]()
    with patch.context() as watching:
        for name in ("writing", "reading"):
            begin = getattr(File, name)

            def noting(file: File, begin: object = begin) -> object:
                threads.append(threading.get_ident())
                assert callable(begin)
                return begin(file)

            watching.setattr(File, name, noting)
        yield threads
