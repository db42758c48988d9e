"""The filter language (contract §5) on what the open-source server told: its own backends differ, or ignore it. Pure.

The rules are the embedded engine's: equality tells true from 1, and a list has each of its elements; a date stands for
its whole day, a time for its whole second.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any

from memos_integrations.errors import Unsupported
from memos_integrations.wire.filters import TIMES, Condition, Filter
from memos_integrations.wire.owners import Owner

__all__ = ["Marked", "check_filter", "passes"]

_NO_TAGS = "this server keeps no tags: mark what you add with info=, and filter by that name"


@dataclass(frozen=True, slots=True)
class Marked:
    """What a filter may ask of a memory; times are milliseconds since the epoch."""

    owner: Owner
    created: int | None
    updated: int | None
    info: Mapping[str, Any] = field(repr=False)


def check_filter(condition: Filter | None, owner: Owner) -> None:
    """Raises `Unsupported` for a condition that could only be answered wrongly."""
    group = condition.group(owner.kind) if condition else None
    for each in group.conditions if group else ():
        if any(name == "tags" for name, _, _ in each.tests):
            raise Unsupported(f"filter: {_NO_TAGS}")


def passes(condition: Filter | None, memory: Marked, zone: tzinfo) -> bool:
    """Whether `memory` may be told; `zone` is that of the filter's dates."""
    group = condition.group(memory.owner.kind) if condition else None
    if group is None:
        return True
    join = all if group.all_of is not None else any
    return join(_holds(each, memory, zone) for each in group.conditions)


def _holds(condition: Condition, memory: Marked, zone: tzinfo) -> bool:
    return all(_test(name, operator, operand, memory, zone) for name, operator, operand in condition.tests)


def _test(name: str, operator: str, operand: Any, memory: Marked, zone: tzinfo) -> bool:
    if name in TIMES:
        return _in_time(memory.created if name == "create_time" else memory.updated, operator, operand, zone)
    owner = memory.owner
    agents = memory.info.get("agent_id")
    if name == "related_id":
        known = {owner.id, *(agents if isinstance(agents, list) else [agents])}
        return not known.isdisjoint(operand)
    if name == "agent_id" and owner.kind == "agent" and _same(owner.id, operand):
        return True
    told = memory.info.get(name)
    return any(_same(one, operand) for one in told) if isinstance(told, list) else _same(told, operand)


def _same(told: object, wanted: object) -> bool:
    if isinstance(told, bool) or isinstance(wanted, bool):
        return told is wanted
    return told is not None and told == wanted


def _in_time(moment: int | None, operator: str, operand: str, zone: tzinfo) -> bool:
    if moment is None:
        return False
    start = datetime.fromisoformat(operand).replace(tzinfo=zone)
    length = timedelta(days=1) if len(operand) == len("2026-08-01") else timedelta(seconds=1)
    first, end = round(start.timestamp() * 1000), round((start + length).timestamp() * 1000)
    return {"gte": moment >= first, "gt": moment >= end, "lt": moment < first, "lte": moment < end}[operator]
