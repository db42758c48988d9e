"""What a turn recalled, at its further model calls: asked of the recall's cache, and anew where that let it go."""

from memos_integrations.client import MemOS, aside
from memos_integrations.langchain._turn import Turn, key_of, name_of
from memos_integrations.memory.recall import NOTHING, Recall
from memos_integrations.memory.record import begun
from memos_integrations.memory.scope import Scope
from memos_integrations.wire.answers import Found

__all__ = ["aremembered", "remembered"]


def remembered(policy: Recall, client: MemOS, scope: Scope, turn: Turn, text: str | None) -> Found:
    """As `Recall.found`. `text` is None where the user's message was summarised away: then the outbox may have it."""
    found = policy.found(client, scope, turn=name_of(turn), text=None)
    if found is not NOTHING:
        return found
    query = begun(client, scope, key_of(turn)) if text is None else text
    return policy.found(client, scope, turn=name_of(turn), text=query)


async def aremembered(policy: Recall, client: MemOS, scope: Scope, turn: Turn, text: str | None) -> Found:
    """The same without blocking the loop."""
    found = await policy.afound(client, scope, turn=name_of(turn), text=None)
    if found is not NOTHING:
        return found
    query = await aside(begun, client, scope, key_of(turn)) if text is None else text
    return await policy.afound(client, scope, turn=name_of(turn), text=query)
