"""What an extractor told of a task, line by line, and what becomes of it; where it told nothing, rules do.

A line that was changed or deleted while the extractor was asked is left to the rules: what it told is of old words.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

from memos_integrations.engine import _extracting_rows as sql
from memos_integrations.engine import _learning
from memos_integrations.engine._defaults import EVENTS, FACTS, PREFERENCES, PROFILES, SKILLS, TOOLS
from memos_integrations.engine._extracting_work import Work
from memos_integrations.engine._extraction import Extraction
from memos_integrations.engine._marks import archive
from memos_integrations.engine._rows import StoredTurn
from memos_integrations.engine._store import Store
from memos_integrations.engine._words import tokens

__all__ = ["RULES", "Learned", "Rules"]


class _OfALine(Protocol):
    @property
    def line(self) -> int: ...


T = TypeVar("T", bound=_OfALine)


class Rules:
    """Nothing was told: all of it is left to the rules."""

    def facts(self, turn: StoredTurn) -> bool:  # noqa: ARG002
        """Keeps the facts of a message; whether they take the place of its words."""
        return False

    def preferences(self, turn: StoredTurn) -> bool:  # noqa: ARG002
        """Keeps the preferences of a message, if any were told."""
        return False

    def events(self, turn: StoredTurn) -> bool:  # noqa: ARG002
        """Keeps the events of a message; False where it is for the rules to find them."""
        return False

    def rest(self) -> None:
        """Keeps what is not of one message alone."""


RULES: Final = Rules()


class Learned(Rules):
    """What an extractor told of `work`, kept at `now` (epoch milliseconds), inside the caller's transaction."""

    def __init__(self, store: Store, work: Work, found: Extraction, now: int) -> None:
        self._store, self._work, self._now = store, work, now
        self._found = found
        self._facts = self._by_message(FACTS, found.facts)
        self._preferences = self._by_message(PREFERENCES, found.preferences)
        self._events = self._by_message(EVENTS, found.events)
        self._there: Mapping[int, tuple[sql.Rough, ...]] | None = None

    def facts(self, turn: StoredTurn) -> bool:
        """Of a message that was shown in part, the words stay beside them."""
        new = self._facts.get(turn.number, ())
        if not new or not self._is_as_asked(turn):
            return False
        for one in new:
            sql.add_fact(self._store, self._work.task, turn, one)
            self._outdate(one.replaces)
        if turn.number in self._work.cut:
            return False
        self._store.delete_facts([rough.number for rough in self._work.rough.get(turn.number, ())], tokens)
        return True

    def preferences(self, turn: StoredTurn) -> bool:
        """The rules' own are left out where it told any."""
        new = self._preferences.get(turn.number, ())
        if not new or not self._is_as_asked(turn):
            return False
        for one in new:
            sql.add_preference(self._store, self._work.task, turn, one)
            self._outdate(one.replaces)
        return True

    def events(self, turn: StoredTurn) -> bool:
        """Where it told none, there are none."""
        if EVENTS not in self._work.asked.views or not self._is_as_asked(turn):
            return False
        for one in self._events.get(turn.number, ()):
            sql.add_event(self._store, self._work.task, turn, one)
        return True

    def rest(self) -> None:
        """Experiences of tools, skills, and values for fields of profiles."""
        task, views = self._work.task, self._work.asked.views
        for message, taught in self._by_message(TOOLS, self._found.experiences).items():
            for one in taught:
                sql.teach(self._store, task, message, one.text)
        left = {turn.number: turn for turn in self._store.turns_of(task)}
        for message, skills in self._by_message(SKILLS, self._found.skills).items():
            for skill in skills if message in left else ():
                _learning.learn_skill(self._store, task, left[message], skill.body, self._now)
        unchanged = all(self._is_as_asked(turn) for turn in self._work.turns) and len(left) == len(self._work.turns)
        for value in self._found.filled if PROFILES in views and unchanged else ():
            if 0 <= value.place < len(self._work.fields):
                _learning.fill(self._store, task, self._work.fields[value.place], value.value, self._now)

    def _by_message(self, view: str, found: Sequence[T]) -> Mapping[int, Sequence[T]]:
        """What names a line that is there and says something, by the line's message; only of a view asked for."""
        turns, by_message = self._work.turns, defaultdict[int, list[T]](list)
        for one in found if view in self._work.asked.views else ():
            if 0 <= one.line < len(turns) and _says_something(one):
                by_message[turns[one.line].number].append(one)
        return dict(by_message)

    def _is_as_asked(self, turn: StoredTurn) -> bool:
        if self._there is None:
            self._there = sql.rough_of(self._store, self._work.task)
        return self._there.get(turn.number, ()) == self._work.rough.get(turn.number, ())

    def _outdate(self, places: Iterable[int]) -> None:
        """Archives those of the known memories that still say what the extractor was told."""
        known = self._work.known
        for row in (known[place] for place in places if 0 <= place < len(known)):
            if sql.says(self._store, row.table, row.number, row.text):
                archive(self._store, row.table, row.number, self._now)
                self._store.note_change(self._work.task.number, row.table, row.number, "deleted")


def _says_something(one: Any) -> bool:
    text = getattr(one, "text", None)
    return bool(one.body) if text is None else bool(text.strip())
