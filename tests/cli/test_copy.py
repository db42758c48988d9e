"""Copying from one file to another: everything, in order, once; the source stays as it is."""

import logging
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from memos_integrations import connect, moving
from memos_integrations.engine import Engine, _schema
from memos_integrations.errors import Invalid, Unsupported
from memos_integrations.moving import _journal
from memos_integrations.wire.calls import AddMessage
from tests.cli.moved import MARKER, conversation, dumped, exported, made, turns


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("filled") / "a.db")


@pytest.fixture
def source(filled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(filled, tmp_path))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "b.db"


def copied(source: Path, target: Path, **more: object) -> moving.Report:
    with connect(target) as client:
        return moving.copy(source, client, **more)  # type: ignore[arg-type]


def test_everything_is_there_in_order_and_the_source_is_as_it_was(source: Path, target: Path) -> None:
    before = dumped(source)
    report = copied(source, target)
    assert dumped(source) == before
    assert exported(target) == exported(source)
    assert (report.users, report.conversations, report.turns, report.messages) == (3, 6, 67, 136)
    assert (report.copied, report.there, report.troubles, report.total) == (136, 0, (), 136)


def test_what_an_add_said_of_its_messages_is_found_at_the_target(source: Path, target: Path) -> None:
    copied(source, target)
    for wanted in ({"tags": {"contains": "zoo"}}, {"app_id": "app"}, {"agent_id": "guide"}, {"scene": "trip"}):
        with connect(target) as client:
            found = client.get_memory(user_id="bob", filter={"and": [wanted]})
        assert {fact.memory_value.removeprefix("[assistant view] ") for fact in found.memory_detail_list} == {
            "marked.0",
            "Re: marked.0",
        }
    with connect(target) as client:
        assert client.search_memory(agent_id="guide", query="agent.0").memory_detail_list


def test_times_are_those_of_the_source(source: Path, target: Path) -> None:
    with connect(source) as client:
        client.add_message(messages=[{"role": "user", "content": "now"}], user_id="bob", conversation_id="untimed")
    copied(source, target)
    told = list[list[tuple[str, object]]]()
    for path in (source, target):
        with connect(path) as client:
            facts = client.get_memory(user_id="bob", size=50).memory_detail_list
        told.append(sorted((fact.memory_value, fact.create_time) for fact in facts))
    assert len(told[0]) == 7
    assert told[0] == told[1]


def test_a_second_copy_copies_what_is_new(source: Path, target: Path) -> None:
    copied(source, target)
    assert (again := copied(source, target)).copied == 0
    assert again.there == again.messages == 136
    with connect(source) as client:
        client.add_message(messages=turns("new", 2, 60), user_id="ada", conversation_id="long")
    assert copied(source, target).copied == 4
    assert exported(target) == exported(source)


def test_without_a_journal_the_target_says_how_far_it_came(source: Path, target: Path, tmp_path: Path) -> None:
    with connect(target) as client:
        client.add_history(turns(MARKER, 30), user_id="ada", conversation_id="long")
    report = copied(source, target, journal=tmp_path / "other.journal")
    assert (report.copied, report.there) == (76, 60)
    assert conversation(target, "long") == conversation(source, "long")


def test_a_conversation_that_went_on_at_the_target_gets_what_is_new_at_the_source(source: Path, target: Path) -> None:
    copied(source, target)
    for path, name in ((target, "there"), (source, "here")):
        with connect(path) as client:
            client.add_message(messages=turns(name, 1), user_id="ada", conversation_id="long")
    assert copied(source, target).copied == 2
    assert conversation(target, "long")[-4:] == ["there.0", "Re: there.0", "here.0", "Re: here.0"]


def test_other_messages_under_the_same_name_are_left_alone(source: Path, target: Path) -> None:
    with connect(target) as client:
        client.add_message(messages=turns("other", 1), user_id="ada", conversation_id="long")
    report = copied(source, target)
    (trouble,) = report.troubles
    assert (trouble.failure, trouble.left) == ("different", 120)
    assert (trouble.user_id, trouble.conversation_id) == ("ada", "long")
    assert conversation(target, "long") == ["other.0", "Re: other.0"]
    assert report.copied == 16


def test_a_target_made_anew_is_filled_again_whatever_the_journal_says(source: Path, target: Path) -> None:
    copied(source, target)
    target.unlink()
    assert copied(source, target).copied == 136
    assert exported(target) == exported(source)


def test_a_dry_run_counts_and_touches_nothing(source: Path, target: Path, tmp_path: Path) -> None:
    with connect(target) as client:
        client.add_message(messages=turns("other", 1), user_id="eve", conversation_id="c", async_mode=False)
    before = dumped(target)
    report = copied(source, target, dry_run=True)
    assert dumped(target) == before
    assert (report.users, report.conversations, report.turns, report.messages, report.copied) == (3, 6, 67, 136, 0)
    assert not list(tmp_path.glob("*.journal"))


