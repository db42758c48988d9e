"""Stored rows as the answers tell them (contract §3)."""

import json
from collections.abc import Mapping
from typing import Any, Final

from memos_integrations.engine._extract import title, value
from memos_integrations.engine._queries import FACT, PREFERENCE, Queries
from memos_integrations.engine._rows import Kept, StoredFact, StoredPreference, StoredTurn
from memos_integrations.engine._times import instant
from memos_integrations.wire.answers import Fact, Memory, Preference, StoredMessage

ACTIVE, ARCHIVED, RESOLVING = "activated", "archived", "resolving"
CERTAIN: Final = 0.99  # what MemOS reports of fresh facts (contract §3)

Turns = Mapping[int, StoredTurn]


def fact(row: StoredFact, *, relativity: float | None = None, turns: Turns | None = None) -> Fact:
    """A fact; with `turns`, also its sources and info, as get/memory tells them."""
    return Fact(
        id=row.public,
        memory_key=row.title or title(row.text),
        memory_value=_value(row),
        memory_type=row.type,
        create_time=row.said,
        update_time=row.updated,
        conversation_id=row.conversation,
        status=state(row.resolving),
        confidence=CERTAIN,
        tags=(*row.tags, f"mode:{row.mode}"),
        relativity=rounded(relativity),
        sources=sources(row.message, turns),
        info=row.info,
    )


def preference(row: StoredPreference, *, relativity: float | None = None, turns: Turns | None = None) -> Preference:
    """A preference; with `turns`, also its sources."""
    return Preference(
        id=row.public,
        preference_type="implicit_preference" if row.implicit else "explicit_preference",
        preference=row.text,
        reasoning=row.reasoning,
        create_time=row.said,
        update_time=row.updated,
        conversation_id=row.conversation,
        status=state(row.resolving),
        relativity=rounded(relativity),
        sources=sources(row.message, turns),
        info=row.info,
    )


def named(store: Queries, project: str, public: str) -> Memory | None:
    """The project's memory of that id."""
    for table in (FACT, PREFERENCE):
        about = store.kept(project, table, public)
        if about is not None:
            rows = store.facts([about.number]) if table == FACT else store.preferences([about.number])
            row = rows[about.number]
            view, content = ("detail_factual", _value(row)) if isinstance(row, StoredFact) else ("preference", row.text)
            return memory(row, about, store.turns([row.message]), view, content)
    return None


def state(resolving: bool) -> str:
    """The status of a memory that is found."""
    return RESOLVING if resolving else ACTIVE


def _value(row: StoredFact) -> str:
    return value(row.type, row.role, row.name, row.text, row.said)


def memory(row: Any, about: Kept, turns: Turns, view: str, content: Any) -> Memory:
    """A memory of any table as it is read by its id (contract §2.5)."""
    return Memory(
        id=row.public,
        memory_view=view,
        title=about.title or title(row.text),
        content=content,
        conversation_id=row.conversation,
        message_ids=tuple(source["message_id"] for source in sources(row.message, turns)),
        status=ARCHIVED if about.archived else state(about.resolving),
        algorithm_updatable=True,
        created_at=_iso(row.said),
        updated_at=_iso(row.updated),
        user_id=about.owner if about.kind == "user" else "",
        agent_id=about.owner if about.kind == "agent" else "",
        tags=(*about.tags, f"mode:{about.mode}"),
        info=row.info,
    )


def message(turn: StoredTurn) -> StoredMessage:
    """A message with all of its members, as it came."""
    body = json.loads(turn.body)
    return StoredMessage.model_validate({**body, "create_time": turn.created, "update_time": turn.created})


def sources(number: int, turns: Turns | None) -> tuple[dict[str, Any], ...]:
    """The message that a memory was made of, as far as it is among `turns`."""
    turn = (turns or {}).get(number)
    if turn is None:
        return ()
    body = json.loads(turn.body)
    if turn.role == "file":
        return ({**body, "message_id": turn.public},)
    members = ("role", "role_name", "content", "chat_time")
    told = {name: body[name] for name in members if body.get(name) is not None}
    return ({"type": "chat", "message_id": body.get("message_id") or turn.public, **told},)


def _iso(said: int) -> str:
    return f"{instant(said):%Y-%m-%dT%H:%M:%S}"


def rounded(relativity: float | None) -> float | None:
    """As answers tell it."""
    return None if relativity is None else round(relativity, 4)
