"""Where a client's writes wait until they are delivered, and how long, and how much of it."""

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from memos_integrations.errors import Invalid

__all__ = ["IN_MEMORY", "OutboxOptions", "outbox_options"]

IN_MEMORY = ":memory:"
_FILE = "outbox.db"
_FOLDER = "memos-integrations"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxOptions:
    """Where the turns wait that MemOS has not got yet.

    `path` is a file's, or ":memory:" for this process only; None is the user's own: MEMOS_OUTBOX, else `outbox.db`
    in the system's folder for such files (Linux: $XDG_STATE_HOME or ~/.local/state), and for the embedded engine
    beside its file. The text in it is not encrypted; only the user who made it may read it. A turn that nobody
    answered is written without an answer after `orphan_after` seconds (default 3,600). The file holds `max_megabytes`
    (default 256) at most; then it takes no more. Raises `Invalid`.
    """

    path: str | os.PathLike[str] | None = None
    orphan_after: float = 3_600.0
    max_megabytes: int = 256

    def __post_init__(self) -> None:
        after, room = self.orphan_after, self.max_megabytes
        if isinstance(after, bool) or not isinstance(after, int | float) or not 0 < after < float("inf"):
            _refuse("orphan_after", "a number of seconds above 0", after)
        if isinstance(room, bool) or not isinstance(room, int) or room < 1:
            _refuse("max_megabytes", "a whole number, at least 1", room)
        if self.path is not None:
            object.__setattr__(self, "path", _checked(self.path))


def _refuse(field: str, allowed: str, given: object) -> NoReturn:
    shown = repr(given) if isinstance(given, bool | int | float) else type(given).__name__
    raise Invalid(f"{field} is {allowed} (given: {shown}): leave it out for the default", field=field, rule="range")


def outbox_options(given: "OutboxOptions | str | os.PathLike[str] | None", default: str | None = None) -> OutboxOptions:
    """What was given, its path settled: the one given, else `default`, else the environment's, else the user's own."""
    options = given if isinstance(given, OutboxOptions) else OutboxOptions(path=given)
    if options.path is not None:
        return options
    told = os.environ.get("MEMOS_OUTBOX", "").strip()
    path = default or (_checked(told) if told else _users_own())
    whole = replace(options, path=IN_MEMORY)
    object.__setattr__(whole, "path", path)  # the user's own folder is made when it is needed
    return whole


def _checked(path: object) -> str:
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        given = "blank text" if text is not None else type(path).__name__
        raise Invalid(
            f'outbox: a path is text that is not blank, such as "outbox.db" or ":memory:" (given: {given})',
            field="outbox",
        )
    if text == IN_MEMORY:
        return text
    try:
        whole = Path(text).expanduser().absolute()
        is_folder, has_folder = whole.is_dir(), whole.parent.is_dir()
    except (OSError, RuntimeError, ValueError) as error:
        raise Invalid(f"outbox: no file can have this path ({type(error).__name__})", field="outbox") from None
    if is_folder:
        raise Invalid("outbox: the path is a folder's: name a file in it", field="outbox")
    if not has_folder:
        raise Invalid("outbox: a file needs a folder that is there: make it first", field="outbox")
    return str(whole)


def _users_own() -> str:
    """The file in the folder that the system sets aside for a user's programs; in memory where there is no home."""
    try:
        if sys.platform == "win32":
            folder = _folder("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
        elif sys.platform == "darwin":
            folder = Path.home() / "Library" / "Application Support"
        else:
            folder = _folder("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    except RuntimeError:
        return IN_MEMORY
    return str(folder / _FOLDER / _FILE)


def _folder(variable: str) -> Path | None:
    """The environment's, where it is whole: a part of one would be another wherever the process runs."""
    folder = Path(os.environ.get(variable, ""))
    return folder if folder.is_absolute() else None
