"""Templates and the profiles made from them: what follows what, and whose it is (contract §2.14)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memos_integrations.engine import Engine
from memos_integrations.errors import BadRequest, NotFound, ServerFault
from tests.engine.conftest import Clock, Talk
from tests.engine.profiled import Profiled

ADA, BOB, BOT = {"user_id": "ada"}, {"user_id": "bob"}, {"agent_id": "ada"}
PERSON = {"Basics.City": "", "Basics.Name": "!nobody", "Pets": "none"}


@pytest.fixture
def here(engine: Engine) -> Profiled:
    return Profiled(engine)


@pytest.fixture
def person(here: Profiled) -> str:
    template = here.template(PERSON)
    here.bind(template, ADA, BOB, BOT)
    return template


def test_a_template_tells_what_was_left_out(here: Profiled, clock: Clock) -> None:
    template = here.template({"A.B.C": "x", "A.D": "", "E": "!y"}, name="Person")
    told = here.read(template)
    assert told.metadata["A"]["B"]["C"] == {"value": "x", "algorithm_updatable": True}
    assert here.fields(template) == {"A.B.C": "x", "A.D": "", "E": "!y"}
    assert (told.name, told.project_id, told.instance_count) == ("Person", "default", 0)
    assert told.create_time == told.update_time == "2026-08-01T12:00:00.000"
    clock.now += 1.25
    here.update(template, {"E": ""}, name="Being")
    told = here.read(template)
    assert (told.name, told.metadata) == ("Being", {"E": {"value": "", "algorithm_updatable": True}})
    assert (told.create_time, told.update_time) == ("2026-08-01T12:00:00.000", "2026-08-01T12:00:01.250")


def test_a_list_is_newest_first_then_by_id(here: Profiled, clock: Clock) -> None:
    early = sorted((here.template({"A": ""}) for _ in range(6)), reverse=True)
    clock.now += 0.001
    late = sorted((here.template({"A": ""}) for _ in range(6)), reverse=True)
    page = here.listed()
    assert [each.profile_template_id for each in page.profile_templates] == [*late, *early[:4]]
    assert (page.total, page.current, page.size, page.pages) == (12, 1, 10, 2)
    rest = here.listed(page=3, size=5)
    assert [each.profile_template_id for each in rest.profile_templates] == early[4:]
    assert (rest.total, rest.current, rest.size, rest.pages) == (12, 3, 5, 3)
    beyond = here.listed(page=10**30, size=100)
    assert (beyond.profile_templates, beyond.total, beyond.pages) == ((), 12, 1)


def test_a_template_of_another_project_is_not_there(here: Profiled, person: str) -> None:
    there = Profiled(here.engine, "other")
    calls: list[Callable[[], Any]] = [
        lambda: there.read(person),
        lambda: there.update(person, {"A": "x"}),
        lambda: there.drop(person),
        lambda: there.bind(person, ADA),
        lambda: there.edit(person, ADA, {"Pets": "x"}),
        lambda: there.delete(person, ADA),
    ]
    for call in calls:
        with pytest.raises(NotFound) as caught:
            call()
        assert caught.value.code == 40001
    assert (there.listed().total, there.held(ADA), there.found("pets", ADA)) == (0, {}, [])
    assert here.fields(person) == here.held(ADA)[person] == PERSON
    own = there.template({"Pets": "own"})
    there.bind(own, ADA)
    assert there.read(own).project_id == there.page(ADA)[0].project_id == "other"
    assert (there.held(ADA), here.held(ADA)) == ({own: {"Pets": "own"}}, {person: PERSON})


def test_binding_again_keeps_what_is_there(here: Profiled, person: str) -> None:
    here.edit(person, ADA, {"Basics.City": "Lyon"}, remove=("Pets",))
    here.bind(person, ADA, ADA)
    assert here.held(ADA) == {person: {"Basics.City": "Lyon", "Basics.Name": "!nobody"}}
    assert here.read(person).instance_count == 3


def test_an_edit_changes_what_it_names(here: Profiled, person: str, clock: Clock) -> None:
    clock.now += 60
    here.edit_raw(person, ADA, metadata={"Basics": {"Name": {"value": "Ada"}, "City": {"algorithm_updatable": False}}})
    assert here.held(ADA)[person] == {"Basics.City": "!", "Basics.Name": "!Ada", "Pets": "none"}
    assert here.held(BOB)[person] == here.held(BOT)[person] == here.fields(person) == PERSON
    times = {hit.profile_path: (hit.created_at, hit.updated_at) for hit in here.hits("x", ADA)}
    noon, later = "2026-08-01T12:00:00.000", "2026-08-01T12:01:00.000"
    assert times == {"Basics.Name": (noon, later), "Pets": (noon, noon)}
    assert (here.page(ADA)[0].created_at, here.page(ADA)[0].updated_at) == (noon, later)
    clock.now += 60
    here.edit(person, ADA, {"Basics.Name": "!Ada"}, remove=())
    assert here.page(ADA)[0].updated_at == later


def test_a_field_removed_is_gone_until_it_is_set(here: Profiled, person: str) -> None:
    for _ in range(2):
        here.edit(person, ADA, remove=("Basics.Name", "Pets", "Pets"))
    assert here.held(ADA)[person] == {"Basics.City": ""}
    here.edit_raw(person, ADA, metadata={"Basics": {"Name": {"algorithm_updatable": True}}, "Pets": {"value": "cat"}})
    assert here.held(ADA)[person] == {"Basics.City": "", "Basics.Name": "nobody", "Pets": "cat"}
    here.edit(person, ADA, remove=tuple(PERSON))
    assert here.held(ADA) == {person: {}}


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {"Pets": {"value": "cat"}, "Age": {"value": "9"}}},
        {"metadata": {"Pets": {"More": {"value": "cat"}}}},
        {"metadata": {"Pets": {"value": "cat"}}, "remove_fields": ["Basics"]},
        {"metadata": {"Pets": {"value": "cat"}}, "remove_fields": ["Pets"]},
    ],
)
def test_a_wrong_edit_changes_nothing(here: Profiled, person: str, change: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as caught:
        here.edit_raw(person, ADA, **change)
    assert caught.value.code == 40000
    assert here.held(ADA)[person] == PERSON


def test_only_what_changed_in_the_template_changes_in_profiles(here: Profiled, person: str) -> None:
    here.edit(person, ADA, {"Basics.City": "Lyon", "Basics.Name": "!Ada"}, remove=("Pets",))
    assert here.update(person, PERSON, name="Being") == 0
    assert here.update(person, {**PERSON, "Basics.Name": "nobody", "New": "!new"}) == 3
    assert here.held(ADA)[person] == {"Basics.City": "Lyon", "Basics.Name": "nobody", "New": "!new"}
    assert here.held(BOB)[person] == {**PERSON, "Basics.Name": "nobody", "New": "!new"}


def test_a_changed_field_comes_back_to_profiles_that_removed_it(here: Profiled, person: str) -> None:
    here.edit(person, ADA, remove=("Pets",))
    assert here.update(person, {**PERSON, "Pets": "?"}) == 3
    assert here.held(ADA)[person]["Pets"] == "?"


def test_affected_are_only_those_that_are_not_what_they_were(here: Profiled, person: str) -> None:
    here.edit(person, ADA, {"Pets": "cat"})
    assert here.update(person, {**PERSON, "Pets": "cat"}) == 2
    here.edit(person, BOB, remove=("Pets",))
    assert here.update(person, {"Basics.City": "", "Basics.Name": "!nobody"}) == 2
    assert here.held(ADA) == here.held(BOB) == {person: {"Basics.City": "", "Basics.Name": "!nobody"}}


def test_a_field_may_become_names_of_more(here: Profiled, person: str) -> None:
    here.edit(person, ADA, {"Pets": "cat"})
    assert here.update(person, {"Pets.Cat.Name": "", "Basics": "none"}) == 3
    assert here.held(ADA)[person] == here.held(BOT)[person] == {"Pets.Cat.Name": "", "Basics": "none"}


def test_a_template_goes_with_all_of_its_profiles(here: Profiled, person: str) -> None:
    other = here.template({"A": "x"})
    here.bind(other, ADA)
    assert here.drop(person) == 3
    assert (here.held(ADA), here.held(BOB)) == ({other: {"A": "x"}}, {})
    with pytest.raises(NotFound):
        here.read(person)


def test_users_agents_and_templates_go_alone(here: Profiled, person: str, talk: Talk) -> None:
    here.edit(person, BOT, {"Pets": "cat"})
    talk.delete(user_id="ada")
    assert (here.held(ADA), here.held(BOB)[person], here.held(BOT)[person]["Pets"]) == ({}, PERSON, "cat")
    talk.delete(agent_id="ada")
    assert (here.held(BOT), here.read(person).instance_count) == ({}, 1)
    here.delete(person, BOB)
    with pytest.raises(NotFound):
        here.delete(person, BOB)
    here.bind(person, ADA)  # may be given a number that somebody else had
    assert (here.held(ADA), here.held(BOB)) == ({person: PERSON}, {})


def test_a_user_known_by_profile_alone_can_be_deleted(here: Profiled, talk: Talk) -> None:
    here.bind(here.template({"A": "x"}), ADA)
    assert talk.page(user_id="ada").total == 1
    talk.delete(user_id="ada")
    with pytest.raises(NotFound):
        talk.delete(user_id="ada")


@pytest.mark.parametrize("way", ["profile", "template", "field", "update", "user"])
def test_what_was_deleted_is_not_in_the_file(path: Path, way: str) -> None:
    secret, engine = "quarterstaffs", Engine(path)
    here = Profiled(engine)
    template = here.template({"A": "", "B": ""})
    here.bind(template, ADA)
    here.edit(template, ADA, {"A": secret})
    assert secret.encode() in b"".join(each.read_bytes() for each in path.parent.iterdir())
    if way == "user":
        Talk(engine).delete(user_id="ada")
    ways: dict[str, Callable[[], object]] = {
        "profile": lambda: here.delete(template, ADA),
        "template": lambda: here.drop(template),
        "field": lambda: here.edit(template, ADA, remove=("A",)),
        "update": lambda: here.update(template, {"B": ""}),
    }
    ways.get(way, lambda: None)()
    assert secret.encode() not in b"".join(each.read_bytes() for each in path.parent.iterdir())
    engine.close()


def test_an_add_for_nothing_but_profiles_is_refused(here: Profiled, person: str, talk: Talk) -> None:
    for views in (["profile"], ["skill", "profile"]):
        with pytest.raises(ServerFault) as caught:
            talk.add("I live in Metz.", user_id="ada", allow_memory_view=views)
        assert caught.value.code == 50002
    talk.add("I live in Metz.", user_id="ada", allow_memory_view=["profile", "detail_factual"])
    assert talk.facts("Metz", user_id="ada") == ["I live in Metz."]
    assert here.held(ADA)[person] == PERSON
