"""Templates and profiles, whichever way they are asked for (contract §2.14, §3.5)."""

from typing import Any

import pytest

from memos_integrations.errors import BadRequest, Invalid, NotFound
from tests.contract.conftest import Caller

PERSON: dict[str, Any] = {
    "Basics": {"City": {"value": ""}, "Nickname": {"value": "friend", "algorithm_updatable": False}},
    "Pets": {"value": "none"},
}
TOLD: dict[str, Any] = {
    "Basics": {
        "City": {"value": "", "algorithm_updatable": True},
        "Nickname": {"value": "friend", "algorithm_updatable": False},
    },
    "Pets": {"value": "none", "algorithm_updatable": True},
}


def template(memos: Caller, tree: Any = PERSON, name: str = "Person") -> str:
    made: str = memos.add_profile_template(name=name, metadata=tree).profile_template_id
    return made


def bound(memos: Caller, *users: str) -> str:
    """A template of which these users have profiles."""
    made = template(memos)
    assert memos.bind_profile_template(
        bind_list=[{"profile_template_id": made, "user_id": user} for user in users]
    ).success
    return made


def properties(memos: Caller, **subject: str) -> list[Any]:
    found = memos.get_memory(**(subject or {"user_id": "ada"}), include_memory_view=["profile"])
    return [each.properties for each in found.profile_detail_list]


def test_a_template_is_told_with_its_tree(memos: Caller) -> None:
    made = bound(memos, "ada", "bob")
    told = memos.get_profile_template(profile_template_id=made).profile_template
    assert (told.profile_template_id, told.name, told.instance_count) == (made, "Person", 2)
    assert told.metadata == TOLD
    assert told.project_id
    assert told.create_time == told.update_time
    assert isinstance(told.create_time, str)
    assert "T" in told.create_time


def test_templates_are_paged_newest_first(memos: Caller) -> None:
    made = [template(memos, name=str(number)) for number in range(3)]
    page = memos.list_profile_template(size=2)
    assert {each.profile_template_id for each in page.profile_templates} <= set(made)
    assert (page.total, page.current, page.size, page.pages) == (3, 1, 2, 2)
    order = [(each.create_time, each.profile_template_id) for each in memos.list_profile_template().profile_templates]
    assert order == sorted(order, reverse=True)
    beyond = memos.list_profile_template(page=9, size=2)
    assert (beyond.profile_templates, beyond.total, beyond.current, beyond.pages) == ((), 3, 9, 2)


def test_a_profile_is_bound_edited_and_deleted(memos: Caller) -> None:
    made = bound(memos, "ada", "bob")
    assert properties(memos) == properties(memos, user_id="bob") == [TOLD]
    assert memos.edit_profile(
        profile_template_id=made,
        user_id="ada",
        metadata={"Basics": {"City": {"value": "Lyon"}}},
        remove_fields=["Basics.Nickname"],
    ).success
    city = {"Basics": {"City": {"value": "Lyon", "algorithm_updatable": True}}}
    assert properties(memos) == [{**city, "Pets": TOLD["Pets"]}]
    assert properties(memos, user_id="bob") == [TOLD]
    assert memos.delete_profile(profile_template_id=made, user_id="ada").success
    assert properties(memos) == []
    assert properties(memos, user_id="bob") == [TOLD]


def test_an_agent_has_profiles_of_its_own(memos: Caller) -> None:
    made = template(memos)
    memos.bind_profile_template(bind_list=[{"profile_template_id": made, "agent_id": "ada"}])
    assert properties(memos, agent_id="ada") == [TOLD]
    assert properties(memos, user_id="ada") == []
    with pytest.raises(NotFound):
        memos.edit_profile(profile_template_id=made, user_id="ada", remove_fields=["Pets"])


def test_profiles_follow_their_template(memos: Caller) -> None:
    made = bound(memos, "ada", "bob")
    memos.edit_profile(profile_template_id=made, user_id="ada", metadata={"Basics": {"City": {"value": "Lyon"}}})
    changed = {"Basics": {"City": PERSON["Basics"]["City"], "Job": {"value": "?"}}, "Pets": {"value": "many"}}
    done = memos.update_profile_template(profile_template_id=made, name="Someone", metadata=changed)
    assert (done.success, done.profile_template_id, done.affected_instances) == (True, made, 2)
    (ada,), (bob,) = properties(memos), properties(memos, user_id="bob")
    assert [ada["Basics"]["City"]["value"], bob["Basics"]["City"]["value"]] == ["Lyon", ""]
    for each in (ada, bob):
        assert set(each["Basics"]) == {"City", "Job"}
        assert (each["Basics"]["Job"]["value"], each["Pets"]["value"]) == ("?", "many")
    gone = memos.delete_profile_template(profile_template_id=made)
    assert (gone.success, gone.profile_template_id, gone.deleted_instances) == (True, made, 2)
    assert properties(memos) == properties(memos, user_id="bob") == []


