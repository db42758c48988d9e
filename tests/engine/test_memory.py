"""get/memory and delete/memory, and that nothing crosses from one owner or project to another."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memos_integrations.engine import Engine
from memos_integrations.errors import NotFound, Refused
from memos_integrations.wire.answers import Memories
from memos_integrations.wire.calls import GetMessage, GetStatus
from tests.engine.conftest import Clock, Talk


def stored(talk: Talk, project: str = "", user: str = "u") -> list[object]:
    call = GetMessage(user_id=user, conversation_id="c")
    return [item.content for item in talk.engine.get_message(call, project).message_detail_list]


def test_pages_newest_first(talk: Talk, clock: Clock) -> None:
    for n in range(7):
        talk.add(f"I like parrot {n}." if n < 2 else f"parrot {n}")
        clock.now += 60
    page = talk.page(size=3, page=1)
    assert [fact.memory_value for fact in page.memory_detail_list] == ["parrot 6", "parrot 5", "parrot 4"]
    assert [item.preference for item in page.preference_detail_list] == ["I like parrot 1.", "I like parrot 0."]
    assert (page.total, page.size, page.current, page.pages) == (7, 3, 1, 3)
    last = talk.page(size=3, page=3)
    assert [fact.memory_value for fact in last.memory_detail_list] == ["I like parrot 0."]
    beyond = talk.page(size=50, page=10**30)
    assert (beyond.memory_detail_list, beyond.total, beyond.pages) == ((), 7, 1)


def test_pages_of_one_kind_count_that_kind(talk: Talk) -> None:
    talk.add("I like parrots.", "parrots")
    assert talk.page(include_memory_view=["preference"]).total == 1
    assert talk.page(include_preference=False).preference_detail_list == ()
    assert talk.page(include_memory_view=["skill"]).total == 0
    nobody = talk.page(user_id="nobody", size=4)
    assert (nobody.total, nobody.pages, nobody.current, nobody.size) == (0, 0, 1, 4)


def test_a_memory_deleted_leaves_the_others(talk: Talk) -> None:
    talk.add("I like parrots.", "Sunny.", "Bread is cheap.", conversation_id="c")
    page = talk.page()
    (preference,) = page.preference_detail_list
    (fact,) = [fact for fact in page.memory_detail_list if "parrots" in fact.memory_value]
    talk.delete(memory_ids=[preference.id])
    assert talk.preferences("parrots") == []
    assert talk.facts("parrots") == ["I like parrots.", "Sunny."]
    assert stored(talk) == ["I like parrots.", "Sunny.", "Bread is cheap."]
    talk.delete(memory_ids=[fact.id, fact.id])
    assert talk.facts("parrots") == []
    assert talk.facts("bread") == ["Bread is cheap.", "Sunny."]
    assert stored(talk) == ["Sunny.", "Bread is cheap."]


def test_memories_that_do_not_exist_delete_nothing(talk: Talk) -> None:
    talk.add("parrots")
    talk.add("others", project="p")
    (mine,), (other,) = talk.page().memory_detail_list, talk.page(project="p").memory_detail_list
    for ids in ([mine.id, "no such id"], [mine.id, other.id], [mine.id.upper() + "x"]):
        with pytest.raises(NotFound) as caught:
            talk.delete(memory_ids=ids)
        assert caught.value.code == 40307
    assert talk.facts("parrots") == ["parrots"]


def test_a_user_deleted_is_gone(talk: Talk) -> None:
    task = talk.add("I like parrots.", user_id=["u", "v"], conversation_id="c").task_id or ""
    talk.delete(user_id="u")
    assert (talk.facts("parrots"), talk.preferences("parrots"), stored(talk)) == ([], [], [])
    assert talk.facts("parrots", user_id="v") == ["I like parrots."]
    assert (
        len(talk.engine.get_status(GetStatus(task_id=task)).memory_views["added"]["detail_factual"]["memory_ids"]) == 1
    )
    talk.delete(user_ids=["v"])
    with pytest.raises(Refused) as caught:
        talk.engine.get_status(GetStatus(task_id=task))
    assert caught.value.code == 50131


@pytest.mark.parametrize("selector", [{"user_id": "nobody"}, {"agent_id": "u"}])
def test_an_unknown_user_or_agent(talk: Talk, selector: dict[str, str]) -> None:
    talk.add("parrots")
    with pytest.raises(NotFound) as caught:
        talk.delete(**selector)
    assert caught.value.code == 40308
    assert talk.facts("parrots")


def test_an_agent_deleted_is_gone(talk: Talk) -> None:
    talk.add("parrots", agent_id="a")
    talk.add("parrots", user_id="u", agent_id="a")
    talk.delete(agent_id="a")
    assert talk.facts("parrots", agent_id="a") == []
    assert talk.facts("parrots") == ["parrots"]


def test_the_index_holds_nothing_of_what_is_gone(talk: Talk) -> None:
    talk.add("I like parrots.", "The second has words.", user_id="u")
    talk.delete(memory_ids=[fact.id for fact in talk.page().memory_detail_list])
    store = talk.engine._store
    with store.reading():
        assert store.execute("select count(*) from posting").fetchone() == (0,)
        assert store.execute("select facts, words from owner").fetchone() == (0, 0)
    talk.delete(user_id="u")
    with store.reading():
        for table in ("owner", "conversation", "task", "message", "fact", "preference", "posting"):
            assert store.execute(f"select count(*) from {table}").fetchone() == (0,)


def ids_of(page: Memories) -> list[str]:
    return [*(fact.id for fact in page.memory_detail_list), *(item.id for item in page.preference_detail_list)]


def everything(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.iterdir())


@pytest.mark.parametrize("by", ["user", "ids"])
def test_deleted_words_are_not_in_the_file(path: Path, by: str) -> None:
    engine = Engine(path)
    talk = Talk(engine)
    for n in range(150):
        talk.add(
            f"I like the quokkamarker{n}. " + "It goes on and on. " * (n % 30), user_id="u", conversation_id=f"c{n % 7}"
        )
        talk.add(f"The wombatmarker{n} stays.", user_id="v")
    assert b"quokkamarker" in everything(path)
    if by == "user":
        talk.delete(user_id="u")
    else:
        while ids := ids_of(talk.page(size=50)):
            talk.delete(memory_ids=ids)
    assert b"quokkamarker" not in everything(path)
    assert len(talk.facts("stays", user_id="v")) == 9
    engine.close()
    assert b"quokkamarker" not in everything(path)
    assert b"wombatmarker149" in everything(path)


def test_nothing_crosses(talk: Talk) -> None:
    owners: list[dict[str, Any]] = [
        {"user_id": "x", "project": ""},
        {"user_id": "y", "project": ""},
        {"agent_id": "x", "project": ""},
        {"user_id": "x", "project": "p"},
    ]
    for number, owner in enumerate(owners):
        talk.add(f"I like secret {number}.", conversation_id="c", **owner)
    looks: list[Callable[..., list[str]]] = [talk.facts, talk.preferences]
    for number, owner in enumerate(owners):
        for look in looks:
            assert look("secret", relativity=0, **owner) == [f"I like secret {number}."]
        assert [fact.memory_value for fact in talk.page(**owner).memory_detail_list] == [f"I like secret {number}."]
    assert stored(talk, "", "x") == ["I like secret 0."]
    assert stored(talk, "p", "x") == ["I like secret 3."]


def test_a_task_is_its_projects_own(talk: Talk) -> None:
    task = talk.add("x", project="p").task_id or ""
    assert talk.engine.get_status(GetStatus(task_id=task), "p").status == "completed"
    with pytest.raises(NotFound) as caught:
        talk.engine.get_status(GetStatus(task_id=task))
    assert caught.value.code == 50131
