"""The embedded engine: it answers MemOS's calls from one SQLite file, without a model and without a network."""

from memos_integrations.engine._engine import Engine
from memos_integrations.engine._router import route
from memos_integrations.engine._transport import AsyncEngineTransport, EngineTransport
from memos_integrations.engine._words import tokens

__all__ = ["AsyncEngineTransport", "Engine", "EngineTransport", "route", "tokens"]
