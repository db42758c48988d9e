"""Every SQL statement about knowledge bases, each value bound. Called inside `writing()` or `reading()`.

A base is an owner of its own (kind "knowledgebase"), whose facts are its pieces. Unlinked, that owner is moved to a
project that nobody has, so that no read of any project finds what is in it.
"""
# ruff: noqa: S608 -- every part of a statement is from this folder; values of the caller are bound

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from memos_integrations.engine._extract import Piece, Turn
from memos_integrations.engine._files import Given
from memos_integrations.engine._queries import LISTED, Queries
from memos_integrations.engine._rows import Origin, Owner
from memos_integrations.engine._store import Store
from memos_integrations.engine._where import Where
from memos_integrations.engine._words import tokens

KIND: Final = "knowledgebase"
SESSION: Final = "default_session"
"""The conversation of all that is in a knowledge base (contract §3.1)."""

FILE_TAG: Final = "multimodal:file"

_EVERY: Final = Where("1", ())
_BASE: Final = "select number, public, owner, linked from base"
_FILE: Final = "select f.number, f.public, f.type, f.name, f.size, f.status, f.reason from file f"
_MINE: Final = "join base b on b.number = f.base and b.project = ? and b.linked"


@dataclass(frozen=True, slots=True)
class Base:
    """A knowledge base of a project."""

    number: int
    public: str
    owner: int
    linked: bool


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file with what an answer tells of it; `size` in bytes."""

    number: int
    public: str
    type: str
    name: str
    size: int
    status: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that is to be read; `done` of its pieces are stored already."""

    number: int
    base: int
    owner: int
    type: str
    name: str
    done: int
    data: bytes | None = field(repr=False)
    address: str | None = field(repr=False)


# Bases


def make_base(store: Store, project: str, name: str, description: str, now: int) -> str:
    """A new base, linked; returns its id."""
    public = str(uuid.uuid4())
    owner = store.make_owner(project, KIND, public)
    new = "insert into base (public, project, owner, linked, name, description, created) values (?, ?, ?, 1, ?, ?, ?)"
    store.execute(new, (public, project, owner, name, description, now))
    return public


def base(store: Queries, project: str, public: str) -> Base | None:
    """The project's base of that id, linked or not."""
    row = store.execute(f"{_BASE} where project = ? and public = ?", (project, public)).fetchone()
    return _base(row) if row else None


def linked(store: Queries, project: str, publics: Sequence[str] | None) -> list[Base]:
    """The project's linked bases, in the order they were made; of those ids, unless None."""
    among, values = ("1", ()) if publics is None else (f"public {LISTED}", (json.dumps(list(publics)),))
    found = f"{_BASE} where project = ? and linked and {among} order by number"
    return [_base(row) for row in store.execute(found, (project, *values))]


def _base(row: tuple[int, str, int, int]) -> Base:
    number, public, owner, is_linked = row
    return Base(number, public, owner, bool(is_linked))


def owner_of(store: Queries, found: Base) -> Owner:
    """Whose memory a base is."""
    row = store.execute("select number, facts, words from owner where number = ?", (found.owner,)).fetchone()
    return Owner(*row)


def unlink(store: Store, found: Base) -> None:
    """Takes a base out of its project, with all that is in it; nothing is lost."""
    store.execute("update base set linked = 0 where number = ?", (found.number,))
    store.execute("update owner set project = ? where number = ?", (f"unlinked:{uuid.uuid4()}", found.owner))


def delete_base(store: Store, found: Base) -> None:
    """Takes a base away for good."""
    store.delete_owner(found.owner)
    store.execute("delete from upload where file in (select number from file where base = ?)", (found.number,))
    for table in ("file", "skill"):
        store.execute(f"delete from {table} where base = ?", (found.number,))
    store.execute("delete from base where number = ?", (found.number,))


def add_turns(store: Store, found: Base, turns: Sequence[Turn], origin: Origin, *, public: str, now: int) -> None:
    """Turns of a conversation as facts of a base, in a conversation of their own; they need no refinement."""
    task = store.add_task(public, found.owner, origin, now)
    _begin(store, found.owner)
    numbers = store.add_messages(task, found.owner, SESSION, turns, now)
    told = [(number, said, piece) for number, said in zip(numbers, turns, strict=True) for piece in said.pieces]
    store.add_facts(found.owner, SESSION, task, told)
    for number in numbers:
        _settle(store, number)
    store.finish(task, "completed")


def _begin(store: Store, owner: int) -> int:
    """A fresh row of the one conversation, so that neighbours in it are neighbours in a file or in a talk."""
    highest = "select coalesce(max(number), 0) + 1 from conversation where owner = ?"
    number = int(store.execute(highest, (owner,)).fetchone()[0])
    store.execute("insert into conversation (owner, number, name) values (?, ?, ?)", (owner, number, SESSION))
    return number


def _settle(store: Store, message: int) -> None:
    settled = "update fact set type = 'LongTermMemory', mode = 'fine' where message = ? and mode = 'fast'"
    store.execute(settled, (message,))


