"""What a middleware's own search tool is called, and how the model is told of it."""

import re

from langchain_core.tools import BaseTool

from memos_integrations.errors import Invalid
from memos_integrations.memory.prompt import TOOL_PROTOCOL

__all__ = ["protocol_of", "tool_name"]

_UNNAMED = "MemOSMiddleware"
_CALLED = "search_memory"  # as the protocol says
_NAME = re.compile(r"[A-Za-z0-9_-]{1,50}")  # providers take 64 of these characters for a tool


def tool_name(instance: str) -> str:
    """What an instance calls its tool, as no other does. Raises `Invalid` for a name that no tool can have."""
    if instance == _UNNAMED:
        return _CALLED
    if not _NAME.fullmatch(instance):
        rule = "1 to 50 letters, digits, _ and -, since the tool is named after it"
        raise Invalid(f"MemOSMiddleware: with placement='tool' a name is of {rule}", field="name", rule="name")
    return f"{_CALLED}_{instance}"


def protocol_of(tool: BaseTool) -> str:
    """The protocol that names this tool; the same at each call."""
    return TOOL_PROTOCOL.replace(_CALLED, tool.name)
