"""How far a move has come, and what came of it: counts; ids only for those who ask."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from memos_integrations.cli._told import told
from memos_integrations.errors import MemOSError

if TYPE_CHECKING:
    from memos_integrations.moving import Report

__all__ = ["Shown", "moving_shown"]

_EVERY: Final = 5.0  # seconds between two lines of progress where nobody watches a bar


class Shown:
    """Progress by counts: a bar for eyes, else a line now and then; then the report."""

    def __init__(self, console: Console, verb: str) -> None:
        self._console, self._verb = console, verb
        columns = (TextColumn(verb), BarColumn(), MofNCompleteColumn(), TextColumn("messages"), TimeRemainingColumn())
        self._bar: Progress | None = (
            Progress(*columns, console=console, transient=True) if console.is_terminal else None
        )
        self._task: TaskID | None = None
        self._told = time.monotonic()
        self.report: Report | None = None

    def tell(self, report: "Report") -> None:
        """That far."""
        self.report = report
        if self._bar is not None:
            if self._task is None:
                self._bar.start()
                self._task = self._bar.add_task(self._verb, total=report.total)
            self._bar.update(self._task, completed=report.copied + report.there)
        elif time.monotonic() - self._told >= _EVERY:
            self._told = time.monotonic()
            of = "" if report.total is None else f" of {report.total:,}"
            self._console.print(f"{self._verb}: {report.copied + report.there:,}{of} messages", highlight=False)

    def ended(self, report: "Report") -> None:
        """To its end."""
        self.report = report

    def stop(self) -> None:
        """Takes the bar away."""
        if self._bar is not None:
            self._bar.stop()


@contextmanager
def moving_shown(verb: str, *, show_ids: bool, writes: bool = False) -> Iterator[Shown]:
    """Progress, then the report; on the error output both where the command `writes`. 1 where something stays."""
    from memos_integrations.moving._report import lines

    shown = Shown(Console(stderr=True, soft_wrap=True), verb)
    with told(Console(stderr=True)):
        try:
            yield shown
        except (KeyboardInterrupt, MemOSError):
            shown.stop()
            if shown.report is not None:
                counts = lines(shown.report, written=writes)[1]
                more = "A FILE is as it was." if writes else f"{counts} The same command goes on from here."
                typer.echo(f"Ended early. {more}", err=True)
            raise
        finally:
            shown.stop()
    assert shown.report is not None
    typer.echo("\n".join(lines(shown.report, ids=show_ids, written=writes)), err=writes)
    if shown.report.troubles:
        raise typer.Exit(1)
