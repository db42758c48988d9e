"""A database in one file: how it is opened, its connections and locks, its transactions, and what a fork means for it.

The embedded engine keeps memories in one, the outbox what is to be delivered.
"""

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from memos_integrations._layout import pragma
from memos_integrations.errors import ServerFault, Unsupported

__all__ = ["BUSY_MS", "PRIVATE", "File", "Synchronous"]

BUSY_MS: Final = 10_000
"""How long a write waits for another process's, in milliseconds."""

_SWEEPING_MS: Final = 500
_LATER, _DAMAGED = 50004, 50002

PRIVATE: Final = frozenset({":memory:", ""})
"""Paths of databases that only the connection which made them can see."""

Synchronous = Literal["NORMAL", "FULL"]


@dataclass(slots=True)
class _Line:
    """One connection, and the lock that keeps the transactions on it apart. A fork puts another connection in."""

    connection: sqlite3.Connection
    lock: threading.RLock = field(default_factory=threading.RLock)


@dataclass(frozen=True, slots=True)
class _Lines:
    """Two to a file, so that no reader waits for a writer; one to a private database."""

    writer: _Line
    reader: _Line


class File:
    """A file for any thread. No connection to it crosses a fork: SQLite's locks are a process's, not a connection's."""

    def __init__(self, path: str, synchronous: Synchronous, *, application: int) -> None:
        """`application` tells files of one kind from others, in their header."""
        self._path, self._closed = path, False
        self._synchronous: Synchronous = synchronous
        self._application = application
        self._here = threading.local()  # .line: that of the transaction this thread is in
        self._lines = self._opened()
        _files.add(self)

    def execute(self, statement: str, values: Iterable[Any] = ()) -> sqlite3.Cursor:
        """Runs one statement, inside `writing` or `reading`."""
        return self._connection().execute(statement, tuple(values))

    def execute_many(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Runs one statement for each row of values."""
        self._connection().executemany(statement, rows)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """All or nothing, with every other writer kept out from the start."""
        with self._transaction("begin immediate", self._lines.writer):
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One state of the file, whatever others write meanwhile. Within `writing`, the state so far."""
        with self._transaction("begin", self._lines.reader):
            yield

    def sweep(self) -> bool:
        """Writes the file anew, so that no page keeps a copy of what was deleted; whether it could be done now.

        SQLite overwrites deleted rows in place (`secure_delete`), but not the copies that it left behind when it moved
        rows from page to page. Takes about a second for 100 MB, and waits briefly for others who use the file.
        """
        if self._path in PRIVATE:
            return True
        own = self._lines
        with self._holding(own.writer, _SWEEPING_MS / 1000) as held:
            return held and not self._closed and self._swept(own)

    def cut_log(self) -> bool:
        """Cuts the log, which may hold copies of what was deleted; whether it could be done now."""
        if self._path in PRIVATE:
            return True
        own = self._lines
        with self._holding(own.writer, _SWEEPING_MS / 1000) as held:
            if not held or self._closed:
                return False
            own.writer.connection.execute(f"pragma busy_timeout = {_SWEEPING_MS}")
            try:
                return self._log_cut(own)
            except sqlite3.DatabaseError:
                return False
            finally:
                own.writer.connection.execute(f"pragma busy_timeout = {BUSY_MS}")

    def size(self) -> int:
        """The file's size in bytes."""
        return pragma(self, "page_count") * pragma(self, "page_size")

    def close(self, timeout: float = BUSY_MS / 1000) -> None:
        """Closes the file. May be called twice. What runs on after `timeout` seconds closes its connection itself."""
        own, until = self._lines, time.monotonic() + timeout
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
                raise Unsupported("the file is closed: open another engine or client")
            self._here.line = line
            try:
                line.connection.execute(begin)
                yield
                line.connection.execute("commit")
            except sqlite3.OperationalError as error:
                raise ServerFault(f"the file cannot be used now ({error})", code=_LATER) from error
            except sqlite3.DatabaseError as error:
                if type(error) is not sqlite3.DatabaseError:  # a statement of ours is wrong
                    raise
                raise ServerFault(f"the file is damaged ({error})", code=_DAMAGED) from error
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
            return self._log_cut(own)
        except sqlite3.OperationalError:
            return False
        finally:
            connection.execute(f"pragma busy_timeout = {BUSY_MS}")

    def _log_cut(self, own: _Lines) -> bool:
        with self._holding(own.reader):  # the log can only be cut while nobody reads it
            busy, _, _ = own.writer.connection.execute("pragma wal_checkpoint(truncate)").fetchone()
        return not busy

    def _connection(self) -> sqlite3.Connection:
        return (self._line() or self._lines.writer).connection

    def _line(self) -> _Line | None:
        return getattr(self._here, "line", None)

    def _held_lines(self) -> tuple[_Line, ...]:
        return tuple({id(line): line for line in (self._lines.writer, self._lines.reader)}.values())

    def before_fork(self) -> None:
        """Waits until nothing is under way, and lets go of the file."""
        for line in self._held_lines():
            line.lock.acquire()
            if self._path not in PRIVATE:
                line.connection.close()

    def after_fork_in_parent(self) -> None:
        """Takes the file up again."""
        try:
            if self._path not in PRIVATE and not self._closed:
                again = self._opened()
                self._lines.writer.connection = again.writer.connection
                self._lines.reader.connection = again.reader.connection
        finally:
            for line in self._held_lines():
                line.lock.release()

    def after_fork_in_child(self) -> None:
        """Opens the file anew, with locks that no thread of the parent may hold."""
        self._here = threading.local()
        alone = self._path in PRIVATE or self._closed
        connection = self._lines.writer.connection
        self._lines = _lines(connection) if alone else self._opened()

    def _opened(self) -> _Lines:
        writer = self._connected()
        if self._path in PRIVATE:
            return _lines(writer)
        try:
            reader = self._connected()
            reader.execute("pragma query_only = on")
        except BaseException:
            writer.close()
            raise
        return _lines(writer, reader)

    def _connected(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(
                self._path, isolation_level=None, check_same_thread=False, cached_statements=256
            )
        except sqlite3.Error as error:
            raise Unsupported(
                f"the file cannot be opened ({error}): is there its folder, and may it be written?"
            ) from error
        try:
            _refuse_foreign(connection, self._application)
            _tune(connection, self._synchronous)
        except Unsupported:
            connection.close()
            raise
        except sqlite3.Error as error:
            connection.close()
            raise Unsupported(f"the file cannot be used ({error}): give another path") from error
        return connection


_files: "weakref.WeakSet[File]" = weakref.WeakSet()
_forking: list[File] = []


def _before_fork() -> None:
    _forking[:] = list(_files)
    for file in _forking:
        file.before_fork()


def _after_fork_in_parent() -> None:
    with ExitStack() as rest:
        for file in _forking:
            rest.callback(file.after_fork_in_parent)
        _forking.clear()


def _after_fork_in_child() -> None:
    with ExitStack() as rest:
        for file in _forking:
            rest.callback(file.after_fork_in_child)
        _forking.clear()


if hasattr(os, "register_at_fork"):  # not on Windows, which knows no fork
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)


def _lines(writer: sqlite3.Connection, reader: sqlite3.Connection | None = None) -> _Lines:
    line = _Line(writer)
    return _Lines(line, line if reader is None else _Line(reader))


def _close_if_free(line: _Line) -> None:
    if line.lock.acquire(blocking=False):
        try:
            line.connection.close()
        finally:
            line.lock.release()


def _tune(connection: sqlite3.Connection, synchronous: Synchronous) -> None:
    connection.execute("pragma journal_mode = wal")
    connection.execute(f"pragma synchronous = {'full' if synchronous == 'FULL' else 'normal'}")
    connection.execute("pragma secure_delete = on")  # what is deleted is overwritten, not just unlinked


def _refuse_foreign(connection: sqlite3.Connection, application: int) -> None:
    """Leaves another program's database as it is: not even its journal's mode is changed."""
    connection.execute(f"pragma busy_timeout = {BUSY_MS}")
    used = connection.execute("select 1 from sqlite_master limit 1").fetchone()
    ((version,), (own,)) = (
        connection.execute(f"pragma {name}").fetchone() for name in ("user_version", "application_id")
    )
    if (used or version) and own != application:
        raise Unsupported("the file is a database of another program: give a path of its own")
