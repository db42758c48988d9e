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
def test_what_is_not_meant_as_ones_own_is_none(language: str) -> None:
    assert [text for text in lines(f"not-meant-{language}.txt") if found(text)] == []


def test_a_quotation_runs_over_sentences_and_lines_given_to_translate() -> None:
    assert found('My aunt said "I hate jazz. I only drink tea" at dinner.') == []
    assert found("Translate the following:\nI am vegan.\nI avoid sugar.") == []
    assert found("翻译下面的话：\n我讨厌下雨。") == []


def test_a_statement_beside_others_words_is_kept_as_it_was_said() -> None:
    told = 'My aunt calls it "noise", but I love "The Planets" by Holst.'
    assert found(told) == [told]
    assert found('"I avoid trains."') == ['"I avoid trains."']


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


NOT_MEANT = """\
My mother said "I hate jazz" yesterday.
He told me: I never eat meat.
She said that I like jazz too much.
Nobody says I hate cake.
Translate: "I am allergic to peanuts"
我妈说“我不吃香菜”
小明说："我讨厌数学。"
他说我不喜欢他。
我儿子对花生过敏
我们公司的同事对海鲜过敏
I am not allergic to anything.
I'm not vegetarian.
I have no allergies.
我没有过敏
我不是素食者
我以前喜欢咖啡
I wonder whether I like tea
I don't know if I like coffee.
If I hated cats, I would say so.
我想问一下我是不是过敏
如果我不喜欢怎么办
I prefer not to say.
For medical reasons the flight was cancelled.
I'm deaf to his complaints.
用Python写一个函数"""
MEANT = """\
I´m lactose intolerant
My wife and I are vegetarians.
We don't eat pork.
I'd say I prefer tea.
If possible, I prefer window seats.
如果可以，我喜欢靠窗"""


@pytest.mark.parametrize("text", NOT_MEANT.splitlines())
def test_what_others_say_or_nobody_means_is_no_preference(text: str) -> None:
    """Quotes, reports, other people's limits, the contrary, the past, and what is only supposed."""
    assert found(text) == []


@pytest.mark.parametrize("text", MEANT.splitlines())
def test_what_is_meant_is_found_in_spite_of_its_company(text: str) -> None:
    assert found(text)
