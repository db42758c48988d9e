"""Checks of profiles and knowledge bases."""

import base64
from typing import Any

from tests.addresses.registry import Asked, check, not_found

TREE: dict[str, Any] = {"City": {"value": ""}}
FILE = base64.b64encode(b"Parcels leave the warehouse on Monday.").decode()


def template(at: Asked) -> str:
    made: str = at.add_profile_template(name="Person", metadata=TREE).profile_template_id
    return made


def bound(at: Asked) -> str:
    made = template(at)
    assert at.bind_profile_template(bind_list=[{"profile_template_id": made, "user_id": at.ada}]).success
    return made


def city(at: Asked) -> Any:
    (profile,) = at.get_memory(user_id=at.ada, include_memory_view=["profile"]).profile_detail_list
    return profile.properties["City"]["value"]


@check("add/profile_template", "a template")
def made(at: Asked) -> None:
    assert template(at)


@check("list/profile_template", "all templates")
def listed(at: Asked) -> None:
    made = template(at)
    assert made in [each.profile_template_id for each in at.list_profile_template().profile_templates]


@check("get/profile_template", "a template by its id")
def told(at: Asked) -> None:
    assert at.get_profile_template(profile_template_id=template(at)).profile_template.name == "Person"


@check("update/profile_template", "a template's name")
def renamed(at: Asked) -> None:
    made = template(at)
    assert at.update_profile_template(profile_template_id=made, name="Friend", metadata=TREE).success
    assert at.get_profile_template(profile_template_id=made).profile_template.name == "Friend"


@check("delete/profile_template", "a template is gone")
def removed(at: Asked) -> None:
    made = template(at)
    assert at.delete_profile_template(profile_template_id=made).success
    assert not_found(at.get_profile_template, profile_template_id=made)


@check("bind/profile_template", "a user has a profile of it")
def given(at: Asked) -> None:
    bound(at)
    assert city(at) == ""


@check("edit/profile", "a field's value")
def edited(at: Asked) -> None:
    at.edit_profile(profile_template_id=bound(at), user_id=at.ada, metadata={"City": {"value": "Lyon"}})
    assert city(at) == "Lyon"


@check("delete/profile", "a profile is gone")
def deleted(at: Asked) -> None:
    assert at.delete_profile(profile_template_id=bound(at), user_id=at.ada).success
    assert at.get_memory(user_id=at.ada, include_memory_view=["profile"]).profile_detail_list == ()


def base(at: Asked) -> str:
    made: str = at.create_knowledgebase(knowledgebase_name="shop").id
    return made


def filed(at: Asked) -> tuple[str, str]:
    """A knowledge base and the file in it."""
    into = base(at)
    (file,) = at.add_knowledgebase_file(knowledgebase_id=into, file=[{"name": "a.txt", "content": FILE}]).files
    return into, file.id


@check("create/knowledgebase", "a knowledge base")
def created(at: Asked) -> None:
    assert base(at)


@check("delete/knowledgebase", "a knowledge base is gone")
def dropped(at: Asked) -> None:
    assert at.delete_knowledgebase(knowledgebase_id=base(at)).success


@check("add/knowledgebase-file", "a file")
def uploaded(at: Asked) -> None:
    assert filed(at)[1]


@check("get/knowledgebase-file", "how far a file is")
def known(at: Asked) -> None:
    into, file = filed(at)
    (told,) = at.get_knowledgebase_file(knowledgebase_id=into).file_detail_list
    assert (told.id, told.name) == (file, "a.txt")


@check("delete/knowledgebase-file", "a file is gone")
def taken_away(at: Asked) -> None:
    into, file = filed(at)
    assert at.delete_knowledgebase_file(knowledgebase_id=into, file_ids=[file]).success
    assert at.get_knowledgebase_file(knowledgebase_id=into).file_detail_list == ()
