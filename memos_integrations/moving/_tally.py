"""Counting while it goes on."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from memos_integrations.errors import MemOSError
from memos_integrations.moving._report import Failure, Report, failed
from memos_integrations.moving._said import Name

__all__ = ["OnProgress", "Tally"]

OnProgress = Callable[[Report], None]


class Tally:
    """The newest report, told to whoever listens each time that it changes."""

    def __init__(self, tell: OnProgress | None, total: int | None, *, dry: bool = False) -> None:
        self._tell = tell
        self._owners = set[tuple[str, str]]()
        self._report = Report(total=total, dry=dry)

    def found(self, name: Name, messages: int, turns: int) -> None:
        """A conversation of that size was read."""
        self._owners.add((name.kind, name.owner))
        now = self._report
        self._told(
            replace(
                now,
                users=len(self._owners),
                conversations=now.conversations + 1,
                messages=now.messages + messages,
                turns=now.turns + turns,
            )
        )

    def add(self, *, copied: int = 0, there: int = 0, unmarked: int = 0) -> None:
        """That many messages more."""
        now = self._report
        if copied or there or unmarked:
            more = replace(now, copied=now.copied + copied, there=now.there + there, unmarked=now.unmarked + unmarked)
            self._told(more)

    def trouble(self, name: Name, failure: Failure, left: int, error: MemOSError | None = None) -> None:
        """A conversation could not be moved to its end."""
        self._told(replace(self._report, troubles=(*self._report.troubles, failed(name, failure, left, error))))

    def unchecked(self, number: int) -> None:
        """Of so many conversations nobody could say what was at the target."""
        self._report = replace(self._report, unchecked=number)

    def ended(self, aside: Mapping[str, int]) -> Report:
        """The report, with what is not moved."""
        self._told(replace(self._report, aside=aside))
        return self._report

    def _told(self, report: Report) -> None:
        self._report = report
        if self._tell is not None:
            self._tell(report)
