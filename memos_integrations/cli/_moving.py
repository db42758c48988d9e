"""Conversations from one address to another, or to JSON Lines and back: no output shows what was said."""

from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from memos_integrations.cli._moving_ends import (
    KEY,
    check_apart,
    check_keys,
    is_service,
    reading,
    source_of,
    target_of,
    which_of,
    writing,
)
from memos_integrations.cli._moving_shown import moving_shown

__all__ = ["copy", "export", "import_"]

_SETTLING: Final = 60.0  # seconds in which an engine finishes what was added; the rest does the file's next engine


class Unknown(StrEnum):
    """What to do where nobody can find out whether a part arrived."""

    LEAVE = "leave"
    AGAIN = "again"
    SKIP = "skip"


_From = Annotated[str, typer.Argument(metavar="FROM", help='The source: "memos.db", or a service\'s address.')]
_To = Annotated[str, typer.Argument(metavar="TO", help='The target: "memos.db", or a service\'s address.')]
_FromKey = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The environment variable with the source's key.", show_default=KEY),
]
_ToKey = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The environment variable with the target's key.", show_default=KEY),
]
_User = Annotated[list[str] | None, typer.Option("--user", help="Only this user's; may be given several times.")]
_Conversation = Annotated[
    list[str] | None, typer.Option("--conversation", help="Only this conversation; may be given several times.")
]
_List = Annotated[
    Path | None, typer.Option("--list", help="A file of the conversations: a user, a tab, a conversation a line.")
]
_Journal = Annotated[
    Path | None,
    typer.Option(help="Where it is kept how far it came: numbers and digests (default: beside the target)."),
]
_Unknown = Annotated[
    Unknown,
    typer.Option(help="Where nobody can find out whether a part arrived: leave the conversation, send it again, skip."),
]
_Dry = Annotated[bool, typer.Option("--dry-run", help="Count, and send nothing.")]
_Ids = Annotated[bool, typer.Option("--show-ids", help="Name the conversations that were not copied to their end.")]


def copy(
    source: _From,
    target: _To,
    *,
    from_key_env: _FromKey = None,
    to_key_env: _ToKey = None,
    user: _User = None,
    conversation: _Conversation = None,
    pairs: _List = None,
    journal: _Journal = None,
    unknown: _Unknown = Unknown.LEAVE,
    dry_run: _Dry = False,
    show_ids: _Ids = False,
) -> None:
    """Copy conversations from one address to another: in order, each message once. The source stays as it is."""
    from memos_integrations import moving

    with moving_shown("copying", show_ids=show_ids) as shown, ExitStack() as held:
        which = which_of(user, conversation, pairs)
        check_apart(source, target)
        both = is_service(source) and is_service(target)
        if both:
            check_keys(from_key_env, to_key_env)
        origin = source_of(held, source, from_key_env, both=both)
        to = target_of(held, target, to_key_env, both=both, dry=dry_run)
        shown.ended(
            moving.copy(
                origin, to, which=which, journal=journal, unknown=unknown.value, dry_run=dry_run, on_progress=shown.tell
            )
        )
        to.flush(_SETTLING)


def export(
    source: _From,
    file: Annotated[str, typer.Argument(metavar="FILE", help='The file to write; "-" is the output.')],
    *,
    from_key_env: _FromKey = None,
    user: _User = None,
    conversation: _Conversation = None,
    pairs: _List = None,
    show_ids: _Ids = False,
) -> None:
    """Write conversations as JSON Lines: a message a line, as OpenAI writes them, with user, conversation and time."""
    from memos_integrations import moving

    with moving_shown("exporting", show_ids=show_ids, writes=True) as shown, ExitStack() as held:
        which = which_of(user, conversation, pairs)
        origin = source_of(held, source, from_key_env)
        with writing(file) as lines:
            shown.ended(moving.export_lines(origin, lines, which=which, on_progress=shown.tell))


def import_(
    file: Annotated[str, typer.Argument(metavar="FILE", help='The file to read; "-" is the input.')],
    target: _To,
    *,
    to_key_env: _ToKey = None,
    journal: _Journal = None,
    unknown: _Unknown = Unknown.LEAVE,
    dry_run: _Dry = False,
    show_ids: _Ids = False,
) -> None:
    """Copy the conversations in JSON Lines to an address, as `copy` does; a bad line is told by its number."""
    from memos_integrations import moving

    with moving_shown("importing", show_ids=show_ids) as shown, ExitStack() as held:
        lines = held.enter_context(reading(file))
        to = target_of(held, target, to_key_env, dry=dry_run)
        shown.ended(
            moving.import_lines(
                lines, to, journal=journal, unknown=unknown.value, dry_run=dry_run, on_progress=shown.tell
            )
        )
        to.flush(_SETTLING)
