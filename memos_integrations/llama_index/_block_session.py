"""What a block remembers of one history: which turns it has seen there, by digest, and what is being asked."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from memos_integrations.llama_index._block_turns import Turn
from memos_integrations.memory.scope import Scope

__all__ = ["Noted", "Question", "Session", "fingerprint", "matched"]

_MAX_NOTED = 2_000  # turns of a history


@dataclass(slots=True)
class Noted:
    """A turn that was seen. `number` tells it from others of the same words; None: it is not ours to write.

    `heard` is how far it is written; None: not at all.
    """

    key: str
    number: int | None = None
    heard: str | None = None
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Question:
    """What memories are wanted for; `text` is None once it is answered: no one searches for an answer."""

    turn: str
    text: str | None = field(repr=False)


class Session:
    """One history's; no text is kept. `noted` is None until it was seen, and belongs to who holds `writing`."""

    def __init__(self, name: str, scope: Scope) -> None:
        self.name, self.scope = name, scope
        self.writing = threading.Lock()
        self.noted: list[Noted] | None = None
        self.seen: tuple[tuple[str, str], ...] = ()
        self._asking = threading.Lock()
        self._turn, self._spot, self._answered = "", (-1, ""), False

    def question(self, turns: Sequence[Turn]) -> Question | None:
        """What the user asks at present: the same turn as long as nothing of it changes and no answer was seen."""
        if not turns:
            return None
        last = turns[-1]
        with self._asking:
            if last.answered:
                self._answered = True
            elif self._answered or self._spot != (last.place, last.key):
                self._turn, self._spot, self._answered = uuid4().hex, (last.place, last.key), False
            return Question(self._turn, None if last.answered else last.text) if self._turn else None

    @property
    def keys(self) -> list[str]:
        """Of what was noted."""
        return [each.key for each in self.noted or ()]

    def note(self, noted: list[Noted] | None) -> None:
        """Takes what is known of the history from now on; None: it is to be taken up anew."""
        self.noted, self.seen = None if noted is None else noted[-_MAX_NOTED:], ()


def fingerprint(turns: Sequence[Turn]) -> tuple[tuple[str, str], ...]:
    """What tells whether anything happened."""
    return tuple((turn.key, turn.heard) for turn in turns)


def matched(old: Sequence[str], new: Sequence[str]) -> int | None:
    """How many places further to the front `new` has what `old` has too; None when the two are different histories.

    `old` without a turn goes on with all of `new`.
    """
    if not old:
        return 0
    for shift in range(len(old)):
        both = min(len(old) - shift, len(new))
        if both and old[shift : shift + both] == new[:both]:
            return shift
    return None
