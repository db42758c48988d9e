"""Every SQL statement that writes, each value bound. Called inside `writing()`."""
# ruff: noqa: S608 -- every part of a statement is from this folder; values of the caller are bound

import json
import logging
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final

from memos_integrations._file import Synchronous
from memos_integrations._layout import migrate
from memos_integrations.engine import _ids, _schema
from memos_integrations.engine._extract import Piece, Stated, Turn, speaker
from memos_integrations.engine._queries import LISTED, SPEAKER, Queries
from memos_integrations.engine._rows import Origin, StoredTurn
from memos_integrations.errors import ServerFault

_logger = logging.getLogger(__name__)

SWEPT_AT_ONCE: Final = 32 << 20
"""Bytes of a file that is swept after each deletion; a larger one is swept when it is closed, in one go."""

SWEPT_AT_CLOSING: Final = 256 << 20
"""Bytes of a file that is swept when it is closed, in about three seconds; a larger one goes on owing it."""

_RANKED_BY_WORDS: Final = {
    "preference": "text",
    "derived": "text",
    "skill": """json_extract(body, '$.name') || '\n' || json_extract(body, '$.description') || '\n'
        || json_extract(body, '$.procedure')""",
}
"""The tables that are ranked by their column `words`, and what the words are of."""


class Store(Queries):
    """The engine's file, in the engine's own terms."""

    def __init__(self, path: str, synchronous: Synchronous, *, tokenizer: str, measure: Callable[[str], Piece]) -> None:
        super().__init__(path, synchronous, application=_schema.APPLICATION)
        try:
            with self.writing():
                migrate(self, _schema.MIGRATIONS, _schema.APPLICATION)
                if self._setting("tokenizer") != tokenizer:
                    self._index_anew(measure)
                    self._set("tokenizer", tokenizer)
            self.settle_sweep(SWEPT_AT_ONCE)
        except BaseException:
            self.close()
            raise

    def _setting(self, name: str) -> str | None:
        row = self.execute("select value from setting where name = ?", (name,)).fetchone()
        return str(row[0]) if row else None

    def _set(self, name: str, value: str) -> None:
        self.execute("insert or replace into setting values (?, ?)", (name, value))

    def owe_sweep(self) -> None:
        """Remembers, in the file, that something was deleted."""
        self._set("sweep", _new_id())

    def settle_sweep(self, most: int) -> None:
        """Sweeps if something was deleted and the file has at most `most` bytes; else leaves it owed."""
        try:
            with self.reading():
                owed = self._setting("sweep")
                small = self.size() <= most
            if owed and small and self.sweep():
                with self.writing():
                    self.execute("delete from setting where name = 'sweep' and value = ?", (owed,))
        except ServerFault as error:
            _logger.debug("a sweep stays owed: %s", error)

    def _index_anew(self, measure: Callable[[str], Piece]) -> None:
        self.execute("delete from posting")
        self.execute("update owner set facts = 0, words = 0")
        for fact, text, name in self.execute("select id, text, speaker from fact where not archived").fetchall():
            part = measure(text)
            self.execute(
                "update fact set length = ?, asks = ?, timed = ? where id = ?",
                (len(part.words), part.asks, part.timed, fact),
            )
            self._index((fact, part.words, name))
        for table, text_of in _RANKED_BY_WORDS.items():
            for number, text in self.execute(f"select number, {text_of} from {table}").fetchall():
                words = " ".join(dict.fromkeys(measure(text).words))
                self.execute(f"update {table} set words = ? where number = ?", (words, number))

    def _index(self, *facts: tuple[int, Sequence[str], str]) -> None:
        """Lets facts of one owner be found, each by its words and its speaker."""
        owner = _ids.owner_of(facts[0][0])
        rows = sorted((owner, word, fact) for fact, words, name in facts for word in _posted(words, name))
        self.execute_many("insert into posting values (?, ?, ?)", rows)  # in the index's order: each page once
        counts = "update owner set facts = facts + ?, words = words + ? where number = ?"
        self.execute(counts, (len(facts), sum(len(words) for _, words, _ in facts), owner))

    # Owners and conversations

    def make_owner(self, project: str, kind: str, name: str) -> int:
        """The number of the owner of that name, made if need be."""
        if there := self.owner(project, kind, name):
            return there.number
        new = "insert into owner (project, kind, name) values (?, ?, ?)"
        return int(self.execute(new, (project, kind, name)).lastrowid or 0)

    def delete_owner(self, owner: int) -> None:
        """Everything of `owner`, and itself."""
        self.execute("delete from fact where id >= ? and id < ?", _ids.range_of(owner))
        self.execute("delete from change where task in (select number from task where owner = ?)", (owner,))
        self.execute(
            "delete from profile_field where profile in (select number from profile where owner = ?)", (owner,)
        )
        for table in ("posting", "preference", "profile", "derived", "message", "task", "conversation"):
            self.execute(f"delete from {table} where owner = ?", (owner,))
        self.execute("delete from owner where number = ?", (owner,))

    def _places(self, owner: int, name: str, count: int) -> list[int]:
        """The ids of a conversation's next places, taken; a full row is followed by a fresh one."""
        number, last = self._newest_row(owner, name)
        ids = list[int]()
        while len(ids) < count:
            if number == 0 or last >= _ids.LAST_POSITION:
                number, last = self._new_conversation(owner, name), 0
            first, last = last + 1, min(last + count - len(ids), _ids.LAST_POSITION)
            ids += [_ids.fact_id(owner, number, position) for position in range(first, last + 1)]
            self.execute("update conversation set last = ? where owner = ? and number = ?", (last, owner, number))
        return ids

    def _newest_row(self, owner: int, name: str) -> tuple[int, int]:
        newest = """select number, last from conversation indexed by conversation_by_name
            where owner = ? and name = ? order by number desc limit 1"""
        row = self.execute(newest, (owner, name)).fetchone()
        return (row[0], row[1]) if row else (0, 0)

    def _new_conversation(self, owner: int, name: str) -> int:
        highest = "select coalesce(max(number), 0) from conversation where owner = ?"
        number = int(self.execute(highest, (owner,)).fetchone()[0]) + 1
        self.execute("insert into conversation (owner, number, name) values (?, ?, ?)", (owner, number, name))
        return number

    # Adding

    def add_task(self, public: str, owner: int, origin: Origin, now: int) -> int:
        """A task that runs, without messages as yet."""
        new = """insert into task (public, owner, status, created, first, end, agents, related, app, tags, info, views)
            values (?, ?, 'running', ?, 0, 0, ?, ?, ?, ?, ?, ?)"""
        lists = map(json.dumps, (origin.agents, origin.related))
        views = None if origin.views is None else json.dumps(origin.views)
        values = (public, owner, now, *lists, origin.app, json.dumps(origin.tags), origin.info, views)
        return int(self.execute(new, values).lastrowid or 0)

    def add_messages(self, task: int, owner: int, name: str, turns: Sequence[Turn], now: int) -> list[int]:
        """The turns as messages, their arrivals strictly rising within the conversation; returns their numbers."""
        every = self.conversations(owner, name)
        conversation = every[-1] if every else self._new_conversation(owner, name)
        arrival = max(now, self._newest_arrival(owner, every) + 1)
        new = """insert into message (public, owner, conversation, role, name, body, said, created)
            values (?, ?, ?, ?, ?, ?, ?, ?)"""
        numbers = []
        for step, turn in enumerate(turns):
            values = (_new_id(), owner, conversation, turn.role, turn.name, turn.body, turn.said, arrival + step)
            numbers.append(int(self.execute(new, values).lastrowid or 0))
        self.execute("update task set first = ?, end = ? where number = ?", (numbers[0], numbers[-1] + 1, task))
        return numbers

    def _newest_arrival(self, owner: int, every: Iterable[int]) -> int:
        newest = "select number, created from message where owner = ? and conversation = ? order by number desc limit 1"
        rows = [row for each in every for row in self.execute(newest, (owner, each))]  # all at once would be sorted
        return int(max(rows)[1]) if rows else -1

    def add_facts(self, owner: int, name: str, task: int, told: Sequence[tuple[int, Turn, Piece]]) -> list[int]:
        """Rough facts at a conversation's next places, each of (message, turn, piece); searchable at once.

        They count as updated when they were said: refinement changes their kind, not their words. Returns their ids.
        """
        ids, rows, found = self._places(owner, name, len(told)), [], []
        for fact, (message, turn, piece) in zip(ids, told, strict=True):
            of = speaker(turn.name)
            values = (fact, _new_id(), task, message, turn.role, turn.name, of, piece.text, len(piece.words))
            rows.append((*values, piece.asks, piece.timed, turn.said, turn.said))
            found.append((fact, piece.words, of))
        new = """insert into fact
            values (?, ?, ?, ?, 'WorkingMemory', 'fast', ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, null)"""
        self.execute_many(new, rows)
        if found:
            self._index(*found)
        return ids

    def add_preference(
        self, task: int, turn: StoredTurn, stated: Stated, words: Iterable[str], *, implicit: bool = False
    ) -> None:
        """A preference that `turn` states or, if `implicit`, lets one conclude."""
        new = """insert into preference (public, owner, conversation, task, message, mode, text, reasoning, words,
            said, updated, implicit) values (?, ?, ?, ?, ?, 'fine', ?, ?, ?, ?, ?, ?)"""
        origin = (_new_id(), turn.owner, turn.conversation, task, turn.number)
        told = (stated.text, stated.reasoning, " ".join(dict.fromkeys(words)), turn.said, turn.said, implicit)
        self.execute(new, (*origin, *told))

    # Refining

    def finish(self, task: int, status: str) -> None:
        """Sets what became of a task: completed or failed."""
        self.execute("update task set status = ?, prompts = null where number = ?", (status, task))

    def keep_prompts(self, task: int, prompts: Mapping[str, str]) -> None:
        """Keeps the caller's own words on what to extract until the task is done."""
        self.execute("update task set prompts = ? where number = ?", (json.dumps(dict(prompts)), task))

    def refine(self, messages: Collection[int], type_of: Callable[[str, str], str]) -> None:
        """Turns the rough facts of messages of one task into what they are."""
        rough = "select id, role, text, message from fact where message >= ? and message <= ? and mode = 'fast'"
        rows = self.execute(rough, (min(messages), max(messages))).fetchall() if messages else []
        refined = [(type_of(role, text), fact) for fact, role, text, message in rows if message in messages]
        self.execute_many("update fact set type = ?, mode = 'fine' where id = ?", refined)

    # Changing

    def change_fact(self, fact: int, piece: Piece, words_of: Callable[[str], Sequence[str]], now: int) -> None:
        """Gives a fact other words, found from now on by those."""
        name = self._unindex(fact, words_of)
        changed = "update fact set text = ?, length = ?, asks = ?, timed = ?, updated = ? where id = ?"
        self.execute(changed, (piece.text, len(piece.words), piece.asks, piece.timed, now, fact))
        self._index((fact, piece.words, name))

    def archive_fact(self, fact: int, words_of: Callable[[str], Sequence[str]], now: int) -> None:
        """Keeps a fact to be read by its id alone."""
        self._unindex(fact, words_of)
        self.execute("update fact set archived = 1, updated = ? where id = ?", (now, fact))

    def revive_fact(self, fact: int, words_of: Callable[[str], Sequence[str]], now: int) -> None:
        """Lets an archived fact be found again."""
        text, name = self.execute("select text, speaker from fact where id = ?", (fact,)).fetchone()
        words = words_of(text)
        found = "update fact set archived = 0, length = ?, updated = ? where id = ?"
        self.execute(found, (len(words), now, fact))
        self._index((fact, words, str(name)))

    def change_preference(self, number: int, text: str, words: Iterable[str], now: int) -> None:
        """Gives a preference other words."""
        changed = "update preference set text = ?, words = ?, updated = ? where number = ?"
        self.execute(changed, (text, " ".join(dict.fromkeys(words)), now, number))

    def archive_preference(self, number: int, now: int) -> None:
        """Keeps a preference to be read by its id alone."""
        self.execute("update preference set archived = 1, updated = ? where number = ?", (now, number))

    def note_change(self, task: int, table: str, memory: int, verb: str) -> None:
        """Remembers what a task did to a memory, its last deed counting; `verb` is updated or deleted."""
        self.execute("insert or replace into change values (?, ?, ?, ?)", (task, table, memory, verb))

    def _unindex(self, fact: int, words_of: Callable[[str], Sequence[str]]) -> str:
        """Takes a fact out of the index and the counts; returns its speaker."""
        found = "select text, speaker, length, archived from fact where id = ?"
        text, name, length, archived = self.execute(found, (fact,)).fetchone()
        if not archived:
            owner = _ids.owner_of(fact)
            posted = [(owner, word, fact) for word in _posted(words_of(text), name)]
            self.execute_many("delete from posting where owner = ? and word = ? and id = ?", posted)
            counts = "update owner set facts = facts - 1, words = words - ? where number = ?"
            self.execute(counts, (length, owner))
        return str(name)

    # Deleting

    def delete_facts(self, ids: Sequence[int], words_of: Callable[[str], Sequence[str]]) -> set[int]:
        """Takes facts out, with every trace in the index; returns the messages they were made from."""
        found = f"select id, message from fact where id {LISTED}"
        rows = self.execute(found, (json.dumps(list(ids)),)).fetchall()
        for fact, _ in rows:
            self._unindex(fact, words_of)
            self.execute("delete from fact where id = ?", (fact,))
        return {row[1] for row in rows}

    def delete_preferences(self, numbers: Sequence[int]) -> set[int]:
        """Takes preferences out; returns the messages they were made from."""
        found = f"select message from preference where number {LISTED}"
        messages = {row[0] for row in self.execute(found, (json.dumps(list(numbers)),))}
        self.execute(f"delete from preference where number {LISTED}", (json.dumps(list(numbers)),))
        return messages

    def delete_forgotten(self, messages: Iterable[int]) -> None:
        """Takes out those messages of which no memory is left."""
        forgotten = f"""delete from message where number {LISTED}
            and not exists (select 1 from fact where fact.message = message.number)
            and not exists (select 1 from preference where preference.message = message.number)
            and not exists (select 1 from derived where derived.message = message.number)"""
        self.execute(forgotten, (json.dumps(list(messages)),))


def _posted(words: Iterable[str], name: str) -> list[str]:
    """What a fact is found by: its words once each, and its speaker's name."""
    return [*dict.fromkeys(words), *(SPEAKER + part for part in dict.fromkeys(name.split()))]


def _new_id() -> str:
    return str(uuid.uuid4())
