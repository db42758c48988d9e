"""get/memory/{memory_id} (contract §2.5), and what is archived."""

import json
from pathlib import Path

import pytest

from memos_integrations.engine import Engine, _core, route
from memos_integrations.errors import NotFound
from memos_integrations.wire.envelope import Reply, Request
from tests.engine.conftest import Clock, Talk
from tests.engine.feedback import by_id, feed, status

NOON, LATER = "2026-08-01T12:00:00", "2026-08-01T12:01:00"


def only(talk: Talk, **whose: str) -> str:
    (fact,) = talk.page(**whose).memory_detail_list
    return fact.id


def archived(talk: Talk) -> tuple[str, str]:
    """A fact and a preference that are archived."""
    talk.add("I like parrots.", conversation_id="c", tags=["zoo"])
    views = status(talk, feed(talk, "Forget that I like parrots.")).memory_views["deleted"]
    (fact,), (preference,) = (views[view]["memory_ids"] for view in ("detail_factual", "preference"))
    return fact, preference


def test_a_fact_is_told_in_the_documented_form(talk: Talk) -> None:
    talk.add(
        conversation_id="c",
        tags=["zoo"],
        info={"scene": "home"},
        messages=[{"role": "user", "content": "The parrots sing.", "message_id": "x1"}],
    )
    assert by_id(talk, only(talk)).model_dump() == {
        "id": only(talk),
        "memory_view": "detail_factual",
        "title": "The parrots sing.",
        "content": "The parrots sing.",
        "conversation_id": "c",
        "message_ids": ("x1",),
        "status": "activated",
        "algorithm_updatable": True,
        "created_at": NOON,
        "updated_at": NOON,
        "user_id": "u",
        "agent_id": "",
        "tags": ("zoo", "mode:fine"),
        "info": {"scene": "home"},
    }


def test_a_preference_is_told_in_the_same_form(talk: Talk) -> None:
    talk.add("I like parrots. They sing.", conversation_id="c")
    (liking,) = talk.page().preference_detail_list
    told = by_id(talk, liking.id)
    assert (told.memory_view, told.title, told.content) == ("preference", "I like parrots.", "I like parrots.")
    assert (told.conversation_id, told.user_id, told.status) == ("c", "u", "activated")
    assert told.message_ids == by_id(talk, only(talk)).message_ids
    assert len(told.message_ids or ()) == 1


def test_an_agents_memory_names_the_agent(talk: Talk) -> None:
    talk.add("The parrots sing.", agent_id="bot")
    told = by_id(talk, only(talk, agent_id="bot"))
    assert (told.user_id, told.agent_id) == ("", "bot")


def test_no_other_projects_memory_is_told(talk: Talk) -> None:
    talk.add("The parrots sing.", project="p")
    (fact,) = talk.page(project="p").memory_detail_list
    assert by_id(talk, fact.id, "p").content == "The parrots sing."
    for memory, project in ((fact.id, ""), ("none", "p"), (f"{fact.id}%", "p")):
        with pytest.raises(NotFound) as caught:
            by_id(talk, memory, project)
        assert (caught.value.code, caught.value.path) == (40001, "get/memory/{memory_id}")
        assert memory not in str(caught.value)


def test_over_the_wire(talk: Talk) -> None:
    talk.add("The parrots sing.")
    for path, code in ((only(talk), 0), ("none", 40001)):
        reply = route(talk.engine, Request("GET", f"/api/openmem/v1/get/memory/{path}", b""))
        assert isinstance(reply, Reply)
        assert json.loads(reply.body)["code"] == code


def test_what_is_revised_keeps_its_id_and_its_birth(talk: Talk, clock: Clock) -> None:
    talk.add("I live in Lyon.", conversation_id="c")
    before = only(talk)
    clock.now += 60
    feed(talk, "I live in Nantes, not Lyon.")
    told = by_id(talk, before)
    assert (told.content, told.title, told.status) == ("I live in Nantes.", "I live in Nantes.", "activated")
    assert (told.created_at, told.updated_at) == (NOON, LATER)


def test_what_is_archived_is_read_by_its_id_alone(talk: Talk) -> None:
    memories = archived(talk)
    assert {(by_id(talk, each).content, by_id(talk, each).status) for each in memories} == {
        ("I like parrots.", "archived")
    }
    found = talk.search("parrots", relativity=0, filter={"and": [{"tags": {"contains": "zoo"}}]})
    assert (found.memory_detail_list, found.preference_detail_list, found.preference_note) == ((), (), "")
    for page in (talk.page(), talk.page(filter={"or": [{"tags": {"contains": "zoo"}}]})):
        assert (page.memory_detail_list, page.preference_detail_list, page.total) == ((), (), 0)


def test_what_is_archived_is_no_neighbour(talk: Talk) -> None:
    talk.add("The parrots sing.", "I like jazz.", conversation_id="c")
    assert talk.facts("parrots") == ["The parrots sing.", "I like jazz."]
    feed(talk, "Forget that I like jazz.")
    assert talk.facts("parrots", relativity=0) == ["The parrots sing."]


def test_what_is_archived_can_be_deleted(talk: Talk) -> None:
    memories = archived(talk)
    talk.delete(memory_ids=list(memories))
    for each in memories:
        with pytest.raises(NotFound):
            by_id(talk, each)


def test_what_is_archived_goes_with_a_filter_or_its_user(talk: Talk) -> None:
    memories = archived(talk)
    talk.delete(filter={"and": [{"tags": {"contains": "zoo"}}]})
    more = archived(talk)
    talk.delete(user_id="u")
    for each in (*memories, *more):
        with pytest.raises(NotFound):
            by_id(talk, each)


def counts(talk: Talk) -> tuple[int, int]:
    """How many facts and words the index counts."""
    owner = talk.engine._store.owner("", "user", "u")
    assert owner is not None
    return owner.facts, owner.words


def test_the_index_counts_no_archived_fact(talk: Talk) -> None:
    talk.add("Bread is cheap.")
    memories = archived(talk)
    assert counts(talk) == (1, 2)
    talk.delete(memory_ids=list(memories))
    assert counts(talk) == (1, 2)
    talk.delete(memory_ids=[only(talk)])
    assert counts(talk) == (0, 0)


def test_another_tokenizer_indexes_no_archived_fact(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Engine(path)
    Talk(first).add("Bread is cheap.")
    archived(Talk(first))
    first.close()
    monkeypatch.setattr(_core, "TOKENIZER", "next")
    again = Engine(path)
    assert counts(Talk(again)) == (1, 2)
    again.close()
