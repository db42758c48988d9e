"""The file's layout, version by version. Migrations are only ever appended; a shipped one is never changed."""
# ruff: noqa: S608 -- every part of a statement is from this file

from typing import Final

__all__ = ["APPLICATION", "MIGRATIONS"]

APPLICATION: Final = 0x4D454D4F  # "MEMO", in the file's header, tells our files from others


def _vector_triggers(view: str, key: str) -> tuple[str, ...]:
    """What is new or has other words needs a vector; what changes or goes takes its own along."""
    return (
        f"""create trigger {view}_new after insert on {view}
            when not new.archived and exists (select 1 from embedder) begin
            insert or ignore into unembedded (view, memory) values ('{view}', new.{key}); end""",
        f"""create trigger {view}_changed after update of text, archived on {view}
            when new.text <> old.text or new.archived <> old.archived begin
            delete from {view}_vector where {key} = old.{key};
            delete from unembedded where view = '{view}' and memory = old.{key};
            insert into unembedded (view, memory) select '{view}', new.{key}
            where not new.archived and exists (select 1 from embedder); end""",
        f"""create trigger {view}_gone after delete on {view} begin
            delete from {view}_vector where {key} = old.{key};
            delete from unembedded where view = '{view}' and memory = old.{key}; end""",
    )


