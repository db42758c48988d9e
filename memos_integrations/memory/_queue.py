"""The outbox's file as callers see it: what is handed in, what waits, what is known. Every value is bound."""
# ruff: noqa: S608 -- every part of a statement is from this file; values of the caller are bound

import hashlib
import os
import secrets
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from memos_integrations._file import PRIVATE, File
from memos_integrations._layout import migrate, pragma
from memos_integrations.errors import OutboxFull
from memos_integrations.memory._outbox_schema import APPLICATION, MIGRATIONS
from memos_integrations.wire.calls import AddMessage
from memos_integrations.wire.message import Message
from memos_integrations.wire.readback import MOST

__all__ = ["IN_LINE", "MAX_BYTES", "Queue", "State", "left", "place"]

State = str
OPEN: Final = "open"
WAITING: Final = "waiting"
IN_LINE: Final = "state in ('waiting', 'sending')"
MAX_BYTES: Final = 60_000
"""Of a call's messages together: within 40,000 tokens (contract §1.5) in any language."""
_HOUR: Final = 3_600.0
_TURNS_KEPT: Final = 30 * 86_400.0  # seconds that a turn is known by its name: some wait that long for an approval
_DIGESTS_KEPT: Final = 2 * 86_400.0  # seconds that it is known what was delivered


