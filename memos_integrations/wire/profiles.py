"""Profiles: what is known of a user or an agent, in the fields of a template (contract §2.14)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, cast

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticSerializationError, to_json

from memos_integrations.wire.answers import Answer, Deleted, Members, Several, Time, Updated
from memos_integrations.wire.call import Call, Id, Texts
from memos_integrations.wire.checks import STRICT_ENOUGH, Discreet, Spoken, broken

__all__ = [
    "AddProfileTemplate",
    "BindProfileTemplate",
    "Binding",
    "DeleteProfile",
    "DeleteProfileTemplate",
    "EditProfile",
    "GetProfileTemplate",
    "ListProfileTemplate",
    "OneProfileTemplate",
    "ProfileTemplate",
    "ProfileTemplateAdded",
    "ProfileTemplateDeleted",
    "ProfileTemplateSummary",
    "ProfileTemplateUpdated",
    "ProfileTemplates",
    "UpdateProfileTemplate",
    "is_leaf",
    "leaves",
]

MAX_DEPTH = 3  # §1.5: levels of a tree
MAX_BOUND = 20  # §1.5: bindings a call
MAX_TEMPLATES = 100  # §1.5: templates a page
_LEAF = frozenset({"value", "algorithm_updatable"})


def is_leaf(node: Mapping[str, Any]) -> bool:
    """Whether a node of a tree is a field: `{"value": text, "algorithm_updatable": bool}`, or one of the two.

    A name below which there are more may be "value", too: what it stands for is an object then.
    """
    return any(name in node and not isinstance(node[name], Mapping) for name in _LEAF)


def leaves(tree: Mapping[str, Any], above: str = "") -> dict[str, Mapping[str, Any]]:
    """A tree's fields by their dotted paths ("Basics.City"), in the tree's order."""
    found: dict[str, Mapping[str, Any]] = {}
    for name, node in tree.items():
        path = f"{above}{name}"
        found |= {path: node} if is_leaf(node) else leaves(node, f"{path}.")
    return found


def _checked_tree(tree: Mapping[Any, Any]) -> dict[str, Any]:
    """The tree in plain objects. Nulls in it are as good as absent, as they are elsewhere in a call."""
    checked = _level(tree, 1)
    if not checked:
        raise broken("too_short", "a tree has at least one field")
    try:
        to_json(checked)
    except PydanticSerializationError:
        raise broken("string_unicode", "holds half a surrogate pair, which no JSON can carry") from None
    return checked


def _level(tree: Mapping[Any, Any], level: int) -> dict[str, Any]:
    if level > MAX_DEPTH:
        raise broken("depth", f"a tree is at most {MAX_DEPTH} levels deep (contract §1.5)")
    if not all(isinstance(name, str) and name.strip() and "." not in name for name in tree):
        raise broken("name", "names in a tree are text, not blank, and hold no dot, which joins them to paths")
    return {name: _node(node, level) for name, node in tree.items() if node is not None}


def _node(node: Any, level: int) -> dict[str, Any]:
    told = {name: part for name, part in node.items() if part is not None} if isinstance(node, Mapping) else {}
    if not told:
        raise broken("node", 'each name stands for names below it, or for {"value": text} (contract §2.14)')
    if not is_leaf(told):
        return _level(told, level + 1)
    if not set(told) <= _LEAF:
        raise broken("leaf", "a field holds value and algorithm_updatable, and nothing else (contract §2.14)")
    if not isinstance(told.get("value", ""), str) or not isinstance(told.get("algorithm_updatable", True), bool):
        raise broken("leaf", "a field's value is text, and algorithm_updatable true or false (contract §2.14)")
    return told


def _described() -> dict[str, Any]:
    """What a tree looks like, as JSON Schema."""
    members = {"value": {"type": "string"}, "algorithm_updatable": {"type": "boolean"}}
    leaf = {"type": "object", "properties": members, "minProperties": 1, "additionalProperties": False}
    schema: dict[str, Any] = leaf
    for _ in range(MAX_DEPTH):
        below = schema if schema is leaf else {"anyOf": [leaf, schema]}
        names = {"pattern": r"^[^.]*[^.\s][^.]*$"}
        schema = {"type": "object", "minProperties": 1, "propertyNames": names, "additionalProperties": below}
    return schema


if TYPE_CHECKING:
    Tree = Mapping[str, Any]
else:
    Tree = Annotated[dict[Any, Any], AfterValidator(_checked_tree), WithJsonSchema(_described())]


class ProfileTemplateAdded(Answer):
    """What the new template is named by."""

    profile_template_id: str


class ProfileTemplateSummary(Answer):
    """A template without its tree; `instance_count` says how many profiles are made from it."""

    profile_template_id: str
    name: str | None = None
    project_id: str | None = None
    instance_count: int | None = None
    create_time: Time = None
    update_time: Time = None


class ProfileTemplate(ProfileTemplateSummary):
    """A template: a named tree, which is told in `metadata`."""

    metadata: Members = Field(default_factory=dict)


class ProfileTemplates(Answer):
    """One page of templates, newest first, without their trees."""

    profile_templates: Several[ProfileTemplateSummary] = ()
    total: int | None = None
    current: int | None = None
    size: int | None = None
    pages: int | None = None


class OneProfileTemplate(Answer):
    """A template with its tree."""

    profile_template: ProfileTemplate


class ProfileTemplateUpdated(Answer):
    """`affected_instances` says how many profiles of users and agents changed with it."""

    success: bool = True
    profile_template_id: str | None = None
    affected_instances: int | None = None


class ProfileTemplateDeleted(Answer):
    """`deleted_instances` says how many profiles of users and agents went with it."""

    success: bool = True
    profile_template_id: str | None = None
    deleted_instances: int | None = None


class AddProfileTemplate(Call[ProfileTemplateAdded]):
    """Make a template (`POST add/profile_template`, contract §2.14).

    `metadata` is a tree of at most three levels, whose fields are `{"value": text, "algorithm_updatable": bool}`
    (True where it is left out: MemOS may fill it in from conversations). Each call makes a new template; a lost reply
    raises `Unreachable` and may have made one.
    """

    path: ClassVar[str] = "add/profile_template"
    answer: ClassVar[type[Answer]] = ProfileTemplateAdded

    name: Spoken
    metadata: Tree


class ListProfileTemplate(Call[ProfileTemplates]):
    """Page through the project's templates, newest first (`POST list/profile_template`, contract §2.14).

    `page` counts from 1 (default 1), `size` is 1 to 100 (default 10).
    """

    path: ClassVar[str] = "list/profile_template"
    answer: ClassVar[type[Answer]] = ProfileTemplates
    repeatable: ClassVar[bool] = True

    page: Annotated[int, Field(ge=1)] | None = None
    size: Annotated[int, Field(ge=1, le=MAX_TEMPLATES)] | None = None


class GetProfileTemplate(Call[OneProfileTemplate]):
    """Read one template with its tree (`POST get/profile_template`, contract §2.14)."""

    path: ClassVar[str] = "get/profile_template"
    answer: ClassVar[type[Answer]] = OneProfileTemplate
    repeatable: ClassVar[bool] = True

    profile_template_id: Spoken


class UpdateProfileTemplate(Call[ProfileTemplateUpdated]):
    """Replace a template's name and tree (`POST update/profile_template`, contract §2.14).

    The profiles made from it follow: added fields are filled in, changed ones overwritten, removed ones deleted with
    their values, unchanged ones kept.
    """

    path: ClassVar[str] = "update/profile_template"
    answer: ClassVar[type[Answer]] = ProfileTemplateUpdated

    profile_template_id: Spoken
    name: Spoken
    metadata: Tree


class DeleteProfileTemplate(Call[ProfileTemplateDeleted]):
    """Delete a template and all profiles made from it (`POST delete/profile_template`, contract §2.14)."""

    path: ClassVar[str] = "delete/profile_template"
    answer: ClassVar[type[Answer]] = ProfileTemplateDeleted

    profile_template_id: Spoken


class _OfOneProfile(Discreet):
    """Which profile: of which template, and whose."""

    profile_template_id: Spoken
    user_id: Id | None = None
    agent_id: Id | None = None

    @model_validator(mode="after")
    def _of_one(self) -> "_OfOneProfile":
        if (self.user_id is None) == (self.agent_id is None):
            raise broken("subject", "give exactly one of user_id and agent_id (contract §2.14)")
        return self


class Binding(_OfOneProfile):
    """A template for a user or an agent: exactly one of the two."""

    model_config = STRICT_ENOUGH


if TYPE_CHECKING:
    Bindings = Sequence[Binding | Mapping[str, object]]
else:
    Bindings = Annotated[tuple[Binding, ...], Field(min_length=1, max_length=MAX_BOUND)]


class BindProfileTemplate(Call[Updated]):
    """Give users or agents a profile of a template, 1 to 20 a call (`POST bind/profile_template`, contract §2.14).

    Conversations from before are not read again for it.
    """

    path: ClassVar[str] = "bind/profile_template"
    answer: ClassVar[type[Answer]] = Updated
    repeatable: ClassVar[bool] = True

    bind_list: Bindings

    @property
    def bindings(self) -> Sequence[Binding]:
        """The list as what it is at run time."""
        return cast("Sequence[Binding]", self.bind_list)


class EditProfile(_OfOneProfile, Call[Updated]):
    """Set or remove fields of a user's or an agent's profile (`POST edit/profile`, contract §2.14).

    `metadata` is a part of the template's tree, `remove_fields` are dotted paths ("Basics.Nickname"); at least one of
    the two. Exactly one of `user_id` and `agent_id`.
    """

    path: ClassVar[str] = "edit/profile"
    answer: ClassVar[type[Answer]] = Updated
    repeatable: ClassVar[bool] = True

    metadata: Tree | None = None
    remove_fields: Annotated[Texts, Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> "EditProfile":
        if self.metadata is None and self.remove_fields is None:
            raise broken("missing", "give metadata, remove_fields or both: nothing would change (contract §2.14)")
        return self


class DeleteProfile(_OfOneProfile, Call[Deleted]):
    """Delete a user's or an agent's profile of a template (`POST delete/profile`, contract §2.14).

    Exactly one of `user_id` and `agent_id`.
    """

    path: ClassVar[str] = "delete/profile"
    answer: ClassVar[type[Answer]] = Deleted
