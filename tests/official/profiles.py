"""Profiles. The client makes no templates; the request for one leaves by the way that its other calls take."""

from typing import Any

from tests.official.memories import LONG
from tests.official.talk import Meant, Talk, refused

__all__ = ["profiles"]

TREE: dict[str, Any] = {
    "Basics": {"City": {"value": "", "algorithm_updatable": True}, "Nickname": {"value": "ami"}},
    "Pets": {"value": "none"},
}


def profiles(talk: Talk) -> None:
    made = Meant(gives={"template": "data.profile_template_id"})
    talk.ask("_post_json_dict", "add/profile_template", {"name": "Person", "metadata": TREE}, "add", meant=made)
    template = talk.ids["template"]
    _bind(talk, template)
    _edit(talk, template)
    _delete(talk, template)


def _bind(talk: Talk, template: str) -> None:
    ada, helper = ({"profile_template_id": template, **who} for who in ({"user_id": "ada"}, {"agent_id": "helper"}))
    talk.ask("bind_profile_template", [ada, helper], meant=Meant(says=["true"]))
    talk.ask("bind_profile_template", [ada], meant=refused(40001, key="other"))
    talk.ask("bind_profile_template", [{**ada, "profile_template_id": "none"}], meant=refused(40001))
    talk.ask("bind_profile_template", [{**ada, "agent_id": "helper"}], meant=refused(40000))
    talk.ask("bind_profile_template", [ada] * 21, meant=refused(40000))


def _edit(talk: Talk, template: str) -> None:
    city = {"Basics": {"City": {"value": "Orléans", "algorithm_updatable": False}}}
    talk.ask("edit_profile", template, "ada", metadata=city, remove_fields=["Basics.Nickname"])
    talk.ask("edit_profile", template, agent_id="helper", remove_fields=["Pets"])
    view = ["profile"]
    own = Meant(says=["Orléans", "Pets"], lacks=["Nickname"])
    talk.ask("get_memory", "ada", include_memory_view=view, meant=own)
    other = Meant(says=["Nickname"], lacks=["Orléans", "Pets"])
    talk.ask("get_memory", agent_id="helper", include_memory_view=view, meant=other)
    found = Meant(says=["profile_detail_list", "Orléans"])
    talk.ask("search_memory", "Which city is it? Orléans?", "ada", include_memory_view=view, meant=found)
    talk.ask("edit_profile", template, "bob", metadata=city, meant=refused(40001))
    talk.ask("edit_profile", template, LONG, metadata=city, meant=refused(40010))
    talk.ask("edit_profile", template, "ada", metadata={"Job": {"value": "baker"}}, meant=refused(40000))


def _delete(talk: Talk, template: str) -> None:
    talk.ask("delete_profile", template, "ada", meant=refused(40001, key="other"))
    talk.ask("delete_profile", template, "ada", meant=Meant(says=["true"]))
    talk.ask("get_memory", "ada", include_memory_view=["profile"], meant=Meant(lacks=["Orléans"]))
    talk.ask("delete_profile", template, "ada", meant=refused(40001))
    talk.ask("delete_profile", template, agent_id="helper")