def test_a_field_is_found_by_its_words(memos: Caller) -> None:
    made = bound(memos, "ada")
    memos.edit_profile(profile_template_id=made, user_id="ada", metadata={"Basics": {"City": {"value": "Lyon"}}})
    found = memos.search_memory(query="In which city?", user_id="ada", include_memory_view=["profile"])
    best = found.profile_detail_list[0]
    assert (best.memory, best.memory_type) == ("Basics.City: Lyon", "ProfileMemory")
    assert (best.profile_category, best.profile_field, best.profile_path) == ("Basics", "City", "Basics.City")
    assert (best.template_id, best.status, best.algorithm_updatable) == (made, "activated", True)
    assert best.created_at
    assert best.created_at <= best.updated_at
    assert 0 < best.relativity <= 1
    assert found.memory_detail_list == found.preference_detail_list == ()
    assert memos.search_memory(query="In which city?", user_id="ada").profile_detail_list == ()


@pytest.mark.parametrize(
    ("call", "more"),
    [
        ("get_profile_template", {}),
        ("update_profile_template", {"name": "n", "metadata": PERSON}),
        ("delete_profile_template", {}),
        ("edit_profile", {"user_id": "ada", "metadata": {"Pets": {"value": "x"}}}),
        ("delete_profile", {"user_id": "ada"}),
    ],
)
def test_what_does_not_exist(memos: Caller, call: str, more: dict[str, Any]) -> None:
    unbound = [template(memos)] if call.endswith("_profile") else []
    for unknown in ("none", *unbound):
        with pytest.raises(NotFound) as caught:
            getattr(memos, call)(profile_template_id=unknown, **more)
        assert caught.value.code == 40001


def test_a_binding_to_no_template_binds_nobody(memos: Caller) -> None:
    made = template(memos)
    binds = [{"profile_template_id": each, "user_id": "ada"} for each in (made, "none")]
    with pytest.raises(NotFound) as caught:
        memos.bind_profile_template(bind_list=binds)
    assert caught.value.code == 40001
    assert properties(memos) == []


def test_fields_that_the_template_does_not_have_are_refused(memos: Caller) -> None:
    made = bound(memos, "ada")
    wrong: list[dict[str, Any]] = [
        {"metadata": {"Basics": {"Age": {"value": "9"}}}},
        {"metadata": {"Basics": {"value": "x"}}},
        {"remove_fields": ["Pets", "Basics"]},
        {"metadata": {"Pets": {"value": "x"}}, "remove_fields": ["Pets"]},
    ]
    for change in wrong:
        with pytest.raises(BadRequest) as caught:
            memos.edit_profile(profile_template_id=made, user_id="ada", **change)
        assert caught.value.code == 40000
    assert properties(memos) == [TOLD]


def test_no_profile_is_read_by_id_nor_deleted_whole(memos: Caller) -> None:
    bound(memos, "ada")
    (instance,) = memos.get_memory(user_id="ada").profile_detail_list
    hit = memos.search_memory(query="x", user_id="ada", include_memory_view=["profile"]).profile_detail_list[0]
    with pytest.raises(NotFound) as caught:
        memos.delete_memory(memory_ids=[hit.id, instance.id])
    assert caught.value.code == 40307
    for each in (instance.id, hit.id):
        with pytest.raises(NotFound) as caught:
            memos.get_memory_by_id(memory_id=each)
        assert caught.value.code == 40001
    assert properties(memos) == [TOLD]


def test_a_deleted_user_has_no_profile(memos: Caller) -> None:
    made = bound(memos, "ada", "bob")
    assert memos.delete_memory(user_id="ada").success
    assert properties(memos) == []
    assert memos.get_profile_template(profile_template_id=made).profile_template.instance_count == 1
    memos.bind_profile_template(bind_list=[{"profile_template_id": made, "user_id": "ada"}])
    assert properties(memos) == properties(memos, user_id="bob") == [TOLD]


def test_what_is_no_tree_is_refused_here(memos: Caller) -> None:
    for tree in ({}, {"A": "x"}, {"A": {"B": {"C": {"D": {"value": "x"}}}}}):
        with pytest.raises(Invalid):
            memos.add_profile_template(name="n", metadata=tree)
    with pytest.raises(Invalid):
        memos.list_profile_template(size=101)
