"""update/memory inside: whose memory it is, what the index counts, and what goes with a memory that is deleted."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from memos_integrations.engine import Engine
from memos_integrations.errors import NotFound
from memos_integrations.wire.calls import UpdateMemory
from tests.engine.conftest import Clock, Talk
from tests.engine.feedback import by_id, feed


def update(talk: Talk, memory: str, project: str = "", **change: str) -> None:
    assert talk.engine.update_memory(UpdateMemory(memory_id=memory, **change), project).success


def only(talk: Talk, **whose: str) -> str:
    (fact,) = talk.page(**whose).memory_detail_list
    return fact.id


def counts(talk: Talk) -> tuple[int, int]:
    """How many facts and words the index counts."""
    owner = talk.engine._store.owner("", "user", "u")
    assert owner is not None
    return owner.facts, owner.words


def test_no_other_projects_memory_is_changed(talk: Talk) -> None:
    talk.add("The parrots sing.", project="p")
    (fact,) = talk.page(project="p").memory_detail_list
    for change in ({"content": "x"}, {"title": "x"}, {"status": "archived"}, {"status": "deleted"}):
        with pytest.raises(NotFound) as caught:
            update(talk, fact.id, "q", **change)
        assert (caught.value.code, caught.value.path) == (40307, "update/memory")
        assert fact.id not in str(caught.value)
    assert talk.page(project="p").memory_detail_list == (fact,)
    update(talk, fact.id, "p", content="The parrots are silent.")
    assert talk.page(project="p").memory_detail_list[0].memory_value == "The parrots are silent."


def test_it_keeps_its_birth_and_tells_the_change(talk: Talk, clock: Clock) -> None:
    talk.add("The parrots sing.")
    memory = only(talk)
    for minutes, change in enumerate(
        ({"content": "They are silent."}, {"title": "Parrots"}, {"status": "archived"}), 1
    ):
        clock.now += 60
        update(talk, memory, **change)
        told = by_id(talk, memory)
        assert (told.created_at, told.updated_at) == ("2026-08-01T12:00:00", f"2026-08-01T12:0{minutes}:00")


def test_the_index_follows(talk: Talk) -> None:
    talk.add("Bread is cheap.", "The parrots sing loudly.")
    parrots = next(fact.id for fact in talk.page().memory_detail_list if "parrots" in fact.memory_value)
    assert counts(talk) == (2, 5)
    for status, told in (("archived", (1, 2)), ("archived", (1, 2)), ("activated", (2, 5)), ("activated", (2, 5))):
        update(talk, parrots, status=status)
        assert counts(talk) == told
    update(talk, parrots, status="archived")
    update(talk, parrots, content="Silence.")
    assert (counts(talk), by_id(talk, parrots).status) == ((1, 2), "archived")
    assert talk.facts("silence", relativity=0) == ["Bread is cheap."]
    update(talk, parrots, content="Silence again.", status="resolving")
    assert counts(talk) == (2, 3)
    assert talk.facts("silence")[0] == "Silence again."
    update(talk, parrots, status="deleted")
    assert counts(talk) == (1, 2)


def test_what_answers_set_before_a_text_is_not_kept_twice(talk: Talk) -> None:
    talk.add("Lyon is a nice city.", role="assistant", conversation_id="c")
    talk.add(messages=[{"role": "user", "content": "I live there.", "role_name": "Ada"}], conversation_id="c")
    for fact in talk.page().memory_detail_list:
        update(talk, fact.id, content=f"{fact.memory_value} Yes.")
        assert by_id(talk, fact.id).content == f"{fact.memory_value} Yes."
    view = next(fact for fact in talk.page().memory_detail_list if "view" in fact.memory_value)
    update(talk, view.id, content="[assistant view] ")
    assert str(by_id(talk, view.id).content).strip() == "[assistant view] [assistant view]"


def test_one_that_is_not_refined_yet(talk: Talk) -> None:
    talk.add("The parrots sing.", async_mode=True)
    update(talk, only(talk), content="They are silent.")
    talk.engine.settle(10)
    assert talk.facts("silent parrots") == ["They are silent."]


def test_feedback_keeps_a_title(talk: Talk) -> None:
    talk.add("I live in Lyon.", conversation_id="c")
    memory = only(talk)
    update(talk, memory, title="Home")
    feed(talk, "I live in Nantes, not Lyon.")
    told = by_id(talk, memory)
    assert (told.content, told.title) == ("I live in Nantes.", "Home")


@pytest.mark.parametrize("how", ["by id", "by user", "by status"])
def test_a_title_goes_with_its_memory(path: Path, how: str) -> None:
    engine = Engine(path)
    talk = Talk(engine)
    talk.add("I met Anna in Lyon yesterday. I like tea.", conversation_id="c")
    page = talk.page()
    kept: list[Any] = [*page.memory_detail_list, *page.preference_detail_list, *page.event_detail_list]
    assert len(kept) == 3
    for each in kept:
        update(talk, each.id, title="TITLE5d1c")
    if how == "by user":
        talk.delete(user_id="u")
    elif how == "by id":
        talk.delete(memory_ids=[each.id for each in kept])
    else:
        for each in kept:
            update(talk, each.id, status="deleted")
    engine.close()
    connection = sqlite3.connect(path)
    assert connection.execute("select count(*) from mark").fetchone() == (0,)
    connection.close()
    assert b"TITLE5d1c" not in path.read_bytes()


def test_it_is_there_after_a_restart(path: Path) -> None:
    first = Engine(path)
    Talk(first).add("The parrots sing.", "Bread is cheap.")
    parrots, bread = (fact.id for fact in reversed(Talk(first).page().memory_detail_list))
    update(Talk(first), parrots, content="They are silent.", title="Parrots", status="resolving")
    update(Talk(first), bread, status="archived")
    first.close()
    again = Engine(path)
    (fact,) = Talk(again).page().memory_detail_list
    assert (fact.memory_value, fact.memory_key, fact.status) == ("They are silent.", "Parrots", "resolving")
    assert by_id(Talk(again), bread).status == "archived"
    again.close()
