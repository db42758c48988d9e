"""Events and tool memories as they come out of turns, and as answers tell them (contract §3.3, §3.6)."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from memos_integrations.engine import _derived
from memos_integrations.engine._defaults import EVENTS, TOOLS
from memos_integrations.engine._derived import Derived
from memos_integrations.engine._events import Happened, happened
from memos_integrations.engine._extract import title
from memos_integrations.engine._items import memory, rounded, sources, state
from memos_integrations.engine._queries import EVENT, TOOL, Queries
from memos_integrations.engine._rows import StoredTurn, Task
from memos_integrations.engine._store import Store
from memos_integrations.engine._tool_use import Trajectory, schemas, trajectories
from memos_integrations.wire.answers import Event, Memory, ToolMemory
from memos_integrations.wire.message import Message

__all__ = ["events", "named", "retell", "tell_events", "tell_tools", "tools"]

LOOKED_BACK: Final = 50
"""Messages of the conversation before an add in which the call of a tool's result is looked for."""


def tell_events(store: Store, task: int, turn: StoredTurn, text: str) -> None:
    """The events that a user's turn states."""
    for one in happened(text):
        roles = [turn.name or turn.role]
        body = {"event_time": one.times, "event_location": one.places, "event_roles": roles}
        words = f"{turn.name}: {one.text}" if turn.name else one.text
        _derived.add(store, EVENT, (task, turn), words, body)


def retell(store: Store, number: int, text: str, again: Sequence[Happened], now: int) -> None:
    """Gives an event other words, and what these say of when and where."""
    body = _derived.derived(store, [number])[number].body
    times = [time for one in again for time in one.times]
    places = [place for one in again for place in one.places]
    _derived.change(store, number, text, {**body, "event_time": times, "event_location": places}, now)


def tell_tools(store: Store, task: Task, turns: Sequence[StoredTurn]) -> None:
    """How tools were used in a task's messages, `turns`, and what tools they define; a definition is kept once."""
    if not any(turn.role in {"tool", "system"} for turn in turns):
        return
    before = store.turns_before(turns[0], LOOKED_BACK)
    every = [*before, *turns]
    messages = [Message.model_validate_json(turn.body) for turn in every]
    for found in trajectories(messages, len(before)):
        _add_trajectory(store, task, every[found.at], found)
    for one in schemas(messages, len(before)):
        text = json.dumps(one.value, ensure_ascii=False)
        if not _derived.count_same(store, TOOL, task.owner, text):
            body = {"tool_type": "ToolSchema", "tool_value": one.value}
            _derived.add(store, TOOL, (task.number, every[one.at]), text, body)


def _add_trajectory(store: Store, task: Task, turn: StoredTurn, found: Trajectory) -> None:
    body = {
        "tool_type": "ToolTrajectoryMemory",
        "tool_value": found.text,
        "tool_used_status": found.status,
        "experience": found.experience,
    }
    _derived.add(store, TOOL, (task.number, turn), found.text, body)


def events(store: Queries, found: Mapping[int, float | None], *, original: bool) -> tuple[Event, ...]:
    """These events in this order, with their relativities; the `original` ones also with their sources."""
    rows = _derived.derived(store, found)
    turns = store.turns(row.message for row in rows.values()) if original else None
    return tuple(_event(rows[number], relativity, turns) for number, relativity in found.items())


def tools(store: Queries, found: Mapping[int, float | None]) -> tuple[ToolMemory, ...]:
    """These tool memories in this order, with their relativities."""
    rows = _derived.derived(store, found)
    return tuple(
        ToolMemory(**_common(rows[number], relativity), **rows[number].body) for number, relativity in found.items()
    )


def named(store: Queries, project: str, public: str) -> Memory | None:
    """The project's event or tool memory of that id (contract §2.5)."""
    for table, view in ((EVENT, EVENTS), (TOOL, TOOLS)):
        about = store.kept(project, table, public)
        if about is not None:
            row = _derived.derived(store, [about.number])[about.number]
            content = row.text if table == EVENT else row.body
            return memory(row, about, store.turns([row.message]), view, content)
    return None


def _event(row: Derived, relativity: float | None, turns: Mapping[int, StoredTurn] | None) -> Event:
    return Event(
        **_common(row, relativity),
        event_key=row.title or title(row.text),
        event_value=row.text,
        event_type="EventMemory",
        sources=sources(row.message, turns),
        **row.body,
    )


def _common(row: Derived, relativity: float | None) -> dict[str, Any]:
    return {
        "id": row.public,
        "create_time": row.said,
        "update_time": row.updated,
        "conversation_id": row.conversation,
        "status": state(row.resolving),
        "relativity": rounded(relativity),
        "info": row.info,
    }
