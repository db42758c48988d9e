"""Profiles in search and get/memory: which fields, in which order, how many (contract §3.5)."""

import re

import pytest

from memos_integrations.engine import Engine
from tests.engine.conftest import Clock, Talk
from tests.engine.profiled import Profiled

ADA = {"user_id": "ada"}
PERSON = {"Basics.City": "Lyon", "Basics.Age": "", "Habits.Food.Breakfast": "!croissants", "Pets": "a parrot"}


@pytest.fixture
def here(engine: Engine) -> Profiled:
    return Profiled(engine)


@pytest.fixture
def person(here: Profiled) -> str:
    template = here.template(PERSON)
    here.bind(template, ADA)
    return template


def test_fields_are_ranked_by_words_and_all_are_told(here: Profiled, person: str) -> None:
    assert here.found("Which city do I live in?", ADA)[0] == "Basics.City: Lyon"
    assert here.found("What is my parrot called?", ADA)[0] == "Pets: a parrot"
    assert here.found("What shall I eat this morning?", ADA)[0] == "Habits.Food.Breakfast: croissants"
    every = {"Basics.City: Lyon", "Habits.Food.Breakfast: croissants", "Pets: a parrot"}
    assert set(here.found("Tell me something.", ADA)) == every
    assert "Basics.Age" not in str(here.found("What is my age?", ADA))


def test_chinese_fields_are_found(here: Profiled) -> None:
    here.bind(here.template({"基本信息.城市": "里昂", "基本信息.宠物": "鹦鹉"}), ADA)
    assert here.found("我住在哪个城市？", ADA)[0] == "基本信息.城市: 里昂"
    assert here.found("我的鹦鹉", ADA)[0] == "基本信息.宠物: 鹦鹉"


def test_what_a_hit_tells(here: Profiled, person: str) -> None:
    food, pets = sorted(here.hits("breakfast", ADA), key=lambda hit: hit.memory)[1:]
    assert (food.profile_category, food.profile_field, food.profile_path) == (
        "Habits",
        "Breakfast",
        "Habits.Food.Breakfast",
    )
    assert (pets.profile_category, pets.profile_field, pets.profile_path) == (None, "Pets", "Pets")
    assert (food.algorithm_updatable, pets.algorithm_updatable) == (False, True)
    assert (food.memory_type, food.template_id, food.status) == ("ProfileMemory", person, "activated")
    assert food.confidence is not None
    assert food.relativity == 1.0
    assert pets.relativity == 0.0


def test_a_hits_id_is_its_subjects_templates_and_fields_own(here: Profiled, person: str) -> None:
    here.bind(person, {"agent_id": "ada"}, {"user_id": "bob"})
    subjects = (ADA, {"agent_id": "ada"}, {"user_id": "bob"})
    ids = [hit.id for subject in subjects for hit in here.hits("x", subject)]
    assert len(set(ids)) == len(ids) == 9
    assert all(re.fullmatch(rf"(ada|bob)_{person}_[0-9a-f]{{16}}", each) for each in ids)
    here.edit(person, ADA, {"Pets": "a cat"})
    assert {hit.id for hit in here.hits("x", ADA)} == set(ids[:3])


def test_relativity_cuts_only_where_it_is_given(here: Profiled, person: str) -> None:
    assert here.found("parrot", ADA, relativity=0.5) == ["Pets: a parrot"]
    assert len(here.found("parrot", ADA, relativity=0)) == len(here.found("parrot", ADA)) == 3


def test_limits(here: Profiled) -> None:
    here.bind(here.template({f"N.N{number}": "parrot" for number in range(30)}), ADA)
    for limit in (0, 1, 25):
        assert len(here.found("parrot", ADA, memory_limit_number=limit)) == limit
    assert len(here.found("parrot", ADA)) == 9


def test_equals_are_told_newest_first(here: Profiled, clock: Clock, person: str) -> None:
    clock.now += 1
    here.edit(person, ADA, {"Pets": "a cat"})
    assert here.found("nothing of it", ADA)[0] == "Pets: a cat"


