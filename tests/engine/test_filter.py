from typing import Any

import pytest

from tests.engine.conftest import Clock, Talk


@pytest.fixture
def shelf(talk: Talk, clock: Clock) -> Talk:
    """Three preferences about tea, each of another call: green, black and iced at noon of 1, 2 and 3 August 2026."""
    talk.add(
        "I like green tea.", tags=["drink", "asia"], info={"scene": "home", "n": 1, "many": ["p", "q"], "yes": True}
    )
    clock.now += 86_400
    talk.add(
        "I like black tea.",
        tags=["drink"],
        info={"scene": "work", "n": 2.5},
        app_id="shop",
        user_id="u",
        agent_id="bot",
    )
    clock.now += 86_400
    talk.add("I like iced tea.", user_id="u", agent_id=["bot", "other"], info={"big": 2**70})
    return talk


def passing(talk: Talk, *conditions: dict[str, Any], joint: str = "and") -> set[str]:
    """The kinds of tea that pass: searched facts, searched preferences and pages must agree."""
    wanted = {joint: list(conditions)}
    found, page = talk.search("tea", filter=wanted), talk.page(filter=wanted)
    facts = {fact.memory_value.split()[2] for fact in found.memory_detail_list}
    assert facts == {item.preference.split()[2] for item in found.preference_detail_list}
    assert facts == {fact.memory_value.split()[2] for fact in page.memory_detail_list}
    assert facts == {item.preference.split()[2] for item in page.preference_detail_list}
    assert page.total == len(facts)
    return facts


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"tags": {"contains": "asia"}}, {"green"}),
        ({"tags": {"contains": "drink"}}, {"green", "black"}),
        ({"tags": {"contains": "dri"}}, set()),
        ({"tags": {"contains": "mode:fine"}}, {"green", "black", "iced"}),
        ({"tags": {"contains": "mode:fast"}}, set()),
        ({"scene": "home"}, {"green"}),
        ({"info": {"scene": "work", "n": 2.5}}, {"black"}),
        ({"info": {"scene": "home", "n": 2.5}}, set()),
        ({"n": 1}, {"green"}),
        ({"n": 1.0}, {"green"}),
        ({"n": "1"}, set()),
        ({"n": True}, set()),
        ({"info": {"n": 1}}, {"green"}),
        ({"yes": True}, {"green"}),
        ({"yes": False}, set()),
        ({"yes": 1}, set()),
        ({"yes": "true"}, set()),
        ({"info": {"yes": True}}, {"green"}),
        ({"many": "q"}, {"green"}),
        ({"many": "r"}, set()),
        ({"info": {"many": "p"}}, {"green"}),
        ({"info": {"many": "p", "scene": "home"}}, {"green"}),
        ({"big": 2**70}, {"iced"}),
        ({"nothing": "x"}, set()),
        ({"app_id": "shop"}, {"black"}),
        ({"app_id": "sho"}, set()),
        ({"agent_id": "bot"}, {"black", "iced"}),
        ({"agent_id": "other"}, {"iced"}),
        ({"related_id": ["other", "nobody"]}, {"iced"}),
        ({"related_id": ["u"]}, {"green", "black", "iced"}),
        ({"x' or 1=1 --": "y"}, set()),
        ({"scene": "' or '1'='1"}, set()),
    ],
)
def test_conditions(shelf: Talk, condition: dict[str, Any], expected: set[str]) -> None:
    assert passing(shelf, condition) == expected


