"""Changing one memory by its id: its text, its title, its status (contract §2.6)."""

from typing import Final

from memos_integrations.engine import _deriving, _marks
from memos_integrations.engine._events import happened
from memos_integrations.engine._extract import piece, value
from memos_integrations.engine._items import ACTIVE, ARCHIVED, RESOLVING
from memos_integrations.engine._queries import EVENT, FACT, PREFERENCE, TOOL
from memos_integrations.engine._revising import Revising
from memos_integrations.engine._rows import Kept
from memos_integrations.engine._status import TABLES
from memos_integrations.engine._store import SWEPT_AT_ONCE
from memos_integrations.engine._words import tokens
from memos_integrations.errors import BadRequest, NotFound
from memos_integrations.wire.answers import Updated
from memos_integrations.wire.calls import UpdateMemory

__all__ = ["Updating"]

DELETED: Final = "deleted"
_KNOWN: Final = (ACTIVE, RESOLVING, ARCHIVED, DELETED)


class Updating(Revising):
    """The call that changes a memory by its id."""

    def update_memory(self, call: UpdateMemory, project: str = "") -> Updated:
        """Changes text, title and status of a fact, preference or event; of a tool memory, title and status.

        New text is found by its own words from then on, and keeps the memory's id and birth. `status`: "archived" keeps
        it to be read by its id alone, "activated" lets it be found again, "resolving" is only told, "deleted" deletes
        for good. Raises `NotFound` (40307), and `BadRequest` (40000) for any other status.
        """
        if call.status is not None and call.status not in _KNOWN:
            raise BadRequest(f"status is one of {', '.join(_KNOWN)}", code=40000, path=call.path)
        with self._store.writing():
            table, about = self._to_update(call, project)
            if call.status == DELETED:
                self._forget({each: [about.number] if each == table else [] for each in TABLES.values()})
                self._store.owe_sweep()
            else:
                self._update(call, table, about)
        if call.status == DELETED:
            self._store.settle_sweep(SWEPT_AT_ONCE)
        return Updated()

    def _to_update(self, call: UpdateMemory, project: str) -> tuple[str, Kept]:
        for table in TABLES.values():
            about = self._store.kept(project, table, call.memory_id)
            if about is not None:
                return table, about
        raise NotFound("the memory to update does not exist", code=40307, path=call.path)

    def _update(self, call: UpdateMemory, table: str, about: Kept) -> None:
        store, now = self._store, self._now()
        hidden = about.archived
        if hidden and (call.content is not None or call.status in {ACTIVE, RESOLVING}):
            _marks.revive(store, table, about.number, now)  # its new words are put into the index as any others
            hidden = False
        if call.content is not None:
            self._rewrite(table, about.number, call.content, now)
        if call.title is not None:
            _marks.entitle(store, table, call.memory_id, call.title, now)
        if call.status is not None:
            _marks.resolve(store, table, call.memory_id, call.status == RESOLVING, now)
        stays = about.archived and call.status is None
        if not hidden and (stays or call.status == ARCHIVED):
            _marks.archive(store, table, about.number, now)

    def _rewrite(self, table: str, number: int, content: str, now: int) -> None:
        store = self._store
        if table == TOOL:
            raise BadRequest("a tool memory tells what happened: its content stays", code=40000, path=UpdateMemory.path)
        if table == FACT:
            store.change_fact(number, piece(self._own(number, content)), tokens, now)
        elif table == PREFERENCE:
            store.change_preference(number, content, tokens(content), now)
        elif table == EVENT:
            _deriving.retell(store, number, content, happened(content), now)

    def _own(self, fact: int, content: str) -> str:
        """`content` without what answers set before a fact's text ("[assistant view] "), where it was kept in it."""
        row = self._store.facts([fact])[fact]
        own = content.removeprefix(value(row.type, row.role, row.name, "", row.said))
        return own if own.strip() else content
