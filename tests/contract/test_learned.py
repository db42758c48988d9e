"""Skills and fields of profiles changed and deleted by their ids, on all four ways (contract §2.6, §2.7)."""

import pytest

from memos_integrations.errors import BadRequest, NotFound
from tests.contract.conftest import Caller
from tests.engine.bases import packed
from tests.engine.taught import DEPLOY, Taught

WHOSE = {"user_id": "ada"}


def test_a_learned_skill(memos: Caller) -> None:
    Taught(memos.engine).learn(DEPLOY, **WHOSE, conversation_id="c")
    (skill,) = memos.search_memory(query="deploy", **WHOSE, include_memory_view=["skill"]).skill_detail_list
    assert (skill.skill_value["name"], skill.conversation_id) == ("Deploy the shop", "c")
    assert memos.update_memory(memory_id=skill.id, title="Go live", content="Press the button.").success
    (listed,) = memos.get_memory(**WHOSE, include_memory_view=["skill"]).skill_detail_list
    assert (listed.skill_value["name"], listed.skill_value["procedure"]) == ("Go live", "Press the button.")
    told = memos.get_memory_by_id(memory_id=skill.id)
    assert (told.memory_view, told.title, told.user_id) == ("skill", "Go live", "ada")
    assert memos.delete_memory(memory_ids=[skill.id]).success
    assert memos.get_memory(**WHOSE).skill_detail_list == ()


def test_an_uploaded_skill(memos: Caller) -> None:
    base = memos.create_knowledgebase(knowledgebase_name="b").id
    page = {"name": "a.md", "content": packed(b"# Deploy\n\nHow to deploy."), "type": "skill"}
    (file,) = memos.add_knowledgebase_file(knowledgebase_id=base, file=[page]).files
    assert memos.engine.settle(10) == 0
    asked = {"query": "deploy", **WHOSE, "include_skill": True, "knowledgebase_ids": [base]}
    (skill,) = memos.search_memory(**asked).skill_detail_list
    assert memos.update_memory(memory_id=skill.id, title="Go live").success
    assert memos.get_memory_by_id(memory_id=skill.id).title == "Go live"
    assert memos.update_memory(memory_id=skill.id, status="deleted").success
    assert memos.search_memory(**asked).skill_detail_list == ()
    assert memos.get_knowledgebase_file(file_ids=[file.id]).total == 1


def test_a_field_of_a_profile(memos: Caller) -> None:
    tree = {"Basics": {"City": {"value": "Lyon", "algorithm_updatable": False}}}
    template = memos.add_profile_template(name="n", metadata=tree).profile_template_id
    memos.bind_profile_template(bind_list=[{"profile_template_id": template, **WHOSE}])
    asked = {"query": "city", **WHOSE, "include_memory_view": ["profile"]}
    (field,) = memos.search_memory(**asked).profile_detail_list
    assert memos.update_memory(memory_id=field.id, content="Nantes").success
    (changed,) = memos.search_memory(**asked).profile_detail_list
    assert (changed.id, changed.memory, changed.algorithm_updatable) == (field.id, "Basics.City: Nantes", False)
    with pytest.raises(BadRequest) as caught:
        memos.update_memory(memory_id=field.id, title="x")
    assert caught.value.code == 40000
    assert memos.delete_memory(memory_ids=[field.id]).success
    assert memos.search_memory(**asked).profile_detail_list == ()
    with pytest.raises(NotFound) as gone:
        memos.update_memory(memory_id=field.id, content="x")
    assert gone.value.code == 40307
