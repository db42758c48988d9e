"""What every MemOS must answer, whichever way it is asked (contract §2)."""

from typing import Any

import pytest

from memos_integrations.errors import BadRequest, Invalid, NotFound
from memos_integrations.wire.envelope import Request
from tests.contract.conftest import Caller


def said(*texts: str, role: str = "user") -> list[dict[str, str]]:
    return [{"role": role, "content": text} for text in texts]


def add(memos: Caller, *texts: str, user: str = "ada", conversation: str = "c", **more: Any) -> Any:
    given = {"messages": said(*texts), "conversation_id": conversation, "async_mode": False, **more}
    if "agent_id" not in more:
        given["user_id"] = user
    return memos.add_message(**given)


def facts(memos: Caller, query: str, **more: Any) -> list[str]:
    subject = {} if "agent_id" in more else {"user_id": "ada"}
    found = memos.search_memory(query=query, **{**subject, **more})
    return [fact.memory_value for fact in found.memory_detail_list]


def test_what_was_said_is_found(memos: Caller) -> None:
    added = add(memos, "I moved to Lyon in August.", "My daughter plays the cello.")
    assert (added.success, added.status) == (True, "completed")
    found = memos.search_memory(query="Which city did I move to?", user_id="ada")
    best = found.memory_detail_list[0]
    assert "Lyon" in best.memory_value
    assert best.memory_type in {"LongTermMemory", "UserMemory"}
    assert best.conversation_id == "c"
    assert "mode:fine" in best.tags
    assert 0 < best.relativity <= 1
    assert found.tool_memory_detail_list == found.skill_detail_list == ()


def test_an_async_add_is_searchable_at_once_and_completes(memos: Caller) -> None:
    added = add(memos, "I prefer tea over coffee.", async_mode=True)
    assert added.status == "running"
    assert any("tea" in fact for fact in facts(memos, "tea or coffee?"))
    assert memos.engine.settle(10) == 0
    status = memos.get_status(task_id=added.task_id)
    assert (status.task_id, status.status) == (added.task_id, "completed")
    made = status.memory_views["added"]
    kept = memos.get_memory(user_id="ada")
    assert made["detail_factual"]["memory_ids"] == [fact.id for fact in kept.memory_detail_list]
    assert made["preference"]["memory_ids"] == [each.id for each in kept.preference_detail_list]


def test_preferences_come_with_a_note(memos: Caller) -> None:
    add(memos, "I really can't stand loud restaurants, I prefer quiet places.")
    found = memos.search_memory(query="Where should we eat?", user_id="ada")
    assert found.preference_detail_list[0].preference_type == "explicit_preference"
    assert "quiet" in found.preference_detail_list[0].preference
    assert found.preference_note
    without = memos.search_memory(query="Where should we eat?", user_id="ada", include_preference=False)
    assert (without.preference_detail_list, without.preference_note) == ((), "")


def test_messages_are_read_back_in_order_newest_last(memos: Caller) -> None:
    memos.add_message(messages=[*said("one"), *said("two", role="assistant")], user_id="ada", conversation_id="c")
    add(memos, *(str(number) for number in range(3, 9)))
    stored = memos.get_message(user_id="ada", conversation_id="c").message_detail_list
    assert [message.content for message in stored] == ["3", "4", "5", "6", "7", "8"]
    everything = memos.get_message(user_id="ada", conversation_id="c", message_limit_number=50).message_detail_list
    assert [(m.role, m.content) for m in everything][:2] == [("user", "one"), ("assistant", "two")]
    assert all(isinstance(m.create_time, int) for m in everything)
    assert memos.get_message(user_id="ada", conversation_id="nowhere").message_detail_list == ()


def test_memories_are_paged(memos: Caller) -> None:
    add(memos, *(f"My number {number} is {number * number}." for number in range(5)))
    pages = [memos.get_memory(user_id="ada", page=page, size=2) for page in (1, 2, 3, 4)]
    assert [len(page.memory_detail_list) for page in pages] == [2, 2, 1, 0]
    assert [(page.total, page.size, page.current, page.pages) for page in pages] == [(5, 2, n, 3) for n in (1, 2, 3, 4)]
    assert len({fact.id for page in pages for fact in page.memory_detail_list}) == 5
    assert memos.get_memory(user_id="nobody").total == 0


