"""What an extractor's findings do to the file: every statement, each value bound. Called inside the transaction."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from memos_integrations.engine import _derived
from memos_integrations.engine._extract import Stated, Turn, piece
from memos_integrations.engine._extraction import NewEvent, NewFact, NewPreference
from memos_integrations.engine._marks import entitle
from memos_integrations.engine._queries import EVENT, FACT, PREFERENCE, Queries
from memos_integrations.engine._rows import Owner, StoredTurn, Task
from memos_integrations.engine._store import Store
from memos_integrations.engine._words import tokens

__all__ = [
    "Rough",
    "add_event",
    "add_fact",
    "add_preference",
    "counted",
    "rough_of",
    "says",
    "teach",
]


@dataclass(frozen=True, slots=True)
class Rough:
    """A fact as it is before refinement; equal as long as nobody changed it."""

    number: int
    text: str = field(repr=False)
    updated: int
    archived: bool


_TITLED: Final = {FACT: "fact", EVENT: "derived"}
_TOLD: Final = {FACT: ("fact", "id"), PREFERENCE: ("preference", "number")}


def counted(store: Queries, owner: int) -> Owner:
    """The owner with its counts."""
    row = store.execute("select number, facts, words from owner where number = ?", (owner,)).fetchone()
    return Owner(*row) if row else Owner(owner, 0, 0)


def rough_of(store: Queries, task: Task) -> Mapping[int, tuple[Rough, ...]]:
    """The facts of a task's messages, by message."""
    found = """select message, id, text, updated, archived from fact
        where message >= ? and message < ? order by message, id"""
    facts = dict[int, tuple[Rough, ...]]()
    for message, number, text, updated, archived in store.execute(found, (task.first, task.end)):
        facts[message] = (*facts.get(message, ()), Rough(number, text, updated, bool(archived)))
    return facts


def add_fact(store: Store, task: Task, turn: StoredTurn, new: NewFact) -> None:
    """A fact of `turn`, found at once, at a further place of its conversation. Its text names whom it is about."""
    found = "select name from conversation where owner = ? and number = ?"
    conversation = store.execute(found, (turn.owner, turn.conversation)).fetchone()[0]
    told = (turn.number, _as_told(turn), piece(new.text))
    [fact] = store.add_facts(turn.owner, conversation, task.number, [told])
    kind = "UserMemory" if new.own and turn.role == "user" else "LongTermMemory"
    store.execute("update fact set type = ?, mode = 'fine', name = '' where id = ?", (kind, fact))
    _entitle(store, FACT, fact, new.title, turn)


def add_preference(store: Store, task: Task, turn: StoredTurn, new: NewPreference) -> None:
    """A preference of the user who said `turn`."""
    stated = Stated(new.text, new.reasoning)
    store.add_preference(task.number, turn, stated, tokens(new.text), implicit=new.implicit)


def add_event(store: Store, task: Task, turn: StoredTurn, new: NewEvent) -> None:
    """An event that `turn` tells."""
    roles = list(new.people) or [turn.name or turn.role]
    body = {"event_time": list(new.times), "event_location": list(new.places), "event_roles": roles}
    _derived.add(store, EVENT, (task.number, turn), new.text, body)
    newest = "select max(number) from derived where task = ? and message = ? and view = 'event'"
    _entitle(store, EVENT, store.execute(newest, (task.number, turn.number)).fetchone()[0], new.title, turn)


def teach(store: Store, task: Task, message: int, experience: str) -> None:
    """Sets what the use of tools taught that ends with `message`, or with the next result, else with the last."""
    found = """select number, text, body, said from derived where task = ? and view = 'tool_memory'
        and json_extract(body, '$.tool_type') = 'ToolTrajectoryMemory' order by message < ?, abs(message - ?)"""
    row = store.execute(found, (task.number, message, message)).fetchone()
    if row:
        number, text, body, said = row
        _derived.change(store, number, text, {**json.loads(body), "experience": experience}, said)


def says(store: Queries, table: str, number: int, text: str) -> bool:
    """Whether a memory is there, not archived, and says just this."""
    place, key = _TOLD[table]
    found = f"select 1 from {place} where {key} = ? and text = ? and not archived"  # noqa: S608 -- names of ours
    return store.execute(found, (number, text)).fetchone() is not None


def _as_told(turn: StoredTurn) -> Turn:
    return Turn(turn.role, turn.name, turn.body, turn.said, ())


def _entitle(store: Store, table: str, number: int, title: str, turn: StoredTurn) -> None:
    if title:
        key = "id" if table == FACT else "number"
        found = f"select public from {_TITLED[table]} where {key} = ?"  # noqa: S608 -- names of ours
        entitle(store, table, store.execute(found, (number,)).fetchone()[0], title, turn.said)
