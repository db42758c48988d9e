"""The outbox's commands: what waits and what is parked, without its text, and what the user decides about it."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from memos_integrations.cli._told import told
from memos_integrations.errors import Invalid, Unsupported

if TYPE_CHECKING:
    from memos_integrations.memory._line import Line
    from memos_integrations.memory._shelf import Listed

__all__ = ["outbox"]

_MOST: Final = 2**63 - 1  # the highest number that SQLite gives
_COLUMNS: Final = ("number", "address", "user", "conversation", "state", "messages", "age", "error", "code")
_PARKED: Final = (
    "parked: MemOS refused it, as error and code say; with the error unknown nobody knows whether it arrived: "
    "look at the conversation, then retry or drop it."
)
_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


class State(StrEnum):
    """What an entry is doing."""

    PARKED = "parked"
    WAITING = "waiting"
    OPEN = "open"
    SENDING = "sending"


outbox = typer.Typer(
    no_args_is_help=True,
    help="See what waits until MemOS has it, and decide about what is parked. No command shows what was said.",
)
_File = Annotated[
    Path | None,
    typer.Option(
        "--file",
        help="The outbox's file, or that of an embedded engine (memos.db), whose outbox is memos.db.outbox beside it. "
        "Default: MEMOS_OUTBOX, else the user's own.",
    ),
]
_Numbers = Annotated[list[int] | None, typer.Argument(metavar="NUMBER...", min=1, max=_MOST, show_default=False)]


@outbox.command("list")
def entries(
    file: _File = None,
    state: Annotated[
        list[State] | None, typer.Option(help="Only those; may be given several times.", show_default=False)
    ] = None,
    *,
    words: Annotated[bool, typer.Option("--words", help="With MemOS's own words of a refusal.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As a JSON array.")] = False,
) -> None:
    """Show what is in the outbox, of all addresses: ids, counts and errors, never text."""
    with _opened(file) as (line, path):
        found = line.listed([str(each) for each in state or ()])
    if as_json:
        typer.echo(json.dumps([_members(each, words=words) for each in found], indent=2))
        return
    if found:
        _show(found, words=words)
    notes = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    notes.print(f"{_counted(found)} in {_printable(path)}")
    if any(each.state == State.PARKED for each in found):
        notes.print(_PARKED)


@outbox.command()
def retry(
    numbers: _Numbers = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All that are parked.")] = False,
    file: _File = None,
) -> None:
    """Put parked entries in line again. They leave with a program that opens their address with their key."""
    _check(numbers, everything=everything)
    with _opened(file) as (line, _):
        chosen = _chosen(line, numbers)
        parked = [each for each in chosen if each.state == State.PARKED]
        again = [each for each in parked if line.retry(each.number, time.time())]
    typer.echo(f"In line again: {_counted(again)}.")
    for address in sorted({each.address for each in again}):
        typer.echo(f"They leave with the next program that opens {_printable(address)}, or one that has it open.")
    _tell_rest(numbers, chosen, again, "not parked")


@outbox.command()
def drop(
    numbers: _Numbers = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All that are parked.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Without asking.")] = False,
    file: _File = None,
) -> None:
    """Delete entries with their text, for good; one that is being sent stays."""
    _check(numbers, everything=everything)
    with _opened(file) as (line, _):
        chosen = _chosen(line, numbers)
        if chosen and not yes:
            typer.confirm(f"Delete {_counted(chosen)} for good?", abort=True, err=True)
        dropped = [each for each in chosen if line.drop(each.number, time.time())]
    typer.echo(f"Dropped: {_counted(dropped)}.")
    _tell_rest(numbers, chosen, dropped, "being sent, or was just now: try again in a minute")


@contextmanager
def _opened(file: Path | None) -> "Iterator[tuple[Line, Path]]":
    """The outbox's file; our own errors end the command."""
    from memos_integrations.memory.outbox import outbox_file

    with told(Console(stderr=True)):
        path = _path(file)
        try:
            with outbox_file(path) as line:
                yield line, path
        except Unsupported as error:
            hint = f"an embedded engine's outbox is {path.name}.outbox beside it, which is not there: nothing waits"
            raise Unsupported(f"{error} ({hint})") from None


