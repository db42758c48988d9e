"""Which turns failed of late: whoever runs an agent again with the same words (`with_retry`, `with_fallbacks`) means
the same turn, though LangGraph gives its message another id.
"""

import threading
from collections import OrderedDict

from memos_integrations.langchain._turn import Turn
from memos_integrations.memory.latest import keep

__all__ = ["Failed"]

_MAX_TURNS = 256  # for each client

_Place = tuple[str, str]


class Failed:
    """In memory only, bounded, one a client: the latest turn of each conversation, with a hash of its words."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns: OrderedDict[_Place, tuple[int, Turn]] = OrderedDict()

    def add(self, place: _Place, turn: Turn, text: str) -> None:
        """The model failed in that turn."""
        with self._lock:
            keep(self._turns, place, (hash(text), turn), _MAX_TURNS)

    def taken_up(self, place: _Place, turn: Turn, text: str) -> Turn:
        """`turn`, or the one that failed there, if it is the same words; the one that failed is forgotten."""
        with self._lock:
            digest, failed = self._turns.pop(place, (0, turn))
        if failed is turn or digest != hash(text):
            return turn
        return {**turn, "key": failed["key"], "conversation": failed["conversation"]}

    def done(self, turn: Turn) -> None:
        """It came to an answer after all."""
        with self._lock:
            for place in [place for place, (_, failed) in self._turns.items() if failed["key"] == turn["key"]]:
                del self._turns[place]
