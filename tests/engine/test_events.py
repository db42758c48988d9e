"""Events: a turn that states a time or a place is one, found by its words, told with when, where and who."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos_integrations.engine import Engine
from memos_integrations.engine._events import happened
from memos_integrations.errors import NotFound
from memos_integrations.wire.answers import Event
from tests.engine.conftest import NOON_MS, Clock, Talk
from tests.engine.feedback import by_id, feed, status

TRIP = "I moved to Lyon in August 2026."


def events(talk: Talk, query: str = "where do I live?", **more: Any) -> tuple[Event, ...]:
    return talk.search(query, include_memory_view=["event"], **more).event_detail_list


@pytest.mark.parametrize(
    ("text", "times", "places"),
    [
        (TRIP, ["in August 2026"], ["Lyon"]),
        ("Yesterday I had lunch with Eva.", ["Yesterday"], []),
        ("We met two weeks ago at the Louvre.", ["two weeks ago"], ["the Louvre"]),
        ("We met a few weeks ago.", ["a few weeks ago"], []),
        ("I shall move in a couple of days.", ["in a couple of days"], []),
        (
            "My flight leaves on Friday at 7:30 pm from Charles de Gaulle.",
            ["on Friday", "at 7:30 pm"],
            ["Charles de Gaulle"],
        ),
        ("The exam is on May 8, 2027.", ["May 8, 2027"], []),
        ("I was born in 1990.", ["in 1990"], []),
        ("我昨天去了北京。", ["昨天"], ["北京"]),
        ("我下周三在上海大学考试。", ["下周三"], ["上海大学"]),
        ("三天前我在晚上8点到了东京。", ["三天前", "晚上8点"], ["东京"]),
    ],
)
def test_when_and_where_are_told_in_the_words_used(text: str, times: list[str], places: list[str]) -> None:
    (one,) = happened(text)
    assert (one.text, list(one.times), list(one.places)) == (text, times, places)


@pytest.mark.parametrize(
    "text",
    [
        "I like tea.",
        "Where did I move in August 2026?",
        "Did I see Eva yesterday",
        "I speak English and I may go to German classes.",
        "我喜欢茶。",
        "昨天我去了哪里？",
    ],
)
def test_neither_tastes_nor_questions_are_events(text: str) -> None:
    assert happened(text) == []


@pytest.mark.parametrize("text", ["1" * 20_000, "一" * 20_000, "1月" * 10_000, "在国" * 10_000, "at the A of " * 2_000])
def test_a_long_run_is_looked_at_once(text: str) -> None:
    """Looked at again from each of its letters, one of these would take minutes."""
    assert len(happened(text * 5)) <= 1


@given(st.text(max_size=300))
def test_any_text_is_read_and_nothing_is_made_up(text: str) -> None:
    for one in happened(text):
        assert one.text in text
        assert all(part in one.text for part in (*one.times, *one.places))
        assert one.times or one.places


def test_a_turn_becomes_an_event(talk: Talk) -> None:
    task = talk.add(TRIP, conversation_id="c", info={"scene": "home"}).task_id
    (one,) = events(talk)
    assert (one.event_value, one.event_key, one.event_type) == (TRIP, TRIP, "EventMemory")
    assert (one.event_time, one.event_location, one.event_roles) == (("in August 2026",), ("Lyon",), ("user",))
    assert (one.create_time, one.conversation_id, one.status) == (NOON_MS, "c", "activated")
    assert status(talk, task or "").memory_views["added"]["event"] == {"memory_ids": [one.id]}
    (kept,) = talk.page().event_detail_list
    assert (kept.id, kept.info) == (one.id, {"scene": "home"})
    assert kept.sources[0]["content"] == TRIP


def test_a_speaker_is_a_role(talk: Talk) -> None:
    talk.add(messages=[{"role": "user", "content": TRIP, "role_name": "Ada", "role_id": "1"}])
    (one,) = events(talk)
    assert (one.event_roles, one.event_value) == (("Ada",), f"Ada: {TRIP}")


def test_what_the_assistant_says_is_no_event(talk: Talk) -> None:
    talk.add("You moved to Lyon in August 2026.", role="assistant")
    assert events(talk) == ()


def test_events_are_told_where_they_are_asked_for(talk: Talk) -> None:
    talk.add(TRIP)
    assert talk.search("Lyon").event_detail_list == ()
    assert talk.page(include_memory_view=["detail_factual"]).event_detail_list == ()


def test_an_add_may_leave_events_out(talk: Talk) -> None:
    talk.add(TRIP, allow_memory_view=["detail_factual"])
    assert events(talk) == ()


def test_the_best_come_first_and_the_limits_hold(talk: Talk) -> None:
    talk.add("I flew to Rome in May 2026.", "I bought a bicycle in June 2026.", "I met Eva in July 2026.")
    assert [one.event_value for one in events(talk, "bicycle", memory_limit_number=2)] == [
        "I bought a bicycle in June 2026.",
        "I met Eva in July 2026.",
    ]
    assert [one.event_value for one in events(talk, "bicycle", relativity=0.9)] == ["I bought a bicycle in June 2026."]
    assert events(talk, "bicycle", memory_limit_number=0) == ()


def test_filters_bind_events(talk: Talk) -> None:
    talk.add(TRIP, info={"scene": "home"})
    assert len(events(talk, filter={"and": [{"scene": "home"}]})) == 1
    assert events(talk, filter={"and": [{"scene": "work"}]}) == ()


def test_nobody_sees_another_s_events(talk: Talk) -> None:
    talk.add(TRIP, user_id="u")
    talk.add("I moved to Lyon in May 2020.", user_id="v")
    assert [one.event_value for one in events(talk)] == [TRIP]
    assert events(talk, project="another") == ()
    with pytest.raises(NotFound):
        by_id(talk, events(talk)[0].id, "another")


def test_an_event_is_read_and_deleted_by_its_id(talk: Talk) -> None:
    talk.add(TRIP)
    (one,) = events(talk)
    told = by_id(talk, one.id)
    assert (told.memory_view, told.content, told.user_id, told.status) == ("event", TRIP, "u", "activated")
    talk.delete(memory_ids=[one.id])
    assert events(talk) == ()
    with pytest.raises(NotFound):
        by_id(talk, one.id)


@pytest.mark.parametrize("selector", [{"user_id": "u"}, {"filter": {"and": [{"scene": "home"}]}}])
def test_deleting_more_takes_events_along(talk: Talk, selector: dict[str, Any]) -> None:
    talk.add(TRIP, info={"scene": "home"})
    talk.delete(**selector)
    assert events(talk) == ()


def test_a_correction_changes_the_event_with_the_fact(talk: Talk) -> None:
    talk.add(TRIP)
    (before,) = events(talk)
    task = feed(talk, "I moved to Nantes, not Lyon.")
    (after,) = events(talk)
    assert (after.id, after.event_value) == (before.id, "I moved to Nantes in August 2026.")
    assert (after.event_location, after.event_time) == (("Nantes",), ("in August 2026",))
    assert status(talk, task).memory_views["updated"]["event"] == {"memory_ids": [before.id]}


def test_what_is_to_be_forgotten_is_no_event_either(talk: Talk) -> None:
    talk.add("I like the cakes in Lyon.")
    (before,) = events(talk)
    task = feed(talk, "Forget that I like the cakes in Lyon.")
    assert events(talk) == ()
    assert status(talk, task).memory_views["deleted"]["event"] == {"memory_ids": [before.id]}


def test_events_outlive_the_process(tmp_path: Path, clock: Clock) -> None:
    for _ in range(2):
        engine = Engine(tmp_path / "memos.db", clock=clock)
        talk = Talk(engine)
        if not talk.page().total:
            talk.add(TRIP)
        assert [one.event_value for one in events(talk)] == [TRIP]
        engine.close()


_PARTS = "week weekend month year night morning afternoon evening spring summer autumn fall winter"
_WEEKDAYS = "monday tuesday Wednesday thursday friday saturday Sunday"
_UNITS = "minute minutes hour hours day days week weeks month months year years"
_MONTHS = "January February Jan Feb March Mar April Apr May June Jun July Jul Aug Sept Sep October Oct November Nov Dec"
SPOKEN = [
    *("the day before yesterday", "the day after tomorrow", "today", "tonight", "tomorrow", "Yesterday evening"),
    *(f"{which} {part}" for which in ("last", "NEXT", "this") for part in f"{_PARTS} {_WEEKDAYS}".split()),
    *(f"{many} {unit} ago" for many in ("a", "two", "12") for unit in _UNITS.split()),
    *(f"in {many} {unit}" for many in ("an", "ten", "3") for unit in _UNITS.split()),
    *(f"{which} {day}{s}" for which in ("on", "every", "until") for day in _WEEKDAYS.split() for s in ("", "s")),
    *("at noon", "at midnight", "at 5 pm", "at 5 o’clock", "at 12:30", "since 1999", "2026-08-01T10:00"),
    *(f"{month} 8th, 2027" for month in _MONTHS.split()),
    *(f"8 of {month}" for month in _MONTHS.split()),
    *(f"in {month}" for month in _MONTHS.split()),
]
_IN_CHINESE = """
    大前天 昨晚 今早 明年晚上 上周 下个星期三 这个月 上季度 2026年5月8日 12月 1999年 三天前 2个月后 下午三点半 8点15分
"""


@pytest.mark.parametrize("when", [*SPOKEN, *_IN_CHINESE.split()])
def test_each_way_to_say_when_is_found(when: str) -> None:
    (found,) = happened(f"we met {when} then")
    assert found.times == (when,)


@pytest.mark.parametrize("how", ["in", "at", "to", "from", "near", "around", "visit", "visited", "visiting"])
def test_each_way_to_say_where_is_found(how: str) -> None:
    (found,) = happened(f"we were {how}\tthe Tower of London again")
    assert found.places == ("the Tower of London",)
    assert happened(f"we were {how} the tower") == []
