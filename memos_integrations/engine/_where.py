"""Filters as SQL conditions with bound values. Text of the caller is only ever a value.

`m` is the table of facts or of preferences, `t` the tasks that they came with.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from memos_integrations.wire.filters import Condition, Group

_MODE: Final = "mode:"
_TIMES: Final = {"create_time": "m.said", "update_time": "m.updated"}
_LISTED: Final = "exists (select 1 from json_each({column}) where value = ?)"
_ANY_LISTED: Final = "exists (select 1 from json_each({column}) where value in (select value from json_each(?)))"
_INFO: Final = """exists (select 1 from json_each(t.info) i where i.key = ? and ({same}
    or (i.type = 'array' and exists (select 1 from json_each(i.value) e where {element}))))"""
_SAME: Final = "{each}.type not in ('true', 'false') and {each}.atom = ?"  # for SQLite, true is 1
_SAME_TRUTH: Final = "{each}.type = ?"
_LARGEST: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Where:
    """A condition's text and its values, in order."""

    text: str
    values: tuple[Any, ...]


def where(group: Group) -> Where:
    """What `group` asks for, as a condition."""
    parts = [_condition(condition) for condition in group.conditions]
    joint = " and " if group.all_of is not None else " or "
    return Where(f"({joint.join(part.text for part in parts)})", tuple(v for part in parts for v in part.values))


def _condition(condition: Condition) -> Where:
    parts = [_test(field, operator, operand) for field, operator, operand in condition.tests]
    return Where(f"({' and '.join(part.text for part in parts)})", tuple(v for part in parts for v in part.values))


def _test(field: str, operator: str, operand: Any) -> Where:
    if field in _TIMES:
        return _time(_TIMES[field], operator, operand)
    if field == "tags":
        return _tag(operand)
    if field == "related_id":
        return Where(_ANY_LISTED.format(column="t.related"), (json.dumps(operand),))
    if field == "agent_id":
        return Where(_LISTED.format(column="t.agents"), (_bound(operand),))
    if field == "app_id":
        return Where("coalesce(t.app = ?, 0)", (_bound(operand),))
    return _info(field, operand)


def _info(name: str, wanted: str | int | float | bool) -> Where:
    """Equality with an info's value, or with one of them where it is a list."""
    same, value = (_SAME_TRUTH, str(wanted).lower()) if isinstance(wanted, bool) else (_SAME, _bound(wanted))
    return Where(_INFO.format(same=same.format(each="i"), element=same.format(each="e")), (name, value, value))


def _tag(tag: str) -> Where:
    if tag.startswith(_MODE):
        return Where("m.mode = ?", (tag.removeprefix(_MODE),))
    return Where(_LISTED.format(column="t.tags"), (tag,))


def _time(column: str, operator: str, operand: str) -> Where:
    """A date stands for its whole day, a time for its whole second: `lte` includes it, `gt` begins after it."""
    start, end = _span(operand)
    text, edge = {"gte": (">=", start), "gt": (">=", end), "lt": ("<", start), "lte": ("<", end)}[operator]
    return Where(f"{column} {text} ?", (edge,))


def _span(date: str) -> tuple[int, int]:
    start = datetime.fromisoformat(date).replace(tzinfo=UTC)
    length = timedelta(days=1) if len(date) == len("2026-08-01") else timedelta(seconds=1)
    first = round(start.timestamp() * 1000)
    return first, first + round(length.total_seconds() * 1000)


def _bound(value: str | int | float) -> str | int | float:
    """SQLite has integers of 64 bits."""
    if isinstance(value, int) and abs(value) > _LARGEST:
        return float(value)
    return value
