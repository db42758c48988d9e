"""Public memory: what `allow_public` gives to the whole project beside its owner. Facts alone, found by every search.

The contract names no switch for reading it, so it joins each search for facts; a filter binds it as it does the other
sources. It belongs to the project: deleting the user who said something leaves it, deleting it by its id takes it away.
"""

from collections.abc import Sequence
from typing import Final

from memos_integrations.engine._extract import Turn
from memos_integrations.engine._knowledge import merged, tell
from memos_integrations.engine._knowledge_store import Base
from memos_integrations.engine._queries import Queries
from memos_integrations.engine._rank import Hit
from memos_integrations.engine._rows import Origin
from memos_integrations.engine._search import Wanted, find_facts
from memos_integrations.engine._store import Store
from memos_integrations.engine._vectors import Near
from memos_integrations.engine._where import where
from memos_integrations.wire.calls import SearchMemory

__all__ = ["publish", "with_public"]

_KIND: Final = "public"


def publish(
    store: Store, project: str, turns: Sequence[Turn], origin: Origin, *, allowed: bool | None, public: str, now: int
) -> None:
    """Keeps the turns as facts of the project too, as part of the task `public`, where that is `allowed`."""
    if allowed:
        shared = Base(0, "", store.make_owner(project, _KIND, ""), linked=True)
        tell(store, [shared], turns, origin, public=public, now=now)


def with_public(  # noqa: PLR0917 -- a search's parts, each once
    store: Queries, call: SearchMemory, project: str, hits: list[Hit], limit: int, asked: Near | None
) -> list[Hit]:
    """`hits` and what bears on the query in public memory; what an own hit says already is left out."""
    owner = store.owner(project, _KIND, "") if limit else None
    if owner is None:
        return hits
    group = call.condition.group(_KIND) if call.condition else None
    among = where(group) if group else None
    shared = find_facts(store, Wanted(owner, call.query, None, among, call.relativity, asked), limit + len(hits))
    rows = store.facts([*(hit.id for hit in hits), *(hit.id for hit in shared)])
    said = {(rows[hit.id].role, rows[hit.id].text) for hit in hits}
    others = [hit for hit in shared if (rows[hit.id].role, rows[hit.id].text) not in said]
    return merged([hits, others], limit)
