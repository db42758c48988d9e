"""A conversation as an outbox has it at one moment, to be compared with what a server tells of it."""

from dataclasses import dataclass, replace
from typing import Final

from memos_integrations.memory._line import Line
from memos_integrations.wire.calls import AddMessage
from memos_integrations.wire.readback import Digest

__all__ = ["Look", "look"]

_ASIDE: Final = 1 << 62  # beyond every number of a file's entries


@dataclass(frozen=True, slots=True)
class Look:
    """What waits, in order: an entry's number, its call, and whether it may have arrived; and digests of what surely
    arrived of late, in order, made by `digest`.
    """

    waiting: list[tuple[int, AddMessage, bool]]
    arrived: list[bytes]
    digest: Digest

    def beside(self, other: "Look") -> "Look":
        """With what waits in another outbox, after all of this one's."""
        more = [(_ASIDE + number, call, sent) for number, call, sent in other.waiting]
        return replace(self, waiting=[*self.waiting, *more])


def look(line: Line, destination: int, user_id: str, conversation_id: str) -> Look:
    """That conversation, what waits and what arrived in one state of the file."""
    with line.reading():
        waiting = line.in_line(destination, user_id, conversation_id)
        return Look(waiting, line.arrived(destination, user_id, conversation_id), line.digest)
