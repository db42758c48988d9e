"""Every SQL statement that only reads, each value bound. Called inside `writing()` or `reading()`."""
# ruff: noqa: S608 -- every part of a statement is from this folder; values of the caller are bound

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from memos_integrations._file import File
from memos_integrations.engine import _ids
from memos_integrations.engine._affinity import Liking, read
from memos_integrations.engine._rank import Row
from memos_integrations.engine._rows import Kept, Owner, StoredFact, StoredPreference, StoredTurn, Task, Told
from memos_integrations.engine._where import Where

_EVERY = Where("1", ())
_TASK = "join task t on t.number = m.task"
MARK = "left join mark k on k.public = m.public"
MARKED = "coalesce(k.title, ''), coalesce(k.resolving, 0)"
_FACT = f"""select m.id, m.public, m.type, m.mode, m.role, m.name, m.text, m.said, m.updated, c.name, m.message,
    {MARKED}, t.tags, t.info from fact m {_TASK} {MARK}
    join conversation c on c.owner = m.id >> 40 and c.number = (m.id >> 18) & 0x3fffff"""
_PREFERENCE = f"""select m.number, m.public, m.text, m.reasoning, m.said, m.updated, c.name, m.message, {MARKED},
    t.info, m.implicit from preference m {_TASK} {MARK}
    join conversation c on c.owner = m.owner and c.number = m.conversation"""
_TASKS = "select t.number, t.owner, t.status, t.first, t.end, t.views from task t"
_TURN = "select number, public, owner, conversation, role, name, body, said, created from message"
FACT, PREFERENCE = "fact", "preference"  # the tables of memories
EVENT, TOOL, SKILL = "event", "tool", "skill"  # those of one table, told apart by their view
UPLOADED = "uploaded"  # the skills in knowledge bases
LISTED = "in (select value from json_each(?))"
SPEAKER: Final = "@"  # before a speaker's name among the postings; no search word begins so