def test_memories_are_deleted_by_id(memos: Caller) -> None:
    add(memos, "I moved to Lyon.", "I play chess.")
    lyon = next(f for f in memos.get_memory(user_id="ada").memory_detail_list if "Lyon" in f.memory_value)
    assert memos.delete_memory(memory_ids=[lyon.id]).success
    assert not any("Lyon" in fact for fact in facts(memos, "Where did I move to? Lyon?", relativity=0))
    with pytest.raises(NotFound) as caught:
        memos.delete_memory(memory_ids=[lyon.id])
    assert caught.value.code == 40307


def test_a_user_is_deleted_whole(memos: Caller) -> None:
    add(memos, "I moved to Lyon.")
    add(memos, "I moved to Nantes.", user="bob")
    memos.delete_memory(user_id="ada")
    assert memos.get_memory(user_id="ada").memory_detail_list == ()
    assert memos.get_message(user_id="ada", conversation_id="c").message_detail_list == ()
    assert facts(memos, "Where did I move?", user_id="bob") == ["I moved to Nantes."]
    with pytest.raises(NotFound) as caught:
        memos.delete_memory(user_id="ada")
    assert caught.value.code == 40308


def test_users_agents_and_conversations_are_apart(memos: Caller) -> None:
    add(memos, "I moved to Lyon.")
    add(memos, "I moved to Nantes.", user="bob")
    add(memos, "I moved to Metz.", agent_id="ada")
    assert facts(memos, "Where did I move?") == ["I moved to Lyon."]
    assert facts(memos, "Where did I move?", user_id="bob") == ["I moved to Nantes."]
    assert facts(memos, "Where did I move?", agent_id="ada") == ["I moved to Metz."]
    assert memos.get_message(user_id="bob", conversation_id="c").message_detail_list[0].content == "I moved to Nantes."


def test_a_group_conversation_is_everybodys(memos: Caller) -> None:
    memos.add_message(messages=said("We meet in Lyon."), user_id=["ada", "bob"], conversation_id="c", async_mode=False)
    for user in ("ada", "bob"):
        assert facts(memos, "Where do we meet?", user_id=user) == ["We meet in Lyon."]


def test_the_given_conversation_weighs_more(memos: Caller) -> None:
    for conversation in ("a", "b"):
        add(memos, f"My plan for the weekend is hiking near {conversation}-town.", conversation=conversation)
    for conversation in ("a", "b"):
        best = facts(memos, "What is my plan for the weekend?", conversation_id=conversation)
        assert f"{conversation}-town" in best[0]
        assert len(best) == 2


FILTERS: list[tuple[dict[str, Any], set[str]]] = [
    ({"and": [{"tags": {"contains": "work"}}]}, {"a"}),
    ({"or": [{"tags": {"contains": "work"}}, {"scene": "home"}]}, {"a", "b"}),
    ({"and": [{"scene": "home"}]}, {"b"}),
    ({"and": [{"info": {"scene": "home"}}]}, {"b"}),
    ({"and": [{"agent_id": "helper"}]}, {"c"}),
    ({"and": [{"app_id": "shop"}]}, {"c"}),
    ({"and": [{"create_time": {"lt": "2020-01-01"}}]}, {"d"}),
    ({"and": [{"create_time": {"gte": "2020-01-01 00:00:00"}}]}, {"a", "b", "c"}),
    ({"user": {"and": [{"scene": "home"}]}}, {"b"}),
    ({"and": [{"scene": "nowhere"}]}, set()),
]


@pytest.mark.parametrize(("filter_", "expected"), FILTERS)
def test_filters_hold_before_ranking(memos: Caller, filter_: dict[str, Any], expected: set[str]) -> None:
    old = [{"role": "user", "content": "My plan is d", "chat_time": "2019-05-01 10:00:00"}]
    add(memos, "My plan is a", tags=["work"])
    add(memos, "My plan is b", info={"scene": "home"})
    memos.add_message(messages=said("My plan is c"), user_id="ada", agent_id="helper", app_id="shop", async_mode=False)
    memos.add_message(messages=old, user_id="ada", conversation_id="c", async_mode=False)
    found = facts(memos, "What is my plan?", filter=filter_, relativity=0)
    assert {fact[-1] for fact in found} == expected


def test_relativity_cuts_and_limits_limit(memos: Caller) -> None:
    add(memos, *(f"The tea number {n} is green." for n in range(12)), "The weather was fine.")
    assert len(facts(memos, "Which tea is green?")) == 9
    assert len(facts(memos, "Which tea is green?", memory_limit_number=12)) == 12
    assert facts(memos, "Which tea is green?", memory_limit_number=0) == []
    assert facts(memos, "tea in an unheard-of quarry", relativity=0.99) == []
    assert facts(memos, "zebra") == []


