"""Changing one memory by its id: its text, its title, its status (contract §2.6)."""

from typing import Final

from memos_integrations.engine import _deriving, _marks, _profiles_fields, _skills, _skills_kept
from memos_integrations.engine._events import happened
from memos_integrations.engine._extract import piece, value
from memos_integrations.engine._items import ACTIVE, ARCHIVED, RESOLVING
from memos_integrations.engine._queries import EVENT, FACT, PREFERENCE, SKILL, TOOL, UPLOADED
from memos_integrations.engine._revising import NAMED, Revising
from memos_integrations.engine._rows import Kept
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
        """Changes text, title and status of a fact, preference, event or skill; of a tool memory, title and status; of
        a profile's field, by the id that search gives it, the value, whoever else may fill it in.

        New text is found by its own words from then on, and keeps the memory's id and birth. A skill's title is its
        name; its content is its procedure or, as a JSON object's text, the members named there. `status`: "archived"
        keeps it to be read by its id alone, "activated" lets it be found again, "resolving" is only told, "deleted"
        deletes for good, of an uploaded skill not the file. Raises `NotFound` (40307), and `BadRequest` (40000) for any
        other status, for a field's title or other states, and for what is no member of a skill.
        """
        if call.status is not None and call.status not in _KNOWN:
            raise BadRequest(f"status is one of {', '.join(_KNOWN)}", code=40000, path=call.path)
        with self._store.writing():
            if call.status == DELETED:
                self._forget_named([call.memory_id], project, call.path)
                self._store.owe_sweep()
            elif (found := self._kept(call, project)) is not None:
                self._update(call, *found)
            else:
                self._update_field(call, project)
        if call.status == DELETED:
            self._store.settle_sweep(SWEPT_AT_ONCE)
        return Updated()

    def _kept(self, call: UpdateMemory, project: str) -> tuple[str, Kept] | None:
        kept = ((table, self._store.kept(project, table, call.memory_id)) for table in NAMED)
        return next(((table, about) for table, about in kept if about is not None), None)

    def _update_field(self, call: UpdateMemory, project: str) -> None:
        found = _profiles_fields.named(self._store, project, [call.memory_id])
        if not found:
            raise NotFound("the memory to update does not exist", code=40307, path=call.path)
        if call.title is not None or call.status in {ARCHIVED, RESOLVING}:
            told = "a profile's field has a value and no title, and is there or deleted"
            raise BadRequest(told, code=40000, path=call.path)
        if call.content is not None:
            _profiles_fields.put(self._store, found[0], call.content, self._now())

    def _update(self, call: UpdateMemory, table: str, about: Kept) -> None:
        store, now = self._store, self._now()
        hidden = about.archived
        if hidden and (call.content is not None or call.status in {ACTIVE, RESOLVING}):
            _marks.revive(store, table, about.number, now)  # its new words are put into the index as any others
            hidden = False
        if table in {SKILL, UPLOADED}:
            self._rewrite_skill(call, table, about.number, now)
        elif call.content is not None:
            self._rewrite(table, about.number, call.content, now)
        if call.title is not None and table not in {SKILL, UPLOADED}:
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

    def _rewrite_skill(self, call: UpdateMemory, table: str, number: int, now: int) -> None:
        if call.title is None and call.content is None:
            return
        body = _skills_kept.body(self._store, table, number)
        new = _skills.rewritten(body, call.title, call.content)
        if new is None:
            told = "content names what is no member of a skill, or gives a member of another type (contract §3.4)"
            raise BadRequest(told, code=40000, path=call.path)
        _skills_kept.change(self._store, table, number, new, now)

    def _own(self, fact: int, content: str) -> str:
        """`content` without what answers set before a fact's text ("[assistant view] "), where it was kept in it."""
        row = self._store.facts([fact])[fact]
        own = content.removeprefix(value(row.type, row.role, row.name, "", row.said))
        return own if own.strip() else content
