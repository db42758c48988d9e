"""The filter language (contract §5), as types.

```
filter      := group | per_source
per_source  := { "user" | "agent" | "public" | "knowledgebase": group, ... }
group       := { "and": [condition, ...] } | { "or": [condition, ...] }
condition   := { field: scalar }                                  equality; any custom info name is a field
             | { "related_id": [id, ...] }                         any of these users and agents
             | { "tags": { "contains": text } }
             | { "create_time" | "update_time": { gt|gte|lt|lte: "YYYY-MM-DD" or "YYYY-MM-DD HH:MM:SS" } }
             | { "info": { name: scalar } }                        the older, wrapped spelling of a custom info name
```
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, RootModel, model_validator

from memos_integrations.wire.checks import Discreet, broken

__all__ = ["SOURCES", "TIMES", "Condition", "Filter", "Filters", "Group", "OneGroup", "Operator", "Scalar"]

Scalar = str | int | Annotated[float, Field(allow_inf_nan=False)] | bool
Operator = Literal["eq", "contains", "any", "gt", "gte", "lt", "lte"]
SOURCES = ("user", "agent", "public", "knowledgebase")
TIMES = ("create_time", "update_time")
_NAMED = ("agent_id", "app_id", "business_type", "biz_id", "scene", "custom_status")  # others may be a person's words
_DATES = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S")
_SHAPE = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, populate_by_name=True)


class Condition(Discreet, RootModel[Mapping[str, Any]]):
    """One field and what it must be, such as `{"tags": {"contains": "travel"}}`."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    @model_validator(mode="after")
    def _in_the_grammar(self) -> "Condition":
        if len(self.root) != 1:
            raise broken("filter", "a condition names exactly one field: write one condition for each")
        field, value = next(iter(self.root.items()))
        _check(field, value)
        return self

    @property
    def tests(self) -> tuple[tuple[str, Operator, Any], ...]:
        """What is asked, flat: (field, operator, value). The wrapped `info` form reads as the bare name."""
        field, value = next(iter(self.root.items()))
        if field == "info":
            return tuple((name, "eq", wanted) for name, wanted in value.items())
        if field == "related_id":
            return ((field, "any", tuple(value)),)
        if isinstance(value, Mapping):
            return tuple((field, operator, operand) for operator, operand in value.items())
        return ((field, "eq", value),)


class Group(Discreet):
    """`{"and": [...]}` or `{"or": [...]}`; never both, never empty, never nested (contract §5: depth 1)."""

    model_config = _SHAPE
    all_of: tuple[Condition, ...] | None = Field(default=None, alias="and", min_length=1)
    any_of: tuple[Condition, ...] | None = Field(default=None, alias="or", min_length=1)

    @model_validator(mode="after")
    def _one_of_both(self) -> "Group":
        if (self.all_of is None) == (self.any_of is None):
            raise broken("filter", 'holds exactly one of "and" and "or"')
        return self

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The conditions, whichever way they are joined."""
        return self.all_of or self.any_of or ()


class Filter(Discreet):
    """Which memories may be found at all: one group for all sources, or a group a source; the two are not mixed.

    A source that is not mentioned is searched without a filter. `user_id` is no field of a filter: the call
    has a parameter for it. Dates carry no zone; MemOS Cloud presumably reads them as Asia/Shanghai, the
    embedded engine as UTC.
    """

    model_config = _SHAPE
    all_of: tuple[Condition, ...] | None = Field(default=None, alias="and", min_length=1)
    any_of: tuple[Condition, ...] | None = Field(default=None, alias="or", min_length=1)
    user: Group | None = None
    agent: Group | None = None
    public: Group | None = None
    knowledgebase: Group | None = None

    @model_validator(mode="after")
    def _one_form(self) -> "Filter":
        groups = sum(part is not None for part in (self.all_of, self.any_of))
        sources = any(getattr(self, source) is not None for source in SOURCES)
        if groups + sources != 1:
            raise broken("filter", 'takes one "and" group, one "or" group, or a map of sources to groups')
        return self

    def group(self, source: Literal["user", "agent", "public", "knowledgebase"]) -> Group | None:
        """The group that binds `source`, None when it is searched without a filter."""
        if self.all_of is None and self.any_of is None:
            found: Group | None = getattr(self, source)
            return found
        return Group.model_validate({"and": self.all_of, "or": self.any_of})


def _check(field: str, value: object) -> None:
    if not field.strip():
        raise broken("filter", "a condition names a field, and this name is empty")
    if field == "user_id":
        raise broken("filter", "user_id is no field of a filter: give it as the call's own argument")
    if field in {"and", "or"}:
        raise broken("filter", "groups do not nest")
    if field == "related_id":
        _check_ids(value)
    elif field == "tags":
        _check_operators(field, value, {"contains"})
    elif field in TIMES:
        _check_times(field, value)
    elif field == "info":
        _check_info(value)
    elif not _is_scalar(value):
        told = field if field in _NAMED else "this field"
        raise broken("filter", f"{told} takes text, a number or true/false")


def _is_scalar(value: object) -> bool:
    return isinstance(value, str | int) or (isinstance(value, float) and isfinite(value))


def _check_ids(value: object) -> None:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise broken("filter", "related_id takes a list of at least one id")
    if not all(isinstance(item, str) for item in value):
        raise broken("filter", "related_id takes a list of texts")


def _check_operators(field: str, value: object, allowed: set[str]) -> None:
    if not isinstance(value, Mapping) or not value or not set(value) <= allowed:
        raise broken("filter", f"{field} takes an object with {' or '.join(sorted(allowed))}")
    if not all(isinstance(operand, str) and operand for operand in value.values()):
        raise broken("filter", f"{field} is compared with text that is not empty")


def _check_times(field: str, value: object) -> None:
    _check_operators(field, value, {"gt", "gte", "lt", "lte"})
    assert isinstance(value, Mapping)
    if not all(_is_date(operand) for operand in value.values()):
        raise broken("filter", f'{field} is compared with "YYYY-MM-DD" or "YYYY-MM-DD HH:MM:SS"')


def _is_date(text: str) -> bool:
    return any(_parses(text, form) for form in _DATES)


def _parses(text: str, form: str) -> bool:
    try:
        return datetime.strptime(text, form).strftime(form) == text
    except ValueError:
        return False


def _check_info(value: object) -> None:
    if not isinstance(value, Mapping) or not value or not all(map(_is_scalar, value.values())):
        raise broken("filter", "info takes an object of names and their values (text, number or true/false)")


def _one_group(given: Filter | None) -> Filter | None:
    if given and given.all_of is None and given.any_of is None:
        raise broken("filter", 'takes one "and" or "or" group here, no map of sources (contract §5)')
    return given


if TYPE_CHECKING:
    Filters = Filter | Mapping[str, object]
    OneGroup = Filters
else:
    Filters = Filter
    OneGroup = Annotated[Filter, AfterValidator(_one_group)]
