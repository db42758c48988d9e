"""Fields of profiles that a model fills in from what is said, and fields changed and deleted by their ids."""

from typing import Any

import pytest

from memos_integrations.engine import Engine
from memos_integrations.wire.calls import DeleteMemory, UpdateMemory
from tests.engine.bases import code
from tests.engine.conftest import Clock
from tests.engine.profiled import Profiled
from tests.engine.taught import Taught

ADA, BOB = {"user_id": "ada"}, {"user_id": "bob"}
PERSON = {"Basics.City": "", "Basics.Age": "!40", "Pets": "a parrot"}


@pytest.fixture
def profiles(engine: Engine) -> Profiled:
    return Profiled(engine)


@pytest.fixture
def here(engine: Engine) -> Taught:
    return Taught(engine)


@pytest.fixture
def person(profiles: Profiled) -> str:
    template = profiles.template(PERSON)
    profiles.bind(template, ADA, BOB)
    return template


def field(profiles: Profiled, path: str = "Pets", subject: dict[str, str] = ADA) -> str:
    """The id that search gives a field."""
    return next(hit.id for hit in profiles.hits("x", subject) if hit.profile_path == path)


def change(engine: Engine, memory: str, project: str = "", **more: Any) -> bool:
    return engine.update_memory(UpdateMemory(memory_id=memory, **more), project).success


# Filled in


def test_only_those_that_may_be_filled_in_are_asked_for(here: Taught, person: str) -> None:
    asked = here.fields(here.task(**ADA))
    assert {path: each.field.value for path, each in asked.items()} == {"Basics.City": "", "Pets": "a parrot"}
    assert here.fields(here.task(user_id="nobody")) == {}
    assert here.fields(here.task(agent_id="ada")) == {}


def test_what_is_filled_in_is_found_and_told(
    here: Taught, profiles: Profiled, person: str, engine: Engine, clock: Clock
) -> None:
    clock.now += 60
    said = here.talk.add("I live in Lyon.", **ADA).task_id or ""
    with engine._store.reading():
        [task] = engine._store.tasks_of("", said)
    fields = here.fields(task)
    here.fill(task, fields["Basics.City"], "Lyon")
    here.fill(task, fields["Pets"], "a cat")
    assert profiles.held(ADA)[person] == {"Basics.City": "Lyon", "Basics.Age": "!40", "Pets": "a cat"}
    assert profiles.held(BOB)[person] == PERSON
    city, pets = field(profiles, "Basics.City"), field(profiles)
    assert here.status(said) == {"updated": [city, pets]}
    assert profiles.page(ADA)[0].updated_at == "2026-08-01T12:01:00.000"
    engine.delete_memory(DeleteMemory(memory_ids=[pets]))
    assert here.status(said) == {"updated": [city]}
    profiles.edit(person, ADA, {"Pets": "a dog"})
    assert here.status(said) == {"updated": [city]}


@pytest.mark.parametrize("value", ["", " ", "a parrot"])
def test_nothing_new_changes_nothing(here: Taught, profiles: Profiled, person: str, value: str, clock: Clock) -> None:
    before = profiles.page(ADA)
    clock.now += 60
    task = here.task(**ADA)
    here.fill(task, here.fields(task)["Pets"], value)
    assert profiles.page(ADA) == before


@pytest.mark.parametrize(
    ("how", "left"),
    [
        ({"metadata": {"Pets": {"value": "a dog"}}}, "a dog"),
        ({"metadata": {"Pets": {"algorithm_updatable": False}}}, "!a parrot"),
        ({"remove_fields": ["Pets"]}, None),
    ],
)
def test_what_changed_while_the_model_thought_counts_more(
    here: Taught, profiles: Profiled, person: str, how: dict[str, Any], left: str | None
) -> None:
    task = here.task(**ADA)
    chosen = here.fields(task)["Pets"]
    profiles.edit_raw(person, ADA, **how)
    here.fill(task, chosen, "a cat")
    assert profiles.held(ADA)[person].get("Pets") == left


def test_a_profile_that_is_gone_stays_gone(here: Taught, profiles: Profiled, person: str) -> None:
    task = here.task(**ADA)
    chosen = here.fields(task)["Pets"]
    profiles.delete(person, ADA)
    here.fill(task, chosen, "a cat")
    profiles.bind(person, ADA)
    here.fill(task, chosen, "a cat")
    assert profiles.held(ADA)[person] == PERSON


def test_another_owners_task_fills_in_nothing(here: Taught, profiles: Profiled, person: str) -> None:
    chosen = here.fields(here.task(**ADA))["Pets"]
    here.fill(here.task(**BOB), chosen, "a cat")
    assert profiles.held(ADA)[person] == PERSON


