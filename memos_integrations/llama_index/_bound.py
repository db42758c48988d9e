"""A memory and its client: given, found again by name or by address, and given back."""

import asyncio
import logging
import threading
from abc import abstractmethod
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any, Self

from llama_index.core.memory import BaseMemory
from pydantic import Field, PrivateAttr

from memos_integrations._connect import borrow, borrow_again
from memos_integrations.client import MemOS
from memos_integrations.errors import Invalid, MemOSError
from memos_integrations.llama_index._clients import client_named, let_go, loan_named, name_of, name_of_loan
from memos_integrations.llama_index.events import dispatch
from memos_integrations.memory.closing import Closing
from memos_integrations.memory.handed import client_of, reader_zone
from memos_integrations.memory.loan import Loan

__all__ = ["Bound"]

_log = logging.getLogger(__name__)


class Bound(Closing, BaseMemory):
    """The half of a memory that has to do with its client."""

    timezone: str | None = Field(default=None, description="The reader's IANA zone; None: the server's")
    address: str | None = Field(default=None, description="The client's address, to find it again; never its key")
    client_name: str | None = Field(default=None, description="The client's name in this process")

    loan_name: str | None = Field(default=None, description="The name, in this process, of its loan of the client")

    _client: MemOS | None = PrivateAttr(default=None)
    _held: Loan = PrivateAttr(default_factory=lambda: Loan(let_go))
    _complained: bool = PrivateAttr(default=False)
    _lock: Any = PrivateAttr(default_factory=threading.RLock)
    # Held while a client is opened, which takes its time; taken by nobody who holds `_lock` or delivers.
    _opening: Any = PrivateAttr(default_factory=threading.RLock)

    def attach(self, client: MemOS) -> Self:
        """Gives a restored memory its client, and the client what was waiting to be written. Another one that the
        memory borrowed is given back.
        """
        self._checked(client)
        with closing(self._use(client)):
            self._deliver(client)
        return self

    def flush(self, timeout: float | None = None) -> int:
        """Waits until the client's outbox has delivered what it has, `timeout` seconds at most (None: the client's
        deadline); how many entries are left. Without a client: how many messages wait for one.
        """
        client = self._bound()
        return self._waiting() if client is None else client.flush(timeout)

    async def aflush(self, timeout: float | None = None) -> int:  # noqa: ASYNC109 - the bound of a thread's work
        """The same without blocking the loop."""
        client = await self._abound()
        return self._waiting() if client is None else await client.aio.flush(timeout)

    @abstractmethod
    def _deliver(self, client: MemOS | None) -> None:
        """Puts into the outbox what is new."""

    def _beside(self, other: "Bound") -> Self:
        """With the client of another memory; without one, like that memory, until it is found."""
        client = other._known()  # noqa: SLF001 - of its own class, as below
        if client is None:
            return self
        if other._held.lent is client:  # noqa: SLF001
            return self._open(partial(borrow_again, client))
        return self.attach(client)

    @abstractmethod
    def _waiting(self) -> int:
        """How many messages no outbox has."""

    def _needed(self, client: MemOS | None) -> MemOS:
        if client is None:
            raise Invalid("this memory was restored without a client: call attach(client) first", field="client")
        return client

    def _bound(self) -> MemOS | None:
        """The client; a restored memory finds its own again, or goes without until one is attached."""
        if self._client is not None:
            return self._client  # one may be attached while another thread still opens one
        with self._opening:
            if self._known() is None:
                try:
                    self._open(partial(borrow, self.address))
                except MemOSError as error:
                    if not self._complained:
                        _log.warning("a restored memory has no client (%s): attach(client)", type(error).__name__)
                    self._complained = True
            return self._client

    async def _abound(self) -> MemOS | None:
        if self._client is not None:
            return self._client
        return await asyncio.to_thread(self._bound)  # a client found again is handed what waits, which writes a file

    def _known(self) -> MemOS | None:
        """The client; one that is found again by its name comes with the loan that the dumped memory had of it."""
        if self._client is not None:
            return self._client
        with self._opening:
            again = client_named(self.client_name)
            if again is not None:
                self._checked(again)
                self._find(again, loan_named(self.loan_name, again), self.loan_name)
            return self._client

    def _open(self, lend: Callable[[], MemOS]) -> Self:
        """With a client that it borrows, unless one is attached meanwhile."""
        loan = Loan(let_go)
        client = loan.take(lend())
        try:
            self._checked(client)
            found = self._find(client, loan, name_of_loan(loan))
        except MemOSError:
            loan.close()
            raise
        if not found:
            loan.close()
        return self

    def _find(self, client: MemOS, loan: Loan | None, name: str | None) -> bool:
        """Takes a client that is its own again, with its loan of it; False when another one was attached meanwhile."""
        with self._lock:
            if self._client is not None:
                return False
            if loan is not None:
                self._held, self.loan_name = loan, name
            self._use(client)
        self._deliver(client)
        return True

    def _checked(self, client: MemOS) -> None:
        reader_zone(self.timezone, client_of(client, "MemOSMemory"))

    def _use(self, client: MemOS) -> Loan:
        """Works with `client` from now on; the loan of another one, to be closed."""
        client.listen(dispatch)
        with self._lock:
            former = Loan(let_go)
            if self._held.lent is not client:
                former, self._held, self.loan_name = self._held, former, None
            self._client = client
            self.address, self.client_name = client.address, name_of(client)
            return former
