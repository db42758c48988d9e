"""add/feedback (contract §2.9): what it revises, what it archives, what it leaves alone."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos_integrations.engine._corrections import MOST_SENTENCES, read
from memos_integrations.engine._revision import revised
from tests.engine.conftest import Talk
from tests.engine.feedback import facts, feed, verbs

UPDATED, DELETED = {"updated": {"detail_factual": 1}}, {"deleted": {"detail_factual": 1}}


@pytest.mark.parametrize(
    ("said", "feedback", "left"),
    [
        ("I moved to Lyon in May.", 'Replace "Lyon" with "Nantes"', "I moved to Nantes in May."),
        ("I moved to Lyon in May.", "change Lyon to Nantes", "I moved to Nantes in May."),
        ("LYON! Lyonnaise, Lyon's own.", "Replace Lyon with Nantes.", "NANTES! Lyonnaise, Nantes's own."),
        (
            "I moved to Lyon.",
            "Please change every mention of Lyon to Nantes in my memories, thanks.",
            "I moved to Nantes.",
        ),
        ("My dog is called Rex.", "Rename Rex to Max.", "My dog is called Max."),
        ("I may go in May.", 'Change "May" to "June"', "I may go in June."),
        ("I like green tea.", 'Use "red tea" instead of "green tea".', "I like red tea."),
        ("我搬到里昂了。", '把"里昂"改成"南特"', "我搬到南特了。"),
        ("我搬到里昂了。", "请把里昂替换为南特。", "我搬到南特了。"),
        ("我搬到里昂了。", "用“南特”替换“里昂”", "我搬到南特了。"),
    ],
)
def test_a_word_is_replaced_wherever_it_stands(talk: Talk, said: str, feedback: str, left: str) -> None:
    talk.add(said, "Nothing of it.", conversation_id="c")
    assert verbs(talk, feed(talk, feedback))["updated"]["detail_factual"] == 1
    assert facts(talk) == {left, "Nothing of it."}


@pytest.mark.parametrize(
    ("said", "feedback", "left"),
    [
        ("I live in Lyon.", "I live in Nantes, not Lyon.", "I live in Nantes."),
        ("I live in Lyon.", "No, I live in Nantes now, not in Lyon.", "I live in Nantes."),
        ("I live in Lyon.", "I don't live in Lyon but in Nantes.", "I live in Nantes."),
        ("I live in Lyon.", "I do not live in Lyon but in Nantes.", "I live in Nantes."),
        ("I live in Lyon.", "not Lyon but Nantes", "I live in Nantes."),
        ("I live in Lyon.", "It's not Lyon, it's Nantes.", "I live in Nantes."),
        ("I live in Lyon.", "Nantes instead of Lyon", "I live in Nantes."),
        ("I live in Lyon.", "Actually I live in Nantes.", "I live in Nantes."),
        ("I live in Lyon.", "I actually live in Nantes.", "I live in Nantes."),
        ("I live in New York.", "I live in Boston, not New York.", "I live in Boston."),
        ("My name is John.", "You're wrong, my name is Jon.", "My name is Jon."),
        ("My birthday is on 3 May.", "My birthday is on 5 May, not 3 May.", "My birthday is on 5 May."),
        ("I have two cats.", "I have three cats, not two.", "I have three cats."),
        ("我住在里昂。", "我住在南特，不是里昂。", "我住在南特。"),
        ("我住在里昂。", "不是里昂而是南特", "我住在南特。"),
        ("我住在里昂。", "不是里昂，是南特。", "我住在南特。"),
        ("我住在里昂。", "其实我住在南特。", "我住在南特。"),
        ("我有两只猫", "我有三只猫，不是两只", "我有三只猫"),
        ("我叫小明", "我叫晓明，不是小明", "我叫晓明"),
    ],
)
def test_a_correction_is_put_in(talk: Talk, said: str, feedback: str, left: str) -> None:
    talk.add(said)
    task = feed(talk, feedback)
    assert facts(talk) == {left}
    assert verbs(talk, task) == UPDATED


def test_a_corrected_memory_is_found_by_its_new_words_only(talk: Talk) -> None:
    talk.add("I live in Lyon.", "My bike is green.")
    feed(talk, "I live in Nantes, not Lyon.")
    assert talk.facts("Nantes")[0] == "I live in Nantes."
    assert talk.search("Lyon", relativity=0.45).memory_detail_list == ()


@pytest.mark.parametrize(
    ("said", "feedback", "liking"),
    [
        ("I like coffee.", "I like tea, not coffee.", ["I like tea."]),
        ("I'm allergic to peanuts.", "I'm allergic to cashews, not peanuts.", ["I'm allergic to cashews."]),
        ("我喜欢喝咖啡", "我喜欢喝茶，不是咖啡", ["我喜欢喝茶"]),
        ("我对花生过敏", "我对腰果过敏，不是花生", ["我对腰果过敏"]),
        ("I like coriander.", "I no longer like coriander", []),
        ("I love coriander.", "Forget that I like coriander.", []),
        ("我喜欢香菜。", "我不再喜欢香菜", []),
        ("我喜欢爵士乐。", "忘掉我喜欢爵士乐", []),
        ("我对花生过敏", "我对花生不过敏", []),
    ],
)
def test_preferences_are_revised_like_facts(talk: Talk, said: str, feedback: str, liking: list[str]) -> None:
    talk.add(said)
    feed(talk, feedback)
    assert [item.preference for item in talk.page().preference_detail_list] == liking
    assert talk.preferences("anything", relativity=0) == liking


@pytest.mark.parametrize(
    ("said", "feedback", "left"),
    [
        ("I like coriander in soup.", "I no longer like coriander", {"I no longer like coriander"}),
        ("I love coriander.", "I don't like coriander anymore.", {"I don't like coriander anymore."}),
        ("I am a vegetarian.", "I am not a vegetarian.", {"I am not a vegetarian."}),
        ("I have a cat called Tom.", "Forget that I have a cat.", set()),
        ("I like jazz.", "Please forget everything about jazz.", set()),
        ("My sister lives in Lyon.", "Forget my sister.", set()),
        ("我喜欢香菜。", "我不再喜欢香菜。", {"我不再喜欢香菜。"}),
        ("我喜欢香菜。", "我不喜欢香菜了", {"我不喜欢香菜了"}),
        ("我在谷歌工作。", "我不再在谷歌工作了。", {"我不再在谷歌工作了。"}),
        ("我养猫。", "忘掉我养猫", set()),
        ("我妹妹住在里昂。", "忘掉关于我妹妹的事", set()),
    ],
)
def test_what_holds_no_more_is_archived(talk: Talk, said: str, feedback: str, left: set[str]) -> None:
    talk.add(said)
    task = feed(talk, feedback)
    assert facts(talk) == left
    assert verbs(talk, task)["deleted"]["detail_factual"] == 1
    assert not any(said in found for found in talk.facts(said, relativity=0))


def test_only_the_sentence_that_holds_no_more_goes(talk: Talk) -> None:
    talk.add("I like coriander. I live in Lyon.")
    feed(talk, "Forget that I like coriander.")
    assert facts(talk) == {"I live in Lyon."}


@pytest.mark.parametrize(
    ("said", "feedback", "left"),
    [
        (["I study in Nantes.", "I study in Lyon."], "I study in Nantes, not Lyon.", {"I study in Nantes."}),
        (["I live in Lyon, not Nantes."], "I live in Nantes, not Lyon.", {"I live in Nantes."}),
        (["I like tea and coffee."], "I like tea, not coffee.", {"I like tea."}),
    ],
)
def test_a_memory_that_has_the_new_word_already_is_archived(
    talk: Talk, said: Sequence[str], feedback: str, left: set[str]
) -> None:
    talk.add(*said)
    task = feed(talk, feedback)
    assert facts(talk) == left
    assert verbs(talk, task)["deleted"]["detail_factual"] == 1


@pytest.mark.parametrize(
    ("others", "feedback"),
    [
        ("My sister lives in Lyon.", "I live in Nantes, not Lyon."),
        ("My sister lives in Lyon.", "Actually I live in Nantes."),
        ("I was born in Lyon.", "I live in Nantes, not Lyon."),
        ("I'm from Lyon.", "I live in Nantes, not Lyon."),
        ("I don't live in Lyon.", "I live in Nantes, not Lyon."),
        ("Lyon is in France.", "I live in Nantes, not Lyon."),
        ("The meeting is on Monday.", "My flight is on Tuesday, not Monday."),
        ("My son is six.", "My daughter is seven, not six."),
        ("My wife likes coriander.", "I no longer like coriander."),
        ("Do I like coriander?", "I no longer like coriander."),
        ("I like spicy food but not hotpot.", "I don't like hotpot."),
        ("I said hello to Bob.", "Forget what I said."),
        ("I like jazz.", "Don't forget that I like jazz."),
        ("I like tea.", "Actually I like coffee."),
        ("我妹妹住在里昂。", "我住在南特，不是里昂。"),
        ("我妹妹住在里昂。", "其实我住在南特。"),
        ("我住在北京。", "我在上海工作，不在北京。"),
        ("我妈妈喜欢香菜。", "我不再喜欢香菜。"),
    ],
)
def test_another_person_and_another_sense_are_left_alone(talk: Talk, others: str, feedback: str) -> None:
    talk.add(others)
    task = feed(talk, feedback)
    assert facts(talk) == {others, feedback}
    assert set(verbs(talk, task)) == {"added"}


def test_other_users_agents_and_projects_are_left_alone(talk: Talk) -> None:
    others = ({"user_id": "v"}, {"agent_id": "u"}, {"project": "p"})
    for whose in ({}, *others):
        talk.add("I live in Lyon.", **whose)
    feed(talk, 'Replace "Lyon" with "Nantes"')
    feed(talk, "Forget that I live in Nantes.")
    assert facts(talk) == set()
    for whose in others:
        assert facts(talk, **whose) == {"I live in Lyon."}


def test_two_bare_words_mean_the_conversation_if_it_has_them(talk: Talk) -> None:
    talk.add("We meet in Lyon.", conversation_id="here")
    talk.add("Bread in Lyon is good.", conversation_id="there")
    feed(talk, "Not Lyon but Nantes.", conversation_id="here")
    assert facts(talk) == {"We meet in Nantes.", "Bread in Lyon is good."}
    feed(talk, "Lyon should be Metz.", conversation_id="here")
    assert facts(talk) == {"We meet in Nantes.", "Bread in Metz is good."}


def test_two_bare_words_may_mean_somebody_else_if_the_conversation_speaks_of_nobody_besides(talk: Talk) -> None:
    talk.add("My sister lives in Lyon.", conversation_id="here")
    talk.add("My brother lives in Lyon.", conversation_id="there")
    feed(talk, "It's Nantes, not Lyon.", conversation_id="here")
    assert facts(talk) == {"My sister lives in Nantes.", "My brother lives in Lyon."}
    talk.add("My aunt lives in Lyon.", conversation_id="there")
    feed(talk, "It's Metz, not Lyon.", conversation_id="there")
    assert {"My brother lives in Lyon.", "My aunt lives in Lyon."} < facts(talk)


def test_what_a_revised_memory_says_is_not_kept_twice(talk: Talk) -> None:
    talk.add("I moved to Lyon in August.")
    feed(talk, "I moved to Nantes, not Lyon.")
    assert facts(talk) == {"I moved to Nantes in August."}


@pytest.mark.parametrize(
    "feedback",
    [
        "Your last answer was too long.",
        "I don't like it.",
        "I don't like the answer.",
        "I don't know.",
        "I don't want that.",
        "Short, not long.",
        "Not good but great.",
        "Answer in English, not French.",
        "我不喜欢。",
        "我不喜欢这个回答。",
        "我不知道。",
        "这不是我想要的。",
        "Change your tone to formal.",
        "Not bad, but could be better.",
        "Forget everything.",
        "Why do you say Lyon, not Nantes?",
        "晚饭应该是清淡的",
        "回答得不错。",
    ],
)
def test_what_fits_no_rule_is_kept_as_said(talk: Talk, feedback: str) -> None:
    said = {"I live in Lyon.", "I like long, good answers.", "I know French.", "我喜欢简短的回答。", "我知道怎么游泳。"}
    talk.add(*said)
    task = feed(talk, feedback)
    assert facts(talk) == {*said, feedback}
    assert set(verbs(talk, task)) == {"added"}


def test_several_sentences_are_each_heard(talk: Talk) -> None:
    talk.add("I live in Lyon.", "I like jazz.")
    feed(talk, "I live in Nantes, not Lyon. Forget that I like jazz. I play the cello. 把Nantes改成梅斯。")
    assert facts(talk) == {"I live in 梅斯.", "I play the cello."}


def test_a_pasted_text_is_kept_as_it_is(talk: Talk) -> None:
    talk.add("I live in Lyon.")
    for pasted in ("Replace Lyon with Nantes. " * (MOST_SENTENCES + 1), f"I live {'far ' * 100}in Nantes, not Lyon."):
        feed(talk, pasted)
    assert facts(talk) >= {"I live in Lyon."}
    assert talk.page().total == 3


def test_what_the_assistant_made_of_it_is_corrected_too(talk: Talk) -> None:
    talk.add("So you live in Lyon.", role="assistant")
    talk.add("Your sister lives in Lyon.", role="assistant")
    feed(talk, "I live in Nantes, not Lyon.")
    assert facts(talk) >= {"[assistant view] So you live in Nantes.", "[assistant view] Your sister lives in Lyon."}


pieces = st.sampled_from(
    [
        "I ",
        "not ",
        "but ",
        "don't ",
        ", ",
        "Lyon ",
        "instead of ",
        "now ",
        '"',
        "forget ",
        "a ",
        "我",
        "不是",
        "把",
        "，",
    ]
)


@given(st.lists(pieces).map("".join), st.lists(pieces).map("".join))
def test_no_feedback_takes_long_or_fails(text: str, memory: str) -> None:
    for heard in read(text * 9):
        if heard.revision is not None:
            revised(heard.revision, memory * 9)
