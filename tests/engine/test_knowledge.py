"""Knowledge bases in the engine: whose they are, what is taken, and what a restart finds."""

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from memos_integrations.engine import Engine, _extract, _files_text, _knowledge_reading, _knowledge_store
from memos_integrations.engine._files_text import Block
from memos_integrations.errors import BadRequest, NotFound
from memos_integrations.wire.calls import (
    AddFeedback,
    AddKnowledgebaseFile,
    AddMessage,
    Chat,
    DeleteKnowledgebase,
    DeleteKnowledgebaseFile,
    GetKnowledgebaseFile,
    GetMemoryById,
)
from tests.engine.bases import TEXT, Bases, code, opened, packed
from tests.engine.conftest import Talk
from tests.engine.models import Scripted


@pytest.fixture
def bases(engine: Engine) -> Bases:
    return Bases(engine)


def test_another_projects_base_is_as_good_as_none(engine: Engine) -> None:
    ours, theirs = Bases(engine, "ours"), Bases(engine, "theirs")
    base = ours.make()
    (file,) = ours.add(base, TEXT)
    assert engine.settle(10) == 0
    (fact,) = ours.search("parcels", base).memory_detail_list
    other = theirs.make()
    assert theirs.facts("parcels", "all") == theirs.facts("parcels", other) == []
    assert theirs.states(file) == []
    said: Any = {"messages": [{"role": "user", "content": "x"}], "user_id": "u", "allow_knowledgebase_ids": [base]}
    for expected, call in (
        (50123, lambda: theirs.search("parcels", base)),
        (50123, lambda: engine.add_message(AddMessage(**said), "theirs")),
        (50120, lambda: theirs.add(base, TEXT)),
        (50120, lambda: engine.get_knowledgebase_file(GetKnowledgebaseFile(knowledgebase_id=base), "theirs")),
        (50120, lambda: engine.delete_knowledgebase(DeleteKnowledgebase(knowledgebase_id=base), "theirs")),
        (
            50120,
            lambda: engine.delete_knowledgebase(DeleteKnowledgebase(knowledgebase_id=base, delete_all=True), "theirs"),
        ),
        (40001, lambda: engine.delete_knowledgebase_file(DeleteKnowledgebaseFile(file_ids=[file]), "theirs")),
        (40001, lambda: engine.get_memory_by_id(GetMemoryById(memory_id=fact.id), "theirs")),
    ):
        assert code(call) == expected
    assert ours.facts("parcels", base) == [TEXT.decode()]


def test_nothing_is_added_when_one_base_is_not_linked(bases: Bases) -> None:
    base = bases.make()
    said: Any = {"messages": [{"role": "user", "content": "I moved to Lyon."}], "user_id": "u"}
    with pytest.raises(BadRequest):
        bases.engine.add_message(AddMessage(**said, allow_knowledgebase_ids=[base, "nobody's"]))
    assert bases.facts("Lyon", base) == []


def test_views_that_leave_facts_out_leave_bases_alone(bases: Bases) -> None:
    base, said = bases.make(), [{"role": "user", "content": "I prefer tea in Lyon."}]
    given: Any = {"messages": said, "user_id": "u", "allow_memory_view": ["preference"], "async_mode": False}
    bases.engine.add_message(AddMessage(**given, allow_knowledgebase_ids=[base]))
    assert bases.facts("tea in Lyon", base, relativity=0) == []


def test_a_portrait_is_of_the_user_alone(bases: Bases) -> None:
    base = bases.make()
    bases.add(base, b"I am a warehouse, and my parcels leave on Monday.")
    bases.engine.settle(10)
    Talk(bases.engine).add("I play chess.")
    assert bases.facts("What do you know about me?", base) == ["I play chess."]


def test_the_raw_bytes_are_dropped_once_read(path: Path) -> None:
    with opened(path) as bases:
        base = bases.make()
        good, bad = bases.add(base, TEXT, {"name": "a.json", "content": packed(b"{nothing")})
        assert bases.engine.settle(10) == 0
        assert bases.states(good, bad) == [("completed", None), ("failed", "it is no JSON")]
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("select count(*) from upload").fetchone() == (0,)


