"""How far each conversation has come, in a file beside the target: numbers and digests, no text, no ids."""

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from memos_integrations._file import File
from memos_integrations._layout import migrate
from memos_integrations.client import IN_MEMORY, MemOS, outbox_options
from memos_integrations.errors import Invalid, Unsupported
from memos_integrations.memory._holders import is_gone, new_holder, retire
from memos_integrations.moving._said import Name, digest, owner_of

__all__ = ["Come", "Journal", "journal_of"]

_APPLICATION: Final = 0x4D454D4A  # "MEMJ", in the file's header, tells our files from others
_MIGRATIONS: Final = [
    (
        "create table setting (name text primary key, value text not null) without rowid",
        # done: how many of its messages arrived, chain what stands for those; sending: up to where an add was begun
        # whose end nobody has seen (0: none), sent what stands for all up to there
        """create table conversation (
            name blob primary key, done integer not null, chain blob not null, sending integer not null default 0,
            sent blob not null default x'') without rowid""",
    ),
]


@dataclass(frozen=True, slots=True)
class Come:
    """How far a conversation has come: `done` messages, and those up to `sending` (0: none) perhaps."""

    done: int
    chain: bytes
    sending: int = 0
    sent: bytes = b""

    def fits(self, chain: list[bytes]) -> bool:
        """Whether it tells of the same messages as `chain`."""
        known = self.done < len(chain) and chain[self.done] == self.chain
        return known and (not self.sending or (self.sending < len(chain) and chain[self.sending] == self.sent))


class Journal(File):
    """One file for all that is moved to any target; only one process may move with it at a time."""

    def __init__(self, path: str, client: MemOS) -> None:
        _make(path)
        super().__init__(path, "NORMAL", application=_APPLICATION)
        self._holder = new_holder()
        try:
            with self.writing():
                migrate(self, _MIGRATIONS, _APPLICATION)
                self._claim()
                self.salt = bytes.fromhex(self._setting("salt") or self._set("salt", secrets.token_hex(16)))
        except BaseException:
            retire(self._holder)
            self.close()
            raise
        self._target = f"{client.address}\n{client.account(self.salt)}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self.writing():
            self.execute("delete from setting where name = 'holder' and value = ?", (self._holder,))
        retire(self._holder)
        self.cut_log()
        self.close()

    def of(self, name: Name) -> Come | None:
        """How far that conversation has come; None when it was never begun."""
        found = "select done, chain, sending, sent from conversation where name = ?"
        with self.reading():
            row = self.execute(found, (self._key(name),)).fetchone()
        return Come(*row) if row else None

    def note(self, name: Name, come: Come) -> None:
        """How far it has come now. It is in the file when this returns."""
        values = (self._key(name), come.done, come.chain, come.sending, come.sent)
        with self.writing():
            self.execute("insert or replace into conversation values (?, ?, ?, ?, ?)", values)

    def token(self, name: Name, come: Come) -> str:
        """Letters and digits that stand for the add that is on its way: the same after a kill."""
        return digest({"": self._key(name).hex(), "from": come.done, "to": come.sent.hex()}, self.salt).hex()

    def _key(self, name: Name) -> bytes:
        return digest({"": self._target, **owner_of(name)}, self.salt)

    def _claim(self) -> None:
        other = self._setting("holder")
        if other is not None and not is_gone(other):
            raise Unsupported("another process moves conversations with this journal: let it end first")
        self._set("holder", self._holder)

    def _setting(self, name: str) -> str | None:
        row = self.execute("select value from setting where name = ?", (name,)).fetchone()
        return str(row[0]) if row else None

    def _set(self, name: str, value: str) -> str:
        self.execute("insert or replace into setting values (?, ?)", (name, value))
        return value


def _make(path: str) -> None:
    """An empty file for its owner alone, where there is none."""
    try:
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        raise _unmade(error) from None
    if Path(path).is_dir():
        raise Invalid("the journal's path is a folder: name a file in it", field="journal")


def _unmade(error: OSError) -> Invalid:
    return Invalid(f"the journal can't be made ({type(error).__name__}): give another path for it", field="journal")


def journal_of(client: MemOS, given: "str | os.PathLike[str] | None") -> str:
    """Where the journal is: the path given, else beside the target's file, else beside the user's own outbox."""
    if given is not None:
        path = Path(given).expanduser().absolute()
    elif not client.address.startswith(("http://", "https://", "memos+")):
        path = Path(f"{client.address}.journal")
    else:
        path = _users_own(client.address)
    if not path.parent.is_dir():
        raise Invalid("the journal's folder is not there: make it first", field="journal")
    return str(path)


def _users_own(address: str) -> Path:
    kept = str(outbox_options(None).path)
    if kept == IN_MEMORY:
        raise Invalid("there is no place for the journal (the outbox is in memory): give its path", field="journal")
    folder = Path(kept).parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unmade(error) from None
    return folder / f"moved-{digest({'': address}).hex()[:16]}.journal"
