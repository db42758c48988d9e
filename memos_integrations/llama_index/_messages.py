"""LlamaIndex's messages and ours."""

import re
from collections.abc import Iterator
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock

from memos_integrations.memory.record import Asked

__all__ = ["answer_of", "calls_in", "copy_of", "has_tool_calls", "result_in", "text_of"]

_ASSISTANTS = frozenset({MessageRole.ASSISTANT, MessageRole.CHATBOT, MessageRole.MODEL})
# ReActAgent stores its whole trace: Thought, Action and Observation over and over, then a Thought and the Answer.
# What has no line of the others is somebody's words. Each pattern reads a text once: it may be hostile.
_TRACE = re.compile(r"\A\s*Thought:(?=.*^(?:Action|Observation|Answer):)", re.DOTALL | re.MULTILINE)
_STEP = re.compile(r"^(?:[^\S\n]*(?P<thought>Thought:)|Answer:)", re.MULTILINE)


def text_of(message: ChatMessage) -> str:
    """The message's words; no thinking, no tool traffic, no pictures. "" when there are none."""
    return "\n".join(block.text for block in message.blocks if isinstance(block, TextBlock))


def calls_in(message: ChatMessage) -> tuple[Asked, ...]:
    """The tools that a model asks for in it, in the present form (blocks) or the older one (additional_kwargs)."""
    blocks: list[Any] = [block for block in message.blocks if getattr(block, "block_type", "") == "tool_call"]
    calls = [Asked.of(block.tool_call_id, block.tool_name, block.tool_kwargs) for block in blocks]
    return tuple(calls or _older(message.additional_kwargs.get("tool_calls")))


def result_in(message: ChatMessage) -> tuple[str, str] | None:
    """A tool's result in it: the id of its call, and its words."""
    call = message.additional_kwargs.get("tool_call_id")
    return (call, text_of(message)) if message.role == MessageRole.TOOL and isinstance(call, str) else None


def _older(calls: Any) -> Iterator[Asked]:
    """Calls as providers' packages keep them: `ToolSelection`, or OpenAI's objects and members."""
    for call in calls if isinstance(calls, list | tuple) else ():
        inner = _member(call, "function") or call
        tool = _member(call, "tool_name") or _member(inner, "name")
        arguments = _member(call, "tool_kwargs") or _member(inner, "arguments") or {}
        if isinstance(tool, str):
            yield Asked.of(str(_member(call, "tool_id") or _member(call, "id") or ""), tool, arguments)


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else getattr(value, name, None)


def has_tool_calls(message: ChatMessage) -> bool:
    """Whether a model asks for tools in it, in the present form (blocks) or the older one (additional_kwargs)."""
    asked = any(getattr(block, "block_type", "") == "tool_call" for block in message.blocks)
    return asked or bool(message.additional_kwargs.get("tool_calls"))


def answer_of(message: ChatMessage) -> str | None:
    """What the assistant said to the user in it; None for tool calls, and for a trace that reached no answer."""
    if message.role not in _ASSISTANTS or has_tool_calls(message):
        return None
    text = text_of(message).strip()
    if _TRACE.match(text):
        text = _reached(text)
    return text or None


def _reached(trace: str) -> str:
    """What follows the first Answer after the last Thought that has one; "" when none does."""
    start, thinks = len(trace), False
    for step in _STEP.finditer(trace):
        if thinks and not step["thought"]:
            start = step.end()
        thinks = bool(step["thought"])
    return trace[start:].strip()


def copy_of(message: ChatMessage) -> ChatMessage:
    """A deep copy: agents write their state into the messages they are given."""
    return message.model_copy(deep=True)
