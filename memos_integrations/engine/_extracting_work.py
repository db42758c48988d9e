"""A task as an extractor is asked about it: its lines, what came before, and what its owner's memory says already.

Read in one short transaction, nothing of which is held while the extractor is asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from memos_integrations.engine import _learning
from memos_integrations.engine._defaults import EVENTS, FACTS, PREFERENCES, PROFILES, SKILLS, TOOLS
from memos_integrations.engine._extract import REMEMBERED
from memos_integrations.engine._extracting_rows import Rough, counted, rough_of
from memos_integrations.engine._extraction import Known, Line, ToExtract
from memos_integrations.engine._learning import Fillable
from memos_integrations.engine._queries import FACT, PREFERENCE, Queries
from memos_integrations.engine._rows import StoredTurn, Task
from memos_integrations.engine._search import Wanted, find_facts, find_preferences
from memos_integrations.wire.message import Message

__all__ = ["KnownRow", "Work", "line", "read", "room"]

BEFORE: Final = 8  # messages of the conversation before the task that help to understand it
KNOWN_FACTS: Final = 10
KNOWN_PREFERENCES: Final = 20
LOOKED_UP: Final = 6  # lines whose words are searched for
_LONGEST, _SHORTEST, _TOGETHER = 6_000, 200, 48_000  # characters of a line, and of all of them
_LONGEST_BEFORE: Final = 500
_LONGEST_QUERY: Final = 500
_LONGEST_PROMPT: Final = 4_000
_DEEP: Final = 40  # messages before the task in which rounds of tool calls are counted


@dataclass(frozen=True, slots=True)
class KnownRow:
    """Which memory a known one is; `text` tells whether it still says the same."""

    table: str
    number: int
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Work:
    """A task, the question about it, and which rows the question's places stand for.

    `rough` has the facts that each message had; `cut` the messages of which the question has only the beginning.
    """

    task: Task
    asked: ToExtract
    turns: tuple[StoredTurn, ...]
    rough: Mapping[int, tuple[Rough, ...]]
    cut: frozenset[int]
    known: tuple[KnownRow, ...]
    fields: tuple[Fillable, ...]


def read(store: Queries, task: Task) -> Work | None:
    """What to ask about a task that runs; None where there is nothing to ask."""
    turns = tuple(store.turns_of(task))
    fields = _learning.fields_to_fill(store, task.owner) if _wants(task, PROFILES) else ()
    views = _views(store, task, turns, fillable=bool(fields))
    most = room(len(turns))
    lines = tuple(line(turn, most) for turn in turns)
    if not views or not any(each.text.strip() for each in lines if each.role != "system"):
        return None
    known = _known(store, task, lines)
    asked = ToExtract(
        lines=lines,
        views=views,
        before=tuple(line(turn, _LONGEST_BEFORE) for turn in store.turns_before(turns[0], BEFORE)),
        known=tuple(Known(_VIEW[row.table], row.text) for row in known),
        fields=tuple(each.field for each in fields),
        prompts={view: prompt[:_LONGEST_PROMPT] for view, prompt in store.prompts_of(task).items()},
    )
    cut = frozenset(turn.number for turn in turns if len(_words(turn)) > most)
    return Work(task, asked, turns, rough_of(store, task), cut, known, fields)


def room(count: int) -> int:
    """How many characters of each of so many lines are shown."""
    return min(_LONGEST, max(_SHORTEST, _TOGETHER // max(1, count)))


def line(turn: StoredTurn, most: int) -> Line:
    """A message as an extractor reads it, its first `most` characters."""
    return Line(turn.role, _words(turn)[:most], turn.said, turn.name)


_VIEW: Final = {FACT: FACTS, PREFERENCE: PREFERENCES}


def _words(turn: StoredTurn) -> str:
    return Message.model_validate_json(turn.body).words


def _wants(task: Task, view: str) -> bool:
    return task.views is None or view in task.views


def _views(store: Queries, task: Task, turns: Sequence[StoredTurn], *, fillable: bool) -> frozenset[str]:
    """What the task is to give and can: skills where asked for by name, or where tools were used enough."""
    roles = {turn.role for turn in turns}
    views = {view for view in (FACTS, PREFERENCES, EVENTS) if _wants(task, view) and roles & set(REMEMBERED)}
    if _wants(task, TOOLS) and "tool" in roles:
        views.add(TOOLS)
    if fillable:
        views.add(PROFILES)
    if task.views is not None and SKILLS in task.views:
        views.add(SKILLS)
    elif task.views is None and "tool" in roles:
        before = store.turns_before(turns[0], _DEEP)
        views |= {SKILLS} if _learning.enough_tool_use([*before, *turns]) else set()
    return frozenset(views)


def _known(store: Queries, task: Task, lines: Sequence[Line]) -> tuple[KnownRow, ...]:
    """What the owner's memory says that may be about the same, from before the task."""
    said = sorted((each.text for each in lines if each.role == "user" and each.text.strip()), key=len, reverse=True)
    queries = [text[:_LONGEST_QUERY] for text in said[:LOOKED_UP]]
    return (*_known_facts(store, task, queries), *_known_preferences(store, task, queries))


def _known_facts(store: Queries, task: Task, queries: Sequence[str]) -> list[KnownRow]:
    owner = counted(store, task.owner)
    own = task.end - task.first
    near = dict[int, float]()
    for query in queries:
        for hit in find_facts(store, Wanted(owner, query, None, None, None), KNOWN_FACTS + own):
            near[hit.id] = max(hit.relativity, near.get(hit.id, 0.0))
    rows = store.facts(near)
    before = [fact for fact in near if rows[fact].message < task.first]
    best = sorted(before, key=lambda fact: -near[fact])[:KNOWN_FACTS]
    return [KnownRow(FACT, fact, rows[fact].text) for fact in best]


def _known_preferences(store: Queries, task: Task, queries: Sequence[str]) -> list[KnownRow]:
    if not queries:
        return []
    wanted = Wanted(counted(store, task.owner), " ".join(queries), None, None, None)
    rows = store.preferences(near.number for near in find_preferences(store, wanted, KNOWN_PREFERENCES))
    return [KnownRow(PREFERENCE, number, row.text) for number, row in rows.items() if row.message < task.first]
