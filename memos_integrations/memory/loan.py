"""A client that one of ours works with: handed to it, or borrowed and given back once."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Self

from memos_integrations.client import MemOS, OnEvent
from memos_integrations.memory.handed import client_of

__all__ = ["Held", "Loan"]


class Loan:
    """A client that is borrowed, if any. Copies of whoever borrowed it share this, so that it is given back once."""

    def __init__(self, give_back: Callable[[MemOS], bool]) -> None:
        """`give_back` tells whether it was the last borrower, who closes the client."""
        self._give_back = give_back
        self._borrowed: MemOS | None = None
        self._lock = threading.Lock()

    @property
    def lent(self) -> MemOS | None:
        """The client that is to be given back, if any."""
        return self._borrowed

    def take(self, client: MemOS) -> MemOS:
        """Notes that `client` was borrowed."""
        self._borrowed = client
        return client

    def close(self) -> None:
        """Gives the client back, and closes it where that was the last borrower."""
        if (client := self._given_back()) is not None:
            client.close()

    async def aclose(self) -> None:
        """The same without blocking the loop."""
        if (client := self._given_back()) is not None:
            await client.aio.close()

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Itself: connections can't be copied."""
        return self

    def _given_back(self) -> MemOS | None:
        """The client to be closed, if any; once."""
        with self._lock:
            client, self._borrowed = self._borrowed, None
        return client if client is not None and self._give_back(client) else None


class Held(Loan):
    """The client that an adapter was handed, or where that is None borrows: at once, or where it `waits`, made on a
    running loop, at the first use. `listener` is told what the client tells.

    Raises `Invalid` for what is no client; `who` is named in the error.
    """

    def __init__(
        self,
        client: object,
        who: str,
        borrow: Callable[[], MemOS],
        give_back: Callable[[MemOS], bool],
        *,
        listener: OnEvent | None = None,
        waits: bool = False,
    ) -> None:
        super().__init__(give_back)
        self._borrow, self._listener = borrow, listener
        self._borrowing = threading.Lock()
        self._client = None if client is None else self._heard(client_of(client, who))
        if client is None and not (waits and _is_on_a_loop()):
            self.now()

    def now(self) -> MemOS:
        """The client; to borrow it may open a file."""
        with self._borrowing:
            if self._client is None:
                self._client = self._heard(self.take(self._borrow()))
            return self._client

    async def anow(self) -> MemOS:
        """The same without blocking the loop."""
        if self._client is not None:
            return self._client
        return await asyncio.to_thread(self.now)

    def _heard(self, client: MemOS) -> MemOS:
        if self._listener is not None:
            client.listen(self._listener)
        return client


def _is_on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
