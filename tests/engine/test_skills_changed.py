"""Skills changed by their ids, learned and uploaded ones alike; of an uploaded one the file stays."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from memos_integrations.engine import Engine, _schema
from memos_integrations.wire.answers import Skill
from memos_integrations.wire.calls import DeleteKnowledgebaseFile, DeleteMemory, UpdateMemory
from tests.engine.bases import Bases, code, packed
from tests.engine.conftest import NOON_MS, Clock
from tests.engine.taught import Taught

PAGE = b"# Deploy the shop\n\nHow the shop goes live."


class One:
    """A skill, and how it is found: learned, or uploaded."""

    def __init__(self, engine: Engine, *, uploaded: bool) -> None:
        self.engine, self.here, self.bases = engine, Taught(engine), Bases(engine)
        self.more: dict[str, Any] = {}
        if uploaded:
            self.base = self.bases.make()
            (self.file,) = self.bases.add(self.base, {"name": "a.md", "content": packed(PAGE), "type": "skill"})
            assert engine.settle(10) == 0
            self.more = {"knowledgebase_ids": [self.base]}
        else:
            self.here.learn()
        (self.first,) = self.found()
        self.id = self.first.id

    def found(self, query: str = "deploy the shop", **more: Any) -> tuple[Skill, ...]:
        return self.here.skills(query, **self.more, **more)

    def update(self, project: str = "", **change: Any) -> None:
        assert self.engine.update_memory(UpdateMemory(memory_id=self.id, **change), project).success

    def delete(self, project: str = "") -> None:
        assert self.engine.delete_memory(DeleteMemory(memory_ids=[self.id]), project).success


@pytest.fixture(params=["learned", "uploaded"])
def one(engine: Engine, request: pytest.FixtureRequest) -> One:
    return One(engine, uploaded=request.param == "uploaded")


@pytest.fixture
def uploaded(engine: Engine) -> One:
    return One(engine, uploaded=True)


def test_a_title_is_its_name(one: One) -> None:
    one.update(title="Bake bread")
    (skill,) = one.found("bake some bread", relativity=0.5)
    assert skill.skill_value == {**one.first.skill_value, "name": "Bake bread"}
    assert one.here.read(one.id).title == "Bake bread"


def test_content_is_its_procedure(one: One, clock: Clock) -> None:
    clock.now += 60
    one.update(content="{Press} the red button.")
    (skill,) = one.found("red button", relativity=0.5)
    assert skill.skill_value == {**one.first.skill_value, "procedure": "{Press} the red button."}
    assert (skill.create_time, skill.update_time) == (NOON_MS, NOON_MS + 60_000)


def test_content_that_is_an_object_has_the_members(one: One) -> None:
    change = {"description": "How bread is baked", "examples": ["rye"], "script": {"a.sh": "echo"}}
    one.update(content=json.dumps(change), title="Bake bread")
    told = one.here.read(one.id)
    assert told.content == {**one.first.skill_value, **change, "name": "Bake bread"}
    assert told.title == "Bake bread"


@pytest.mark.parametrize(
    "wrong", [{"price": 3}, {"name": ""}, {"name": 3}, {"examples": "a", "script": []}, {"name": None}]
)
def test_what_is_no_member_changes_nothing(one: One, wrong: dict[str, Any]) -> None:
    assert code(lambda: one.update(content=json.dumps(wrong))) == 40000
    assert one.here.read(one.id).content == one.first.skill_value


def test_archived_it_is_read_by_its_id_alone(one: One) -> None:
    one.update(status="archived")
    assert one.found() == ()
    assert one.here.listed() == []
    assert one.here.read(one.id).status == "archived"
    one.update(content="Press the button.")
    assert (one.found(), one.here.read(one.id).content["procedure"]) == ((), "Press the button.")
    one.update(status="resolving")
    assert (one.found()[0].status, one.here.read(one.id).status) == ("resolving", "resolving")
    one.update(status="activated")
    assert one.found()[0].status == "activated"


@pytest.mark.parametrize("by_status", [True, False])
def test_deleted_it_is_gone(one: One, by_status: bool) -> None:
    one.update(status="resolving")
    if by_status:
        one.update(status="deleted")
    else:
        one.delete()
    assert one.found() == ()
    for gone in (one.delete, lambda: one.update(title="x")):
        assert code(gone) == 40307
    assert code(lambda: one.here.read(one.id)) == 40001
    with one.engine._store.reading():
        assert one.engine._store.execute("select count(*) from mark").fetchone() == (0,)


def test_no_other_project_changes_it(one: One) -> None:
    for change in ({"title": "x"}, {"content": "x"}, {"status": "archived"}, {"status": "deleted"}):
        assert code(lambda change=change: one.update("other", **change)) == 40307  # type: ignore[misc]
    assert code(lambda: one.delete("other")) == 40307
    assert one.found() == (one.first,)


def test_its_file_stays(uploaded: One) -> None:
    uploaded.delete()
    assert uploaded.bases.states(uploaded.file) == [("completed", None)]
    uploaded.engine.delete_knowledgebase_file(DeleteKnowledgebaseFile(file_ids=[uploaded.file]))
    assert uploaded.bases.states(uploaded.file) == []
    with uploaded.engine._store.reading():
        assert uploaded.engine._store.execute("select count(*) from task").fetchone() == (0,)


def test_with_its_file_its_marks_go(uploaded: One) -> None:
    uploaded.update(status="resolving")
    uploaded.engine.delete_knowledgebase_file(DeleteKnowledgebaseFile(file_ids=[uploaded.file]))
    with uploaded.engine._store.reading():
        assert uploaded.engine._store.execute("select count(*) from mark").fetchone() == (0,)


def test_a_file_from_before_there_were_skills_of_owners(path: Path) -> None:
    body = {"name": "Deploy", "description": "How", "procedure": "Go.", "experience": [], "preference": [],
            "examples": [], "script": {}, "others": {}}  # fmt: skip
    rows: dict[str, tuple[object, ...]] = {
        "owner": (1, "", "knowledgebase", "b", 0, 0),
        "base": (1, "b", "", 1, 1, "base", "", NOON_MS),
        "task": (1, "t", 1, "completed", NOON_MS, 0, 0, "[]", "[]", None, "[]", "{}", None),
        "skill": (1, "s1", 1, 1, 1, "fine", json.dumps(body), "deploy", NOON_MS, NOON_MS),
    }
    with closing(sqlite3.connect(path)) as old:
        for statement in (statement for version in _schema.MIGRATIONS[:6] for statement in version):
            old.execute(statement)
        for table, row in rows.items():
            old.execute(f"insert into {table} values ({', '.join('?' * len(row))})", row)
        old.execute(f"pragma application_id = {_schema.APPLICATION}")
        old.execute("pragma user_version = 6")
        old.commit()
    with closing(Engine(path)) as engine:
        here = Taught(engine)
        assert here.names("deploy", knowledgebase_ids=["b"]) == ["Deploy"]
        engine.update_memory(UpdateMemory(memory_id="s1", title="Bake", status="archived"))
        assert (here.read("s1").title, here.names("bake", knowledgebase_ids=["b"])) == ("Bake", [])
