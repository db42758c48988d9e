"""Short ways to speak of templates and profiles."""

from collections.abc import Mapping
from typing import Any

from memos_integrations.engine import Engine
from memos_integrations.wire.answers import ProfileHit
from memos_integrations.wire.calls import GetMemory, SearchMemory
from memos_integrations.wire.profiles import (
    AddProfileTemplate,
    BindProfileTemplate,
    DeleteProfile,
    DeleteProfileTemplate,
    EditProfile,
    GetProfileTemplate,
    ListProfileTemplate,
    ProfileTemplate,
    ProfileTemplates,
    UpdateProfileTemplate,
)

__all__ = ["Profiled", "grown"]

Fields = Mapping[str, str]


def grown(fields: Fields) -> dict[str, Any]:
    """A tree of fields given as {"Basics.City": "Lyon"}; "!" before a value: not to be updated by MemOS."""
    root: dict[str, Any] = {}
    for path, value in fields.items():
        *above, name = path.split(".")
        node = root
        for part in above:
            node = node.setdefault(part, {})
        node[name] = {"value": value.removeprefix("!"), **({"algorithm_updatable": False} if value[:1] == "!" else {})}
    return root


def _flat(tree: Mapping[str, Any], above: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, node in tree.items():
        if isinstance(node.get("value"), str):
            found[above + name] = ("" if node["algorithm_updatable"] else "!") + node["value"]
        else:
            found |= _flat(node, f"{above}{name}.")
    return found


class Profiled:
    """An engine's profiles in one project, as tests speak of them; subjects are {"user_id": …} or {"agent_id": …}."""

    def __init__(self, engine: Engine, project: str = "") -> None:
        self.engine, self.project = engine, project

    def template(self, fields: Fields, name: str = "n") -> str:
        call = AddProfileTemplate(name=name, metadata=grown(fields))
        return self.engine.add_profile_template(call, self.project).profile_template_id

    def read(self, template: str) -> ProfileTemplate:
        call = GetProfileTemplate(profile_template_id=template)
        return self.engine.get_profile_template(call, self.project).profile_template

    def fields(self, template: str) -> dict[str, str]:
        return _flat(self.read(template).metadata)

    def listed(self, **paging: int) -> ProfileTemplates:
        return self.engine.list_profile_template(ListProfileTemplate.model_validate(paging), self.project)

    def update(self, template: str, fields: Fields, name: str = "n") -> int:
        call = UpdateProfileTemplate(profile_template_id=template, name=name, metadata=grown(fields))
        return self.engine.update_profile_template(call, self.project).affected_instances or 0

    def drop(self, template: str) -> int:
        call = DeleteProfileTemplate(profile_template_id=template)
        return self.engine.delete_profile_template(call, self.project).deleted_instances or 0

    def bind(self, template: str, *subjects: Mapping[str, str]) -> None:
        binds = [{"profile_template_id": template, **subject} for subject in subjects]
        assert self.engine.bind_profile_template(BindProfileTemplate(bind_list=binds), self.project).success

    def edit(
        self, template: str, subject: Mapping[str, str], fields: Fields | None = None, remove: tuple[str, ...] = ()
    ) -> None:
        change = {"metadata": grown(fields) if fields else None, "remove_fields": remove or None}
        self.edit_raw(template, subject, **change)

    def edit_raw(self, template: str, subject: Mapping[str, str], **change: Any) -> None:
        call = EditProfile.model_validate({"profile_template_id": template, **subject, **change})
        assert self.engine.edit_profile(call, self.project).success

    def delete(self, template: str, subject: Mapping[str, str]) -> None:
        call = DeleteProfile.model_validate({"profile_template_id": template, **subject})
        assert self.engine.delete_profile(call, self.project).success

    def page(self, subject: Mapping[str, str], **more: Any) -> tuple[ProfileHit, ...]:
        call = GetMemory.model_validate({**subject, **more})
        return self.engine.get_memory(call, self.project).profile_detail_list

    def held(self, subject: Mapping[str, str], **more: Any) -> dict[str, dict[str, str]]:
        """The fields of somebody's profiles, by template."""
        found = self.page(subject, **{"size": 50, "include_memory_view": ["profile"], **more})
        return {each.profile_template_id or "": _flat(each.properties) for each in found}

    def hits(self, query: str, subject: Mapping[str, str], **more: Any) -> tuple[ProfileHit, ...]:
        call = SearchMemory.model_validate({"query": query, "include_memory_view": ["profile"], **subject, **more})
        return self.engine.search_memory(call, self.project).profile_detail_list

    def found(self, query: str, subject: Mapping[str, str], **more: Any) -> list[str]:
        return [hit.memory for hit in self.hits(query, subject, **more)]
