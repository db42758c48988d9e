"""What takes several calls, whichever way it is asked: long histories, every memory, a task until its end."""

from typing import Any

import pytest

from memos_integrations.errors import Invalid, NotFound, ServerFault
from memos_integrations.wire.answers import Added, Fact, Preference
from tests.contract.conftest import Caller


def chat(turns: int, words: str = "") -> list[dict[str, str]]:
    """Turns of two messages."""
    said = [(f"My lucky number is {n}. {words}", f"I heard {n}.") for n in range(turns)]
    return [{"role": r, "content": c} for pair in said for r, c in zip(("user", "assistant"), pair, strict=True)]


def every(memos: Caller, **which: Any) -> list[Any]:
    """All that `iter_memory` gives, in either colour."""
    runner = memos._runner
    if runner is None:
        return list(memos.client.iter_memory(**which))

    async def collected() -> list[Any]:
        return [item async for item in memos.client.aio.iter_memory(**which)]

    return runner.run(collected())


def waited(memos: Caller, task: Any, **more: Any) -> Any:
    if memos._runner is None:
        return memos.client.wait_for(task, **more)
    return memos._runner.run(memos.client.aio.wait_for(task, **more))


def history(memos: Caller, messages: Any, **marks: Any) -> tuple[Added, ...]:
    if memos._runner is None:
        return memos.client.add_history(messages, **marks)
    return memos._runner.run(memos.client.aio.add_history(messages, **marks))


def test_a_long_history_is_kept_in_order(memos: Caller) -> None:
    said = chat(55)
    added = history(memos, said, user_id="ada", conversation_id="c", async_mode=False)
    assert [each.status for each in added] == ["completed"] * 3
    assert len({each.task_id for each in added}) == 3
    stored = memos.get_message(user_id="ada", conversation_id="c", message_limit_number=50).message_detail_list
    assert [(m.role, m.content) for m in stored] == [(m["role"], m["content"]) for m in said[-50:]]
    facts = [item for item in every(memos, user_id="ada") if isinstance(item, Fact)]
    assert len(facts) == len(said)


def test_a_long_history_is_one_conversation(memos: Caller) -> None:
    history(memos, chat(30), user_id="ada", async_mode=False, tags=["import"])
    facts = [item for item in every(memos, user_id="ada") if isinstance(item, Fact)]
    assert len(facts) == 60
    assert len({fact.conversation_id for fact in facts}) == 1
    assert all("import" in fact.tags for fact in facts)


def test_a_history_of_more_tokens_than_one_add_takes(memos: Caller) -> None:
    added = history(memos, chat(5, "tea " * 10_000), user_id="ada", async_mode=False)
    assert len(added) == 5


def test_a_message_that_is_too_long_is_named_before_anything_is_sent(memos: Caller) -> None:
    said = [*chat(2), {"role": "user", "content": "tea " * 40_001}]
    with pytest.raises(Invalid, match="message 4 has 40,001 tokens") as caught:
        history(memos, said, user_id="ada")
    assert (caught.value.field, caught.value.rule) == ("messages.4", "too_many_tokens")
    assert every(memos, user_id="ada") == []


def test_every_memory_once(memos: Caller) -> None:
    memos.add_message(
        messages=[{"role": "user", "content": f"I like tea number {n}."} for n in range(7)],
        user_id="ada",
        async_mode=False,
    )
    memos.add_message(messages=[{"role": "user", "content": "I like jazz."}], user_id="bob", async_mode=False)
    for size in (1, 3, 50, None):
        items = every(memos, user_id="ada", size=size)
        assert [type(item) for item in items].count(Fact) == [type(item) for item in items].count(Preference) == 7
        facts = [item.memory_value for item in items if isinstance(item, Fact)]
        assert facts == [f"I like tea number {n}." for n in reversed(range(7))]
        assert len({item.id for item in items}) == len(items) == 14
    only = every(memos, user_id="ada", include_memory_view=["preference"], size=2)
    assert [type(item) for item in only] == [Preference] * 7
    assert every(memos, user_id="nobody") == []


def test_a_wrong_argument_is_told_at_once(memos: Caller) -> None:
    for wrong in ({}, {"user_id": "ada", "size": 51}, {"user_id": "ada", "page": 2}):
        with pytest.raises(Invalid):
            memos.client.iter_memory(**wrong)  # type: ignore[arg-type]
        with pytest.raises(Invalid):
            memos.client.aio.iter_memory(**wrong)  # type: ignore[arg-type]


def test_a_task_until_its_end(memos: Caller) -> None:
    messages = [{"role": "user", "content": "I like tea."}]
    added = memos.add_message(messages=messages, user_id="ada", async_mode=False)
    for task in (added, added.task_id):
        told = waited(memos, task)
        assert (told.task_id, told.status) == (added.task_id, "completed")
        assert set(told.memory_views["added"]) == {"detail_factual", "preference"}
    later = memos.add_message(messages=messages, user_id="ada")
    assert waited(memos, later, timeout=20).status == "completed"


def test_a_task_that_failed(memos: Caller) -> None:
    added = memos.add_message(messages=[{"role": "user", "content": "x"}], user_id="ada", async_mode=False)
    with memos.engine._store.writing():
        memos.engine._store.finish(memos.engine._store.tasks_of("", added.task_id)[0].number, "failed")
    with pytest.raises(ServerFault, match="the task failed"):
        waited(memos, added)


def test_a_task_that_is_not_there(memos: Caller) -> None:
    with pytest.raises(NotFound) as caught:
        waited(memos, "nobody's")
    assert caught.value.code == 50131
    for wrong in (None, Added(), "", 5):
        with pytest.raises(Invalid):
            waited(memos, wrong)
    for timeout in (0, -1, float("nan"), float("inf"), 86_401, True):
        with pytest.raises(Invalid):
            waited(memos, "t", timeout=timeout)
