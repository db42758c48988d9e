"""Feedback and a memory by its id, whichever way it is asked (contract §2.5, §2.9, §2.12)."""

from typing import Any

import pytest

from memos_integrations.errors import Invalid, NotFound
from tests.contract.conftest import Caller


def add(memos: Caller, *texts: str, user: str = "ada") -> None:
    messages = [{"role": "user", "content": text} for text in texts]
    memos.add_message(messages=messages, user_id=user, conversation_id="c", async_mode=False)


def kept(memos: Caller, user: str = "ada") -> dict[str, str]:
    """What is remembered of a user, with its ids."""
    return {fact.memory_value: fact.id for fact in memos.get_memory(user_id=user).memory_detail_list}


def feed(memos: Caller, text: str) -> dict[str, Any]:
    """Gives feedback; what get/status tells of it."""
    added = memos.add_feedback(user_id="ada", conversation_id="c", feedback_content=text)
    assert (added.success, added.status) == (True, "completed")
    status = memos.get_status(task_id=added.task_id)
    assert (status.task_id, status.status) == (added.task_id, "completed")
    return dict(status.memory_views)


@pytest.mark.parametrize(
    ("said", "feedback", "left"),
    [
        ("I moved to Lyon.", 'Replace "Lyon" with "Nantes"', "I moved to Nantes."),
        ("I live in Lyon.", "I live in Nantes, not Lyon.", "I live in Nantes."),
        ("我住在里昂。", "我住在南特，不是里昂。", "我住在南特。"),
    ],
)
def test_a_correction_updates(memos: Caller, said: str, feedback: str, left: str) -> None:
    add(memos, said)
    add(memos, said, user="bob")
    before = kept(memos)
    views = feed(memos, feedback)
    assert (set(views), views["updated"]["detail_factual"]) == ({"updated"}, {"memory_ids": [before[said]]})
    assert kept(memos) == {left: before[said]}
    assert set(kept(memos, "bob")) == {said}
    found = memos.search_memory(query=left, user_id="ada")
    assert [fact.memory_value for fact in found.memory_detail_list] == [left]


def test_a_denial_archives(memos: Caller) -> None:
    add(memos, "I like coriander.", "My bike is green.")
    gone = kept(memos)["I like coriander."]
    views = feed(memos, "I no longer like coriander.")
    assert set(views) == {"added", "deleted"}
    assert views["deleted"]["detail_factual"]["memory_ids"] == [gone]
    assert memos.get_memory_by_id(memory_id=gone).status == "archived"
    assert set(kept(memos)) == {"I no longer like coriander.", "My bike is green."}
    assert memos.delete_memory(memory_ids=[gone]).success
    with pytest.raises(NotFound):
        memos.get_memory_by_id(memory_id=gone)


def test_what_fits_no_rule_is_remembered(memos: Caller) -> None:
    views = feed(memos, "The tour guide was excellent.")
    assert views == {"added": {"detail_factual": {"memory_ids": list(kept(memos).values())}}}
    assert memos.get_message(user_id="ada", conversation_id="c").message_detail_list == ()


def test_a_memory_by_its_id(memos: Caller) -> None:
    add(memos, "I live in Lyon.")
    told = memos.get_memory_by_id(memory_id=kept(memos)["I live in Lyon."])
    assert (told.content, told.memory_view, told.status) == ("I live in Lyon.", "detail_factual", "activated")
    assert (told.user_id, told.conversation_id, told.agent_id) == ("ada", "c", "")
    assert told.title
    assert told.created_at
    assert told.updated_at
    assert len(told.message_ids) == 1


@pytest.mark.parametrize("memory", ["none", "a/b?c=d#e", "记忆", "%2F"])
def test_an_unknown_id(memos: Caller, memory: str) -> None:
    with pytest.raises(NotFound) as caught:
        memos.get_memory_by_id(memory_id=memory)
    assert caught.value.code == 40001


def test_blank_feedback_is_refused_here(memos: Caller) -> None:
    with pytest.raises(Invalid):
        memos.add_feedback(user_id="ada", feedback_content=" ")
