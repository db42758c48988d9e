"""What tells whether a batch was written: its conversation, or on a server that tells none, its task."""

from typing import Any

from memos_integrations.client import MemOS
from memos_integrations.memory._line import Batch, Line
from memos_integrations.wire.call import Call
from memos_integrations.wire.calls import AddMessage
from memos_integrations.wire.readback import read_back
from memos_integrations.wire.tasks import NamedAdd, named

__all__ = ["as_sent", "reading"]


def as_sent(client: MemOS, line: Line, batch: Batch) -> AddMessage:
    """The batch's call as that server takes it."""
    return batch.call if client.tells_messages else _named(line, batch)


def reading(client: MemOS, line: Line, batch: Batch) -> Call[Any] | None:
    """The call that tells it, a `GetMessage` or a `GetStatus`; None where nothing can."""
    return read_back(batch.call) if client.tells_messages else _named(line, batch).asked


def _named(line: Line, batch: Batch) -> NamedAdd:
    """With a task's id that the file itself leads to, whoever reads it, and whenever."""
    entries = ",".join(map(str, batch.entries))
    return named(batch.call, line.digest("task", entries).hex())
