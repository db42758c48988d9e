"""Public memory, on all four ways: what one user allows, all of the project find (contract §2.1, §5)."""

from tests.contract.conftest import Caller

RULE = "The office in Lyon closes at noon."


def say(memos: Caller, text: str = RULE, **more: object) -> None:
    message = {"role": "user", "content": text}
    memos.add_message(messages=[message], user_id="ada", conversation_id="c", async_mode=False, **more)


def facts(memos: Caller, user: str = "bob", **more: object) -> list[str]:
    found = memos.search_memory(query="When does the office close?", user_id=user, **more)
    return [fact.memory_value for fact in found.memory_detail_list]


def test_what_is_public_is_found_by_all_and_told_once(memos: Caller) -> None:
    say(memos, allow_public=True)
    assert facts(memos) == facts(memos, "ada") == [RULE]
    assert memos.get_memory(user_id="bob").total == 0
    found = memos.search_memory(query="office", user_id="bob", include_memory_view=["preference"])
    assert found.memory_detail_list == ()


def test_what_is_not_allowed_stays_its_owner_s(memos: Caller) -> None:
    say(memos)
    say(memos, "The office in Rome closes at one.", allow_public=False)
    assert facts(memos) == []


def test_limits_hold_over_both(memos: Caller) -> None:
    say(memos, allow_public=True)
    memos.add_message(
        messages=[{"role": "user", "content": "My office closes at four."}], user_id="bob", async_mode=False
    )
    assert set(facts(memos)) == {RULE, "My office closes at four."}
    assert len(facts(memos, memory_limit_number=1)) == 1
    assert facts(memos, memory_limit_number=0) == []


def test_a_filter_may_bind_it_alone(memos: Caller) -> None:
    say(memos, allow_public=True, info={"scene": "work"})
    for scene, found in (("work", [RULE]), ("home", [])):
        condition = {"and": [{"scene": scene}]}
        assert facts(memos, filter={"public": condition}) == facts(memos, filter=condition) == found
        assert facts(memos, filter={"user": condition}) == [RULE]


def test_feedback_may_be_public(memos: Caller) -> None:
    memos.add_feedback(user_id="ada", feedback_content=RULE, allow_public=True)
    assert facts(memos) == [RULE]


def test_it_outlives_its_user_and_goes_by_its_id(memos: Caller) -> None:
    say(memos, allow_public=True)
    assert memos.delete_memory(user_id="ada").success
    (fact,) = memos.search_memory(query="office", user_id="bob").memory_detail_list
    assert memos.get_memory_by_id(memory_id=fact.id).content == RULE
    assert memos.delete_memory(memory_ids=[fact.id]).success
    assert facts(memos) == []
