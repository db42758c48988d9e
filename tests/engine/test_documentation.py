"""The documentation's own examples, in our words: what they speak of is found, and filed as fact or preference."""

from collections.abc import Sequence

import pytest

from tests.engine.conftest import Talk

ENGLISH_TRIP = (
    "For the summer holidays I have booked a trip to Guangzhou. Which hotel chains could I stay with there?",
    "Hotel chains there are 7 Days Inn, Ji Hotel and Hilton, among others.",
    "7 Days Inn it is.",
    "Fine. Just ask if anything else comes up.",
)
CHINESE_TRIP = (
    "我暑假订了去广州的旅行，那边有哪些连锁酒店可以住？",
    "连锁酒店有七天、全季、希尔顿等等。",
    "那酒店我选七天。",
    "好的，有别的问题随时问我。",
)
ENGLISH_TASTE = ("I like spicy food.", "But I don't like heavy or oily dishes such as hotpot or spicy beef soup.")
CHINESE_TASTE = ("我喜欢吃辣。", "不过我不喜欢油腻重口的菜，比如火锅、麻辣牛肉汤。")
ENGLISH_SELF = (
    "My favourite kinds of books are popular science, technology and personal growth.",
    "I enjoy spicy food, and I try to eat healthily.",
    "When I travel, I'm interested in nature, city culture and adventure.",
    "I prefer a humorous, warm and casual style when we talk.",
    "The topics I care most about are artificial intelligence, future technology and film reviews.",
)
ENGLISH_GOAL = "It would help me if you planned my studies every day, suggested films and books, and kept me company."
CHINESE_SELF = (
    "我最喜欢看科普、科技和个人成长类的书。",
    "我喜欢吃辣，平时也注意健康饮食。",
    "旅行的时候我对自然风光、城市文化和探险感兴趣。",
    "聊天时我喜欢幽默、温暖、随意的风格。",
    "我最关注的话题是人工智能、未来科技和影评。",
)
CHINESE_GOAL = "我希望你能帮我做每天的学习计划、推荐电影和书，并给我情感陪伴。"
BESIDE = ("The parcel arrives on Thursday.", "打印机没有墨了。")
"""What has nothing to do with it."""


def tell(talk: Talk, texts: Sequence[str], conversation: str) -> None:
    """Adds a conversation of user and assistant in turn, with something else said in another."""
    messages = [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(texts)]
    talk.add(messages=messages, conversation_id=conversation)
    talk.add(*BESIDE, conversation_id="beside")


@pytest.mark.parametrize(
    ("trip", "query", "facts"),
    [
        (
            ENGLISH_TRIP,
            "I want to travel during the National Day holiday. Please recommend a city I haven’t been to and a hotel "
            "brand I haven’t stayed at.",
            {ENGLISH_TRIP[0], "7 Days Inn it is."},
        ),
        (
            ENGLISH_TRIP,
            "I want to travel during National Day. Recommend a city I have not visited and a hotel brand I have not "
            "stayed at.",
            {ENGLISH_TRIP[0], "7 Days Inn it is."},
        ),
        (
            CHINESE_TRIP,
            "我国庆想出去玩，帮我推荐个没去过的城市，以及没住过的酒店品牌",
            {CHINESE_TRIP[0], "那酒店我选七天。"},
        ),
    ],
)
def test_a_trip_is_known_in_another_conversation(talk: Talk, trip: Sequence[str], query: str, facts: set[str]) -> None:
    tell(talk, trip, "0610")
    found = talk.facts(query, conversation_id="0928")
    assert facts <= set(found)
    assert not set(BESIDE) & set(found)


@pytest.mark.parametrize(
    ("taste", "query"),
    [
        (ENGLISH_TASTE, "I'm going to Yunnan for National Day. Any food recommendations?"),
        (CHINESE_TASTE, "我国庆要去云南，有什么美食推荐吗？"),
    ],
)
def test_a_taste_is_known_when_food_is_asked_for(talk: Talk, taste: Sequence[str], query: str) -> None:
    for text in taste:
        tell(talk, (text, "OK."), "memos_conversation_345")
    found = talk.search(query, conversation_id="memos_conversation_789")
    assert {item.preference for item in found.preference_detail_list} == set(taste)
    assert {item.preference_type for item in found.preference_detail_list} == {"explicit_preference"}
    assert found.preference_note


@pytest.mark.parametrize(
    ("self", "goal", "query"),
    [
        (ENGLISH_SELF, ENGLISH_GOAL, "What are my key personal traits?"),
        (CHINESE_SELF, CHINESE_GOAL, "我有哪些主要的个人特点？"),
    ],
)
def test_a_user_is_known_altogether(talk: Talk, self: Sequence[str], goal: str, query: str) -> None:
    tell(talk, [turn for text in (*self, goal) for turn in (text, "OK.")], "memos_conversation_id_567")
    found = talk.search(query)
    assert {fact.memory_value for fact in found.memory_detail_list} == {*self, goal}
    assert {fact.memory_type for fact in found.memory_detail_list} == {"UserMemory"}
    assert {item.preference for item in found.preference_detail_list} == set(self)


@pytest.mark.parametrize(
    ("query", "whole"),
    [
        ("What are my main interests and habits?", True),
        ("Who am I?", True),
        ("What do you know about me?", True),
        ("Summarise me.", True),
        ("我是一个什么样的人？", True),
        ("你都记得哪些关于我的事？", True),
        ("介绍一下我", True),
        ("What are my preferences about food?", False),
        ("Summarize my travel preferences in a concise tone.", False),
        ("Who is my sister?", False),
        ("What tea do I like?", False),
        ("我的旅游偏好是什么？", False),
        ("介绍一下我的公司", False),
    ],
)
def test_only_a_question_about_all_of_oneself_is_one(talk: Talk, query: str, whole: bool) -> None:
    talk.add("I play the cello.")
    assert bool(talk.facts(query)) is whole
    assert talk.facts(query, relativity=0.9) == []


def test_a_question_about_oneself_keeps_to_filter_and_limit(talk: Talk) -> None:
    talk.add("I play the cello.", tags=["music"])
    talk.add("I ride a green bike.", "I live upstairs.")
    assert talk.facts("Who am I?", filter={"and": [{"tags": {"contains": "music"}}]}) == ["I play the cello."]
    assert talk.facts("Who am I?", memory_limit_number=1) == ["I live upstairs."]