# Files


def add_file(store: Store, to: Base, given: Given, now: int) -> StoredFile:
    """A file that is to be read; what it holds is kept until then."""
    public = str(uuid.uuid4())
    new = """insert into file (public, base, type, name, size, status, created) values (?, ?, ?, ?, ?, 'running', ?)"""
    values = (public, to.number, given.kind, given.name, len(given.data), now)
    number = int(store.execute(new, values).lastrowid or 0)
    kept = "insert into upload (file, address, data) values (?, ?, ?)"
    store.execute(kept, (number, given.address, None if given.address else given.data))
    return StoredFile(number, public, given.kind, given.name, len(given.data), "running", None)


def files(store: Queries, project: str, publics: Sequence[str]) -> list[StoredFile]:
    """Those of the files that are in a linked base of the project, in the order they were added."""
    found = f"{_FILE} {_MINE} where f.public {LISTED} order by f.number"
    return [StoredFile(*row) for row in store.execute(found, (project, json.dumps(list(publics))))]


def files_of(store: Queries, number: int) -> list[StoredFile]:
    """All files of a base, in the order they were added."""
    return [StoredFile(*row) for row in store.execute(f"{_FILE} where f.base = ? order by f.number", (number,))]


def unread(store: Queries) -> Unread | None:
    """The oldest file that is to be read."""
    found = """select f.number, f.base, b.owner, f.type, f.name, f.done, u.data, u.address from file f
        join base b on b.number = f.base left join upload u on u.file = f.number
        where f.status = 'running' order by f.number limit 1"""
    row = store.execute(found).fetchone()
    return Unread(*row) if row else None


def count_unread(store: Queries) -> int:
    """How many files are to be read."""
    return int(store.execute("select count(*) from file where status = 'running'").fetchone()[0])


def is_running(store: Queries, file: int) -> bool:
    """Whether a file is there, and to be read."""
    found = "select 1 from file where number = ? and status = 'running'"
    return store.execute(found, (file,)).fetchone() is not None


def keep_fetched(store: Store, file: int, data: bytes) -> None:
    """Keeps what was fetched in the place of its address."""
    store.execute("update upload set address = null, data = ? where file = ?", (data, file))
    store.execute("update file set size = ? where number = ?", (len(data), file))


def add_pieces(store: Store, file: Unread, done: int, pieces: Sequence[Piece], now: int) -> bool:
    """The pieces of a file from the `done`th on; False where it is gone, or another process reads it too."""
    row = store.execute("select done, message, public, status from file where number = ?", (file.number,)).fetchone()
    if row is None or row[0] != done or row[3] != "running":
        return False
    message = row[1] if row[1] is not None else _make_source(store, file, row[2], now)
    task = store.execute("select task from file where number = ?", (file.number,)).fetchone()[0]
    said = Turn("user", "", "", now, ())
    store.add_facts(file.owner, SESSION, task, [(message, said, piece) for piece in pieces])
    _settle(store, message)
    store.execute("update file set done = done + ? where number = ?", (len(pieces), file.number))
    return True


def _make_source(store: Store, file: Unread, public: str, now: int) -> int:
    """What a file's pieces are made from: a task with its tags, and the file in a message's place."""
    task = store.add_task(str(uuid.uuid4()), file.owner, Origin(tags=(FILE_TAG,)), now)
    store.finish(task, "completed")
    place = _begin(store, file.owner)
    new = """insert into message (public, owner, conversation, role, name, body, said, created)
        values (?, ?, ?, 'file', '', ?, ?, ?)"""
    body = json.dumps({"type": "file", "file_id": public, "doc_path": file.name})
    message = int(store.execute(new, (str(uuid.uuid4()), file.owner, place, body, now, now)).lastrowid or 0)
    store.execute("update file set task = ?, message = ? where number = ?", (task, message, file.number))
    return message


def finish(store: Store, file: int, status: str, reason: str | None = None) -> None:
    """Says what became of a file, and drops what was kept of it."""
    store.execute("update file set status = ?, reason = ? where number = ?", (status, reason, file))
    store.execute("delete from upload where file = ?", (file,))


def drop_pieces(store: Store, file: int) -> None:
    """Takes out a file's pieces, with what they were made from; the file is as if none was stored."""
    task, message = store.execute("select task, message from file where number = ?", (file,)).fetchone()
    facts = [row[0] for row in store.execute("select id from fact where message = ?", (message,))]
    store.delete_facts(facts, tokens)
    store.execute("delete from message where number = ?", (message,))
    store.execute("delete from task where number = ?", (task,))
    store.execute("update file set done = 0, task = null, message = null where number = ?", (file,))


def delete_files(store: Store, numbers: Iterable[int]) -> None:
    """Files, with what was made of them."""
    for number in numbers:
        drop_pieces(store, number)
        store.execute("delete from task where number in (select task from skill where file = ?)", (number,))
        for table, key in (("skill", "file"), ("upload", "file"), ("file", "number")):
            store.execute(f"delete from {table} where {key} = ?", (number,))