class Queue(File):
    """What is to be delivered, in one file that only its owner may read; text is deleted with its delivery."""

    def __init__(self, path: str, *, max_bytes: int) -> None:
        if path not in PRIVATE:
            _make_private(path)
        super().__init__(path, "NORMAL", application=APPLICATION)
        self._max_bytes = max_bytes
        try:
            with self.writing():
                migrate(self, MIGRATIONS, APPLICATION)
                self.execute("insert or ignore into setting values ('salt', ?)", (secrets.token_hex(16),))
                self._page = pragma(self, "page_size")
                self.salt = bytes.fromhex(self.execute("select value from setting where name = 'salt'").fetchone()[0])
        except BaseException:
            self.close()
            raise

    def digest(self, *words: str) -> bytes:
        """Of words that are to be known again; with this file's salt, so that short ones can't be looked up."""
        return hashlib.blake2b("\0".join(words).encode("utf-8", "replace"), key=self.salt, digest_size=16).digest()

    def destination(self, address: str, account: str) -> int:
        """The number of that destination, made if need be."""
        with self.writing():
            values = (address, account)
            self.execute("insert or ignore into destination (address, account) values (?, ?)", values)
            found = self.execute("select number from destination where address = ? and account = ?", values)
            return int(found.fetchone()[0])

    def put(
        self, destination: int, call: AddMessage, turn: str | None, now: float, beside: Collection[str] = ()
    ) -> tuple[int, bool]:
        """Puts `call` in line, and closes the turn of that name: what of it was handed in before is left out.

        The number of messages put, and whether nothing of the conversation was in line before. `beside`: see Outbox.
        Raises `OutboxFull`.
        """
        name = None if turn is None else self.digest(turn)
        with self.writing():
            self._check_room(now)
            conversation, due = self._conversation(destination, call)
            released = not (name and self._spoken(conversation, name)) and self._release_open(conversation, now, beside)
            if name is None:
                put = self._insert(conversation, WAITING, None, call, now)
            else:
                put = self._close(conversation, call, name, now)
            if put and due is None:
                self._make_due(conversation, now)
        return put, (put > 0 or released) and due is None

    def open(
        self,
        destination: int,
        call: AddMessage,
        turn: str,
        now: float,
        *,
        reused: bool = False,
        beside: Collection[str] = (),
    ) -> bool:
        """Keeps the user's words of a turn without an answer; whether others go alone now. The rest: see Outbox."""
        name = self.digest(turn)
        with self.writing():
            self._check_room(now)
            conversation, _ = self._conversation(destination, call)
            if self._spoken(conversation, name) and not (reused and self._entry(conversation, name) is None):
                return False
            released = self._release_open(conversation, now, beside)
            self._insert(conversation, OPEN, name, call, now)
            self._note_spoken(conversation, name, [self._print(message) for message in call.turns], now)
        return released

    def knows(self, destination: int, call: AddMessage, turn: str) -> bool:
        """Whether words of that turn of `call`'s conversation were handed in of late, whatever came of them."""
        found = """select 1 from spoken s join conversation c on c.number = s.conversation
            where c.destination = ? and c.owner = ? and c.name = ? and s.turn = ?"""
        with self.reading():
            return self.execute(found, (destination, *place(call), self.digest(turn))).fetchone() is not None

    def opened(self, destination: int, call: AddMessage, turn: str) -> AddMessage | None:
        """What `open` kept for that turn, None when it is closed; `call` tells the conversation."""
        found = """select e.body from entry e join conversation c on c.number = e.conversation where c.destination = ?
            and c.owner = ? and c.name = ? and e.turn = ? and e.state = 'open'"""
        with self.reading():
            row = self.execute(found, (destination, *place(call), self.digest(turn))).fetchone()
        return AddMessage.model_validate_json(row[0]) if row else None

    def orphaned(self, destination: int, before: float, now: float) -> int:
        """Lets the words of turns that were opened `before` that time go alone; returns how many."""
        found = """select e.number, e.conversation from entry e join conversation c on c.number = e.conversation
            where e.state = 'open' and e.created < ? and c.destination = ?"""
        with self.writing():
            rows = self.execute(found, (before, destination)).fetchall()
            for number, conversation in rows:
                self.execute("update entry set state = 'waiting', turn = null where number = ?", (number,))
                self._make_due(conversation, now)
        return len(rows)

    def in_line(self, destination: int, owner: str, name: str) -> list[tuple[int, AddMessage, bool]]:
        """What waits for that conversation, in order: its number, the call, and whether it may have arrived already."""
        found = f"""select e.number, e.body, e.state = 'sending' from entry e join conversation c
            on c.number = e.conversation where c.destination = ? and c.owner = ? and c.name = ? and e.{IN_LINE}
            order by e.number"""
        with self.reading():
            rows = self.execute(found, (destination, owner, name)).fetchall()
        return [(number, AddMessage.model_validate_json(body), bool(sent)) for number, body, sent in rows]

    def undelivered(self, destination: int) -> int:
        """How many entries of `destination` are in line."""
        found = f"""select count(*) from entry e join conversation c on c.number = e.conversation
            where e.{IN_LINE} and c.destination = ?"""
        with self.reading():
            return int(self.execute(found, (destination,)).fetchone()[0])

    def forget(self, now: float, turns: float = _TURNS_KEPT, digests: float = _DIGESTS_KEPT) -> None:
        """Deletes what is known of turns and deliveries that are older than that, in seconds."""
        with self.writing():
            self.execute("delete from spoken where at < ?", (now - turns,))
            self.execute("delete from delivered where at < ?", (now - digests,))
            self.execute(
                """delete from conversation where due is null
                and not exists (select 1 from entry where conversation = conversation.number)
                and not exists (select 1 from spoken where conversation = conversation.number)
                and not exists (select 1 from delivered where conversation = conversation.number)"""
            )

    def _check_room(self, now: float) -> None:
        """What is only kept for comparing makes room first."""
        if self._is_full():
            self.forget(now, turns=24 * _HOUR, digests=_HOUR)
        if self._is_full():
            raise OutboxFull(
                f"the outbox holds {self._max_bytes >> 20} MiB, as much as it may: let it deliver (client.flush()), "
                "drop what is parked (memos-integrations outbox drop), or give it more room (OutboxOptions)"
            )

    def _is_full(self) -> bool:
        most = self._max_bytes // self._page
        return (
            pragma(self, "page_count") >= most and pragma(self, "page_count") - pragma(self, "freelist_count") >= most
        )

    def _conversation(self, destination: int, call: AddMessage) -> tuple[int, float | None]:
        """Its number, made if need be, and when its first entry is due."""
        key = (destination, *place(call))
        found = "select number, due from conversation where destination = ? and owner = ? and name = ?"
        row = self.execute(found, key).fetchone()
        if row is None:
            new = "insert into conversation (destination, owner, name) values (?, ?, ?)"
            row = (self.execute(new, key).lastrowid or 0, None)
        return int(row[0]), row[1]

    def _insert(self, conversation: int, state: State, turn: bytes | None, call: AddMessage, now: float) -> int:
        new = "insert into entry (conversation, state, turn, body, messages, created) values (?, ?, ?, ?, ?, ?)"
        for part, body in _parts(call):
            self.execute(new, (conversation, state, turn, body, len(part.turns), now))
        return len(call.turns)

    def _release_open(self, conversation: int, now: float, beside: Collection[str]) -> bool:
        """Lets the conversation's open turns but those go alone, since another one begins; whether there were any."""
        stay = {self.digest(turn) for turn in beside}
        opened = "select number, turn from entry where conversation = ? and state = 'open'"
        rows = self.execute(opened, (conversation,)).fetchall()
        released = [(number,) for number, turn in rows if turn not in stay]
        self.execute_many("update entry set state = 'waiting', turn = null where number = ?", released)
        if released:
            self._make_due(conversation, now)
        return bool(released)

    def _make_due(self, conversation: int, now: float) -> None:
        self.execute(
            "update conversation set due = max(?, asked) where number = ? and due is null", (now, conversation)
        )

    def _close(self, conversation: int, call: AddMessage, turn: bytes, now: float) -> int:
        """Puts what of the turn was not handed in yet; the turn's own open entry becomes all of it."""
        known, prints = self._spoken(conversation, turn), [self._print(message) for message in call.turns]
        entry = self._entry(conversation, turn) if known else None
        if entry is not None:
            closed = "update entry set state = 'waiting', turn = null, body = ?, messages = ? where number = ?"
            (first, body), *others = _parts(call)
            self.execute(closed, (body, len(first.turns), entry))
            for part, _ in others:
                self._insert(conversation, WAITING, None, part, now)
            self._note_spoken(conversation, turn, prints, now)
            return len(call.turns)
        rest = left(call.turns, prints, known)
        if rest:
            self._insert(conversation, WAITING, None, call.model_copy(update={"messages": rest}), now)
            self._note_spoken(conversation, turn, [*(Counter(known) | Counter(prints)).elements()], now)
        return len(rest)

    def _entry(self, conversation: int, turn: bytes) -> int | None:
        opened = "select number from entry where conversation = ? and turn = ? and state = 'open'"
        row = self.execute(opened, (conversation, turn)).fetchone()
        return None if row is None else int(row[0])

    def _spoken(self, conversation: int, turn: bytes) -> list[bytes]:
        found = "select digests from spoken where conversation = ? and turn = ?"
        row = self.execute(found, (conversation, turn)).fetchone()
        return [row[0][i : i + 16] for i in range(0, len(row[0]), 16)] if row else []

    def _note_spoken(self, conversation: int, turn: bytes, prints: Sequence[bytes], now: float) -> None:
        self.execute("insert or replace into spoken values (?, ?, ?, ?)", (conversation, turn, b"".join(prints), now))

    def _print(self, message: Message) -> bytes:
        return self.digest(message.model_dump_json(exclude={"chat_time"}, exclude_none=True))