@pytest.mark.parametrize("field", ["create_time", "update_time"])
@pytest.mark.parametrize(
    ("operators", "expected"),
    [
        ({"gt": "2026-08-02"}, {"iced"}),
        ({"gte": "2026-08-02"}, {"black", "iced"}),
        ({"lt": "2026-08-02"}, {"green"}),
        ({"lte": "2026-08-02"}, {"green", "black"}),
        ({"gt": "2026-08-02 12:00:00"}, {"iced"}),
        ({"gt": "2026-08-02 11:59:59"}, {"black", "iced"}),
        ({"gte": "2026-08-02 12:00:00"}, {"black", "iced"}),
        ({"gte": "2026-08-02 12:00:01"}, {"iced"}),
        ({"lt": "2026-08-02 12:00:00"}, {"green"}),
        ({"lt": "2026-08-02 12:00:01"}, {"green", "black"}),
        ({"lte": "2026-08-02 12:00:00"}, {"green", "black"}),
        ({"lte": "2026-08-02 11:59:59"}, {"green"}),
        ({"gte": "2026-08-02", "lt": "2026-08-03 12:00:00"}, {"black"}),
        ({"gt": "2026-08-03", "lt": "2026-08-01"}, set()),
    ],
)
def test_times(shelf: Talk, field: str, operators: dict[str, str], expected: set[str]) -> None:
    assert passing(shelf, {field: operators}) == expected


def test_a_filter_binds_before_ranking(talk: Talk) -> None:
    for _ in range(10):
        talk.add(*["Tea, tea, tea!"] * 1000, conversation_id="c")
    worst = "Long ago a friend of hers once had some tea with a parrot and its many cousins in another town."
    talk.add(worst, tags=["one"])
    assert talk.facts("tea", memory_limit_number=1) != [worst]
    assert talk.facts("tea", filter={"and": [{"tags": {"contains": "one"}}]}, memory_limit_number=1) == [worst]


def test_and_or(shelf: Talk) -> None:
    green, bot = {"scene": "home"}, {"agent_id": "bot"}
    assert passing(shelf, green, bot) == set()
    assert passing(shelf, green, bot, joint="or") == {"green", "black", "iced"}


def test_each_source_has_its_own(shelf: Talk) -> None:
    shelf.add("I like agents' tea.", agent_id="bot")
    nothing = {"and": [{"scene": "nowhere"}]}
    assert shelf.facts("tea", filter={"user": nothing}) == []
    assert len(shelf.facts("tea", filter={"agent": nothing})) == 3
    assert len(shelf.facts("tea", filter={"user": nothing}, agent_id="bot")) == 1
    assert shelf.facts("tea", filter={"agent": nothing}, agent_id="bot") == []
    assert len(shelf.facts("tea", filter={"public": nothing, "knowledgebase": nothing})) == 3
    home = {"or": [{"scene": "home"}, {"app_id": "none"}]}
    assert shelf.facts("tea", filter={"user": home, "agent": nothing}) == ["I like green tea."]


def test_a_subject_is_named_beside_the_filter_not_in_it(shelf: Talk) -> None:
    shelf.add("I like agents' tea.", agent_id="bot", tags=["asia"])
    asia = {"and": [{"tags": {"contains": "asia"}}]}
    assert shelf.facts("tea", filter=asia) == ["I like green tea."]
    assert shelf.facts("tea", filter=asia, agent_id="bot") == ["I like agents' tea."]


def test_pages_take_the_global_form_alone(shelf: Talk) -> None:
    with pytest.raises(ValueError, match="no map of sources"):
        shelf.page(filter={"user": {"and": [{"scene": "home"}]}})


def test_rough_facts_can_be_told_apart(shelf: Talk) -> None:
    shelf.engine._refiner._stopping = True  # nothing is refined from here on
    shelf.add("I like cold tea.", async_mode=True)
    fast = shelf.facts("tea", filter={"and": [{"tags": {"contains": "mode:fast"}}]})
    assert fast == ["user: [2026-08-03 12:00]: I like cold tea."]


def test_delete_by_filter(shelf: Talk) -> None:
    shelf.add("I like white tea.", tags=["asia"], user_id="v")
    shelf.add("I like red tea.", tags=["asia"], project="p")
    shelf.delete(filter={"and": [{"tags": {"contains": "asia"}}, {"create_time": {"gte": "2026-08-01"}}]})
    assert passing(shelf, {"related_id": ["u"]}) == {"black", "iced"}
    assert shelf.facts("tea", user_id="v") == []
    assert shelf.facts("tea", project="p") == ["I like red tea."]
