"""The file: its layout, version by version, how it is opened, and its transactions.

Migrations are only ever appended; a shipped one is never changed.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from memos_integrations.errors import ServerFault, Unsupported

APPLICATION: Final = 0x4D454D4F  # "MEMO", in the file's header, tells our files from others

BUSY_MS: Final = 10_000
"""How long a write waits for another process's, in milliseconds."""

_SWEEPING_MS: Final = 500

MIGRATIONS: list[tuple[str, ...]] = [
    (
        # facts and words are counts over the owner's facts, for the mean length that ranking needs
        """create table owner (
            number integer primary key, project text not null, kind text not null, name text not null,
            facts integer not null default 0, words integer not null default 0, unique (project, kind, name))""",
        # last: the last position given out; a full conversation goes on in a further row of the same name
        """create table conversation (
            owner integer not null, number integer not null, name text not null, last integer not null default 0,
            primary key (owner, number)) without rowid""",
        "create index conversation_by_name on conversation (owner, name, number)",
        # one owner's part of an add; its messages are numbered from first up to but without end
        """create table task (
            number integer primary key, public text not null, owner integer not null, status text not null,
            created integer not null, first integer not null, end integer not null, agents text not null,
            related text not null, app text, tags text not null, info text not null, views text,
            unique (public, owner))""",
        "create index task_running on task (number) where status = 'running'",
        "create index task_by_owner on task (owner)",
        """create table message (
            number integer primary key autoincrement, public text not null, owner integer not null,
            conversation integer not null, role text not null, name text not null, body text not null,
            said integer not null, created integer not null)""",
        "create index message_by_conversation on message (owner, conversation, number)",
        # id: owner, conversation and position, see _ids; speaker: the folded words of name
        """create table fact (
            id integer primary key, public text not null unique, task integer not null, message integer not null,
            type text not null, mode text not null, role text not null, name text not null, speaker text not null,
            text text not null, length integer not null, asks integer not null, timed integer not null,
            said integer not null, updated integer not null)""",
        "create index fact_by_message on fact (message)",
        """create table preference (
            number integer primary key autoincrement, public text not null unique, owner integer not null,
            conversation integer not null, task integer not null, message integer not null, mode text not null,
            text text not null, reasoning text not null, words text not null, said integer not null,
            updated integer not null)""",
        "create index preference_by_owner on preference (owner, said)",
        "create index preference_by_message on preference (message)",
        # presence only; an owner's rows for a word are the word's count
        """create table posting (
            owner integer not null, word text not null, id integer not null,
            primary key (owner, word, id)) without rowid""",
        "create table setting (name text primary key, value text not null) without rowid",
    ),
]


PRIVATE: Final = frozenset({":memory:", ""})
"""Paths of databases that only the connection which made them can see."""

Synchronous = Literal["NORMAL", "FULL"]


@dataclass(frozen=True, slots=True)
class _Line:
    """One connection, and the lock that keeps the transactions on it apart."""

    connection: sqlite3.Connection
    lock: threading.RLock = field(default_factory=threading.RLock)


@dataclass(frozen=True, slots=True)
class _Lines:
    """The lines of one process: two to a file, so that no reader waits for a writer; one to a private database."""

    pid: int
    writer: _Line
    reader: _Line