def test_profiles_are_asked_for_by_their_view(here: Profiled, talk: Talk, person: str) -> None:
    talk.add("I like parrots.", user_id="ada")
    assert talk.search("parrot", user_id="ada").profile_detail_list == ()
    both = talk.search("parrot", user_id="ada", include_memory_view=["profile", "detail_factual"])
    assert len(both.profile_detail_list) == 3
    assert len(both.memory_detail_list) == 1
    assert both.preference_detail_list == ()
    assert talk.page(user_id="ada").profile_detail_list
    assert talk.page(user_id="ada", include_memory_view=["preference"]).profile_detail_list == ()


TIMES = {"create_time": {"gte": "2026-08-01"}}


@pytest.mark.parametrize(
    ("condition", "passes"),
    [
        (TIMES, True),
        ({"create_time": {"gt": "2026-08-01"}}, False),
        ({"update_time": {"lte": "2026-08-01 12:00:00"}}, True),
        ({"related_id": ["bob", "ada"]}, True),
        ({"related_id": ["bob"]}, False),
        ({"tags": {"contains": "zoo"}}, False),
        ({"tags": {"contains": "mode:fine"}}, False),
        ({"agent_id": "ada"}, False),
        ({"app_id": "shop"}, False),
        ({"scene": "support"}, False),
    ],
    ids=str,
)
def test_a_filter_holds_of_times_and_of_whose_it_is(
    here: Profiled, person: str, condition: dict[str, object], passes: bool
) -> None:
    for group in ({"and": [condition, TIMES]}, {"or": [condition]}):
        assert bool(here.found("parrot", ADA, filter=group)) is passes
        assert bool(here.page(ADA, filter=group)) is passes
    assert here.found("parrot", ADA, filter={"agent": {"and": [condition]}})
    assert bool(here.found("parrot", ADA, filter={"user": {"and": [condition]}})) is passes


def test_an_agents_profile_is_the_agents_by_filter_too(here: Profiled, person: str) -> None:
    here.bind(person, {"agent_id": "bot"})
    assert here.found("parrot", {"agent_id": "bot"}, filter={"and": [{"agent_id": "bot"}]})
    assert not here.found("parrot", {"agent_id": "bot"}, filter={"and": [{"agent_id": "ada"}]})


def test_times_of_a_filter_are_the_fields_own(here: Profiled, clock: Clock, person: str) -> None:
    clock.now += 86_400
    here.edit(person, ADA, {"Pets": "a cat"})
    assert here.found("x", ADA, filter={"and": [{"update_time": {"gte": "2026-08-02"}}]}) == ["Pets: a cat"]
    assert here.found("x", ADA, filter={"and": [{"create_time": {"gte": "2026-08-02"}}]}) == []


def test_profiles_are_paged_newest_first_and_counted(here: Profiled, talk: Talk, clock: Clock) -> None:
    made = []
    for number in range(5):
        made.append(here.template({"Z": str(number), "A": ""}))
        here.bind(made[-1], ADA)
        clock.now += number % 2  # some at once
    talk.add("parrots", "bread", user_id="ada")
    pages = [talk.page(user_id="ada", page=page, size=2) for page in (1, 2, 3, 4)]
    told = [each.profile_template_id for page in pages for each in page.profile_detail_list]
    assert told == made[::-1]
    assert {(page.total, page.pages) for page in pages} == {(5, 3)}
    (first, _) = pages[0].profile_detail_list
    assert list(first.properties) == ["Z", "A"]
    assert (first.project_id, first.status) == ("default", "activated")
    assert first.created_at == first.updated_at
    assert len({each.id for page in pages for each in page.profile_detail_list}) == 5
    talk.add(*map(str, range(9)), user_id="ada")
    assert talk.page(user_id="ada").total == 11
    assert talk.page(user_id="ada", include_memory_view=["profile", "preference"]).total == 5
    assert talk.page(user_id="ada", include_memory_view=["skill"]).total == 0