def left(messages: Sequence[Message], prints: Sequence[bytes], known: Sequence[bytes]) -> tuple[Message, ...]:
    """Those of `messages` that are not known."""
    had, rest = Counter(known), []
    for message, mark in zip(messages, prints, strict=True):
        if had[mark]:
            had[mark] -= 1
        else:
            rest.append(message)
    return tuple(rest)


def place(call: AddMessage) -> tuple[str, str]:
    """Whose conversation it is, and its name."""
    owner = "\n".join(call.users) if call.users else "\n".join(("", *call.agents))
    return owner, call.conversation_id or ""


def _make_private(path: str) -> None:
    """The file, if it is not there: for its owner alone, as are the log and the index that SQLite sets beside it."""
    with suppress(FileExistsError):
        os.close(os.open(Path(path), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        Path(path).chmod(0o600)  # a umask may have taken too much away


def _parts(call: AddMessage) -> list[tuple[AddMessage, bytes]]:
    """`call` in calls that can be read back and that servers take, each with its body: results follow their calls."""
    turns, body = call.turns, call.body()
    if len(turns) <= MOST and (len(body) <= MAX_BYTES or len(turns) == 1):
        return [(call, body)]
    sizes = [len(turn.model_dump_json(exclude_none=True).encode()) for turn in turns]
    parts, start = list[tuple[AddMessage, bytes]](), 0
    while start < len(turns):
        end = _end_of_part(turns, sizes, start)
        part = call.model_copy(update={"messages": turns[start:end]})
        parts.append((part, part.body()))
        start = end
    return parts


def _end_of_part(turns: Sequence[Message], sizes: Sequence[int], start: int) -> int:
    """As far as it fits, but not between a tool's call and its result."""
    end = start + 1
    while end < len(turns) and end - start < MOST and sum(sizes[start : end + 1]) <= MAX_BYTES:
        end += 1
    cut = end
    while start + 1 < cut < len(turns) and turns[cut].role == "tool":
        cut -= 1
    return end if cut < len(turns) and turns[cut].role == "tool" else cut
