"""Everything of a user or an agent, page by page. Computes only."""

from collections.abc import Iterator
from typing import Any, TypedDict

from memos_integrations.errors import Invalid
from memos_integrations.wire.answers import Event, Fact, Memories, Preference, ProfileHit, Skill, ToolMemory
from memos_integrations.wire.call import MAX_PAGE, Id, Views, checked
from memos_integrations.wire.calls import GetMemory
from memos_integrations.wire.filters import OneGroup

__all__ = ["Every", "Item", "Pages"]

Item = Fact | Preference | ToolMemory | Skill | ProfileHit | Event


class Every(TypedDict, total=False):
    """Which memories: the arguments of `get_memory` without `page`."""

    user_id: Id | None
    agent_id: Id | None
    filter: OneGroup | None
    size: int | None
    include_memory_view: Views | None
    include_preference: bool | None
    include_tool_memory: bool | None


class Pages:
    """Which page to ask for next, and what of a page is new.

    The pages move while memories come and go: what slides to a later page is not given twice, and there is no page
    after the last one that the newest answer tells of. A server that tells no number of pages ends with one without
    news.
    """

    def __init__(self, which: Every) -> None:
        given: dict[str, Any] = dict(which)
        if "page" in given:
            raise Invalid("iter_memory: page is no parameter of this call", field="page", rule="extra_forbidden")
        if given.get("size") is None:
            given["size"] = MAX_PAGE
        self._first = checked(GetMemory, given)
        self._page, self._over = 0, False
        self._seen: set[str] = set()

    def next(self) -> GetMemory | None:
        """The call for the next page; None after the last."""
        if self._over:
            return None
        self._page += 1
        return self._first.model_copy(update={"page": self._page})

    def new(self, told: Memories) -> list[Item]:
        """What a page has that none before it had, kind by kind, each in the server's order."""
        every = list(_items(told))
        news = [item for item in every if item.id not in self._seen]
        self._seen.update(item.id for item in every)
        last = self._page >= told.pages if told.pages is not None else not news
        self._over = last or not every
        return news


def _items(told: Memories) -> Iterator[Item]:
    yield from told.memory_detail_list
    yield from told.preference_detail_list
    yield from told.tool_memory_detail_list
    yield from told.skill_detail_list
    yield from told.profile_detail_list
    yield from told.event_detail_list
