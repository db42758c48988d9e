"""What an extractor tells of an add, and what becomes of it."""

from collections.abc import Iterator
from typing import Any

import pytest

from memos_integrations.engine._extraction import (
    Experience,
    Extraction,
    FieldValue,
    NewEvent,
    NewFact,
    NewPreference,
    NewSkill,
)
from memos_integrations.wire.answers import TaskStatus
from memos_integrations.wire.calls import GetMemoryById, GetStatus
from tests.engine.conftest import Clock, Talk
from tests.engine.extractors import Telling, learning

MOVED = NewFact(0, "Ada moved to Lyon in August 2026.", "Ada's move", own=True)
USED = [
    {"role": "user", "content": "What is the fare to Rome?"},
    {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "fares", "arguments": '{"to": "Rome"}'}}]},
    {"role": "tool", "tool_call_id": "1", "content": '{"price": 80}'},
    {"role": "assistant", "content": "80 euros."},
]


@pytest.fixture
def extractor() -> Telling:
    return Telling()


@pytest.fixture
def talk(extractor: Telling, clock: Clock) -> Iterator[Talk]:
    talk = learning(extractor, clock=clock)
    yield talk
    talk.engine.close()


def status(talk: Talk, task: str | None) -> TaskStatus:
    return talk.engine.get_status(GetStatus(task_id=task or ""))


def views(talk: Talk, task: str | None, verb: str) -> dict[str, int]:
    changed = status(talk, task).memory_views.get(verb, {})
    return {view: len(ids["memory_ids"]) for view, ids in changed.items()}


def test_facts_take_the_place_of_a_lines_words(talk: Talk, extractor: Telling) -> None:
    extractor.script.append(Extraction(facts=(MOVED, NewFact(0, "Her flat is small."))))
    added = talk.add("I moved to Lyon last week.", conversation_id="c")
    assert added.status == "completed"
    newer, moved = talk.page().memory_detail_list
    assert (moved.memory_key, moved.memory_value) == ("Ada's move", MOVED.text)
    assert (moved.memory_type, moved.tags, moved.conversation_id) == ("UserMemory", ("mode:fine",), "c")
    assert (newer.memory_type, newer.memory_key) == ("LongTermMemory", "Her flat is small.")
    assert moved.sources[0]["content"] == "I moved to Lyon last week."
    assert talk.facts("Lyon")[0] == MOVED.text
    assert talk.facts("last week") == []
    assert views(talk, added.task_id, "added") == {"detail_factual": 2}
    with talk.engine._store.reading():
        owner = talk.engine._store.owner("", "user", "u")
    assert owner
    assert owner.facts == 2


def test_a_line_without_any_keeps_its_words(talk: Talk, extractor: Telling) -> None:
    extractor.script.append(Extraction(facts=(NewFact(1, "It is warm."),)))
    talk.add("My sister is called Eve.", "So warm!", "Hello")
    assert sorted(fact.memory_value for fact in talk.page().memory_detail_list) == [
        "Hello",
        "It is warm.",
        "My sister is called Eve.",
    ]


def test_names_and_roles(talk: Talk, extractor: Telling) -> None:
    extractor.script.append(Extraction(facts=(MOVED, NewFact(1, "Lyon has two rivers.", own=True))))
    messages = [
        {"role": "user", "role_name": "Ada", "content": "I moved."},
        {"role": "assistant", "content": "Two rivers!"},
    ]
    talk.add(messages=messages)
    assert set(talk.facts("Lyon")) == {MOVED.text, "[assistant view] Lyon has two rivers."}
    assert {fact.memory_type for fact in talk.page().memory_detail_list} == {"UserMemory", "LongTermMemory"}
    assert [line.name for line in extractor.asked[0].lines] == ["Ada", ""]


def test_preferences_explicit_and_implicit(talk: Talk, extractor: Telling) -> None:
    concluded = NewPreference(1, "Ada prefers trains.", "She took one three times.", implicit=True)
    extractor.script.append(
        Extraction(preferences=(NewPreference(0, "Ada loathes flying.", "She says so."), concluded))
    )
    talk.add("I hate flying.", "By train, as ever.", "I avoid coriander.")
    found = {item.preference: item for item in talk.page().preference_detail_list}
    assert found.keys() == {"Ada loathes flying.", "Ada prefers trains.", "I avoid coriander."}
    assert found["Ada prefers trains."].preference_type == "implicit_preference"
    assert found["Ada prefers trains."].reasoning == "She took one three times."
    assert found["Ada loathes flying."].preference_type == "explicit_preference"
    assert talk.preferences("trains")[0] == "Ada prefers trains."


def test_events_are_the_extractors_alone(talk: Talk, extractor: Telling) -> None:
    trip = NewEvent(0, "Ada flies to Rome.", "Trip to Rome", ("3 May 2027",), ("Rome",), ("Ada",))
    extractor.script.append(Extraction(events=(trip,)))
    added = talk.add("On 3 May 2027 I fly.", "On 4 May 2027 I am back in Lyon.")
    (event,) = talk.page(include_memory_view=["event"]).event_detail_list
    assert (event.event_key, event.event_value) == ("Trip to Rome", "Ada flies to Rome.")
    assert (event.event_time, event.event_location, event.event_roles) == (("3 May 2027",), ("Rome",), ("Ada",))
    assert views(talk, added.task_id, "added")["event"] == 1


