"""Profiles: what is known of a user or an agent, in the fields of a template (contract §2.14)."""

from collections.abc import Set as AbstractSet
from typing import Any, Final

from memos_integrations.engine import _defaults
from memos_integrations.engine import _profiles_store as kept
from memos_integrations.engine._core import Core
from memos_integrations.engine._profiles_store import Template
from memos_integrations.engine._profiles_tree import Leaves, filled, iso, tree
from memos_integrations.engine._store import SWEPT_AT_ONCE
from memos_integrations.errors import BadRequest, NotFound
from memos_integrations.wire.answers import Deleted, Updated
from memos_integrations.wire.profiles import (
    AddProfileTemplate,
    BindProfileTemplate,
    DeleteProfile,
    DeleteProfileTemplate,
    EditProfile,
    GetProfileTemplate,
    ListProfileTemplate,
    OneProfileTemplate,
    ProfileTemplate,
    ProfileTemplateAdded,
    ProfileTemplateDeleted,
    ProfileTemplates,
    ProfileTemplateSummary,
    ProfileTemplateUpdated,
    UpdateProfileTemplate,
    leaves,
)

__all__ = ["Profiles"]

TEMPLATES: Final = 10  # size of a page (contract §1.5)


class Profiles(Core):
    """Templates, and the profiles made from them. Fields change by these calls, by their ids (`update_memory`), and
    those marked `algorithm_updatable` by what is said, where the engine has an extractor.
    """

    def add_profile_template(self, call: AddProfileTemplate, project: str = "") -> ProfileTemplateAdded:
        """A new template of the project, even if there is one of that name. A field without a value has the empty one,
        one without `algorithm_updatable` true.
        """
        with self._store.writing():
            public = kept.add_template(self._store, project, call.name, filled(call.metadata), self._now())
        return ProfileTemplateAdded(profile_template_id=public)

    def list_profile_template(self, call: ListProfileTemplate, project: str = "") -> ProfileTemplates:
        """One page of the project's templates, the newest first; of those made in one millisecond, the greatest id."""
        size, page = call.size or TEMPLATES, call.page or 1
        with self._store.reading():
            found = kept.templates(self._store, project, size, _defaults.start(page, size))
            total = kept.count_templates(self._store, project)
        return ProfileTemplates(
            profile_templates=tuple(ProfileTemplateSummary(**_summary(each, project)) for each in found),
            total=total,
            current=page,
            size=size,
            pages=-(-total // size),
        )

    def get_profile_template(self, call: GetProfileTemplate, project: str = "") -> OneProfileTemplate:
        """A template of the project with its tree. Raises `NotFound` (40001)."""
        with self._store.reading():
            found = self._template(call.path, call.profile_template_id, project)
        return OneProfileTemplate(
            profile_template=ProfileTemplate(**_summary(found, project), metadata=tree(found.fields))
        )

    def update_profile_template(self, call: UpdateProfileTemplate, project: str = "") -> ProfileTemplateUpdated:
        """Replaces name and tree; the template's profiles follow, at once and for good.

        A field counts as changed when the template had another value or another `algorithm_updatable` for it: it is
        then as the template has it in every profile, in one that had removed it too. Where the template's field is as
        it was, a profile keeps its own. `affected_instances` counts the profiles that are not what they were. Raises
        `NotFound` (40001).
        """
        now, wanted = self._now(), filled(call.metadata)
        with self._store.writing():
            found = self._template(call.path, call.profile_template_id, project)
            kept.replace_template(self._store, found.number, call.name, wanted, now)
            profiles = kept.bound_to(self._store, found.number)
            removed = found.fields.keys() - wanted.keys()
            put = {path: leaf for path, leaf in wanted.items() if found.fields.get(path) != leaf}
            affected = self._change(profiles, put, removed, now)
        self._store.settle_sweep(SWEPT_AT_ONCE)
        return ProfileTemplateUpdated(profile_template_id=found.public, affected_instances=len(affected))

    def delete_profile_template(self, call: DeleteProfileTemplate, project: str = "") -> ProfileTemplateDeleted:
        """Deletes a template and all of its profiles, for good. Raises `NotFound` (40001)."""
        with self._store.writing():
            found = self._template(call.path, call.profile_template_id, project)
            kept.delete_template(self._store, found.number)
            self._store.owe_sweep()
        self._store.settle_sweep(SWEPT_AT_ONCE)
        return ProfileTemplateDeleted(profile_template_id=found.public, deleted_instances=found.instances)

    def bind_profile_template(self, call: BindProfileTemplate, project: str = "") -> Updated:
        """Makes the profiles, all or none, each with the template's own values; users and agents need not be known yet.

        A profile that is there already stays as it is, so that binding again loses nothing. Raises `NotFound` (40001)
        for a template that is not the project's.
        """
        now = self._now()
        with self._store.writing():
            for binding in call.bindings:
                found = self._template(call.path, binding.profile_template_id, project)
                owner = self._store.make_owner(project, *_defaults.subject(binding))
                kept.bind(self._store, found, owner, now)
        return Updated()

    def edit_profile(self, call: EditProfile, project: str = "") -> Updated:
        """Sets and removes fields of one profile; what a given field leaves out (`value` or `algorithm_updatable`)
        stays as it was.

        Removing a field that is not there (any more) is no fault; a removed field that is set comes back. Raises
        `NotFound` (40001) where the user or agent has no such profile, and `BadRequest` (40000) for a field that the
        template does not have, or that is both set and removed: nothing is changed then.
        """
        now, given, removed = self._now(), leaves(call.metadata or {}), frozenset(call.remove_fields or ())
        with self._store.writing():
            found = self._template(call.path, call.profile_template_id, project)
            if not found.fields.keys() >= given.keys() | removed:
                raise BadRequest("a profile has no other fields than its template", code=40000, path=call.path)
            if removed & given.keys():
                raise BadRequest("a field is either set or removed, not both", code=40000, path=call.path)
            number = self._profile(call, found, project)
            here = {**found.fields, **kept.fields(self._store, [number])[number]}
            put = {path: here[path].changed(node) for path, node in given.items()}
            self._change({number}, put, removed, now)
        self._store.settle_sweep(SWEPT_AT_ONCE)
        return Updated()

    def delete_profile(self, call: DeleteProfile, project: str = "") -> Deleted:
        """Deletes one profile with its values, for good. Raises `NotFound` (40001) where there is none."""
        with self._store.writing():
            found = self._template(call.path, call.profile_template_id, project)
            kept.delete_profile(self._store, self._profile(call, found, project))
            self._store.owe_sweep()
        self._store.settle_sweep(SWEPT_AT_ONCE)
        return Deleted()

    def _template(self, path: str, public: str, project: str) -> Template:
        found = kept.template(self._store, project, public)
        if found is None:
            raise NotFound("the profile template does not exist", code=40001, path=path)
        return found

    def _profile(self, call: EditProfile | DeleteProfile, template: Template, project: str) -> int:
        kind, name = _defaults.subject(call)
        owner = self._store.owner(project, kind, name)
        number = kept.profile(self._store, template.number, owner.number) if owner else None
        if number is None:
            raise NotFound(f"this {kind} has no profile of that template: bind it first", code=40001, path=call.path)
        return number

    def _change(self, profiles: set[int], put: Leaves, removed: AbstractSet[str], now: int) -> set[int]:
        """Sets and removes fields in profiles; returns those that are not what they were."""
        changed = kept.drop_fields(self._store, profiles, removed)
        if changed:
            self._store.owe_sweep()
        for path, leaf in put.items():
            changed |= kept.set_field(self._store, profiles, path, leaf, now)
        kept.touch(self._store, changed, now)
        return changed


def _summary(template: Template, project: str) -> dict[str, Any]:
    return {
        "profile_template_id": template.public,
        "name": template.name,
        "project_id": _defaults.project_id(project),
        "instance_count": template.instances,
        "create_time": iso(template.created),
        "update_time": iso(template.updated),
    }
