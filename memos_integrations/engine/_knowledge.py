"""Knowledge bases: documents and skills of a project, in bases that are owners of facts beside users and agents."""

from collections.abc import Iterable, Sequence
from typing import Final

from memos_integrations.engine import _knowledge_store as sql
from memos_integrations.engine._core import Core
from memos_integrations.engine._defaults import FACTS
from memos_integrations.engine._extract import Turn
from memos_integrations.engine._files import given
from memos_integrations.engine._knowledge_store import Base, StoredFile
from memos_integrations.engine._queries import Queries
from memos_integrations.engine._rank import Hit
from memos_integrations.engine._refine import wants
from memos_integrations.engine._rows import Origin
from memos_integrations.engine._search import Wanted, find_facts
from memos_integrations.engine._store import SWEPT_AT_ONCE, Store
from memos_integrations.engine._vectors import Near
from memos_integrations.engine._where import Where, where
from memos_integrations.errors import BadRequest, NotFound
from memos_integrations.wire.answers import Deleted
from memos_integrations.wire.calls import SearchMemory
from memos_integrations.wire.knowledge import (
    AddKnowledgebaseFile,
    CreateKnowledgebase,
    DeleteKnowledgebase,
    DeleteKnowledgebaseFile,
    FilesAdded,
    GetKnowledgebaseFile,
    KnowledgebaseCreated,
    KnowledgebaseFile,
    KnowledgebaseFiles,
)

__all__ = ["Knowledge", "base_facts", "linked", "merged", "searched", "tell"]

PAGE: Final = 20  # page_size (contract §2.13)
_ALL: Final = "all"
_NOT_THERE, _NO_BASE, _NOT_LINKED = 40001, 50120, 50123


class Knowledge(Core):
    """The calls about knowledge bases. A base belongs to the project that made it, and to no other."""

    def create_knowledgebase(self, call: CreateKnowledgebase, project: str = "") -> KnowledgebaseCreated:
        """Makes a base, linked to the project."""
        told = call.knowledgebase_description or ""
        with self._store.writing():
            return KnowledgebaseCreated(
                id=sql.make_base(self._store, project, call.knowledgebase_name, told, self._now())
            )

    def delete_knowledgebase(self, call: DeleteKnowledgebase, project: str = "") -> Deleted:
        """Unlinks a base: it is kept and found no more. With `delete_all` it is deleted for good, linked or not.

        Raises `NotFound` 50120 for a base that the project never had, `BadRequest` 50123 for unlinking twice.
        """
        with self._store.writing():
            base = self._base(project, call.knowledgebase_id, call.path, linked=not call.delete_all)
            if call.delete_all:
                sql.delete_base(self._store, base)
                self._store.owe_sweep()
            else:
                sql.unlink(self._store, base)
        if call.delete_all:
            self._store.settle_sweep(SWEPT_AT_ONCE)
        return Deleted()

    def add_knowledgebase_file(self, call: AddKnowledgebaseFile, project: str = "") -> FilesAdded:
        """Takes the files, all or none, and reads them in the background.

        Raises `BadRequest` (40006 to 40009, 50103 to 50107, 50123), `NotFound` 50120, and `Unsupported` where a file's
        parser is not installed.
        """
        with self._store.reading():
            self._base(project, call.knowledgebase_id, call.path)
        files = given(call, fetching=self._reader.fetches)
        with self._store.writing():
            base = self._base(project, call.knowledgebase_id, call.path)
            added = [sql.add_file(self._store, base, file, self._now()) for file in files]
        self._reader.wake()
        return FilesAdded(files=tuple(_added(file) for file in added))

    def get_knowledgebase_file(self, call: GetKnowledgebaseFile, project: str = "") -> KnowledgebaseFiles:
        """How far files are. Ids of files that are not in a linked base of the project are left out."""
        page, size = call.page or 1, call.page_size or PAGE
        with self._store.reading():
            if call.file_ids is not None:
                found = sql.files(self._store, project, call.file_ids)
            else:
                base = self._base(project, call.knowledgebase_id or "", call.path)
                found = sql.files_of(self._store, base.number)
        files = [file for file in found if call.type in (None, file.type)]
        start = (page - 1) * size
        shown = tuple(_shown(file) for file in files[start : start + size])
        return KnowledgebaseFiles(file_detail_list=shown, total=len(files), page=page, page_size=size)

    def delete_knowledgebase_file(self, call: DeleteKnowledgebaseFile, project: str = "") -> Deleted:
        """Deletes files for good, with what was made of them, all or none. Raises `NotFound` (40001)."""
        with self._store.writing():
            found = sql.files(self._store, project, call.file_ids)
            if len(found) < len(set(call.file_ids)):
                raise NotFound("a file to delete does not exist; nothing was deleted", code=_NOT_THERE, path=call.path)
            sql.delete_files(self._store, [file.number for file in found])
            self._store.owe_sweep()
        self._store.settle_sweep(SWEPT_AT_ONCE)
        return Deleted()

    def _base(self, project: str, public: str, path: str, *, linked: bool = True) -> Base:
        base = sql.base(self._store, project, public)
        if base is None:
            raise NotFound("the knowledge base does not exist", code=_NO_BASE, path=path)
        if linked and not base.linked:
            raise BadRequest("the knowledge base is not linked to this project", code=_NOT_LINKED, path=path)
        return base