@pytest.fixture
def halted(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Reading stops at the second piece until the event is set, and is about two pieces at a time."""
    at_it, go_on, real = threading.Event(), threading.Event(), _extract.piece

    def piece(text: str) -> Any:
        if text.startswith("Third"):
            at_it.set()
            assert go_on.wait(10)
        return real(text)

    monkeypatch.setattr(_knowledge_reading, "TOGETHER", 2)
    monkeypatch.setattr(_knowledge_reading, "piece", piece)
    blocks = [Block(word + " parcel" * 100) for word in ("First", "Second", "Third", "Fourth")]
    monkeypatch.setattr(_knowledge_reading, "blocks", lambda name, data: iter(blocks))
    go_on.at_it = at_it  # type: ignore[attr-defined]
    yield go_on
    go_on.set()


def test_a_file_deleted_while_it_is_read_leaves_nothing(bases: Bases, halted: Any) -> None:
    base = bases.make()
    (file,) = bases.add(base, TEXT)
    assert halted.at_it.wait(10)
    assert bases.states(file) == [("running", None)]
    assert len(bases.facts("parcel", base)) == 2
    bases.engine.delete_knowledgebase_file(DeleteKnowledgebaseFile(file_ids=[file]))
    halted.set()
    assert bases.engine.settle(10) == 0
    assert bases.facts("parcel", base) == []


def test_a_restart_goes_on_behind_the_last_piece(path: Path, halted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Engine(path)
    bases = Bases(first)
    base = bases.make()
    (file,) = bases.add(base, TEXT)
    assert halted.at_it.wait(10)
    first._reader._stopping = True
    halted.set()
    first.close()
    with opened(path) as again:
        assert again.engine.settle(10) == 0
        assert again.states(file) == [("completed", None)]
        found = again.facts("parcel", base, memory_limit_number=25)
        assert sorted(fact.split()[0] for fact in found) == ["First", "Fourth", "Second", "Third"]


def test_a_bug_in_a_parser_fails_its_file_alone(bases: Bases, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    real = _files_text.blocks

    def blocks(name: str, data: bytes) -> Any:
        if name == "bad.txt":
            raise ZeroDivisionError("secret words")
        return real(name, data)

    monkeypatch.setattr(_knowledge_reading, "blocks", blocks)
    base = bases.make()
    files = bases.add(base, {"name": "bad.txt", "content": packed(TEXT)}, TEXT)
    assert bases.engine.settle(10) == 0
    assert bases.states(*files) == [("failed", "it could not be read"), ("completed", None)]
    assert "secret" not in caplog.text


def test_a_chat_recalls_from_the_bases_it_names() -> None:
    model = Scripted("On Monday.")
    with opened(":memory:", model=model) as bases:
        base = bases.make()
        bases.add(base, TEXT)
        assert bases.engine.settle(10) == 0
        asked: Any = {"user_id": "u", "conversation_id": "c", "query": "When do parcels leave the warehouse?"}
        bases.engine.chat(Chat(**asked, knowledgebase_ids=[base], add_message_on_answer=False))
        assert TEXT.decode() in model.last[0][1]
        bases.engine.chat(Chat(**asked, add_message_on_answer=False))
        assert TEXT.decode() not in model.last[0][1]
        bases.engine.chat(Chat(**asked, allow_knowledgebase_ids=[base], async_mode=False))
        assert "[assistant view] On Monday." in bases.facts("Monday", base, relativity=0)
        for named in ("knowledgebase_ids", "allow_knowledgebase_ids"):
            call = Chat.model_validate({**asked, named: ["nobody's"]})
            assert code(partial(bases.engine.chat, call)) == 50123
        assert len(model.asked) == 3


def test_feedback_says_it_to_the_bases_too(bases: Bases) -> None:
    base = bases.make()
    given: Any = {"user_id": "u", "feedback_content": "The office is in Nantes, not Lyon."}
    bases.engine.add_feedback(AddFeedback(**given, allow_knowledgebase_ids=[base]))
    assert bases.facts("office", base, user_id="v") == ["The office is in Nantes, not Lyon."]
    with pytest.raises(BadRequest):
        bases.engine.add_feedback(AddFeedback(**given, allow_knowledgebase_ids=["nobody's"]))


def test_pieces_that_another_process_stored_are_not_stored_again(bases: Bases, halted: Any) -> None:
    base = bases.make()
    bases.add(base, TEXT)
    assert halted.at_it.wait(10)
    store = bases.engine._store
    with store.writing():
        file = _knowledge_store.unread(store)
        assert file is not None
        assert file.done == 2
        again = [_extract.piece("First parcel")]
        assert not _knowledge_store.add_pieces(store, file, 0, again, 0)
        assert _knowledge_store.add_pieces(store, file, 2, again, 0)
    halted.set()
    assert bases.engine.settle(10) == 0  # sees that it is not alone with the file, and goes on behind what is there
    found = bases.facts("parcel", base, memory_limit_number=25)
    assert sorted(fact.split()[0] for fact in found) == ["First", "First", "Fourth", "Second"]


def test_two_engines_read_each_file_once(path: Path) -> None:
    with opened(path) as one, opened(path) as other:
        base = one.make()
        files = [one.add(base, b"Parcel number %d leaves." % number)[0] for number in range(10)]
        other.engine._reader.wake()
        deadline = time.monotonic() + 20
        while one.engine.settle(5) + other.engine.settle(5) and time.monotonic() < deadline:
            pass
        assert one.states(*files) == [("completed", None)] * 10
        assert len(one.facts("parcel number", base, memory_limit_number=25)) == 10


def test_sources_name_the_file(bases: Bases) -> None:
    base = bases.make()
    (file,) = bases.add(base, TEXT)
    bases.engine.settle(10)
    (fact,) = bases.search("parcels", base, context_format="sources").memory_detail_list
    (source,) = fact.sources
    assert {name: source[name] for name in ("type", "file_id", "doc_path")} == {
        "type": "file",
        "file_id": file,
        "doc_path": "a.txt",
    }


def test_a_base_deleted_whole_leaves_no_trace(path: Path) -> None:
    with opened(path) as bases:
        base, kept = bases.make(), bases.make()
        skill = packed(b"# Deploy\n\nHow to deploy.")
        bases.add(base, b"Zanzibar words", {"name": "s.md", "content": skill, "type": "skill"})
        bases.add(kept, TEXT)
        assert bases.engine.settle(10) == 0
        bases.engine.delete_knowledgebase(DeleteKnowledgebase(knowledgebase_id=base, delete_all=True))
        assert bases.facts("parcels", kept) == [TEXT.decode()]
    with closing(sqlite3.connect(path)) as connection:
        for table in ("base", "file", "fact", "task"):
            assert connection.execute(f"select count(*) from {table}").fetchone() == (1,)
        assert connection.execute("select count(*) from skill").fetchone() == (0,)
    assert b"Zanzibar" not in path.read_bytes()


def test_an_unlinked_base_is_kept(path: Path) -> None:
    with opened(path) as bases:
        base = bases.make()
        bases.add(base, TEXT)
        bases.engine.settle(10)
        bases.engine.delete_knowledgebase(DeleteKnowledgebase(knowledgebase_id=base))
        with pytest.raises(NotFound):
            bases.engine.get_memory_by_id(GetMemoryById(memory_id="x"))
    with closing(sqlite3.connect(path)) as connection:
        (told,) = connection.execute("select text from fact").fetchone()
        assert told == TEXT.decode()
        (project,) = connection.execute("select project from owner").fetchone()
        assert project.startswith("unlinked:")


def test_lists_of_several_owners_are_merged_by_bearing(bases: Bases) -> None:
    near, far = bases.make(), bases.make()
    bases.add(near, b"The blue lamp costs nine euros in Lyon.")
    bases.add(far, b"A lamp is a lamp.")
    bases.engine.settle(10)
    Talk(bases.engine).add("I saw a blue lamp.")
    found = bases.search("What does the blue lamp cost in Lyon?", "all", relativity=0.01).memory_detail_list
    assert found[0].memory_value == "The blue lamp costs nine euros in Lyon."
    relativities = [fact.relativity or 0.0 for fact in found]
    assert relativities == sorted(relativities, reverse=True)
    assert len(found) == 3


def test_the_answer_is_a_list_on_the_wire(bases: Bases) -> None:
    base = bases.make()
    call = AddKnowledgebaseFile(knowledgebase_id=base, file=[{"name": "a.md", "content": "SGk="}])
    (told,) = json.loads(bases.engine.add_knowledgebase_file(call).model_dump_json(exclude_none=True))
    assert set(told) == {"id", "type", "name", "sizeMB", "status"}
