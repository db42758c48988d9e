"""The calls: one class an endpoint, which is the client's signature, the wire's schema and the engine's parameter.

Limits are the contract's (§1.5, §2). A field left None is not sent, so that each server's own default holds.
"""

from collections.abc import Mapping
from typing import Any

from memos_integrations.wire.adding import AddFeedback, AddMessage
from memos_integrations.wire.asking import GetMemory, GetMessage, GetStatus, SearchMemory
from memos_integrations.wire.by_id import GetMemoryById
from memos_integrations.wire.call import Call
from memos_integrations.wire.changing import DeleteMemory, UpdateMemory
from memos_integrations.wire.chat import Chat, StreamChat
from memos_integrations.wire.completions import ChatCompletions
from memos_integrations.wire.knowledge import (
    AddKnowledgebaseFile,
    CreateKnowledgebase,
    DeleteKnowledgebase,
    DeleteKnowledgebaseFile,
    GetKnowledgebaseFile,
)
from memos_integrations.wire.profiles import (
    AddProfileTemplate,
    BindProfileTemplate,
    DeleteProfile,
    DeleteProfileTemplate,
    EditProfile,
    GetProfileTemplate,
    ListProfileTemplate,
    UpdateProfileTemplate,
)
from memos_integrations.wire.stateless import ExtractMemory, Rerank

__all__ = [
    "CALLS",
    "AddFeedback",
    "AddKnowledgebaseFile",
    "AddMessage",
    "AddProfileTemplate",
    "BindProfileTemplate",
    "Chat",
    "ChatCompletions",
    "CreateKnowledgebase",
    "DeleteKnowledgebase",
    "DeleteKnowledgebaseFile",
    "DeleteMemory",
    "DeleteProfile",
    "DeleteProfileTemplate",
    "EditProfile",
    "ExtractMemory",
    "GetKnowledgebaseFile",
    "GetMemory",
    "GetMemoryById",
    "GetMessage",
    "GetProfileTemplate",
    "GetStatus",
    "ListProfileTemplate",
    "Rerank",
    "SearchMemory",
    "StreamChat",
    "UpdateMemory",
    "UpdateProfileTemplate",
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
        UpdateMemory,
        ExtractMemory,
        Rerank,
        AddProfileTemplate,
        ListProfileTemplate,
        GetProfileTemplate,
        UpdateProfileTemplate,
        DeleteProfileTemplate,
        BindProfileTemplate,
        EditProfile,
        DeleteProfile,
        CreateKnowledgebase,
        DeleteKnowledgebase,
        AddKnowledgebaseFile,
        GetKnowledgebaseFile,
        DeleteKnowledgebaseFile,
        Chat,
        ChatCompletions,
    )
}
"""The calls by path. `Chat` and `StreamChat` share theirs: `stream` in the body tells them apart."""
