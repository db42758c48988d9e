import json

import pytest

from memos_integrations.engine import Engine
from memos_integrations.engine._sentences import LONG
from memos_integrations.wire.calls import GetMessage, GetStatus
from tests.engine.conftest import NOON_MS, Clock, Talk


def messages(
    engine: Engine, conversation: str = "c", user: str = "u", limit: int | None = None
) -> list[dict[str, object]]:
    call = GetMessage(user_id=user, conversation_id=conversation, message_limit_number=limit)
    return [item.model_dump(exclude_none=True) for item in engine.get_message(call).message_detail_list]


def test_what_was_said_about_oneself_is_user_memory(talk: Talk) -> None:
    answer = talk.add("I moved to Lyon in spring. It was raining.", conversation_id="c")
    (fact,) = talk.page().memory_detail_list
    assert (answer.status, fact.memory_type, fact.tags) == ("completed", "UserMemory", ("mode:fine",))
    assert fact.memory_value == "I moved to Lyon in spring. It was raining."
    assert fact.memory_key == "I moved to Lyon in spring."
    assert (fact.create_time, fact.update_time, fact.conversation_id) == (NOON_MS, NOON_MS, "c")
    assert (fact.status, fact.confidence) == ("activated", 0.99)


def test_all_else_is_long_term_memory(talk: Talk) -> None:
    talk.add("The shop opens at nine.", "What time do I have to be there?")
    assert {fact.memory_type for fact in talk.page().memory_detail_list} == {"LongTermMemory"}


def test_it_counts_when_it_was_said(talk: Talk) -> None:
    talk.add(
        messages=[
            {"role": "user", "content": "one", "chat_time": "2026-01-02 03:04"},
            {"role": "user", "content": "two", "chat_time": "1:56 pm on 8 May, 2023"},
            {"role": "user", "content": "three", "chat_time": "昨天下午"},
        ]
    )
    times = {fact.memory_value: fact.create_time for fact in talk.page().memory_detail_list}
    assert times == {"one": 1_767_323_040_000, "two": 1_683_554_160_000, "three": NOON_MS}


def test_speakers_are_named(talk: Talk) -> None:
    talk.add(messages=[{"role": "user", "content": "I hate jazz.", "role_name": "Ann"}])
    assert talk.facts("jazz") == ["Ann: I hate jazz."]
    assert talk.preferences("jazz") == ["Ann: I hate jazz."]


def test_an_assistant_is_marked_and_comes_last(talk: Talk) -> None:
    talk.add(
        messages=[
            {"role": "assistant", "content": "Chamomile tea helps you sleep."},
            {"role": "user", "content": "Chamomile tea is what grandmother drank before sleep, every night."},
        ]
    )
    assert talk.facts("chamomile tea sleep") == [
        "Chamomile tea is what grandmother drank before sleep, every night.",
        "[assistant view] Chamomile tea helps you sleep.",
    ]
    talk.add("I love chamomile tea.", role="assistant", user_id="v")
    assert talk.page(user_id="v").preference_detail_list == ()


def test_system_and_tool_traffic_is_stored_and_not_remembered(talk: Talk) -> None:
    call = {"id": "t1", "type": "function", "function": {"name": "look", "arguments": '{"q": "x"}'}}
    sent = [
        {"role": "system", "content": "Be kind about llamas."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "My llama"}, {"type": "image_url", "image_url": {"url": "x"}}],
        },
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "t1", "content": '{"llama": true}'},
        {"role": "user", "content": "  "},
    ]
    talk.add(messages=sent, conversation_id="c")
    assert talk.facts("llama", relativity=0) == ["My llama"]
    told = messages(talk.engine)
    assert [{k: v for k, v in item.items() if k not in {"create_time", "update_time"}} for item in told] == sent


def test_messages_keep_their_order_and_every_member(talk: Talk, clock: Clock) -> None:
    for turn in range(4):
        talk.add(f"{turn} a", f"{turn} b", conversation_id="c")
        clock.now -= 100
    told = messages(talk.engine, limit=5)
    assert [item["content"] for item in told] == ["1 b", "2 a", "2 b", "3 a", "3 b"]
    times = [int(str(item["create_time"])) for item in told]
    assert times == sorted(set(times))
    talk.add(
        messages=[{"role": "user", "content": "x", "mood": {"deep": [1, None]}, "chat_time": "soon"}],
        conversation_id="d",
    )
    (only,) = messages(talk.engine, "d")
    assert (only["mood"], only["chat_time"]) == ({"deep": [1, None]}, "soon")
    assert len(messages(talk.engine)) == 6