class File:
    """A file for any thread; after a fork it is opened anew, as SQLite asks."""

    def __init__(self, path: str, synchronous: Synchronous) -> None:
        self._path, self._closed = path, False
        self._synchronous: Synchronous = synchronous
        self._inherited: list[_Lines] = []  # a parent process's: closing them here would harm its file
        self._here = threading.local()  # .line: that of the transaction this thread is in
        self._lines = _opened(path, synchronous)

    def execute(self, statement: str, values: Iterable[Any] = ()) -> sqlite3.Cursor:
        """Runs one statement, inside `writing` or `reading`."""
        return self._connection().execute(statement, tuple(values))

    def execute_many(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Runs one statement for each row of values."""
        self._connection().executemany(statement, rows)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """All or nothing, with every other writer kept out from the start."""
        with self._transaction("begin immediate", self._own().writer):
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One state of the file, whatever others write meanwhile. Within `writing`, the state so far."""
        with self._transaction("begin", self._own().reader):
            yield

    def sweep(self) -> bool:
        """Writes the file anew, so that no page keeps a copy of what was deleted; whether it could be done now.

        SQLite overwrites deleted rows in place (`secure_delete`), but not the copies that it left behind when it moved
        rows from page to page. Takes about a second for 100 MB, and waits briefly for others who use the file.
        """
        if self._path in PRIVATE:
            return True
        own = self._own()
        with self._holding(own.writer, _SWEEPING_MS / 1000) as held:
            return held and not self._closed and self._swept(own)

    def size(self) -> int:
        """The file's size in bytes."""
        return _pragma(self, "page_count") * _pragma(self, "page_size")

    def close(self, timeout: float = BUSY_MS / 1000) -> None:
        """Closes the file. May be called twice. What runs on after `timeout` seconds closes its connection itself."""
        own, until = self._own(), time.monotonic() + timeout
        self._closed = True
        for line in (own.reader, own.writer):
            with self._holding(line, max(0.0, until - time.monotonic())):
                pass  # it is closed on the way out

    @contextmanager
    def _transaction(self, begin: str, line: _Line) -> Iterator[None]:
        if self._line() is not None:  # a part of the one around it
            yield
            return
        with self._holding(line):
            if self._closed:
                raise Unsupported("the engine is closed: open another")
            self._here.line = line
            try:
                line.connection.execute(begin)
                yield
                line.connection.execute("commit")
            except sqlite3.OperationalError as error:
                raise ServerFault(f"the file cannot be used now ({error})", code=50004) from error
            finally:
                self._here.line = None
                if line.connection.in_transaction:
                    line.connection.execute("rollback")

    @contextmanager
    def _holding(self, line: _Line, timeout: float = -1) -> Iterator[bool]:
        """Keeps other threads off the line; whether it could be had in time. The last one closes a closed file's."""
        held = line.lock.acquire(timeout=timeout)
        try:
            yield held
        finally:
            if held:
                line.lock.release()
            if self._closed and self._line() is not line:
                _close_if_free(line)

    def _swept(self, own: _Lines) -> bool:
        connection = own.writer.connection
        connection.execute(f"pragma busy_timeout = {_SWEEPING_MS}")
        try:
            connection.execute("vacuum")
            with self._holding(own.reader):  # the log can only be cut while nobody reads it
                busy, _, _ = connection.execute("pragma wal_checkpoint(truncate)").fetchone()
        except sqlite3.OperationalError:
            return False
        finally:
            connection.execute(f"pragma busy_timeout = {BUSY_MS}")
        return not busy

    def _connection(self) -> sqlite3.Connection:
        return (self._line() or self._own().writer).connection

    def _line(self) -> _Line | None:
        return getattr(self._here, "line", None)

    def _own(self) -> _Lines:
        """The lines of this process."""
        inherited = self._lines
        if inherited.pid != os.getpid():
            self._here = threading.local()
            self._inherited.append(inherited)
            alone = self._path in PRIVATE or self._closed
            self._lines = _lines(inherited.writer.connection) if alone else _opened(self._path, self._synchronous)
        return self._lines


def migrate(file: File) -> None:
    """Brings the file to this version's layout, inside the caller's transaction.

    Raises `Unsupported` for a file that a newer version wrote, and for a database that is not ours.
    """
    version = _pragma(file, "user_version")
    if version > len(MIGRATIONS):
        raise Unsupported(
            f"the file has layout {version}, this version knows up to {len(MIGRATIONS)}: "
            "open it with a newer memos_integrations"
        )
    if version == 0:
        _claim(file)
    elif _pragma(file, "application_id") != APPLICATION:
        raise Unsupported("the file is a database of another program: give a path of its own")
    for statement in (statement for migration in MIGRATIONS[version:] for statement in migration):
        file.execute(statement)
    file.execute(f"pragma user_version = {len(MIGRATIONS)}")


def _claim(file: File) -> None:
    if file.execute("select 1 from sqlite_master").fetchone():
        raise Unsupported("the file is a database of another program: give a path of its own")
    file.execute(f"pragma application_id = {APPLICATION}")


def _pragma(file: File, name: str) -> int:
    return int(file.execute(f"pragma {name}").fetchone()[0])


def _opened(path: str, synchronous: Synchronous) -> _Lines:
    writer = _connected(path, synchronous)
    if path in PRIVATE:
        return _lines(writer)
    try:
        reader = _connected(path, synchronous)
        reader.execute("pragma query_only = on")
    except BaseException:
        writer.close()
        raise
    return _lines(writer, reader)


def _lines(writer: sqlite3.Connection, reader: sqlite3.Connection | None = None) -> _Lines:
    line = _Line(writer)
    return _Lines(os.getpid(), line, line if reader is None else _Line(reader))


def _close_if_free(line: _Line) -> None:
    if line.lock.acquire(blocking=False):
        try:
            line.connection.close()
        finally:
            line.lock.release()


def _connected(path: str, synchronous: Synchronous) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
    except sqlite3.Error as error:
        raise Unsupported(
            f"the file cannot be opened ({error}): is there its folder, and may it be written?"
        ) from error
    try:
        _tune(connection, synchronous)
    except sqlite3.Error as error:
        connection.close()
        raise Unsupported(f"the file cannot be used ({error}): give another path") from error
    return connection


def _tune(connection: sqlite3.Connection, synchronous: Synchronous) -> None:
    connection.execute(f"pragma busy_timeout = {BUSY_MS}")
    connection.execute("pragma journal_mode = wal")
    connection.execute(f"pragma synchronous = {'full' if synchronous == 'FULL' else 'normal'}")
    connection.execute("pragma secure_delete = on")  # what is deleted is overwritten, not just unlinked
