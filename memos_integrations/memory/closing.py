"""How the adapters end: what they opened themselves is closed, what they were handed is left alone."""

from memos_integrations.client import MemOS

__all__ = ["Closing"]


class Closing:
    """An adapter that may have opened its client."""

    def close(self) -> None:
        """Closes the client that this instance opened, when no other has it too; one it was handed is the caller's."""
        if (client := self._given_back()) is not None:
            client.close()

    async def aclose(self) -> None:
        """The same without blocking the loop."""
        if (client := self._given_back()) is not None:
            await client.aio.close()

    def _given_back(self) -> MemOS | None:
        """The client to be closed, if any; once."""
        raise NotImplementedError
