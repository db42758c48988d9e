"""A client that one of ours was handed, or else borrows."""

import asyncio
import threading
from typing import Any, Self

from memos_integrations._connect import borrow
from memos_integrations.client import MemOS
from memos_integrations.llama_index._clients import let_go
from memos_integrations.llama_index.events import dispatch
from memos_integrations.memory.closing import Closing
from memos_integrations.memory.handed import client_of

__all__ = ["Held", "Holding"]


class Held:
    """`client`, or where that is None what `connect()` opens: at once, or on a running loop at its first use.

    Copies share it, so that it is given back once. What is done with it is told to LlamaIndex's handlers.
    """

    def __init__(self, client: MemOS | None, who: str) -> None:
        self._client: MemOS | None = None
        self._borrowed: MemOS | None = None
        self._lock = threading.Lock()
        if client is not None:
            self._take(client_of(client, who))
        elif not _on_a_loop():
            self.now()

    def now(self) -> MemOS:
        """The client; to borrow it may open a file."""
        with self._lock:
            if self._client is None:
                self._borrowed = borrow()
                self._take(self._borrowed)
            assert self._client is not None
            return self._client

    async def anow(self) -> MemOS:
        """The same without blocking the loop."""
        if self._client is not None:
            return self._client
        return await asyncio.to_thread(self.now)

    def given_back(self) -> MemOS | None:
        """The client to be closed, if any; once."""
        with self._lock:
            client, self._borrowed = self._borrowed, None
        return client if client is not None and let_go(client) else None

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Itself: connections can't be copied."""
        return self

    def _take(self, client: MemOS) -> None:
        client.listen(dispatch)
        self._client = client


class Holding(Closing):
    """One of ours that holds a client."""

    _held: Held

    def _given_back(self) -> MemOS | None:
        return self._held.given_back()


def _on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
