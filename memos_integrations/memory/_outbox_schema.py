"""The outbox's file, version by version. Migrations are only ever appended; a shipped one is never changed."""

from typing import Final

__all__ = ["APPLICATION", "MIGRATIONS"]

APPLICATION: Final = 0x4D454D51  # "MEMQ", in the file's header, tells our files from others

MIGRATIONS: list[tuple[str, ...]] = [
    (
        "create table setting (name text primary key, value text not null) without rowid",
        # account: a salted digest of the key, never the key
        """create table destination (
            number integer primary key, address text not null, account text not null, unique (address, account))""",
        # due: when its first entry may be tried (null: there is none); asked: until when the server wants none;
        # holder: who delivers it now, and until when he may
        """create table conversation (
            number integer primary key, destination integer not null, owner text not null, name text not null,
            due real, asked real not null default 0, tries integer not null default 0,
            holder text, until real not null default 0, unique (destination, owner, name))""",
        "create index conversation_by_due on conversation (destination, due) where due is not null",
        # state: open (its turn is not answered yet), waiting, sending (or its fate is unknown), parked
        # sent: when it was first, with the others that are sending; looks: readings that did not find it;
        # unclear: readings that told nothing; faults: failures inside the server;
        # settled: before then the server may still come to write it
        """create table entry (
            number integer primary key autoincrement, conversation integer not null, state text not null, turn blob,
            body blob not null, messages integer not null, created real not null,
            sent real, looks integer not null default 0, unclear integer not null default 0,
            faults integer not null default 0, settled real not null default 0, alone integer not null default 0,
            error text not null default '', code integer not null default 0, words text not null default '')""",
        "create index entry_in_line on entry (conversation, number) where state in ('waiting', 'sending')",
        "create index entry_open on entry (conversation, turn) where state = 'open'",
        "create index entry_by_age on entry (created) where state = 'open'",
        # what arrived, or (not sure) may have, to tell a repeat from what it repeats
        """create table delivered (
            number integer primary key autoincrement, conversation integer not null, digest blob not null,
            at real not null, begun real not null, sure integer not null, said real)""",
        "create index delivered_by_conversation on delivered (conversation, number)",
        # which messages of a turn were handed over, for whoever comes to close it again
        """create table spoken (
            conversation integer not null, turn blob not null, digests blob not null, at real not null,
            primary key (conversation, turn)) without rowid""",
        "create index spoken_by_age on spoken (at)",
    ),
]
