"""The embedded engine: it answers MemOS's calls from one SQLite file; models are asked for chat, and as plug-ins."""

from memos_integrations.engine._chat import Model
from memos_integrations.engine._embedder import EmbeddingEndpoint
from memos_integrations.engine._embedding import Embed
from memos_integrations.engine._endpoint import ModelEndpoint
from memos_integrations.engine._engine import Engine
from memos_integrations.engine._extraction import Extractor
from memos_integrations.engine._extractor import LLMExtractor
from memos_integrations.engine._knowledge_reading import Fetch
from memos_integrations.engine._router import route
from memos_integrations.engine._transport import AsyncEngineTransport, EngineTransport
from memos_integrations.engine._words import tokens

__all__ = [
    "AsyncEngineTransport",
    "Embed",
    "EmbeddingEndpoint",
    "Engine",
    "EngineTransport",
    "Extractor",
    "Fetch",
    "LLMExtractor",
    "Model",
    "ModelEndpoint",
    "route",
    "tokens",
]
