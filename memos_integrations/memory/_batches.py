"""What of a conversation is sent in one call. Pure."""

from collections.abc import Sequence

from memos_integrations.memory._queue import MAX_BYTES
from memos_integrations.wire.calls import AddMessage
from memos_integrations.wire.readback import MOST

__all__ = ["Row", "fitting", "joined", "marks"]

Row = tuple[int, bytes, int, int, float | None]
"""An entry: its number, body, how many messages, whether it goes alone, and when it was first sent, if in doubt."""


def fitting(rows: Sequence[Row], most: int = MOST) -> int:
    """How many of `rows` fit into one call; the first does. What was in doubt stays as it was, to be looked for."""
    messages, size = 0, 0
    for count, (_, body, length, alone, sent) in enumerate(rows):
        messages, size = messages + length, size + len(body)
        apart = alone or rows[0][3] or sent != rows[0][4]
        if count and (apart or messages > min(most, MOST) or size > MAX_BYTES):
            return count
    return len(rows)


def marks(call: AddMessage) -> AddMessage:
    """All of it but its messages."""
    return call.model_copy(update={"messages": ()})


def joined(calls: Sequence[AddMessage]) -> AddMessage:
    """One call with the messages of all, which agree in everything else."""
    messages = tuple(message for call in calls for message in call.turns)
    return calls[0] if len(calls) == 1 else calls[0].model_copy(update={"messages": messages})
