"""What a model answers, read with patience."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos_integrations.engine._extraction import (
    Experience,
    Extraction,
    Field,
    FieldValue,
    Known,
    Line,
    NewEvent,
    NewFact,
    NewPreference,
    NewSkill,
    ToExtract,
)
from memos_integrations.engine._extractor_answer import LONGEST, read
from memos_integrations.engine._extractor_prompt import MEMBERS
from memos_integrations.errors import ServerFault

MARKER = "Xq7MARKERq7X"
VIEWS = frozenset(("detail_factual", "preference", "event", "tool_memory", "profile", "skill"))
LINES = (Line("user", "I live in Lyon."), Line("assistant", "Nice."), Line("tool", "{}"), Line("system", "Be brief."))
ASKED = ToExtract(
    LINES, VIEWS, known=(Known("detail_factual", "a"), Known("preference", "b")), fields=(Field("A", ""),)
)
FACT = {"line": 1, "text": "The user lives in Lyon.", "title": "Home", "own": True, "replaces": [1]}
LYON = NewFact(0, "The user lives in Lyon.", "Home", True, (0,))


def read_all(**said: Any) -> Extraction:
    return read(json.dumps(said), ASKED)


def test_all_kinds() -> None:
    skill = {"name": "Pack", "description": "How.", "procedure": "1. Fold.", "experience": ["Roll."], "examples": []}
    move = {"text": "A move.", "title": "Move", "times": ["May"], "places": ["Lyon"], "people": ["Ada"]}
    found = read_all(
        facts=[FACT],
        preferences=[{"line": 1, "text": "Likes Lyon.", "reasoning": "Stays.", "implicit": True, "replaces": [2]}],
        events=[{"line": 2, **move}],
        skills=[{"line": 2, **skill}],
        fields=[{"field": 1, "value": "Lyon"}],
        experiences=[{"line": 3, "text": "It works."}],
    )
    assert found == Extraction(
        facts=(LYON,),
        preferences=(NewPreference(0, "Likes Lyon.", "Stays.", True, (1,)),),
        events=(NewEvent(1, "A move.", "Move", ("May",), ("Lyon",), ("Ada",)),),
        skills=(NewSkill(1, {**skill, "preference": []}),),
        filled=(FieldValue(0, "Lyon"),),
        experiences=(Experience(2, "It works."),),
    )


@pytest.mark.parametrize(
    "wrapped",
    [
        "```json\n{}\n```",
        "Here {you} are:\n\n{}\n\nAnything else? {}",
        "<answer>{}</answer>",
        "[{}]",
    ],
)
def test_text_around_it(wrapped: str) -> None:
    answer = wrapped.replace("{}", json.dumps({"facts": [FACT]}), 1)
    assert read(answer, ASKED).facts == (LYON,)


def test_spare_commas_and_an_end_that_is_missing() -> None:
    whole = json.dumps({"facts": [FACT, {"line": 2, "text": "The end is missing."}]})
    assert read(whole.replace("]}", ",],}"), ASKED).facts[0] == LYON
    assert read(whole[: whole.index("missing")], ASKED).facts == (LYON,)


@pytest.mark.parametrize(
    "wrong",
    [
        {"line": 9},
        {"line": 0},
        {"line": -1},
        {"line": 1.5},
        {"line": True},
        {"line": None},
        {"line": "one"},
        {"line": float("inf")},
        {"line": 3},
        {"line": 4},
        {"text": ""},
        {"text": " \n"},
        {"text": 5},
        {"text": None},
        {"text": ["a"]},
    ],
)
def test_what_is_of_no_use_is_dropped_alone(wrong: dict[str, Any]) -> None:
    assert read_all(facts=[{**FACT, **wrong}, FACT, "text", None, [FACT]]).facts == (LYON,)
    with pytest.raises(ServerFault):
        read_all(facts=[{**FACT, **wrong}])


def test_what_is_odd_is_taken_for_what_it_means() -> None:
    odd = {"line": "[1]", "text": " The user lives in Lyon.\n", "own": "yes", "replaces": ["1", 7, "x", 1], "sure": 1}
    assert read_all(facts=odd).facts == (NewFact(0, "The user lives in Lyon.", "", True, (0,)),)
    assert read_all(facts=[{"line": 2.0, "text": "Nice.", "own": True}]).facts == (NewFact(1, "Nice."),)
    assert read_all(facts=[FACT, FACT]).facts == (LYON,)
    one = ToExtract(LINES[:1], VIEWS)
    assert read(json.dumps({"facts": [{"text": "No line."}]}), one).facts == (NewFact(0, "No line.", own=True),)
    assert read_all(preferences=[{"line": 1, "text": "a", "implicit": "false"}]).preferences == (NewPreference(0, "a"),)
    (event,) = read_all(events=[{"line": 1, "text": "a", "times": "noon", "places": [" ", 5, "Lyon"]}]).events
    assert (event.times, event.places) == (("noon",), ("Lyon",))


def test_only_users_have_preferences_and_say_things_of_themselves() -> None:
    with pytest.raises(ServerFault):
        read_all(preferences=[{"line": 2, "text": "Likes tea."}])


def test_only_what_was_asked_for() -> None:
    asked = ToExtract(LINES, frozenset(("preference",)))
    assert read('{"facts": [], "preferences": []}', asked) == Extraction()
    with pytest.raises(ServerFault):
        read(json.dumps({"facts": [FACT]}), asked)


def test_sizes_are_bounded_and_halves_of_characters_dropped() -> None:
    text = read_all(facts=[{"line": 1, "text": "a\ud800" + "x" * 2 * LONGEST}]).facts[0].text
    assert text == "a" + "x" * (LONGEST - 1)
    assert len(read_all(facts=[{"line": 1, "text": str(n)} for n in range(1_000)]).facts) == 200


@pytest.mark.parametrize(
    "text",
    [
        *("", MARKER, "{}", "[]", "null"),
        *('{"facts"', '{"facts": 5}', '{"other": []}', '{"facts": {"a": 1}}', '{"facts":' * 5_000, "[" * 100_000),
    ],
)
def test_nothing_of_use(text: str) -> None:
    with pytest.raises(ServerFault) as caught:
        read(text, ASKED)
    assert caught.value.code == 50002
    assert MARKER not in str(caught.value)


def test_nothing_found_is_an_answer() -> None:
    assert read_all(facts=[], preferences=[]) == Extraction()


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 6) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["line", "text", "field"]), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(list(MEMBERS.values())), ANYTHING))
def test_whatever_it_says_names_what_is_there(said: dict[str, Any]) -> None:
    try:
        found = read(json.dumps(said), ASKED)
    except ServerFault:
        return
    lines = [one.line for kind in (found.facts, found.preferences, found.events) for one in kind]
    lines += [one.line for kind in (found.skills, found.experiences) for one in kind]
    assert all(0 <= line < len(LINES) for line in lines)
    assert all(one.place == 0 for one in found.filled)