class Queries(File):
    """What may be asked of the file."""

    def owner(self, project: str, kind: str, name: str) -> Owner | None:
        """The owner of that name, `kind` being user or agent."""
        found = "select number, facts, words from owner where project = ? and kind = ? and name = ?"
        row = self.execute(found, (project, kind, name)).fetchone()
        return Owner(*row) if row else None

    def conversations(self, owner: int, name: str) -> list[int]:
        """The numbers of a conversation's rows: one, unless it was ever full."""
        found = "select number from conversation where owner = ? and name = ? order by number"
        return [row[0] for row in self.execute(found, (owner, name))]

    # Searching

    def speakers(self, owner: int, words: Iterable[str]) -> list[str]:
        """Those of `words` that are names of the owner's speakers."""
        found = f"select distinct word from posting where owner = ? and word {LISTED}"
        names = [SPEAKER + word for word in words]
        return [row[0].removeprefix(SPEAKER) for row in self.execute(found, (owner, json.dumps(names)))]

    def count(self, owner: int, word: str) -> int:
        """How many of the owner's facts have `word`."""
        found = "select count(*) from posting where owner = ? and word = ?"
        return int(self.execute(found, (owner, word)).fetchone()[0])

    def having(self, owner: int, word: str) -> list[int]:
        """The owner's facts that have `word`."""
        found = "select id from posting where owner = ? and word = ?"
        return [row[0] for row in self.execute(found, (owner, word))]

    def having_of(self, owner: int, word: str, among: Iterable[int]) -> list[int]:
        """Those of the facts `among` that have `word`."""
        found = f"select id from posting where owner = ? and word = ? and id {LISTED}"
        return [row[0] for row in self.execute(found, (owner, word, json.dumps(list(among))))]

    def rows(self, ids: Iterable[int], where: Where | None) -> dict[int, Row]:
        """What ranking reads of these facts, and whether they pass `where`."""
        condition, join = (where, _TASK) if where else (_EVERY, "")
        found = f"""select m.id, length, speaker, asks, timed, said, role = 'assistant', {condition.text}
            from fact m {join} where m.id {LISTED} and not m.archived"""
        return {row[0]: Row._make(row) for row in self.execute(found, (*condition.values, json.dumps(list(ids))))}

    def newest(self, owner: int, where: Where | None, limit: int, start: int = 0, *, own: bool = False) -> list[int]:
        """The owner's newest facts that pass `where`; only what users said of themselves, if `own`."""
        condition = where or _EVERY
        kind = "m.type = 'UserMemory'" if own else "1"
        found = f"""select m.id from fact m {_TASK} where m.id >= ? and m.id < ? and not m.archived and {kind}
            and {condition.text} order by m.said desc, m.id desc limit ? offset ?"""
        return [row[0] for row in self.execute(found, (*_ids.range_of(owner), *condition.values, limit, start))]

    def newest_preferences(self, owner: int, where: Where | None, limit: int, start: int = 0) -> list[int]:
        """The owner's newest preferences that pass `where`."""
        condition = where or _EVERY
        found = f"""select m.number from preference m {_TASK} where m.owner = ? and not m.archived
            and {condition.text} order by m.said desc, m.number desc limit ? offset ?"""
        return [row[0] for row in self.execute(found, (owner, *condition.values, limit, start))]

    def likings(self, owner: int, where: Where | None, given: Iterable[int], limit: int) -> list[Liking]:
        """What ranking reads of the owner's newest preferences that pass `where`, newest first."""
        condition = where or _EVERY
        found = f"""select m.number, m.words, m.conversation {LISTED} from preference m {_TASK}
            where m.owner = ? and not m.archived and {condition.text}
            order by m.said desc, m.number desc limit ?"""
        rows = self.execute(found, (json.dumps(list(given)), owner, *condition.values, limit))
        return [Liking(number, read(words), bool(near)) for number, words, near in rows]

    def total(self, table: str, owner: int, where: Where | None) -> int:
        """How many facts or preferences of the owner pass `where`."""
        condition = where or _EVERY
        mine = "m.id >= ? and m.id < ?" if table == FACT else "m.owner = ?"
        values = _ids.range_of(owner) if table == FACT else (owner,)
        found = f"select count(*) from {_table(table)} m {_TASK} where {mine} and not m.archived and {condition.text}"
        return int(self.execute(found, (*values, *condition.values)).fetchone()[0])

    # Reading

    def facts(self, ids: Iterable[int]) -> dict[int, StoredFact]:
        """These facts by id, with all that an answer tells."""
        found = self.execute(f"{_FACT} where m.id {LISTED}", (json.dumps(list(ids)),))
        return {
            row[0]: StoredFact(*_filled(row[:13], tuple(json.loads(row[13])), json.loads(row[14]))) for row in found
        }

    def preferences(self, numbers: Iterable[int]) -> dict[int, StoredPreference]:
        """These preferences by number, with all that an answer tells."""
        found = self.execute(f"{_PREFERENCE} where m.number {LISTED}", (json.dumps(list(numbers)),))
        return {row[0]: StoredPreference(*_filled(row[:10], json.loads(row[10]), bool(row[11]))) for row in found}

    def turns(self, numbers: Iterable[int]) -> dict[int, StoredTurn]:
        """These messages by number."""
        found = self.execute(f"{_TURN} where number {LISTED}", (json.dumps(list(numbers)),))
        return {row[0]: StoredTurn(*row) for row in found}

    def newest_turns(self, owner: int, conversations: Sequence[int], limit: int) -> list[StoredTurn]:
        """The newest messages of a conversation, oldest first."""
        found = f"{_TURN} where owner = ? and conversation = ? order by number desc limit ?"
        rows = [row for each in conversations for row in self.execute(found, (owner, each, limit))]  # none is sorted
        return [StoredTurn(*row) for row in sorted(rows)[-limit:]] if limit else []

    def turns_before(self, turn: StoredTurn, limit: int) -> list[StoredTurn]:
        """The newest messages of the conversation before `turn`, oldest first."""
        found = f"{_TURN} where owner = ? and conversation = ? and number < ? order by number desc limit ?"
        rows = self.execute(found, (turn.owner, turn.conversation, turn.number, limit)).fetchall()
        return [StoredTurn(*row) for row in reversed(rows)]

    def kept(self, project: str, table: str, public: str) -> Kept | None:
        """The fact or preference of that public id in the project, archived or not."""
        key, owner = _keys(table)
        found = f"""select m.{key}, o.kind, o.name, m.archived, m.mode, t.tags, {MARKED}
            from {_table(table)} m {_TASK} {MARK}
            join owner o on o.number = {owner} where o.project = ? and m.public = ?"""
        row = self.execute(found, (project, public)).fetchone()
        if row is None:
            return None
        number, kind, name, archived, mode, tags, title, resolving = row
        return Kept(number, kind, name, bool(archived), mode, tuple(json.loads(tags)), title, bool(resolving))

    def facts_having(self, owner: int, words: Sequence[str]) -> list[Told]:
        """The owner's facts that have all of `words`; all facts, if there are none."""
        found = """select m.id, m.role, m.text, c.name from fact m
            join conversation c on c.owner = m.id >> 40 and c.number = (m.id >> 18) & 0x3fffff where not m.archived"""
        if not words:
            return [Told(*row) for row in self.execute(f"{found} and m.id >= ? and m.id < ?", _ids.range_of(owner))]
        among = json.dumps(self._having_all(owner, set(words)))
        return [Told(*row) for row in self.execute(f"{found} and m.id {LISTED}", (among,))]

    def _having_all(self, owner: int, words: Iterable[str]) -> list[int]:
        rarest, *others = sorted(words, key=lambda word: self.count(owner, word))
        among = self.having(owner, rarest)
        for word in others:
            among = self.having_of(owner, word, among)
        return among

    def told_preferences(self, owner: int) -> list[Told]:
        """The words of all of the owner's preferences."""
        found = """select m.number, 'user', m.text, c.name from preference m
            join conversation c on c.owner = m.owner and c.number = m.conversation
            where m.owner = ? and not m.archived"""
        return [Told(*row) for row in self.execute(found, (owner,))]

    # Tasks

    def running(self, but: Iterable[int] = ()) -> Task | None:
        """The oldest task that is not refined yet, and is none of the numbers in `but`."""
        found = f"{_TASKS} where t.status = 'running' and t.number not {LISTED} order by t.number limit 1"
        row = self.execute(found, (json.dumps(list(but)),)).fetchone()
        return _task(row) if row else None

    def is_running(self, task: Task) -> bool:
        """Whether just this task is not refined yet: a number is given again when its owner was deleted."""
        row = self.execute(f"{_TASKS} where t.number = ? and t.status = 'running'", (task.number,)).fetchone()
        return row is not None and _task(row) == task

    def prompts_of(self, task: Task) -> dict[str, str]:
        """The caller's own words on what to extract from a task that runs, by view."""
        row = self.execute("select prompts from task where number = ?", (task.number,)).fetchone()
        return dict(json.loads(row[0])) if row and row[0] else {}

    def count_running(self) -> int:
        """How many tasks are not refined yet."""
        return int(self.execute("select count(*) from task where status = 'running'").fetchone()[0])

    def tasks_of(self, project: str, public: str) -> list[Task]:
        """The owners' parts of a task."""
        found = f"{_TASKS} join owner o on o.number = t.owner where o.project = ? and t.public = ? order by t.number"
        return [_task(row) for row in self.execute(found, (project, public))]

    def turns_of(self, task: Task) -> list[StoredTurn]:
        """The messages of a task, in order."""
        found = (
            f"{_TURN} where number >= ? and number < ? and +owner = ? order by number"  # +: not by the owner's index
        )
        return [StoredTurn(*row) for row in self.execute(found, (task.first, task.end, task.owner))]

    def made_from(self, table: str, first: int, end: int) -> list[str]:
        """The public ids of the facts or preferences made from a range of messages."""
        found = f"select public from {_table(table)} where message >= ? and message < ? order by message, 1"
        return [row[0] for row in self.execute(found, (first, end))]

    def running_of(self, owner: int) -> list[Task]:
        """The owner's tasks that are not refined yet, the oldest first."""
        found = f"{_TASKS} where t.status = 'running' and t.owner = ? order by t.number"
        return [_task(row) for row in self.execute(found, (owner,))]

    def changed_by(self, task: int, table: str) -> list[tuple[str, str]]:
        """What a feedback's task did: (updated or deleted, public id), of those that were not deleted since."""
        found = f"""select c.verb, m.public from change c join {_table(table)} m on m.{_keys(table)[0]} = c.memory
            where c.task = ? and c.kind = ? order by c.memory"""
        return self.execute(found, (task, table)).fetchall()

    def named(self, project: str, table: str, publics: Iterable[str]) -> list[int]:
        """The ids of the facts or preferences of those public ids in the project."""
        key, owner = _keys(table)
        found = f"""select m.{key} from {_table(table)} m join owner o on o.number = {owner}
            where o.project = ? and m.public {LISTED}"""
        return [row[0] for row in self.execute(found, (project, json.dumps(list(publics))))]

    def passing(self, project: str, kind: str, table: str, where: Where) -> list[int]:
        """The ids of the facts or preferences of a project's users or agents that pass `where`."""
        found = f"""select m.{_keys(table)[0]} from {_table(table)} m {_TASK} join owner o on o.number = t.owner
            where o.project = ? and o.kind = ? and {where.text}"""
        return [row[0] for row in self.execute(found, (project, kind, *where.values))]


def _keys(table: str) -> tuple[str, str]:
    """A table's key, and where a row tells its owner."""
    if table == UPLOADED:
        return "number", "(select b.owner from base b where b.number = m.base)"
    return ("id", "m.id >> 40") if table == FACT else ("number", "m.owner")


def _table(name: str) -> str:
    views = {
        EVENT: "(select * from derived where view = 'event')",
        TOOL: "(select * from derived where view = 'tool_memory')",
        SKILL: "(select * from derived where view = 'skill')",
    }
    return views.get(name) or {FACT: "fact", PREFERENCE: "preference", UPLOADED: "skill"}[name]


def _task(row: tuple[Any, ...]) -> Task:
    *rest, views = row
    return Task(*_filled(rest, None if views is None else tuple(json.loads(views))))


def _filled(row: Iterable[Any], *parsed: Any) -> list[Any]:
    return [*row, *parsed]
