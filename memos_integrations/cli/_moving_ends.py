"""What a move is between: addresses with their keys, files of lines, and which conversations."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Literal

from memos_integrations.errors import Invalid

if TYPE_CHECKING:
    from memos_integrations.client import MemOS
    from memos_integrations.moving import Which

__all__ = [
    "KEY",
    "check_apart",
    "check_keys",
    "is_service",
    "reading",
    "source_of",
    "target_of",
    "which_of",
    "writing",
]

KEY: Final = "MEMOS_API_KEY"
_PIPE: Final = "-"
_DATABASE: Final = b"SQLite format 3\0"

Side = Literal["from", "to"]


def which_of(users: list[str] | None, conversations: list[str] | None, pairs: Path | None) -> "Which":
    """What the options name. Raises `Invalid`."""
    from memos_integrations.moving import Which

    named = [] if pairs is None else list(_pairs(pairs))
    if pairs is not None and not named:
        raise Invalid("--list: the file names no conversation", field="list")
    return Which(users=users or (), conversations=conversations or (), pairs=named)


def _pairs(file: Path) -> Iterator[tuple[str, str]]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"--list: the file can't be read as UTF-8 text ({type(error).__name__})") from None
    for number, line in enumerate(text.split("\n"), 1):
        user, tab, conversation = line.rstrip("\r").partition("\t")
        if line.strip():
            if not (user and tab and conversation) or "\t" in conversation:
                raise Invalid(f"--list: line {number} is not a user, a tab and a conversation", field="list")
            yield user, conversation


def is_service(address: str) -> bool:
    """Whether the address is no file's."""
    return "://" in address


def source_of(held: ExitStack, address: str, key: str | None, *, both: bool = False) -> "MemOS | str":
    """A file stays a path, so that no engine works on it."""
    if not is_service(address):
        if key is not None:
            raise Invalid("--from-key-env: a file needs no key", field="from_key_env")
        there = False
        with suppress(OSError, ValueError, RuntimeError):  # of a path that no system takes
            there = Path(address).expanduser().is_file()
        if not there:
            raise Invalid("FROM: there is no file at this path", field="source", rule="missing")
        if not _begins_as_database(Path(address).expanduser()):  # told before a target's file is made
            raise Invalid("FROM: the file is no database; of JSON Lines, `import` is the way in", field="source")
        return address
    return held.enter_context(_client(address, key, "from", both=both))


def target_of(held: ExitStack, address: str, key: str | None, *, both: bool = False, dry: bool) -> "MemOS":
    """A client; in a dry run none that would make a file."""
    from memos_integrations._connect import connect

    if is_service(address):
        return held.enter_context(_client(address, key, "to", both=both))
    if key is not None:
        raise Invalid("--to-key-env: a file needs no key", field="to_key_env")
    return held.enter_context(connect(":memory:" if dry else address))


def _client(address: str, key: str | None, side: Side, *, both: bool) -> "MemOS":
    """A key is never one of the other side's: where both are services, a side whose key is not named has none."""
    from memos_integrations._connect import connect

    given = "" if both and key is None else os.environ.get(key or KEY, "").strip()
    if key is not None and not given:
        raise Invalid(f"--{side}-key-env: the environment has no such variable, or it is empty", field="key_env")
    with _without(KEY):
        return connect(address, api_key=given or None)


def check_apart(source: str, target: str) -> None:
    """Refuses one file as both, before an engine opens it and brings it to its own layout."""
    if is_service(source) or is_service(target):
        return
    with suppress(OSError):  # one that is not there, or can't be looked at, is no other's double
        if Path(source).expanduser().samefile(Path(target).expanduser()):
            raise Invalid("source and target are one place: give two", field="target")


def check_keys(*named: str | None) -> None:
    """Of two services nobody can guess whose the usual key is."""
    if not any(named) and os.environ.get(KEY, "").strip():
        raise Invalid(f"two services: say whose {KEY} is, with --from-key-env {KEY} or --to-key-env {KEY}")


@contextmanager
def _without(name: str) -> Iterator[None]:
    """The environment without that variable, which `connect` would take for a key of this address."""
    kept = os.environ.pop(name, None)
    try:
        yield
    finally:
        if kept is not None:
            os.environ[name] = kept


@contextmanager
def writing(file: str) -> Iterator[IO[bytes]]:
    """The output, or a file that is there once it is whole, readable for its owner alone."""
    if file == _PIPE:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        path = Path(file)
        if path.exists() and not path.is_file():  # a pipe or a device stays what it is; a folder is refused
            with path.open("wb") as lines:
                yield lines
            return
        _check_no_database(path)
        with _whole(path.resolve()) as lines:  # a link stays one
            yield lines
    except OSError as error:
        raise Invalid(f"FILE can't be written ({type(error).__name__})", field="file") from None


def _check_no_database(path: Path) -> None:
    """Whoever exports to "other.db" meant `copy`; and that may be the source."""
    if path.exists() and _begins_as_database(path):
        raise Invalid("FILE is a database: give another, or copy to it with `copy`", field="file")


def _begins_as_database(path: Path) -> bool:
    with path.open("rb") as there:
        return there.read(len(_DATABASE)) == _DATABASE


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    part = path.with_name(f"{path.name}.part")
    try:
        with suppress(FileNotFoundError):
            part.unlink()
        with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as lines:
            yield lines
            lines.flush()
            os.fsync(lines.fileno())
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink()


@contextmanager
def reading(file: str) -> Iterator[IO[bytes]]:
    """The input, or a file."""
    if file == _PIPE:
        yield sys.stdin.buffer
        return
    try:
        lines = Path(file).open("rb")  # noqa: SIM115 -- closed below; only opening it is looked at here
    except OSError as error:
        raise Invalid(f"FILE can't be read ({type(error).__name__})", field="file") from None
    with lines:
        yield lines
