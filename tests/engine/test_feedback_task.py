"""A feedback as a task: what get/status tells of it, where it is kept, and that it holds as a whole."""

from pathlib import Path

import pytest

from memos_integrations.engine import Engine, _feedback
from memos_integrations.errors import NotFound
from memos_integrations.wire.calls import GetMessage
from tests.engine.conftest import NOON_MS, Clock, Talk
from tests.engine.feedback import by_id, facts, feed, status, verbs


def history(talk: Talk, conversation: str = "c") -> list[object]:
    call = GetMessage(user_id="u", conversation_id=conversation)
    return [message.content for message in talk.engine.get_message(call).message_detail_list]


def test_the_status_names_what_was_added_updated_and_archived(talk: Talk) -> None:
    talk.add("I live in Lyon.", "I like jazz.")
    before = {fact.memory_value: fact.id for fact in talk.page().memory_detail_list}
    (liking,), (event,) = talk.page().preference_detail_list, talk.page().event_detail_list
    told = status(talk, feed(talk, "I live in Nantes, not Lyon. I no longer like jazz. I like tea."))
    after = {fact.memory_value: fact.id for fact in talk.page().memory_detail_list}
    (tea,) = [each.id for each in talk.page().preference_detail_list if "tea" in each.preference]
    assert told.status == "completed"
    assert told.memory_views == {
        "added": {
            "detail_factual": {"memory_ids": [after["I no longer like jazz. I like tea."]]},
            "preference": {"memory_ids": [tea]},
        },
        "updated": {
            "detail_factual": {"memory_ids": [before["I live in Lyon."]]},
            "event": {"memory_ids": [event.id]},
        },
        "deleted": {
            "detail_factual": {"memory_ids": [before["I like jazz."]]},
            "preference": {"memory_ids": [liking.id]},
        },
    }
    assert after["I live in Nantes."] == before["I live in Lyon."]


def test_the_status_forgets_what_was_deleted_since(talk: Talk) -> None:
    talk.add("I live in Lyon.")
    task = feed(talk, "I live in Nantes, not Lyon.")
    talk.delete(memory_ids=[talk.page().memory_detail_list[0].id])
    assert verbs(talk, task) == {}
    talk.delete(user_id="u")
    with pytest.raises(NotFound):
        status(talk, task)
    with talk.engine._store.reading():
        assert talk.engine._store.execute("select count(*) from change").fetchone() == (0,)


def test_another_projects_task_is_unknown(talk: Talk) -> None:
    task = feed(talk, "I live in Nantes.", project="p")
    with pytest.raises(NotFound) as caught:
        status(talk, task)
    assert caught.value.code == 50131


def test_feedback_is_no_part_of_the_conversation(talk: Talk) -> None:
    talk.add("Bonjour.", conversation_id="c")
    feed(talk, "I like green tea.", conversation_id="c")
    feed(talk, "I play chess.")
    talk.add("Bonsoir.", conversation_id="c")
    assert history(talk) == ["Bonjour.", "Bonsoir."]
    assert {fact.conversation_id for fact in talk.page().memory_detail_list if "tea" in fact.memory_value} == {"c"}
    assert talk.page().preference_detail_list[0].conversation_id == "c"


def test_a_feedback_about_a_conversation_not_seen_yet(talk: Talk) -> None:
    feed(talk, "I like green tea.", conversation_id="new")
    assert talk.facts("tea", conversation_id="new") == ["I like green tea."]
    assert history(talk, "new") == []


def test_what_is_remembered_of_it_has_its_marks(talk: Talk) -> None:
    feed(talk, "I like green tea.", agent_id="bot", app_id="shop", info={"scene": "home"}, feedback_time="2026-07-01")
    for condition in (
        {"agent_id": "bot"},
        {"app_id": "shop"},
        {"scene": "home"},
        {"create_time": {"lt": "2026-07-02"}},
    ):
        page = talk.page(filter={"and": [condition]})
        assert [fact.memory_value for fact in page.memory_detail_list] == ["I like green tea."]
        assert [each.preference for each in page.preference_detail_list] == ["I like green tea."]


def test_a_time_that_is_none_counts_as_now(talk: Talk) -> None:
    feed(talk, "I play chess.", feedback_time="some day")
    assert talk.page().memory_detail_list[0].create_time == NOON_MS


def test_a_revision_counts_as_an_update(talk: Talk, clock: Clock) -> None:
    talk.add("I live in Lyon.", "I like parrots.")
    clock.now += 86_400
    feed(talk, "I live in Nantes, not Lyon.")
    page = talk.page(filter={"and": [{"update_time": {"gte": "2026-08-02"}}]})
    assert [fact.memory_value for fact in page.memory_detail_list] == ["I live in Nantes."]
    assert talk.page(filter={"and": [{"create_time": {"gte": "2026-08-02"}}]}).total == 0


def test_what_runs_is_refined_first(talk: Talk) -> None:
    talk.engine._refiner._stopping = True  # nothing is refined from here on
    added = talk.add("I like jazz.", async_mode=True)
    assert status(talk, added.task_id or "").status == "running"
    task = feed(talk, "Forget that I like jazz.")
    assert status(talk, added.task_id or "").status == "completed"
    assert verbs(talk, task) == {"deleted": {"detail_factual": 1, "preference": 1}}
    assert talk.preferences("jazz", relativity=0) == []


def test_a_feedback_holds_as_a_whole_or_not_at_all(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    talk.add("I live in Lyon.")

    def failing(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(_feedback._Work, "remember", failing)
        with pytest.raises(ZeroDivisionError):
            feed(talk, "I live in Nantes, not Lyon. I play chess.")
    assert facts(talk) == {"I live in Lyon."}
    feed(talk, "I live in Nantes, not Lyon. I play chess.")
    assert facts(talk) == {"I live in Nantes.", "I play chess."}


def test_a_feedback_outlives_the_engine(path: Path) -> None:
    first = Engine(path)
    talk = Talk(first)
    talk.add("I live in Lyon.", "I like jazz.")
    task = feed(talk, "I live in Nantes, not Lyon. Forget that I like jazz.")
    (jazz,) = status(talk, task).memory_views["deleted"]["detail_factual"]["memory_ids"]
    first.close()
    again = Engine(path)
    assert facts(Talk(again)) == {"I live in Nantes."}
    assert by_id(Talk(again), jazz).status == "archived"
    assert status(Talk(again), task).status == "completed"
    again.close()


def test_feedback_of_a_user_not_seen_yet(talk: Talk) -> None:
    feed(talk, 'Replace "Lyon" with "Nantes"')
    assert facts(talk) == {'Replace "Lyon" with "Nantes"'}
