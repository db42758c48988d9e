"""What a file holds, conversation by conversation, for whoever moves it: read only, without an engine, from any layout.

Every SQL statement of it is here. Nothing is finished, mended or brought to a newer layout by reading.
"""
# ruff: noqa: S608 -- every part of a statement is from this folder; values of the caller are bound

import json
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from memos_integrations._file import File
from memos_integrations._layout import pragma
from memos_integrations.engine import _schema
from memos_integrations.errors import Invalid, Unsupported

__all__ = ["Listed", "Listing", "Said"]

_PAGE: Final = 500  # messages read at a time
_OWNERS: Final = 64  # whose adds are kept at hand
_OURS: Final = "o.project = ''"  # what connect("memos.db") has; the others are those of a server's keys
_FEEDBACK: Final = """(c.name glob 'feedback-*' and exists
    (select 1 from task t where t.public = substr(c.name, 10) and t.owner = c.owner))"""
_MAY_NOT_WRITE: Final = ("SQLITE_CANTOPEN", "SQLITE_READONLY")
_ONLY_READ: Final = (
    "SQLite can't open the file where it is, since it keeps its log beside a file also to read it: "
    "copy it, with its -wal where there is one, to a folder that may be written, and give that copy"
)
_PLACED: Final = """message m join conversation c on c.owner = m.owner and c.number = m.conversation
    join owner o on o.number = m.owner and o.kind in ('user', 'agent')"""
_REVISED: Final = """select count(*) from {table} m join task t on t.number = m.task
    join owner o on o.number = t.owner and o.kind in ('user', 'agent')
    where {ours} and (m.archived or m.updated <> m.said)"""
_COUNTED: Final[Mapping[str, Sequence[tuple[int, str]]]] = {
    "feedback": ((1, f"select count(*) from {_PLACED} where {_OURS} and {_FEEDBACK}"),),
    "revised": tuple(
        (layout, _REVISED.format(table=table, ours=_OURS))
        for layout, table in ((2, "fact"), (2, "preference"), (3, "derived"))
    ),
    "profile": ((4, f"select count(*) from profile p join owner o on o.number = p.owner where {_OURS}"),),
    "skill": ((6, "select count(*) from skill s join base b on b.number = s.base where b.project = ''"),),
    "knowledge base": ((6, "select count(*) from base where project = ''"),),
    "public": (
        (
            1,
            f"""select count(*) from fact m join task t on t.number = m.task
                join owner o on o.number = t.owner and o.kind = 'public' where {_OURS}""",
        ),
    ),
    "group": (
        (
            1,
            f"""select count(*) from task t join owner o on o.number = t.owner and o.kind = 'user'
                where {_OURS} and t.end > t.first
                and json_array_length(t.related) > 1 + json_array_length(t.agents)""",
        ),
    ),
    "other project": ((1, f"select count(*) from (select distinct c.owner, c.name from {_PLACED} where not {_OURS})"),),
}
"""What is no conversation of ours: the layout from which on there can be such, and what counts it."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A conversation of a user or an agent (`kind`), with how many messages and turns of a user it has."""

    kind: str
    owner: str = field(repr=False)
    name: str = field(repr=False)
    number: int
    messages: int
    turns: int


@dataclass(frozen=True, slots=True)
class Said:
    """A message: `body` its JSON as it was stored, `said` when it was said (epoch ms), `marks` what its add said."""

    body: str = field(repr=False)
    said: int
    marks: Mapping[str, Any] = field(repr=False)