def test_nobody_and_nothing_has_no_messages(talk: Talk) -> None:
    assert messages(talk.engine) == []
    talk.add("x", conversation_id="c")
    assert messages(talk.engine, "another") == []
    assert messages(talk.engine, "c", "another") == []


def test_a_conversation_without_a_name_is_one_of_its_own(talk: Talk) -> None:
    talk.add("one")
    talk.add("two")
    first, second = talk.page().memory_detail_list
    assert first.conversation_id != second.conversation_id


def test_each_of_a_group_gets_its_own(talk: Talk) -> None:
    task = talk.add("We meet on Friday.", user_id=["u", "v", "u"], agent_id=["a"]).task_id
    mine, theirs = talk.page().memory_detail_list, talk.page(user_id="v").memory_detail_list
    assert len(mine) == len(theirs) == 1
    assert mine[0].id != theirs[0].id
    assert talk.page(agent_id="a").memory_detail_list == ()
    status = talk.engine.get_status(GetStatus(task_id=task or ""))
    assert set(status.memory_views["added"]["detail_factual"]["memory_ids"]) == {mine[0].id, theirs[0].id}


def test_an_agent_alone_is_an_owner(talk: Talk) -> None:
    talk.add("The code word is heron.", agent_id=["a", "b"])
    assert talk.facts("heron", agent_id="b") == ["The code word is heron."]
    assert talk.facts("heron") == []


def test_views_restrict_what_is_extracted(talk: Talk) -> None:
    talk.add("I avoid trains.", allow_memory_view=["preference"], user_id="p")
    talk.add("I avoid trains.", allow_memory_view=["detail_factual", "event"], user_id="f")
    page = talk.page(user_id="p")
    assert (len(page.memory_detail_list), len(page.preference_detail_list)) == (0, 1)
    page = talk.page(user_id="f")
    assert (len(page.memory_detail_list), len(page.preference_detail_list)) == (1, 0)


def test_a_very_long_turn_is_split_and_nothing_is_lost(talk: Talk) -> None:
    text = " ".join(f"Sentence number {n} is about topic{n}." for n in range(5000))
    assert len(text) > 100 * LONG / 2
    talk.add(text, conversation_id="c")
    (hit, *_) = talk.facts("topic4321")
    assert "topic4321" in hit
    assert len(hit) < LONG
    assert messages(talk.engine)[0]["content"] == text


@pytest.mark.parametrize(
    "text",
    ["\x00\x01\x1f control", "emoji 🙂👩‍👩‍👧 control", "中文 and English control", "\u202eright to left control"],
)
def test_strange_text_stays_as_it_is(talk: Talk, text: str) -> None:
    talk.add(text, conversation_id="c")
    assert talk.facts("control") == [text]
    assert messages(talk.engine)[0]["content"] == text


def test_a_full_conversation_goes_on(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memos_integrations.engine._ids.LAST_POSITION", 3)
    for turn in range(8):
        talk.add(f"turn {turn} of the parrot", conversation_id="c")
    talk.add("the parrot elsewhere", conversation_id="d")
    facts = talk.search("parrot", conversation_id="c", relativity=0).memory_detail_list
    assert {fact.conversation_id for fact in facts} == {"c", "d"}
    assert len({fact.id for fact in facts}) == 9
    assert [item["content"] for item in messages(talk.engine, limit=2)] == [
        "turn 6 of the parrot",
        "turn 7 of the parrot",
    ]


def test_tags_and_info_are_attached(talk: Talk) -> None:
    talk.add("I like blue.", tags=["a", "b", "a"], info={"scene": "x", "many": ["p", "q"], "n": 3}, app_id="app")
    page = talk.page()
    assert page.memory_detail_list[0].tags == ("a", "b", "mode:fine")
    info = {"scene": "x", "many": ["p", "q"], "n": 3}
    assert page.memory_detail_list[0].info == page.preference_detail_list[0].info == info
    assert json.loads(page.model_dump_json())["memory_detail_list"][0]["sources"][0]["content"] == "I like blue."
