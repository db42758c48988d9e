"""Changing a memory by its id, whichever way it is asked (contract §2.6)."""

from typing import Any

import pytest

from memos_integrations.errors import BadRequest, Invalid, NotFound
from tests.contract.conftest import Caller


def add(memos: Caller, *texts: str, role: str = "user") -> str:
    """The id of the newest fact after adding `texts`."""
    messages = [{"role": role, "content": text} for text in texts]
    memos.add_message(messages=messages, user_id="ada", conversation_id="c", async_mode=False)
    return str(memos.get_memory(user_id="ada").memory_detail_list[0].id)


def facts(memos: Caller, query: str, **more: Any) -> list[str]:
    found = memos.search_memory(query=query, user_id="ada", **more)
    return [fact.memory_value for fact in found.memory_detail_list]


def test_new_words_are_found_and_old_ones_are_not(memos: Caller) -> None:
    fact = add(memos, "I moved to Lyon.")
    before = memos.get_memory_by_id(memory_id=fact)
    assert memos.update_memory(memory_id=fact, content="My flat is in Nantes.").success
    assert facts(memos, "Nantes flat") == ["My flat is in Nantes."]
    assert facts(memos, "moved to Lyon") == []
    after = memos.get_memory_by_id(memory_id=fact)
    assert (after.content, after.title, after.status) == ("My flat is in Nantes.", "My flat is in Nantes.", "activated")
    assert after.created_at == before.created_at


def test_a_preference_gets_new_words(memos: Caller) -> None:
    add(memos, "I like jazz.")
    (liking,) = memos.get_memory(user_id="ada").preference_detail_list
    memos.update_memory(memory_id=liking.id, content="I like opera.", title="Music")
    found = memos.search_memory(query="opera", user_id="ada").preference_detail_list
    assert [each.preference for each in found] == ["I like opera."]
    assert memos.get_memory_by_id(memory_id=liking.id).title == "Music"
    assert facts(memos, "jazz") == ["I like jazz."]


def test_an_event_is_read_anew(memos: Caller) -> None:
    add(memos, "I met Anna in Lyon yesterday.")
    (event,) = memos.get_memory(user_id="ada").event_detail_list
    memos.update_memory(memory_id=event.id, content="I met Anna in Nantes in June.", title="Anna", status="resolving")
    (told,) = memos.get_memory(user_id="ada").event_detail_list
    assert (told.event_value, told.event_key, told.status) == ("I met Anna in Nantes in June.", "Anna", "resolving")
    assert (told.event_time, told.event_location) == (("in June",), ("Nantes",))
    memos.update_memory(memory_id=event.id, status="archived")
    assert memos.get_memory(user_id="ada").event_detail_list == ()
    memos.update_memory(memory_id=event.id, status="activated")
    assert [each.status for each in memos.get_memory(user_id="ada").event_detail_list] == ["activated"]


def test_what_a_tool_did_stays(memos: Caller) -> None:
    call = {"id": "t1", "type": "function", "function": {"name": "look_up", "arguments": '{"q": "tea"}'}}
    messages = [
        {"role": "user", "content": "Which tea?"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "t1", "content": "Sencha"},
    ]
    memos.add_message(messages=messages, user_id="ada", conversation_id="c", async_mode=False)
    (tool,) = memos.get_memory(user_id="ada").tool_memory_detail_list
    with pytest.raises(BadRequest) as caught:
        memos.update_memory(memory_id=tool.id, content="Never look up.", title="Teas")
    assert caught.value.code == 40000
    memos.update_memory(memory_id=tool.id, title="Teas", status="resolving")
    told = memos.get_memory_by_id(memory_id=tool.id)
    assert (told.title, told.status, told.content["tool_value"]) == ("Teas", "resolving", tool.tool_value)


def test_a_title_of_its_own(memos: Caller) -> None:
    fact = add(memos, "I moved to Lyon.")
    memos.update_memory(memory_id=fact, title="Home city")
    (told,) = memos.get_memory(user_id="ada").memory_detail_list
    assert (told.memory_key, told.memory_value) == ("Home city", "I moved to Lyon.")
    assert memos.search_memory(query="Lyon", user_id="ada").memory_detail_list[0].memory_key == "Home city"
    memos.update_memory(memory_id=fact, content="I moved to Nantes.")
    assert memos.get_memory_by_id(memory_id=fact).title == "Home city"


def test_an_archived_memory_is_read_by_its_id_until_it_is_activated(memos: Caller) -> None:
    fact = add(memos, "I moved to Lyon.")
    memos.update_memory(memory_id=fact, status="archived")
    assert facts(memos, "Lyon", relativity=0) == []
    assert memos.get_memory(user_id="ada").memory_detail_list == ()
    assert memos.get_memory_by_id(memory_id=fact).status == "archived"
    memos.update_memory(memory_id=fact, status="activated")
    assert facts(memos, "Lyon") == ["I moved to Lyon."]
    assert memos.get_memory_by_id(memory_id=fact).status == "activated"


def test_one_that_is_being_resolved_is_found(memos: Caller) -> None:
    fact = add(memos, "I moved to Lyon.")
    memos.update_memory(memory_id=fact, status="resolving")
    (found,) = memos.search_memory(query="Lyon", user_id="ada").memory_detail_list
    assert found.status == memos.get_memory_by_id(memory_id=fact).status == "resolving"


def test_deleted_is_for_good(memos: Caller) -> None:
    fact = add(memos, "I moved to Lyon.")
    memos.update_memory(memory_id=fact, status="deleted")
    assert facts(memos, "Lyon", relativity=0) == []
    with pytest.raises(NotFound):
        memos.get_memory_by_id(memory_id=fact)
    with pytest.raises(NotFound) as caught:
        memos.update_memory(memory_id=fact, status="activated")
    assert caught.value.code == 40307


def test_what_can_not_be_updated(memos: Caller) -> None:
    fact = add(memos, "I moved to Lyon.")
    with pytest.raises(NotFound) as gone:
        memos.update_memory(memory_id="nobody's", content="x")
    assert gone.value.code == 40307
    with pytest.raises(BadRequest) as caught:
        memos.update_memory(memory_id=fact, content="I moved to Metz.", status="forgotten")
    assert caught.value.code == 40000
    assert facts(memos, "moved") == ["I moved to Lyon."]
    for wrong in ({}, {"content": " "}, {"title": ""}, {"content": 5}):
        with pytest.raises(Invalid):
            memos.update_memory(memory_id=fact, **wrong)


def test_a_tasks_account_stays(memos: Caller) -> None:
    """What an add made, it made, whatever is done to it by hand."""
    messages = [{"role": "user", "content": "I moved to Lyon."}]
    added = memos.add_message(messages=messages, user_id="ada", conversation_id="c", async_mode=False)
    before = memos.get_status(task_id=added.task_id).memory_views
    (fact,) = before["added"]["detail_factual"]["memory_ids"]
    memos.update_memory(memory_id=fact, content="I moved to Nantes.", status="archived")
    assert memos.get_status(task_id=added.task_id).memory_views == before
