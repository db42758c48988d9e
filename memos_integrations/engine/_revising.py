"""Changing what is kept: corrections in words, changes by id, and deletion."""

import uuid
from collections.abc import Sequence

from memos_integrations.engine import _defaults, _feedback
from memos_integrations.engine._core import Core
from memos_integrations.engine._queries import FACT, PREFERENCE
from memos_integrations.engine._rows import Owner
from memos_integrations.engine._store import SWEPT_AT_ONCE
from memos_integrations.engine._where import where
from memos_integrations.engine._words import tokens
from memos_integrations.errors import NotFound
from memos_integrations.wire.answers import Added, Deleted
from memos_integrations.wire.calls import AddFeedback, DeleteMemory
from memos_integrations.wire.filters import Filter

__all__ = ["Revising"]


class Revising(Core):
    """The calls that change or take away memories."""

    def add_feedback(self, call: AddFeedback, project: str = "") -> Added:
        """Updates or archives the memories that the feedback corrects, and remembers what it says; done when told."""
        _defaults.check_bases(call)
        public = str(uuid.uuid4())
        with self._store.writing():
            _feedback.take(self._store, call, project, public, self._now())
        return Added(task_id=public, status="completed")

    def delete_memory(self, call: DeleteMemory, project: str = "") -> Deleted:
        """Deletes for good: text, index and, of what no memory is left, the stored messages."""
        with self._store.writing():
            if call.memory_ids is not None:
                self._forget(*self._named(call.memory_ids, project))
            elif call.condition is not None:
                self._forget(*self._passing(call.condition, project))
            else:
                self._store.delete_owner(self._to_delete(call, project).number)
            self._store.owe_sweep()
        self._store.settle_sweep(SWEPT_AT_ONCE)
        return Deleted()

    def _named(self, ids: Sequence[str], project: str) -> tuple[list[int], list[int]]:
        facts, likings = (self._store.named(project, table, ids) for table in (FACT, PREFERENCE))
        if len(facts) + len(likings) < len(set(ids)):
            raise NotFound("a memory to delete does not exist; nothing was deleted", code=40307, path=DeleteMemory.path)
        return facts, likings

    def _passing(self, condition: Filter, project: str) -> tuple[list[int], list[int]]:
        facts: list[int] = []
        likings: list[int] = []
        for kind in _defaults.KINDS:
            if group := condition.group(kind):
                facts += self._store.passing(project, kind, FACT, where(group))
                likings += self._store.passing(project, kind, PREFERENCE, where(group))
        return facts, likings

    def _forget(self, facts: list[int], likings: list[int]) -> None:
        messages = self._store.delete_facts(facts, tokens) | self._store.delete_preferences(likings)
        self._store.delete_forgotten(messages)

    def _to_delete(self, call: DeleteMemory, project: str) -> Owner:
        kind, name = ("user", call.user) if call.user is not None else ("agent", call.agent_id or "")
        owner = self._store.owner(project, kind, name)
        if owner is None:
            raise NotFound(f"the {kind} to delete does not exist", code=40308, path=call.path)
        return owner
