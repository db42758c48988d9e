"""What tests set in place of the world: models that follow a script, and an engine that counts what it is asked."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any, NoReturn

from memos_integrations.client import MemOS, OnEvent, Retry
from memos_integrations.engine import AsyncEngineTransport, Engine, EngineTransport
from memos_integrations.wire.answers import Added, Found
from memos_integrations.wire.calls import AddMessage, SearchMemory
from memos_integrations.wire.envelope import Request

__all__ = ["CountingEngine", "Unstreamed", "client_over"]


class Unstreamed:
    """The half of a transport that a test has no use for, whichever its colour."""

    def stream(self, request: Request, seconds: float) -> NoReturn:
        raise AssertionError("nothing streams here")


class CountingEngine(Engine):
    """The engine itself, which keeps the calls it was asked."""

    def __init__(self, path: str = ":memory:", **options: Any) -> None:
        super().__init__(path, **options)
        self._noted = Lock()
        self.added: list[AddMessage] = []
        self.searched: list[SearchMemory] = []

    def add_message(self, call: AddMessage, project: str = "", *more: Any, **named: Any) -> Added:
        with self._noted:
            self.added.append(call)
        return super().add_message(call, project, *more, **named)

    def search_memory(self, call: SearchMemory, project: str = "", *more: Any, **named: Any) -> Found:
        with self._noted:
            self.searched.append(call)
        return super().search_memory(call, project, *more, **named)

    @property
    def counts(self) -> tuple[int, int]:
        """Searches and adds so far."""
        return len(self.searched), len(self.added)


@contextmanager
def client_over(
    engine: Engine,
    *,
    on_event: OnEvent | Sequence[OnEvent] = (),
    address: str = ":memory:",
    retry: Retry | None = None,
) -> Iterator[MemOS]:
    """A client over `engine`, closed with it."""
    client = MemOS.over(
        EngineTransport(engine),
        AsyncEngineTransport(engine),
        address=address,
        on_event=on_event,
        retry=retry or Retry(),
    )
    client.on_flush(engine.settle)
    client.on_close(engine.close)
    with client:
        yield client
