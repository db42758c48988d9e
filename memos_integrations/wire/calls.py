"""The calls: one class an endpoint, which is the client's signature, the wire's schema and the engine's parameter.

Limits are the contract's (§1.5, §2). A field left None is not sent, so that each server's own default holds.
"""

from collections.abc import Mapping
from typing import Any

from memos_integrations.wire.adding import AddFeedback, AddMessage
from memos_integrations.wire.asking import GetMemory, GetMessage, GetStatus, SearchMemory
from memos_integrations.wire.by_id import GetMemoryById
from memos_integrations.wire.call import Call
from memos_integrations.wire.changing import DeleteMemory
from memos_integrations.wire.chat import Chat, StreamChat

__all__ = [
    "CALLS",
    "AddFeedback",
    "AddMessage",
    "Chat",
    "DeleteMemory",
    "GetMemory",
    "GetMemoryById",
    "GetMessage",
    "GetStatus",
    "SearchMemory",
    "StreamChat",
]

CALLS: Mapping[str, type[Call[Any]]] = {
    call.path: call
    for call in (
        AddMessage,
        GetMessage,
        SearchMemory,
        GetMemory,
        DeleteMemory,
        GetStatus,
        GetMemoryById,
        AddFeedback,
        Chat,
    )
}
"""The calls by path. `Chat` and `StreamChat` share theirs: `stream` in the body tells them apart."""
