"""Skills as answers tell them (contract §3.4): those that conversations taught an owner, and uploaded ones."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from memos_integrations.engine import _defaults, _derived, _knowledge_skills
from memos_integrations.engine._affinity import bearings
from memos_integrations.engine._defaults import SKILLS
from memos_integrations.engine._derived import Derived
from memos_integrations.engine._items import ARCHIVED, CERTAIN, memory, rounded, state
from memos_integrations.engine._knowledge_skills import StoredSkill
from memos_integrations.engine._knowledge_store import KIND, SESSION, Base
from memos_integrations.engine._queries import SKILL, UPLOADED, Queries
from memos_integrations.engine._search import Wanted, find_derived
from memos_integrations.engine._times import instant
from memos_integrations.engine._where import where
from memos_integrations.wire.answers import Memory, Skill
from memos_integrations.wire.calls import SearchMemory

__all__ = ["found", "named", "told"]

LEARNED: Final = "LearnedSkill"
GIVEN: Final = "UploadedSkill"


def found(store: Queries, call: SearchMemory, wanted: Wanted, bases: Sequence[Base]) -> tuple[Skill, ...]:
    """The owner's skills and those in the bases that bear on the query, best first; cut by relativity only where the
    caller asks so.
    """
    limit = _defaults.skill_limit(call)
    own = told(store, find_derived(store, wanted, SKILL, limit))
    both = (*own, *_uploaded(store, call, bases, limit))
    return tuple(sorted(both, key=lambda skill: -float(skill.relativity or 0)))[:limit]


def told(store: Queries, chosen: Mapping[int, float | None]) -> tuple[Skill, ...]:
    """These of an owner's skills, in this order, with their relativities."""
    rows = _derived.derived(store, chosen)
    return tuple(_learned(rows[number], relativity) for number, relativity in chosen.items())


def named(store: Queries, project: str, public: str) -> Memory | None:
    """The project's skill of that id, an owner's or one in a linked base, as memories are read by their ids."""
    about = store.kept(project, SKILL, public)
    if about is not None:
        row = _derived.derived(store, [about.number])[about.number]
        about = replace(about, title=row.body["name"])
        return memory(row, about, store.turns([row.message]), SKILLS, row.body)
    about = store.kept(project, UPLOADED, public)
    if about is None:
        return None
    return _of_base(_knowledge_skills.skills(store, [about.number])[about.number], archived=about.archived)


def _uploaded(store: Queries, call: SearchMemory, bases: Sequence[Base], limit: int) -> tuple[Skill, ...]:
    if not bases or not limit:
        return ()
    group = call.condition.group(KIND) if call.condition else None
    near = bearings(call.query, _knowledge_skills.words_of(store, bases, where(group) if group else None))
    kept = [each for each in near if each.relativity >= (call.relativity or 0.0)][:limit]
    rows = _knowledge_skills.skills(store, [each.number for each in kept])
    return tuple(_given(rows[each.number], each.relativity) for each in kept)


def _learned(row: Derived, relativity: float | None) -> Skill:
    return Skill(
        id=row.public,
        skill_value=row.body,
        skill_type=LEARNED,
        create_time=row.said,
        update_time=row.updated,
        conversation_id=row.conversation,
        status=state(row.resolving),
        confidence=CERTAIN,
        tags=(*row.tags, "mode:fine"),
        relativity=rounded(relativity),
        info=row.info,
    )


def _given(row: StoredSkill, relativity: float) -> Skill:
    return Skill(
        id=row.public,
        skill_value=row.body,
        skill_type=GIVEN,
        create_time=row.said,
        update_time=row.updated,
        conversation_id=SESSION,
        status=state(row.resolving),
        confidence=CERTAIN,
        relativity=rounded(relativity),
    )


def _of_base(row: StoredSkill, *, archived: bool) -> Memory:
    return Memory(
        id=row.public,
        memory_view=SKILLS,
        title=row.body["name"],
        content=row.body,
        conversation_id=SESSION,
        status=ARCHIVED if archived else state(row.resolving),
        algorithm_updatable=False,
        created_at=f"{instant(row.said):%Y-%m-%dT%H:%M:%S}",
        updated_at=f"{instant(row.updated):%Y-%m-%dT%H:%M:%S}",
        user_id="",
        agent_id="",
    )
