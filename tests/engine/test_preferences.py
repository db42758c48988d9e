from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos_integrations.engine._extract import Stated, stated
from memos_integrations.engine._pattern import pattern
from memos_integrations.engine._preferences import LONGEST_STATEMENT, kind_of, preferences

DATA = Path(__file__).parent / "data"


def lines(name: str) -> list[str]:
    return (DATA / name).read_text("utf-8").splitlines()


def found(text: str) -> list[str]:
    return [statement for _, statement in preferences(text)]


@pytest.mark.parametrize("language", ["english", "chinese"])
def test_preferences_are_found(language: str) -> None:
    statements = lines(f"preferences-{language}.txt")
    missed = [statement for statement in statements if not found(statement)]
    assert len(statements) >= 40
    assert missed == []


@pytest.mark.parametrize("language", ["english", "chinese"])
def test_other_talk_is_none(language: str) -> None:
    assert [text for text in lines(f"no-preferences-{language}.txt") if found(text)] == []


@pytest.mark.parametrize("language", ["english", "chinese"])
def test_questions_never_count(language: str) -> None:
    asked = [
        statement.rstrip("。.") + "?" for statement in lines(f"preferences-{language}.txt") if "," not in statement
    ]
    assert [text for text in asked if found(text) == [text]] == []


def test_a_statement_before_a_question_counts() -> None:
    assert found("I'm vegan, what can I bake?") == ["I'm vegan"]
    assert found("我很怕辣，有什么推荐吗？") == ["我很怕辣"]
    assert found("Do I like tea, or do I avoid it?") == []


def test_each_statement_once_and_in_order() -> None:
    text = "I hate jazz. Nice weather today! I only drink tea. I hate jazz."
    assert list(preferences(text)) == [("dislike", "I hate jazz."), ("preference", "I only drink tea.")]


def test_kinds() -> None:
    kinds = {
        "I can't stand noise.": "dislike",
        "I avoid motorways.": "avoidance",
        "I'm allergic to cats.": "limit",
        "I'd rather walk.": "preference",
        "I love hiking.": "like",
        "Please answer briefly.": "instruction",
        "请用中文回答。": "instruction",
        "It rains.": None,
    }
    assert {text: kind_of(text) for text in kinds} == kinds


def test_a_pasted_text_is_no_statement() -> None:
    assert kind_of("I avoid " + "x" * LONGEST_STATEMENT) is None


def test_statements_name_their_speaker_and_their_reason() -> None:
    assert stated("I avoid trains.", "Ann") == [
        Stated("Ann: I avoid trains.", "Stated explicitly by the user (something avoided).")
    ]
    assert stated("我讨厌早起。", "") == [Stated("我讨厌早起。", "用户明确表达（不喜欢）。")]


pieces = st.sampled_from(
    ["I ", "have ", "very ", "really ", "not ", "a", "-", "ly ", "to ", ",", ".", "我", "不", "很"]
)


@given(st.lists(pieces).map("".join))
def test_no_text_takes_long_or_fails(text: str) -> None:
    list(preferences(text * 20))


def test_the_notation() -> None:
    rule = pattern("<I>{like do_not can't} x{2,3}", {"I": r"\bi (?:<MUCH> )?", "MUCH": "{very really}"})
    assert rule.search("Well, I really do  not xx")
    assert rule.search("i can’t xxx")
    assert not rule.search("I like x")
