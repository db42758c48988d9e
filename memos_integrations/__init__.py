"""Long-term memory for LangChain and LlamaIndex agents: MemOS, embedded in one SQLite file or in the cloud."""

from importlib import import_module
from typing import TYPE_CHECKING

__all__ = [
    "AsyncMemOS",
    "BadRequest",
    "EmbeddingEndpoint",
    "Garbled",
    "Interrupted",
    "Invalid",
    "LLMExtractor",
    "MemOS",
    "MemOSError",
    "ModelEndpoint",
    "NotFound",
    "Outbox",
    "OutboxFull",
    "OutboxOptions",
    "QuotaExceeded",
    "RateLimited",
    "Refused",
    "Scope",
    "ServerFault",
    "Unauthorized",
    "Unreachable",
    "Unsupported",
    "connect",
]

if TYPE_CHECKING:
    from memos_integrations._connect import connect
    from memos_integrations.client._client import AsyncMemOS, MemOS
    from memos_integrations.client._outbox import OutboxOptions
    from memos_integrations.engine._embedder import EmbeddingEndpoint
    from memos_integrations.engine._endpoint import ModelEndpoint
    from memos_integrations.engine._extractor import LLMExtractor
    from memos_integrations.errors import (
        BadRequest,
        Garbled,
        Interrupted,
        Invalid,
        MemOSError,
        NotFound,
        OutboxFull,
        QuotaExceeded,
        RateLimited,
        Refused,
        ServerFault,
        Unauthorized,
        Unreachable,
        Unsupported,
    )
    from memos_integrations.memory.outbox import Outbox
    from memos_integrations.memory.scope import Scope
else:
    _HOMES = {
        "AsyncMemOS": "client._client",
        "EmbeddingEndpoint": "engine._embedder",
        "LLMExtractor": "engine._extractor",
        "MemOS": "client._client",
        "ModelEndpoint": "engine._endpoint",
        "Outbox": "memory.outbox",
        "OutboxOptions": "client._outbox",
        "Scope": "memory.scope",
        "connect": "_connect",
    }

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'errors')}"), name)


def __dir__() -> list[str]:
    return __all__
