"""What came of a move: counts, and what could not be moved. Ids are held, and shown to those who ask for them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from memos_integrations.errors import Invalid, MemOSError, Refused, Unsupported
from memos_integrations.moving._said import Name

__all__ = ["Failure", "Report", "Trouble", "failed", "lines"]

Failure = Literal["refused", "different", "gone", "unknown", "unreadable"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """A conversation that was not moved to its end: `left` messages of it stay behind.

    `failure`: "refused" by the target (`error` and `code`, or our own `words`, say how), "different": other messages
    are there under its name, "gone": what was copied before is there no more, "unknown": nobody can find out whether an
    add arrived, "unreadable": the source would not tell it. `user_id` is the agent's where `is_agent`.
    """

    failure: Failure
    left: int
    error: str = ""
    code: int = 0
    words: str = ""
    user_id: str = field(default="", repr=False)
    conversation_id: str = field(default="", repr=False)
    is_agent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Counts of what was found, of what was `copied` now, and of what was at the target `there` already.

    `turns` are messages of a user, with what follows each. `total` is how many messages there are to move, None where
    the source can't tell. `unmarked` messages went without tags and the like, which the target does not hold;
    `unchecked` conversations were begun where nobody can say what the target holds. `aside` counts what is not moved,
    by kind. A `dry` run sent nothing.
    """

    users: int = 0
    conversations: int = 0
    turns: int = 0
    messages: int = 0
    total: int | None = None
    copied: int = 0
    there: int = 0
    unmarked: int = 0
    unchecked: int = 0
    dry: bool = False
    troubles: tuple[Trouble, ...] = ()
    aside: Mapping[str, int] = field(default_factory=dict)


def failed(name: Name, failure: Failure, left: int, error: MemOSError | None = None) -> Trouble:
    """That trouble with that conversation."""
    code = error.code if isinstance(error, Refused) else 0
    told = "" if error is None else type(error).__name__
    words = str(error) if isinstance(error, Unsupported | Invalid) else ""  # a server's own may hold anything
    return Trouble(failure, left, told, code, words, name.owner, name.conversation, name.kind == "agent")


_FAILURES: Final[Mapping[Failure, str]] = {
    "refused": "refused by the target",
    "different": "left alone: other messages are there under the same name",
    "gone": "left alone: what was copied before is no longer there",
    "unknown": "nobody can find out whether a part of it arrived: see --unknown",
    "unreadable": "the source did not tell it",
}
_ASIDE: Final[Mapping[str, tuple[str, str]]] = {
    "feedback": ("message of feedback", "messages of feedback"),
    "revised": (
        "memory that was corrected or archived: the target reads the messages as they were said",
        "memories that were corrected or archived: the target reads the messages as they were said",
    ),
    "profile": ("profile", "profiles"),
    "skill": ("skill", "skills"),
    "knowledge base": ("knowledge base", "knowledge bases"),
    "public": ("fact of the project's public memory", "facts of the project's public memory"),
    "other project": (
        "conversation of another project (of a server's key)",
        "conversations of other projects (of a server's keys)",
    ),
    "group": (
        "add of several users: copied for each of them, who are no group any more",
        "adds of several users: copied for each of them, who are no group any more",
    ),
    "cut": (
        "conversation of which the source tells only the newest 50 messages",
        "conversations of which the source tells only the newest 50 messages",
    ),
    "absent": ("name by which nothing was found", "names by which nothing was found"),
    "empty": ("conversation of which the source tells nothing", "conversations of which the source tells nothing"),
}


def lines(report: Report, *, ids: bool = False, written: bool = False) -> list[str]:
    """The report as a person reads it: of an export where it was `written`; with `ids`, each trouble by its own."""
    found = ", ".join(
        counted(number, noun)
        for number, noun in (
            (report.users, "user"),
            (report.conversations, "conversation"),
            (report.turns, "turn"),
            (report.messages, "message"),
        )
    )
    told = [f"{'Found' if report.dry else 'Read'}: {found}.", _moved(report, written=written)]
    told += [*_reserves(report), *_troubles(report, ids=ids)]
    rest = [f"  {counted(number, *_ASIDE.get(kind, (kind,)))}" for kind, number in report.aside.items()]
    return [*told, "Not copied, or not in full:", *rest] if rest else told


def _moved(report: Report, *, written: bool) -> str:
    copied = counted(report.copied, "message")
    if report.dry:
        return "Nothing was sent."
    return f"Written: {copied}." if written else f"Copied: {copied}. There already: {counted(report.there, 'message')}."


def _reserves(report: Report) -> list[str]:
    told = []
    if report.unmarked:
        told.append(
            f"Without what the target does not hold (tags and the like): {counted(report.unmarked, 'message')}."
        )
    if report.unchecked:
        new = counted(report.unchecked, "conversation")
        told.append(f"The target does not tell what it holds; {new} counted as new there.")
    return told


def _troubles(report: Report, *, ids: bool) -> list[str]:
    if ids:
        return [_trouble(each) for each in report.troubles]
    told = []
    for kind, words in _FAILURES.items():
        some = [each for each in report.troubles if each.failure == kind]
        reasons = sorted({_reason(each) for each in some if each.error})
        if some:
            left = counted(sum(each.left for each in some), "message")
            why = f" ({'; '.join(reasons)})" if reasons else ""
            told.append(f"{counted(len(some), 'conversation')}, {left} left: {words}{why}.")
    return told


def _trouble(trouble: Trouble) -> str:
    whose = printable(f"{'agent' if trouble.is_agent else 'user'} {trouble.user_id}, {trouble.conversation_id}")
    why = f" ({_reason(trouble)})" if trouble.error else ""
    return f"{whose}: {counted(trouble.left, 'message')} left: {_FAILURES[trouble.failure]}{why}."


def _reason(trouble: Trouble) -> str:
    if trouble.words:
        return trouble.words
    return f"{trouble.error} {trouble.code}" if trouble.code else trouble.error


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def printable(text: str) -> str:
    """As a terminal can show it: ids may hold what it would obey."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