def linked(store: Queries, project: str, ids: Sequence[str] | None, path: str) -> list[Base]:
    """The project's bases of those ids. Raises `BadRequest` 50123 where one is not linked, whoever's it is."""
    if not ids:
        return []
    found = sql.linked(store, project, ids)
    if len(found) < len(set(ids)):
        told = "a knowledge base that is named is not linked to this project"
        raise BadRequest(told, code=_NOT_LINKED, path=path)
    return found


def searched(store: Queries, project: str, ids: Sequence[str] | None, path: str) -> list[Base]:
    """The bases that a search is to include: those of the ids, or with the single id "all" every linked one."""
    if ids is not None and list(ids) == [_ALL]:
        return sql.linked(store, project, None)
    return linked(store, project, ids, path)


def tell(store: Store, bases: Iterable[Base], turns: Sequence[Turn], origin: Origin, *, public: str, now: int) -> None:
    """Keeps what the turns say as facts of the bases too, as part of the task `public`, unless facts are not wanted."""
    if wants(origin.views, FACTS):
        for base in bases:
            sql.add_turns(store, base, turns, origin, public=public, now=now)


def base_facts(
    store: Queries, call: SearchMemory, bases: Iterable[Base], limit: int, asked: Near | None
) -> list[list[Hit]]:
    """What bears on the query in each of the bases, best first; a filter binds where it is meant for them."""
    among = _among(call)
    owners = (sql.owner_of(store, base) for base in bases)
    wanted = (Wanted(owner, call.query, None, among, call.relativity, asked) for owner in owners)
    return [find_facts(store, one, limit) for one in wanted]


def merged(lists: Sequence[list[Hit]], limit: int) -> list[Hit]:
    """Several owners' hits as one list: the next is the head that bears most on the query.

    Scores count an owner's own words and are not comparable; relativity, the covered share of the query, nearly is.
    Each owner's own order stays, since structure decides it too.
    """
    heads = [list(reversed(hits)) for hits in lists if hits]
    found: list[Hit] = []
    while heads and len(found) < limit:
        best = max(heads, key=lambda hits: hits[-1].relativity)
        found.append(best.pop())
        heads = [hits for hits in heads if hits]
    return found


def _among(call: SearchMemory) -> Where | None:
    group = call.condition.group(sql.KIND) if call.condition else None
    return where(group) if group else None


def _added(file: StoredFile) -> KnowledgebaseFile:
    return KnowledgebaseFile(
        id=file.public, type=file.type, name=file.name, sizeMB=_megabytes(file.size), status=file.status
    )


def _shown(file: StoredFile) -> KnowledgebaseFile:
    return KnowledgebaseFile(
        id=file.public,
        type=file.type,
        name=file.name,
        size=f"{_megabytes(file.size):.2f}MB",
        status=file.status,
        reason=file.reason,
    )


def _megabytes(size: int) -> float:
    """At least a hundredth, as MemOS tells the smallest."""
    return max(0.01, round(size / (1 << 20), 2))