@pytest.mark.parametrize(
    "text",
    [
        "My tea: 🍵 and 🧋 daily",
        "我喜欢喝绿茶，also green tea in Lyon",
        "tea\x00with\x07control\x1bcharacters\u2028and lines",
        "tea " + "very " * 30_000 + "long",
        "tea </memories> {x} %s '; drop table posting; --",
        "ｔｅａ ﬁrst: ٣ cups, e\u0301te\u0301",
    ],
    ids=["emoji", "mixed", "control", "huge", "hostile", "unicode"],
)
def test_any_text_is_kept_to_the_letter(memos: Caller, text: str) -> None:
    add(memos, text)
    assert memos.get_message(user_id="ada", conversation_id="c").message_detail_list[0].content == text
    found = facts(memos, "绿茶" if "茶" in text else "tea")
    assert found
    assert found[0] in text


def test_a_search_of_signs_alone_is_a_clean_answer(memos: Caller) -> None:
    add(memos, "I moved to Lyon.")
    for query in ("?!", "🍵", "\x00", "the of and", "x" * 30_000):
        assert memos.search_memory(query=query, user_id="ada").memory_detail_list == ()


def test_bad_arguments_never_leave(memos: Caller) -> None:
    for name, arguments in (
        ("search_memory", {"query": " ", "user_id": "ada"}),
        ("search_memory", {"query": 5, "user_id": "ada"}),
        ("search_memory", {"query": "q", "user_id": "x" * 101}),
        ("search_memory", {"query": "q", "user_id": "ada", "filter": {"and": [{"user_id": "bob"}]}}),
        ("add_message", {"messages": [], "user_id": "ada"}),
        ("get_status", {}),
    ):
        with pytest.raises(Invalid):
            getattr(memos, name)(**arguments)


def test_an_unknown_task_is_not_found(memos: Caller) -> None:
    with pytest.raises(NotFound) as caught:
        memos.get_status(task_id="nobody's")
    assert caught.value.code == 50131


def test_an_unlinked_knowledge_base_is_refused(memos: Caller) -> None:
    with pytest.raises(BadRequest) as caught:
        memos.search_memory(query="q", user_id="ada", knowledgebase_ids=["kb"])
    assert caught.value.code == 50123


def test_nothing_is_written_for_a_knowledge_base_that_is_not_linked(memos: Caller) -> None:
    writes: list[tuple[Any, dict[str, Any]]] = [
        (memos.add_message, {"messages": said("I moved to Lyon."), "conversation_id": "c"}),
        (memos.add_feedback, {"feedback_content": "I moved to Lyon."}),
    ]
    for write, given in writes:
        with pytest.raises(BadRequest) as caught:
            write(user_id="ada", allow_knowledgebase_ids=["kb"], **given)
        assert caught.value.code == 50123
    assert memos.get_memory(user_id="ada").total == 0


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("search/memory", b'{"query":"q","user_id":"u","top_k":3,"metadata":{},"filter":null}', 0),
        ("search/memory", b'{"query":"q"}', 40000),
        ("search/memory", b'{"user_id":"u"}', 40002),
        ("search/memory", b'{"query":"q","user_id":"u","relativity":2}', 40012),
        ("search/memory", b'{"query":"q","user_id":"' + b"x" * 101 + b'"}', 40010),
        ("search/memory", b'{"query":"q","user_id":"u","filter":{"and":[{"user_id":"v"}]}}', 40000),
        ("get/message", b'{"user_id":"u","conversation_id":"' + b"x" * 101 + b'"}', 40011),
        ("add/message", b'{"user_id":"u","messages":[]}', 40003),
        ("add/message", b'{"user_id":"u","messages":[{"role":"user"}]}', 40002),
        ("search/memory", b"not json", 40000),
        ("search/memory", b"[1]", 40000),
    ],
)
def test_what_other_clients_send(memos: Caller, path: str, body: bytes, code: int) -> None:
    reply = memos.transported(Request("POST", path, body))
    assert reply.status == 200
    assert f'"code":{code},'.encode() in reply.body.replace(b" ", b"")


def test_a_path_that_no_call_has(memos: Caller) -> None:
    """Nothing is there in HTTP's own terms either, which a proxy or a wrong base URL may say too."""
    reply = memos.transported(Request("POST", "no/such/path", b"{}"))
    assert reply.status in {200, 404}
    assert b'"code":40000,' in reply.body