def test_experiences_of_tools(talk: Talk, extractor: Telling) -> None:
    extractor.script.append(Extraction(experiences=(Experience(2, "Name the city in English."),)))
    talk.add(messages=USED)
    assert extractor.asked[0].views == {"detail_factual", "preference", "event", "tool_memory"}
    assert extractor.asked[0].lines[1].text == '\nfares {"to": "Rome"}'
    (tool,) = talk.page(include_memory_view=["tool_memory"]).tool_memory_detail_list
    assert tool.experience == "Name the city in English."
    assert tool.tool_value.startswith("What is the fare to Rome?")


def test_what_is_outdated_is_archived_and_told(talk: Talk, extractor: Telling) -> None:
    extractor.script.append(Extraction(preferences=(NewPreference(0, "Ada likes Nice."),)))
    talk.add("I live in Nice and like Nice.")
    extractor.script.append(lambda asked: Extraction(facts=(NewFact(0, "Ada lives in Lyon.", replaces=(0, 1, 7)),)))
    added = talk.add("I live in Lyon now.", conversation_id="later")
    assert [(known.view, known.text) for known in extractor.asked[1].known] == [
        ("detail_factual", "I live in Nice and like Nice."),
        ("preference", "Ada likes Nice."),
    ]
    assert talk.facts("live") == ["Ada lives in Lyon."]
    assert talk.preferences("Nice") == []
    assert views(talk, added.task_id, "deleted") == {"detail_factual": 1, "preference": 1}
    (old,) = status(talk, added.task_id).memory_views["deleted"]["detail_factual"]["memory_ids"]
    assert talk.engine.get_memory_by_id(GetMemoryById(memory_id=old)).status == "archived"


def test_nothing_of_others_is_shown(talk: Talk, extractor: Telling) -> None:
    others: list[dict[str, Any]] = [{"user_id": "eve"}, {"agent_id": "u"}, {"project": "other"}]
    for marks in others:
        talk.add("I live in Nice. I like trains to Nice.", conversation_id="c", **marks)
    talk.add("I live in Lyon. I like trains.", conversation_id="c")
    assert (len(extractor.asked[-1].known), len(extractor.asked[-1].before)) == (0, 0)
    talk.add("I live in Nice, and like trains.", conversation_id="c")
    assert "I live in Lyon. I like trains." in {known.text for known in extractor.asked[-1].known}
    assert [line.text for line in extractor.asked[-1].before] == ["I live in Lyon. I like trains."]


@pytest.mark.parametrize(
    ("wanted", "asked"),
    [
        (["preference"], {"preference"}),
        (["detail_factual", "skill"], {"detail_factual", "skill"}),
        (["profile"], None),
        (["tool_memory"], None),
    ],
)
def test_only_the_views_of_the_add(talk: Talk, extractor: Telling, wanted: list[str], asked: set[str] | None) -> None:
    everything = Extraction(
        (MOVED,), (NewPreference(0, "Lyon."),), (NewEvent(0, "Move."),), filled=(FieldValue(0, "a"),)
    )
    extractor.script.append(everything)
    added = talk.add("I moved to Lyon.", allow_memory_view=wanted)
    assert [set(each.views) for each in extractor.asked] == ([] if asked is None else [asked])
    kinds = {"detail_factual", "preference"} & set(wanted)
    assert views(talk, added.task_id, "added").keys() == kinds


def test_a_skill(talk: Talk, extractor: Telling) -> None:
    skill: dict[str, Any] = {"name": "Fares", "description": "How to find them.", "procedure": "1. Ask."}
    extractor.script.append(Extraction(skills=(NewSkill(0, skill),)))
    added = talk.add("This is how to find fares.", allow_memory_view=["skill"])
    assert views(talk, added.task_id, "added") == {"skill": 1}
    (found,) = talk.search("fares", include_memory_view=["skill"]).skill_detail_list
    assert found.skill_value["procedure"] == "1. Ask."


def test_nobody_is_asked_about_nothing(talk: Talk, extractor: Telling) -> None:
    talk.add("Be brief.", role="system")
    talk.add(" ")
    assert extractor.asked == []


def test_of_a_very_long_line_the_words_stay(talk: Talk, extractor: Telling) -> None:
    extractor.script.append(Extraction(facts=(MOVED,)))
    talk.add("I moved to Lyon. " * 1_000 + "The parrot is called Polly.")
    assert len(extractor.asked[0].lines[0].text) == 6_000
    assert "Polly" in talk.facts("parrot")[0]
    assert MOVED.text in talk.facts("Lyon")
    assert {fact.tags for fact in talk.page(size=50).memory_detail_list} == {("mode:fine",)}


def test_many_lines_share_the_room(talk: Talk, extractor: Telling) -> None:
    talk.add(*["x" * 3_000] * 40)
    assert {len(line.text) for line in extractor.asked[0].lines} == {1_200}


def test_each_member_of_a_group_is_asked_about_alone(talk: Talk, extractor: Telling) -> None:
    extractor.script.extend([Extraction(facts=(MOVED,)), RuntimeError()])
    talk.add("I moved to Lyon.", user_id=["a", "b"])
    assert talk.facts("Lyon", user_id="a") == [MOVED.text]
    assert talk.facts("Lyon", user_id="b") == ["I moved to Lyon."]