def _path(file: Path | None) -> Path:
    """Where the outbox is: the file that was given or one beside it, else the environment's, else the user's own."""
    from memos_integrations.client import outbox_options

    path = Path(outbox_options(None).path or "") if file is None else file
    if str(path) == ":memory:":
        raise Invalid("turns wait in each program's memory here (:memory:), where no other program can look")
    try:
        found = next((each for each in (Path(f"{path}.outbox"), path) if each.is_file()), None)
    except (OSError, ValueError) as error:
        raise Invalid(f"the file can't be looked at ({type(error).__name__})", field="file") from None
    if found is None:
        raise Invalid(f"there is no outbox at {_printable(path)}: nothing waits there", field="file", rule="missing")
    return found


def _check(numbers: Sequence[int] | None, *, everything: bool) -> None:
    with told(Console(stderr=True)):
        if bool(numbers) == everything:
            raise Invalid("give the numbers of entries, or --all, not both", field="numbers")


def _chosen(line: "Line", numbers: Sequence[int] | None) -> "list[Listed]":
    """The entries of these numbers that are there; without numbers all that are parked."""
    if not numbers:
        return line.listed([State.PARKED.value])
    return [each for each in line.listed() if each.number in numbers]


def _tell_rest(
    numbers: Sequence[int] | None, chosen: "Sequence[Listed]", done: "Sequence[Listed]", reason: str
) -> None:
    """Tells of numbers with which nothing was done; then the command ends with 1."""
    there, well = {each.number for each in chosen}, {each.number for each in done}
    rest = [number for number in dict.fromkeys(numbers or ()) if number not in well]
    for number in rest:
        typer.echo(f"{number}: {reason if number in there else 'not there'}.", err=True)
    if rest:
        raise typer.Exit(1)


def _show(found: "Sequence[Listed]", *, words: bool) -> None:
    """A table for eyes; for other programs tabs, and nothing that a line's length could hide."""
    columns = (*_COLUMNS, "words") if words else _COLUMNS
    rows = [_row(each, words=words) for each in found]
    console = Console()
    if not console.is_terminal:
        typer.echo("\n".join("\t".join(row) for row in (columns, *rows)))
        return
    table = Table(*columns, box=None, header_style="bold")
    for each, row in zip(found, rows, strict=True):
        table.add_row(*map(Text, row), style="yellow" if each.state == State.PARKED else None)
    console.print(table)


def _row(entry: "Listed", *, words: bool) -> tuple[str, ...]:
    users, agents = _people(entry)
    who = ", ".join([*users, *(f"agent {agent}" for agent in agents)])
    code = str(entry.code) if entry.code else "-"
    shown = (entry.address, who, entry.conversation_id or "-", entry.state, str(entry.messages))
    failed = (_ago(time.time() - entry.created), entry.error or "-", code)
    return tuple(map(_printable, (entry.number, *shown, *failed, *([entry.message or "-"] if words else []))))


def _members(entry: "Listed", *, words: bool) -> dict[str, object]:
    users, agents = _people(entry)
    told_words = {"words": entry.message} if words else {}
    return {
        "number": entry.number,
        "address": entry.address,
        "users": users,
        "agents": agents,
        "conversation": entry.conversation_id,
        "state": entry.state,
        "messages": entry.messages,
        "age_seconds": round(time.time() - entry.created, 3),
        "error": entry.error,
        "code": entry.code,
        **told_words,
    }


def _people(entry: "Listed") -> tuple[list[str], list[str]]:
    """Whose conversation it is: users, or where there are none, agents."""
    names = entry.owner.split("\n")
    return ([], names[1:]) if not names[0] else (names, [])


def _ago(seconds: float) -> str:
    size, unit = next((each for each in _UNITS if seconds >= 2 * each[0]), _UNITS[-1])
    return f"{max(0, int(seconds // size))} {unit}"


def _counted(found: "Sequence[Listed]") -> str:
    messages = sum(each.messages for each in found)
    return "nothing" if not found else f"{_plural(len(found), 'entry', 'entries')}, {_plural(messages, 'message')}"


def _plural(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _printable(value: object) -> str:
    """As a terminal can show it: ids and words of others may hold what it would obey."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(value))
