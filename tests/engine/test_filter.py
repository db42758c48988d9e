from typing import Any

import pytest

from tests.engine.conftest import Clock, Talk


@pytest.fixture
def shelf(talk: Talk, clock: Clock) -> Talk:
    """Three preferences about tea, each of another call."""
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
        ({"n": "1"}, set()),
        ({"yes": True}, {"green"}),
        ({"many": "q"}, {"green"}),
        ({"many": "r"}, set()),
        ({"big": 2**70}, {"iced"}),
        ({"nothing": "x"}, set()),
        ({"app_id": "shop"}, {"black"}),
        ({"app_id": "sho"}, set()),
        ({"agent_id": "bot"}, {"black", "iced"}),
        ({"agent_id": "other"}, {"iced"}),
        ({"related_id": ["other", "nobody"]}, {"iced"}),
        ({"related_id": ["u"]}, {"green", "black", "iced"}),
        ({"create_time": {"gte": "2026-08-02"}}, {"black", "iced"}),
        ({"create_time": {"gt": "2026-08-02"}}, {"iced"}),
        ({"create_time": {"lt": "2026-08-02"}}, {"green"}),
        ({"create_time": {"lte": "2026-08-02"}}, {"green", "black"}),
        ({"create_time": {"gte": "2026-08-02 12:00:00", "lt": "2026-08-03 12:00:00"}}, {"black"}),
        ({"update_time": {"gt": "2026-08-02 12:00:00"}}, {"iced"}),
        ({"update_time": {"lte": "2026-08-01 12:00:00"}}, {"green"}),
        ({"x' or 1=1 --": "y"}, set()),
        ({"scene": "' or '1'='1"}, set()),
    ],
)
def test_conditions(shelf: Talk, condition: dict[str, Any], expected: set[str]) -> None:
    assert passing(shelf, condition) == expected


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


def test_rough_facts_can_be_told_apart(shelf: Talk) -> None:
    shelf.engine._refiner._stopping = True  # nothing is refined from here on
    shelf.add("I like cold tea.", async_mode=True)
    fast = shelf.facts("tea", filter={"and": [{"tags": {"contains": "mode:fast"}}]})
    assert fast == ["user: [2026-08-03 12:00]: I like cold tea."]


def test_delete_by_filter(shelf: Talk) -> None:
    shelf.add("I like white tea.", tags=["asia"], user_id="v")
    shelf.add("I like red tea.", tags=["asia"], project="p")
    shelf.delete(filter={"and": [{"tags": {"contains": "asia"}}]})
    assert passing(shelf, {"related_id": ["u"]}) == {"black", "iced"}
    assert shelf.facts("tea", user_id="v") == []
    assert shelf.facts("tea", project="p") == ["I like red tea."]
