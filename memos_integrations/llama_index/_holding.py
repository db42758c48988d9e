"""The client of one of ours under LlamaIndex, whose handlers are told what is done with it."""

from memos_integrations._connect import borrow
from memos_integrations.llama_index._clients import let_go
from memos_integrations.llama_index.events import dispatch
from memos_integrations.memory.loan import Held

__all__ = ["held_by"]


def held_by(who: str, client: object) -> Held:
    """`client`, or where that is None what `connect()` opens: at once, or on a running loop at its first use."""
    return Held(client, who, borrow, let_go, listener=dispatch, waits=True)
