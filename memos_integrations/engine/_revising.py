"""Changing what is kept: corrections in words, changes by id, and deletion."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Final

from memos_integrations.engine import _defaults, _derived, _feedback, _knowledge_skills, _profiles_fields
from memos_integrations.engine._core import Core
from memos_integrations.engine._extract import turn
from memos_integrations.engine._knowledge import linked, tell
from memos_integrations.engine._public import publish
from memos_integrations.engine._queries import EVENT, FACT, PREFERENCE, SKILL, TOOL, UPLOADED
from memos_integrations.engine._rows import Owner
from memos_integrations.engine._status import TABLES
from memos_integrations.engine._store import SWEPT_AT_ONCE
from memos_integrations.engine._where import where
from memos_integrations.engine._words import tokens
from memos_integrations.errors import NotFound
from memos_integrations.wire.answers import Added, Deleted
from memos_integrations.wire.calls import AddFeedback, DeleteMemory
from memos_integrations.wire.filters import Filter
from memos_integrations.wire.message import Message

__all__ = ["NAMED", "Revising"]

NAMED: Final = (*TABLES.values(), UPLOADED)
"""The tables whose memories can be named by their ids; the fields of profiles are in none of them."""

Chosen = Mapping[str, Sequence[int]]  # of tables, the numbers of memories


class Revising(Core):
    """The calls that change or take away memories."""

    def add_feedback(self, call: AddFeedback, project: str = "") -> Added:
        """Updates or archives the memories that the feedback corrects, and remembers what it says; done when told."""
        public = str(uuid.uuid4())
        with self._store.writing():
            bases = linked(self._store, project, call.allow_knowledgebase_ids, call.path)
            _feedback.take(self._store, call, project, public, self._now())
            said = Message(role="user", content=call.feedback_content, chat_time=call.feedback_time)
            turns, origin = [turn(said, self._now())], _defaults.feedback_origin(call)
            tell(self._store, bases, turns, origin, public=public, now=self._now())
            publish(self._store, project, turns, origin, allowed=call.allow_public, public=public, now=self._now())
        return Added(task_id=public, status="completed")

    def delete_memory(self, call: DeleteMemory, project: str = "") -> Deleted:
        """Deletes for good: text, index and, of what no memory is left, the stored messages.

        By ids also skills, and fields of profiles by the ids that search gives them. A skill that was made of an
        uploaded file goes alone: the file stays.
        """
        with self._store.writing():
            if call.memory_ids is not None:
                self._forget_named(call.memory_ids, project, call.path)
            elif call.condition is not None:
                self._forget(self._passing(call.condition, project))
            else:
                self._store.delete_owner(self._to_delete(call, project).number)
            self._store.owe_sweep()
        self._store.settle_sweep(SWEPT_AT_ONCE)
        return Deleted()

    def _forget_named(self, ids: Sequence[str], project: str, path: str) -> None:
        """Deletes the project's memories of those ids, all or none. Raises `NotFound` (40307)."""
        chosen = {table: self._store.named(project, table, ids) for table in NAMED}
        fields = _profiles_fields.named(self._store, project, ids)
        if sum(map(len, chosen.values())) + len(fields) < len(set(ids)):
            raise NotFound("a memory to delete does not exist; nothing was deleted", code=40307, path=path)
        self._forget(chosen)
        _knowledge_skills.delete(self._store, chosen[UPLOADED])
        _profiles_fields.drop(self._store, fields, self._now())

    def _passing(self, condition: Filter, project: str) -> Chosen:
        groups = [(kind, where(group)) for kind in _defaults.KINDS if (group := condition.group(kind))]
        return {
            table: [number for kind, told in groups for number in self._store.passing(project, kind, table, told)]
            for table in TABLES.values()
        }

    def _forget(self, chosen: Chosen) -> None:
        store = self._store
        messages = store.delete_facts(chosen[FACT], tokens) | store.delete_preferences(chosen[PREFERENCE])
        messages |= _derived.delete(store, [*chosen[EVENT], *chosen[TOOL], *chosen[SKILL]])
        store.delete_forgotten(messages)

    def _to_delete(self, call: DeleteMemory, project: str) -> Owner:
        kind, name = ("user", call.user) if call.user is not None else ("agent", call.agent_id or "")
        owner = self._store.owner(project, kind, name)
        if owner is None:
            raise NotFound(f"the {kind} to delete does not exist", code=40308, path=call.path)
        return owner
