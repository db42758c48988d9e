"""How the adapters end: what they opened themselves is closed, what they were handed is left alone."""

from typing import Protocol

from memos_integrations.memory.loan import Loan

__all__ = ["Closing"]


class _Holding(Protocol):
    @property
    def _held(self) -> Loan: ...


class Closing:
    """An adapter that may have opened its client, which it has as `_held`."""

    def close(self: _Holding) -> None:
        """Closes the client that this instance opened, when no other has it too; one it was handed is the caller's."""
        self._held.close()

    async def aclose(self: _Holding) -> None:
        """The same without blocking the loop."""
        await self._held.aclose()