class Listing(File):
    """An engine's file, opened to be read. Raises `Invalid` where there is none, `Unsupported` for any other file."""

    def __init__(self, path: str) -> None:
        if not Path(path).is_file():
            raise Invalid("there is no file of the embedded engine at this path", field="address", rule="missing")
        try:
            super().__init__(path, "NORMAL", application=_schema.APPLICATION)
        except Unsupported as error:
            if getattr(error.__cause__, "sqlite_errorname", "").startswith(_MAY_NOT_WRITE):
                raise Unsupported(_ONLY_READ) from error
            raise
        self._marks_of = lru_cache(_OWNERS)(self._marks_read)
        try:
            with self.reading():
                self._check()
        except BaseException:
            self.close()
            raise

    def _check(self) -> None:
        version = pragma(self, "user_version")
        if version == 0:
            raise Unsupported("the file holds no memories: it is empty")
        if version > len(_schema.MIGRATIONS):
            raise Unsupported(f"the file has layout {version}: read it with a newer memos_integrations")

    def conversations(self) -> list[Listed]:
        """All of them, the one first that has the oldest message; what feedbacks said is none."""
        found = f"""select o.kind, o.name, c.name, o.number, count(*), sum(m.role = 'user') from {_PLACED}
            where {_OURS} and not {_FEEDBACK} group by o.number, c.name order by min(m.number)"""
        with self.reading():
            return [Listed(*row) for row in self.execute(found)]

    def messages(self, kind: str, owner: str, name: str) -> Iterator[Said]:
        """A conversation's messages, in order; what arrives meanwhile is among them."""
        with self.reading():
            number, rows = self._rows(kind, owner, name)
        last = 0
        while page := self._page(number, rows, last):
            last = page[-1][0]
            for message, body, said in page:
                yield Said(body, said, self._marks(number, message))

    def _rows(self, kind: str, owner: str, name: str) -> tuple[int, str]:
        """The owner's number, and those of the conversation's rows as JSON."""
        found = f"""select c.owner, c.number from conversation c join owner o on o.number = c.owner
            where {_OURS} and o.kind = ? and o.name = ? and c.name = ?"""
        rows = self.execute(found, (kind, owner, name)).fetchall()
        return (rows[0][0] if rows else 0), json.dumps([row[1] for row in rows])

    def _page(self, owner: int, rows: str, last: int) -> list[tuple[Any, ...]]:
        found = """select number, body, said from message where owner = ? and number > ?
            and conversation in (select value from json_each(?)) order by number limit ?"""
        with self.reading():
            return self.execute(found, (owner, last, rows, _PAGE)).fetchall()

    def _marks(self, owner: int, number: int) -> Mapping[str, Any]:
        """What the add that message came with said of it; an add that came since the owner's were read is looked up."""
        for _ in range(2):
            firsts, ends, marks = self._marks_of(owner)
            place = bisect_right(firsts, number) - 1
            if place >= 0 and number < ends[place]:
                return marks[place]
            if not ends or number < ends[-1]:
                break
            self._marks_of.cache_clear()
        return {}

    def _marks_read(self, owner: int) -> tuple[Sequence[int], Sequence[int], Sequence[Mapping[str, Any]]]:
        found = """select t.first, t.end, o.kind, t.agents, t.app, t.tags, t.info, t.views from task t
            join owner o on o.number = t.owner where t.owner = ? and t.end > t.first order by t.first"""
        with self.reading():
            rows = self.execute(found, (owner,)).fetchall()
        known: dict[tuple[Any, ...], Mapping[str, Any]] = {}
        marks = [known.setdefault(row[2:], _marks(row[2:])) for row in rows]
        return [row[0] for row in rows], [row[1] for row in rows], marks

    def counts(self) -> dict[str, int]:
        """What there is beside conversations, by kind; what there is none of is left out."""
        with self.reading():
            layout = pragma(self, "user_version")
            told = {
                kind: sum(int(self.execute(one).fetchone()[0]) for since, one in asked if layout >= since)
                for kind, asked in _COUNTED.items()
            }
        return {kind: number for kind, number in told.items() if number}


def _marks(row: tuple[Any, ...]) -> Mapping[str, Any]:
    """The arguments of the add, as far as they were given; agents that are owners are no marks."""
    kind, agents, app, tags, info, views = row
    marks: dict[str, Any] = {}
    if kind == "user" and (named := json.loads(agents)):
        marks["agent_id"] = named
    if app is not None:
        marks["app_id"] = app
    marks |= {key: told for key, told in (("tags", json.loads(tags)), ("info", json.loads(info))) if told}
    if views is not None:
        marks["allow_memory_view"] = json.loads(views)
    return marks