def test_what_was_said_before_it_was_bound_fills_in_nothing(
    here: Taught, profiles: Profiled, person: str, clock: Clock
) -> None:
    task = here.task(user_id="cyd")
    clock.now += 1
    profiles.bind(person, {"user_id": "cyd"})
    here.fill(task, here.fields(task)["Pets"], "a cat")
    assert profiles.held({"user_id": "cyd"})[person] == PERSON


# By their ids


def test_a_field_gets_another_value_whoever_else_may_fill_it_in(
    profiles: Profiled, person: str, engine: Engine, clock: Clock
) -> None:
    clock.now += 60
    assert change(engine, field(profiles, "Basics.Age"), content="41")
    assert change(engine, field(profiles), content="a cat", status="activated")
    assert profiles.held(ADA)[person] == {"Basics.City": "", "Basics.Age": "!41", "Pets": "a cat"}
    assert profiles.held(BOB)[person] == PERSON
    assert profiles.found("my cat", ADA)[0] == "Pets: a cat"
    assert profiles.page(ADA)[0].updated_at == "2026-08-01T12:01:00.000"


@pytest.mark.parametrize("wrong", [{"title": "x"}, {"content": "a cat", "title": "x"}, {"status": "archived"},
                                   {"status": "resolving"}, {"status": "gone"}])  # fmt: skip
def test_a_field_has_a_value_alone(profiles: Profiled, person: str, engine: Engine, wrong: dict[str, str]) -> None:
    assert code(lambda: change(engine, field(profiles), **wrong)) == 40000
    assert profiles.held(ADA)[person] == PERSON


@pytest.mark.parametrize("by_status", [True, False])
def test_a_field_is_deleted(profiles: Profiled, person: str, engine: Engine, by_status: bool) -> None:
    memory = field(profiles)
    if by_status:
        assert change(engine, memory, status="deleted")
    else:
        assert engine.delete_memory(DeleteMemory(memory_ids=[memory])).success
    assert "Pets" not in profiles.held(ADA)[person]
    assert profiles.held(BOB)[person] == PERSON
    assert code(lambda: change(engine, memory, content="x")) == 40307
    assert code(lambda: engine.delete_memory(DeleteMemory(memory_ids=[memory]))) == 40307
    profiles.edit(person, ADA, {"Pets": "a dog"})
    assert field(profiles) == memory


def test_names_and_projects_are_told_apart(engine: Engine, profiles: Profiled, person: str) -> None:
    theirs = Profiled(engine, "other")
    template = theirs.template(PERSON)
    theirs.bind(template, ADA)
    odd = {"user_id": "a_b\n_ada"}
    profiles.bind(person, {"agent_id": "ada"}, odd)
    memory = field(profiles)
    assert code(lambda: change(engine, memory, "other", content="x")) == 40307
    assert code(lambda: change(engine, field(theirs), content="x")) == 40307
    assert code(lambda: engine.delete_memory(DeleteMemory(memory_ids=[memory]), "other")) == 40307
    assert code(lambda: change(engine, memory[:-1] + "x", content="x")) == 40307
    assert code(lambda: change(engine, "_" * 60, content="x")) == 40307
    assert change(engine, field(profiles, subject={"agent_id": "ada"}), content="a cat")
    assert change(engine, field(profiles, subject=odd), content="a dog")
    held = [profiles.held(subject)[person]["Pets"] for subject in (ADA, {"agent_id": "ada"}, odd)]
    assert held == ["a parrot", "a cat", "a dog"]


def test_all_or_none_are_deleted(profiles: Profiled, person: str, engine: Engine, here: Taught) -> None:
    here.learn(**ADA)
    (skill,) = here.skills(**ADA)
    both = [field(profiles), skill.id]
    assert code(lambda: engine.delete_memory(DeleteMemory(memory_ids=[*both, "nobody's"]))) == 40307
    assert (len(profiles.hits("x", ADA)), len(here.skills(**ADA))) == (2, 1)
    assert engine.delete_memory(DeleteMemory(memory_ids=[*both, skill.id])).success
    assert (len(profiles.hits("x", ADA)), len(here.skills(**ADA))) == (1, 0)


def test_with_its_owner_it_is_gone(profiles: Profiled, person: str, engine: Engine, here: Taught) -> None:
    task, memory = here.task(**ADA), field(profiles)
    here.fill(task, here.fields(task)["Pets"], "a cat")
    engine.delete_memory(DeleteMemory(user_id="ada"))
    assert code(lambda: change(engine, memory, content="x")) == 40307
    with engine._store.reading():
        assert engine._store.execute("select count(*) from profile_change").fetchone() == (0,)
