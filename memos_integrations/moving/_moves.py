"""From one address to another, or to lines and back: conversation by conversation, counted, and told as it goes."""

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import IO, Final

from memos_integrations.client import IN_MEMORY, MemOS
from memos_integrations.errors import BadRequest, Invalid, NotFound, ServerFault, Unsupported
from memos_integrations.moving._delivery import Delivery, Stopped, Unknown
from memos_integrations.moving._journal import Journal, journal_of
from memos_integrations.moving._lines import LineSource, line
from memos_integrations.moving._report import Report
from memos_integrations.moving._said import Conversation, Kept
from memos_integrations.moving._sources import FileSource, ServiceSource, Source, Which
from memos_integrations.moving._tally import OnProgress, Tally
from memos_integrations.moving._targets import target_of

__all__ = ["copy", "export_lines", "import_lines"]

_ITS_OWN: Final = (BadRequest, NotFound, ServerFault, Unsupported, Invalid)
"""Errors of one conversation's reading, which the next need not meet."""


def copy(
    source: MemOS | str | os.PathLike[str],
    target: MemOS,
    *,
    which: Which | None = None,
    journal: str | os.PathLike[str] | None = None,
    unknown: Unknown = "leave",
    dry_run: bool = False,
    on_progress: OnProgress | None = None,
) -> Report:
    """Copies conversations in order, each message once, also after a kill at any moment; what is there stays there.

    `source` is the file of an embedded engine, which is only read (also given as its client), or a service's client,
    which needs `which`. `journal` is a file of numbers and digests (None: beside the target's file, for a service
    beside the user's outbox); with it the same copy goes on where it was, and later copies what is new. `unknown` is
    what to do where nobody can find out whether an add arrived: "leave" that conversation, send "again", or "skip".
    `dry_run` counts, and sends nothing. `on_progress` gets each newer report. A conversation that the target refuses,
    or that has other messages there, is left alone and told. Raises `Invalid`, `Unsupported`, and what ends
    everything: `Unreachable`, `Unauthorized` and their like; then the same call goes on.
    """
    with closing(_source(source, which or Which())) as origin:
        _check_apart(source, target)
        return _moved(origin, target, journal, unknown, dry=dry_run, tell=on_progress)


def import_lines(
    lines: IO[bytes],
    target: MemOS,
    *,
    journal: str | os.PathLike[str] | None = None,
    unknown: Unknown = "leave",
    dry_run: bool = False,
    on_progress: OnProgress | None = None,
) -> Report:
    """Copies the conversations in JSON Lines, as `copy` does. A conversation's lines stand together.

    Where `lines` can be read twice, all are checked before anything is sent; else each conversation before it is.
    Raises `Invalid`, which names the line, and what `copy` raises.
    """
    source = LineSource(lines)
    if lines.seekable():
        source.check()
    return _moved(source, target, journal, unknown, dry=dry_run, tell=on_progress)


def export_lines(
    source: MemOS | str | os.PathLike[str],
    lines: IO[bytes],
    *,
    which: Which | None = None,
    on_progress: OnProgress | None = None,
) -> Report:
    """Writes conversations as JSON Lines; the same bytes for the same conversations. `source` as for `copy`."""
    with closing(_source(source, which or Which())) as origin:
        tally = Tally(on_progress, origin.total)
        for conversation in origin.conversations():
            said = _read(conversation, tally)
            if said is not None:
                lines.writelines(line(conversation.name, one) for one in said)
                tally.add(copied=len(said))
        return tally.ended(origin.aside())


def _moved(
    origin: Source,
    client: MemOS,
    journal: str | os.PathLike[str] | None,
    unknown: Unknown,
    *,
    dry: bool,
    tell: OnProgress | None,
) -> Report:
    tally = Tally(tell, origin.total, dry=dry)
    with ExitStack() as held:
        delivery = None if dry else held.enter_context(_delivering(client, journal, unknown))
        for conversation in origin.conversations():
            if delivery is None and conversation.size is not None:
                tally.found(conversation.name, *conversation.size)
                continue
            said = _read(conversation, tally)
            if said is not None and delivery is not None:
                _deliver(delivery, conversation, said, tally)
    return tally.ended(origin.aside())


@contextmanager
def _delivering(client: MemOS, journal: str | os.PathLike[str] | None, unknown: Unknown) -> Iterator[Delivery]:
    if client.address == IN_MEMORY:
        raise Unsupported("an engine in memory is nowhere to move to: give a file's path")
    with Journal(journal_of(client, journal), client) as kept, closing(target_of(client)) as target:
        yield Delivery(target, kept, unknown)


def _read(conversation: Conversation, tally: Tally) -> Sequence[Kept] | None:
    """All of its messages; None where the source refuses it."""
    try:
        said = conversation.read()
    except _ITS_OWN as error:
        tally.found(conversation.name, 0, 0)
        tally.trouble(conversation.name, "unreadable", 0, error)
        return None
    tally.found(conversation.name, len(said), sum(one.message["role"] == "user" for one in said))
    return said


def _deliver(delivery: Delivery, conversation: Conversation, said: Sequence[Kept], tally: Tally) -> None:
    left = len(said)
    try:
        for step in delivery.deliver(conversation.name, said):
            left -= step.messages
            tally.add(**{"there" if step.already else "copied": step.messages})
            tally.add(unmarked=step.messages if step.unmarked else 0)
    except Stopped as stopped:
        tally.add(there=stopped.there)
        tally.trouble(conversation.name, stopped.failure, left - stopped.there, stopped.error)
    tally.unchecked(delivery.unchecked)


def _source(source: MemOS | str | os.PathLike[str], which: Which) -> Source:
    if isinstance(source, MemOS) and _is_service(source.address):
        return ServiceSource(source, which)
    path = source.address if isinstance(source, MemOS) else os.fspath(source)
    if path == IN_MEMORY:
        raise Unsupported("an engine in memory is read by no other: give a file's path")
    if "://" in path:
        raise Invalid("a service is given as its client: connect(address)", field="source")
    return FileSource(str(Path(path).expanduser().absolute()), which)


def _is_service(address: str) -> bool:
    return "://" in address


def _check_apart(source: MemOS | str | os.PathLike[str], target: MemOS) -> None:
    """Refuses to copy a place onto itself. Two keys of one service are two places."""
    salt = secrets.token_bytes(16)
    if isinstance(source, MemOS):
        same = source.address == target.address and source.account(salt) == target.account(salt)
    else:
        there, here = Path(target.address), Path(source).expanduser()
        same = not _is_service(target.address) and there.exists() and here.exists() and there.samefile(here)
    if same:
        raise Invalid("source and target are one place: give two", field="target")
