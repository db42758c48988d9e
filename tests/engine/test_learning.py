"""Skills that conversations teach: what is kept of them, who finds them, and how one takes another's place."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from memos_integrations.engine import Engine, _learning
from memos_integrations.engine._skills import shaped
from memos_integrations.wire.calls import DeleteKnowledgebase
from tests.engine.bases import Bases, code, packed
from tests.engine.conftest import NOON_MS, Clock
from tests.engine.taught import DEPLOY, Taught


@pytest.fixture
def here(engine: Engine) -> Taught:
    return Taught(engine)


def test_what_is_told_of_one(here: Taught) -> None:
    task = here.learn(conversation_id="c", tags=["ops"], info={"team": "shop"})
    (skill,) = here.skills()
    assert (skill.skill_type, skill.status, skill.conversation_id) == ("LearnedSkill", "activated", "c")
    assert (skill.create_time, skill.tags, skill.info) == (NOON_MS, ("ops", "mode:fine"), {"team": "shop"})
    assert skill.skill_value == {**DEPLOY, "preference": [], "examples": [], "script": {}, "others": {}}
    assert here.status(task) == {"added": [skill.id]}
    told = here.read(skill.id)
    assert (told.memory_view, told.title, told.content) == ("skill", "Deploy the shop", skill.skill_value)
    assert (told.user_id, told.status, len(told.message_ids)) == ("u", "activated", 1)
    assert here.listed() == here.listed(include_memory_view=["skill"]) == ["Deploy the shop"]
    assert here.talk.page(include_memory_view=["skill"]).total == 1


def test_it_is_found_where_it_is_asked_for(here: Taught) -> None:
    here.learn({**DEPLOY, "name": "Bake bread"}, DEPLOY)
    assert here.names("bake some bread") == ["Bake bread", "Deploy the shop"]
    assert here.names("bake some bread", include_memory_view=["skill"], include_skill=False)[0] == "Bake bread"
    assert here.names("bake some bread", skill_limit_number=1) == ["Bake bread"]
    assert here.names("bake some bread", relativity=0.5) == ["Bake bread"]
    assert here.names(include_skill=False) == here.names(include_memory_view=["event"]) == []
    assert here.names(skill_limit_number=0) == []
    assert here.listed(include_memory_view=["preference"]) == []


def test_six_at_most_unless_more_are_asked_for(here: Taught) -> None:
    here.learn(*({**DEPLOY, "name": f"Deploy {number}"} for number in range(8)))
    assert (len(here.skills()), len(here.skills(skill_limit_number=25))) == (6, 8)


def test_a_filter_binds_them(here: Taught) -> None:
    here.learn(tags=["ops"], app_id="shop")
    here.learn({**DEPLOY, "name": "Other"}, conversation_id="d")
    for condition in ({"tags": {"contains": "ops"}}, {"app_id": "shop"}, {"tags": {"contains": "mode:fine"}}):
        found = here.names(filter={"and": [condition]})
        assert "Deploy the shop" in found, condition
        assert ("Other" in found) == (condition == {"tags": {"contains": "mode:fine"}})


def test_nobody_else_finds_them(engine: Engine, here: Taught) -> None:
    here.learn()
    (skill,) = here.skills()
    assert here.names(user_id="v") == here.names(agent_id="u") == here.listed(user_id="v") == []
    other = Taught(engine, "other")
    assert other.names() == other.listed() == []
    assert code(lambda: other.read(skill.id)) == 40001


def test_a_younger_one_of_that_name_takes_its_place(here: Taught) -> None:
    here.learn()
    (old,) = here.skills()
    task = here.learn({**DEPLOY, "name": "deploy  the SHOP", "procedure": "Press the button."})
    (new,) = here.skills()
    assert new.skill_value["procedure"] == "Press the button."
    assert here.status(task) == {"added": [new.id], "deleted": [old.id]}
    assert here.read(old.id).status == "archived"
    assert len(here.listed()) == 1


def test_an_owner_replaces_no_other_owners(here: Taught) -> None:
    here.learn(user_id="v")
    here.learn({**DEPLOY, "procedure": "Press the button."})
    assert here.skills(user_id="v")[0].skill_value["procedure"] == DEPLOY["procedure"]


def test_one_that_says_the_same_is_not_kept_again(here: Taught) -> None:
    here.learn()
    (old,) = here.skills()
    assert here.status(here.learn()) == {}
    assert [skill.id for skill in here.skills()] == [old.id]


def test_of_one_conversation_the_last_of_a_name_is_kept(here: Taught) -> None:
    task = here.learn({**DEPLOY, "procedure": "Press the button."}, DEPLOY)
    (skill,) = here.skills()
    assert skill.skill_value["procedure"] == DEPLOY["procedure"]
    assert here.status(task) == {"added": [skill.id]}


@pytest.mark.parametrize("body", [{}, {"name": "x"}, {"procedure": "x"}, {"name": " ", "procedure": "x"}, {"name": 1}])
def test_without_a_name_and_a_procedure_there_is_none(here: Taught, body: dict[str, Any]) -> None:
    assert here.status(here.learn(body)) == {}


def test_what_fits_into_a_skill() -> None:
    body = {
        "name": " Deploy ",
        "procedure": ["Build.", "Restart."],
        "experience": "once",
        "examples": [1],
        "script": {"a.sh": "echo", "deep": {"x": [1]}},
        "others": ["no"],
        "price": 3,
        "preference": ["half \ud800"],
    }
    assert shaped(body) == {
        "name": "Deploy",
        "description": "",
        "procedure": "Build.\nRestart.",
        "experience": ["once"],
        "preference": [],
        "examples": [],
        "script": {"a.sh": "echo", "deep": '{"x": [1]}'},
        "others": {},
    }


def test_beside_those_of_knowledge_bases(engine: Engine, here: Taught) -> None:
    bases = Bases(engine)
    base = bases.make()
    page = b"# Bake bread\n\nHow to bake bread."
    bases.add(base, {"name": "a.md", "content": packed(page), "type": "skill"})
    assert engine.settle(10) == 0
    here.learn()
    both = {"knowledgebase_ids": [base]}
    assert here.names("deploy the shop", **both) == ["Deploy the shop", "Bake bread"]
    assert here.names("bake some bread", **both) == ["Bake bread", "Deploy the shop"]
    assert here.names("bake some bread", **both, skill_limit_number=1) == ["Bake bread"]
    assert here.names("bake some bread") == ["Deploy the shop"]
    engine.delete_knowledgebase(DeleteKnowledgebase(knowledgebase_id=base, delete_all=True))
    assert here.listed() == ["Deploy the shop"]


@pytest.mark.parametrize("how", ["ids", "user", "filter"])
def test_it_goes_with_the_rest(path: Path, how: str) -> None:
    with closing(Engine(path, clock=Clock())) as engine:
        here = Taught(engine)
        here.learn({**DEPLOY, "procedure": "TEXT5d1c"}, tags=["gone"])
        here.learn({**DEPLOY, "name": "Kept"}, user_id="v")
        (skill,) = here.skills()
        selectors: dict[str, Any] = {
            "ids": {"memory_ids": [skill.id]},
            "user": {"user_id": "u"},
            "filter": {"filter": {"and": [{"tags": {"contains": "gone"}}]}},
        }
        here.talk.delete(**selectors[how])
        assert here.names() == here.listed() == []
        assert here.names(user_id="v") == ["Kept"]
        assert code(lambda: here.read(skill.id)) == 40001
    assert b"TEXT5d1c" not in path.read_bytes()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("select count(*) from derived").fetchone() == (1,)


def rounds(*roles: str) -> Sequence[dict[str, Any]]:
    """Messages by letters: u a t as they are, c an assistant's that calls a tool."""
    called = {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "look"}}]}
    said = {"u": {"role": "user"}, "a": {"role": "assistant"}, "t": {"role": "tool", "tool_call_id": "1"}}
    return [called if each == "c" else {**said[each], "content": "x"} for each in "".join(roles)]


@pytest.mark.parametrize(
    ("roles", "enough"),
    [("u" + "ct" * 5, True), ("u" + "ct" * 4, False), ("u" + "ctt" * 4 + "a", False), ("u" + "cu" * 6, False),
     ("ct" * 3 + "u" + "ctt" * 2 + "a", True), ("u" + "t" * 9, False), ("ua" * 9, False)],
)  # fmt: skip
def test_how_many_rounds_of_tool_calls_are_enough(here: Taught, roles: str, enough: bool) -> None:
    task = here.task(messages=rounds(roles))
    with here.engine._store.reading():
        assert _learning.enough_tool_use(here.engine._store.turns_of(task)) is enough