@pytest.mark.parametrize(
    ("which", "copied_messages"),
    [
        ({"users": ["bob"]}, 6),
        ({"users": ["ada", "bob"], "conversations": ["trains"]}, 10),
        ({"pairs": [("ada", "group"), ("bob", "trains")]}, 6),
        ({"conversations": ["own"]}, 2),
    ],
)
def test_which_are_copied(source: Path, target: Path, which: dict[str, list[str]], copied_messages: int) -> None:
    assert copied(source, target, which=moving.Which(**which)).copied == copied_messages  # type: ignore[arg-type]


def test_what_is_no_conversation_is_counted(source: Path, target: Path) -> None:
    with connect(source) as client:
        client.create_knowledgebase(knowledgebase_name="k", knowledgebase_description="d")
        made = client.add_profile_template(name="p", metadata={"City": {"value": ""}}).profile_template_id
        client.bind_profile_template(bind_list=[{"profile_template_id": made, "user_id": "ada"}])
        client.add_message(messages=turns("all", 1), user_id="eve", allow_public=True, async_mode=False)
        client.add_feedback(user_id="bob", feedback_content='Replace "marked" with "noted"')
    engine = Engine(source)
    engine.add_message(AddMessage(messages=turns("theirs", 1), user_id="x", conversation_id="y"), "another project")
    engine.close()
    aside = dict(copied(source, target).aside)
    assert aside.pop("revised") == 2
    assert aside == {"feedback": 1, "profile": 1, "knowledge base": 1, "public": 2, "group": 2, "other project": 1}
    assert "tea" not in str(exported(target))


def test_a_file_of_the_first_layout_is_read_and_stays_one(tmp_path: Path, target: Path) -> None:
    old = tmp_path / "old.db"
    with closing(sqlite3.connect(old)) as database:
        for statement in _schema.MIGRATIONS[0]:
            database.execute(statement)
        database.execute("insert into owner values (1, '', 'user', 'u', 0, 0)")
        database.execute("insert into conversation values (1, 1, 'c', 0)")
        body = '{"role":"user","content":"I like Lyon."}'
        database.execute("insert into message values (1, 'm', 1, 1, 'user', '', ?, 1785585600000, 0)", (body,))
        database.execute(f"pragma application_id = {_schema.APPLICATION}")
        database.execute("pragma user_version = 1")
        database.commit()
    before = dumped(old)
    assert copied(old, target).copied == 1
    assert dumped(old) == before
    (told,) = exported(target)
    assert (told["content"], told["chat_time"]) == ("I like Lyon.", "2026-08-01 12:00:00")


def test_two_may_not_copy_with_one_journal_at_once(source: Path, target: Path) -> None:
    with connect(target) as client:
        path = _journal.journal_of(client, None)
        with _journal.Journal(path, client), pytest.raises(Unsupported, match="another process"):
            moving.copy(source, client)
        assert moving.copy(source, client).copied == 136


def test_what_can_not_be(source: Path, target: Path, tmp_path: Path) -> None:
    with connect(source) as client, pytest.raises(Invalid, match="one place"):
        moving.copy(source, client)
    with connect(target) as client:
        with pytest.raises(Invalid, match="no file"):
            moving.copy(tmp_path / "none.db", client)
        with pytest.raises(Unsupported, match="in memory"):
            moving.copy(":memory:", client)
        with pytest.raises(Invalid, match="journal's folder"):
            moving.copy(source, client, journal=tmp_path / "none" / "j")
        with pytest.raises(Invalid, match="both"):
            moving.Which(users=["ada"], pairs=[("ada", "c")])
    with connect(":memory:") as client, pytest.raises(Unsupported, match="in memory"):
        moving.copy(source, client)
    assert not (tmp_path / "none.db").exists()


def test_no_words_or_ids_in_logs_values_or_the_journal(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    source, target = tmp_path / "a.db", tmp_path / "b.db"
    with connect(source) as client:
        client.add_message(messages=turns(MARKER, 1), user_id=MARKER, conversation_id=MARKER, tags=[MARKER])
    with connect(target) as client:
        client.add_message(messages=turns("other", 1), user_id=MARKER, conversation_id=f"{MARKER}-2")
    with connect(source) as client:
        client.add_message(messages=turns(MARKER, 1), user_id=MARKER, conversation_id=f"{MARKER}-2")
    seen = list[str]()
    report = copied(source, target, on_progress=lambda report: seen.append(repr(report)))
    assert report.troubles[0].failure == "different"
    journal = Path(f"{target}.journal")
    assert journal.stat().st_mode & 0o077 == 0
    assert MARKER.encode() not in journal.read_bytes()
    assert MARKER not in caplog.text + repr(report) + "".join(seen)