MIGRATIONS: list[tuple[str, ...]] = [
    (
        # facts and words are counts over the owner's facts, for the mean length that ranking needs
        """create table owner (
            number integer primary key, project text not null, kind text not null, name text not null,
            facts integer not null default 0, words integer not null default 0, unique (project, kind, name))""",
        # last: the last position given out; a full conversation goes on in a further row of the same name
        """create table conversation (
            owner integer not null, number integer not null, name text not null, last integer not null default 0,
            primary key (owner, number)) without rowid""",
        "create index conversation_by_name on conversation (owner, name, number)",
        # one owner's part of an add; its messages are numbered from first up to but without end
        """create table task (
            number integer primary key, public text not null, owner integer not null, status text not null,
            created integer not null, first integer not null, end integer not null, agents text not null,
            related text not null, app text, tags text not null, info text not null, views text,
            unique (public, owner))""",
        "create index task_running on task (number) where status = 'running'",
        "create index task_by_owner on task (owner)",
        """create table message (
            number integer primary key autoincrement, public text not null, owner integer not null,
            conversation integer not null, role text not null, name text not null, body text not null,
            said integer not null, created integer not null)""",
        "create index message_by_conversation on message (owner, conversation, number)",
        # id: owner, conversation and position, see _ids; speaker: the folded words of name
        """create table fact (
            id integer primary key, public text not null unique, task integer not null, message integer not null,
            type text not null, mode text not null, role text not null, name text not null, speaker text not null,
            text text not null, length integer not null, asks integer not null, timed integer not null,
            said integer not null, updated integer not null)""",
        "create index fact_by_message on fact (message)",
        """create table preference (
            number integer primary key autoincrement, public text not null unique, owner integer not null,
            conversation integer not null, task integer not null, message integer not null, mode text not null,
            text text not null, reasoning text not null, words text not null, said integer not null,
            updated integer not null)""",
        "create index preference_by_owner on preference (owner, said)",
        "create index preference_by_message on preference (message)",
        # presence only; an owner's rows for a word are the word's count
        """create table posting (
            owner integer not null, word text not null, id integer not null,
            primary key (owner, word, id)) without rowid""",
        "create table setting (name text primary key, value text not null) without rowid",
    ),
    (
        # archived: kept to be read by its id, found no more; a fact's postings and counts go when it is archived
        "alter table fact add column archived integer not null default 0",
        "alter table preference add column archived integer not null default 0",
        # what a feedback's task did to memories that were there before; verb: updated or deleted
        """create table change (
            task integer not null, kind text not null, memory integer not null, verb text not null,
            primary key (task, kind, memory)) without rowid""",
    ),
    (
        # events and tool memories; body: what their view tells besides, as JSON
        """create table derived (
            number integer primary key autoincrement, public text not null unique, owner integer not null,
            conversation integer not null, task integer not null, message integer not null, mode text not null,
            view text not null, text text not null, body text not null, words text not null, said integer not null,
            updated integer not null, archived integer not null default 0)""",
        "create index derived_by_owner on derived (owner, view, said)",
        "create index derived_by_message on derived (message)",
    ),
    (
        # fields: a template's, by path, as JSON; those of the profiles made from it are rows
        """create table profile_template (
            number integer primary key autoincrement, public text not null unique, project text not null,
            name text not null, fields text not null, created integer not null, updated integer not null)""",
        "create index profile_template_by_project on profile_template (project, created, public)",
        """create table profile (
            number integer primary key autoincrement, public text not null unique, template integer not null,
            owner integer not null, created integer not null, updated integer not null, unique (template, owner))""",
        "create index profile_by_owner on profile (owner, created)",
        """create table profile_field (
            profile integer not null, path text not null, value text not null, updatable integer not null,
            created integer not null, updated integer not null, primary key (profile, path)) without rowid""",
    ),
    (
        # what update/memory sets on a memory, which goes with it: a title of its own, and that it is being resolved
        """create table mark (
            public text primary key, title text not null default '', resolving integer not null default 0
            ) without rowid""",
        """create trigger fact_unmarked after delete on fact begin
            delete from mark where public = old.public; end""",
        """create trigger preference_unmarked after delete on preference begin
            delete from mark where public = old.public; end""",
        """create trigger derived_unmarked after delete on derived begin
            delete from mark where public = old.public; end""",
    ),
    (
        # owner: whose facts a base's pieces are, see _knowledge_store
        """create table base (
            number integer primary key autoincrement, public text not null unique, project text not null,
            owner integer not null, linked integer not null, name text not null, description text not null,
            created integer not null)""",
        "create index base_by_project on base (project)",
        # done: how many of its pieces are stored, made from task and message; size in bytes
        """create table file (
            number integer primary key autoincrement, public text not null unique, base integer not null,
            type text not null, name text not null, size integer not null, status text not null, reason text,
            done integer not null default 0, task integer, message integer, created integer not null)""",
        "create index file_by_base on file (base)",
        "create index file_running on file (number) where status = 'running'",
        # what a file holds, or where it is to be fetched from, until it is read
        "create table upload (file integer primary key, address text, data blob)",
        """create table skill (
            number integer primary key autoincrement, public text not null unique, base integer not null,
            file integer not null, task integer not null, mode text not null, body text not null, words text not null,
            said integer not null, updated integer not null)""",
        "create index skill_by_base on skill (base)",
        "create index skill_by_file on skill (file)",
    ),
    (
        # a knowledge base's skills are archived and marked as other memories are; those of owners are derived
        "alter table skill add column archived integer not null default 0",
        """create trigger skill_unmarked after delete on skill begin
            delete from mark where public = old.public; end""",
        # which fields of profiles a task filled in, for as long as they are there
        """create table profile_change (
            task integer not null, profile integer not null, path text not null,
            primary key (task, profile, path)) without rowid""",
        "create index profile_change_by_field on profile_change (profile, path)",
        """create trigger profile_field_unnoted after delete on profile_field begin
            delete from profile_change where profile = old.profile and path = old.path; end""",
    ),
    (
        # implicit: concluded by a model, not stated
        "alter table preference add column implicit integer not null default 0",
        # prompts: the caller's own words on what to extract, by view, as JSON; until the task is done
        "alter table task add column prompts text",
    ),
    (
        # the newest is the file's embedder; size: numbers of a vector, once one was made
        """create table embedder (
            number integer primary key autoincrement, name text not null, size integer)""",
        # what still needs a vector, once there was an embedder; refused: it takes no vector of this
        """create table unembedded (
            number integer primary key autoincrement, view text not null, memory integer not null,
            refused integer not null default 0, unique (view, memory))""",
        # normalised, as little-endian float32; only what can be found has one
        "create table fact_vector (id integer primary key, embedder integer not null, data blob not null)",
        "create table preference_vector (number integer primary key, embedder integer not null, data blob not null)",
        *_vector_triggers("fact", "id"),
        *_vector_triggers("preference", "number"),
    ),
    (
        # same: what a user's fact has in common with those of the same words, until its own are changed
        "alter table fact add column same integer",
        "create index fact_by_same on fact (same, id) where same is not null",
        """create trigger fact_unlike after update of text on fact when old.same is not null begin
            update fact set same = null where id = new.id; end""",
    ),
]
