"""What the open-source server found or listed, as MemOS's own answers: whose it is, which of it, how much. Pure."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

from pydantic import ValidationError

from memos_integrations.wire._product_filter import Marked, check_filter, passes
from memos_integrations.wire._product_items import (
    BUCKETS,
    Buckets,
    Item,
    began,
    fact,
    kind_of,
    moment,
    preference,
    skill,
    tool,
)
from memos_integrations.wire._product_sent import views
from memos_integrations.wire.answers import Found, Memories
from memos_integrations.wire.asking import GetMemory, SearchMemory
from memos_integrations.wire.changing import DeleteMemory
from memos_integrations.wire.filters import Filter
from memos_integrations.wire.owners import Cubes, Owner, server_id

__all__ = ["Wanted", "found", "listed", "only_owned", "read_buckets"]

_ALL = frozenset(BUCKETS)
_LIVING = frozenset({None, "activated", "resolving"})
_PAGE = 10  # size, by default (contract §2.4)
_Kept = Mapping[str, Sequence[Item]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose memories are told, and which of them. `own`: nobody else is in their cube, so an item need not say whose
    it is. `statuses` None: whatever theirs is.
    """

    owner: Owner
    cube: str = field(repr=False)
    own: bool
    views: frozenset[str]
    statuses: frozenset[str | None] | None
    condition: Filter | None
    zone: tzinfo

    @classmethod
    def of(cls, owner: Owner, call: SearchMemory | GetMemory | DeleteMemory, cubes: Cubes, zone: tzinfo) -> "Wanted":
        """What `call` asks for. Raises `Unsupported`."""
        check_filter(call.condition, owner)
        name = cubes.of(owner)
        if isinstance(call, DeleteMemory):
            return cls(owner, name, cubes.own, _ALL, None, call.condition, zone)
        return cls(owner, name, cubes.own, views(call), _LIVING, call.condition, zone)

    def takes(self, cube: str | None, item: Item, bucket: str) -> bool:
        """Whether that item, found in that cube, is to be told. Isolation does not count on the server."""
        about, name = item.metadata, server_id(self.owner)
        theirs = about.user_id == name or (about.user_id is None and self.own)
        lives = self.statuses is None or about.status in self.statuses
        if not (theirs and lives and cube in (None, self.cube) and bucket in self.views):
            return False
        created, updated = began(item, self.zone), moment(about.updated_at, self.zone)
        return passes(self.condition, Marked(self.owner, created, updated, about.info), self.zone)


def read_buckets(data: Any) -> Buckets | None:
    """What the server told; None for what can't be read."""
    try:
        return Buckets.model_validate(data)
    except ValidationError:
        return None


def only_owned(told: Buckets, wanted: Wanted) -> _Kept:
    """The items that are wanted, each once, in its own bucket."""
    kept: dict[str, dict[str, Item]] = {name: {} for name in BUCKETS}
    for bucket in BUCKETS:
        for cube, item in told.items(bucket):
            kind = kind_of(item, bucket)
            if wanted.takes(cube, item, kind):
                kept[kind].setdefault(item.id, item)
    return {name: tuple(items.values()) for name, items in kept.items()}


def found(data: Any, wanted: Wanted, most: Mapping[str, int], relativity: float | None) -> Found | None:
    """A search's answer: best first, no more than `most` of each kind, none below `relativity`; None: unreadable."""
    told = read_buckets(data)
    if told is None:
        return None
    kept = {
        name: _best([item for item in items if _near(item, relativity)])[: most[name]]
        for name, items in only_owned(told, wanted).items()
    }
    return Found(**_lists(kept, wanted.zone), preference_note=told.pref_note if kept["pref_mem"] else "")


def _near(item: Item, relativity: float | None) -> bool:
    own = item.metadata.relativity
    return relativity is None or own is None or own >= relativity


def _best(items: Sequence[Item]) -> list[Item]:
    def far(item: Item) -> float:
        own = item.metadata.relativity
        return math.inf if own is None else -own

    return sorted(items, key=far)


def listed(data: Any, wanted: Wanted, call: GetMemory) -> Memories | None:
    """A page of a listing, each kind newest first; None: unreadable. The server tells all, whatever page is asked."""
    told = read_buckets(data)
    if told is None:
        return None
    kept = {name: _newest(items, wanted.zone) for name, items in only_owned(told, wanted).items()}
    size, page = call.size or _PAGE, call.page or 1
    total = max(len(items) for items in kept.values())
    shown = {name: items[(page - 1) * size : page * size] for name, items in kept.items()}
    lists = _lists(shown, wanted.zone)
    return Memories(**lists, total=total, size=size, current=page, pages=math.ceil(total / size))


def _newest(items: Sequence[Item], zone: tzinfo) -> list[Item]:
    return sorted(items, key=lambda item: (began(item, zone) or 0, item.id), reverse=True)


def _lists(kept: _Kept, zone: tzinfo) -> dict[str, Any]:
    made: tuple[tuple[str, str, Callable[[Item, tzinfo], Any]], ...] = (
        ("memory_detail_list", "text_mem", fact),
        ("preference_detail_list", "pref_mem", preference),
        ("tool_memory_detail_list", "tool_mem", tool),
        ("skill_detail_list", "skill_mem", skill),
    )
    return {name: tuple(make(item, zone) for item in kept[bucket]) for name, bucket, make in made}
