"""What failed of a turn, told in the same words wherever it did: an error's class and MemOS's code, never content."""

from typing import Literal

from memos_integrations.client import Degraded, MemOS
from memos_integrations.errors import MemOSError, Refused

__all__ = ["named", "tell_degraded"]


def named(error: Exception) -> tuple[str, int]:
    """The error's class and MemOS's code, 0 without one."""
    return type(error).__name__, error.code if isinstance(error, Refused) else 0


def tell_degraded(
    client: MemOS,
    conversation_id: str | None,
    what: Literal["recall", "record"],
    error: MemOSError,
    milliseconds: float = 0.0,
) -> tuple[str, int]:
    """Emits `Degraded` for a turn that goes on without its memories, or unrecorded; what `named` says, for a log."""
    name, code = named(error)
    client.emit(Degraded(conversation_id or "", what, name, code, milliseconds, 0))
    return name, code
