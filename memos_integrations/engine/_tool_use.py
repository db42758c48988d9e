"""What a conversation tells of tools: what they are, and how they were used. Computes only, by rule.

A trajectory is what was called between one thing a user said and the next, each call with what came of it.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from memos_integrations.wire.message import Message, Part, ToolCall

__all__ = ["Schema", "Trajectory", "Used", "schemas", "trajectories"]

LONGEST: Final = 1_000
"""Characters of a call's arguments, and of its result, that are remembered."""

DEEPEST: Final = 50
"""Levels of a tool's definition; what is nested deeper is no definition."""

_OPEN, _SHUT = "<tool_schema>", "</tool_schema>"
_FAILED: Final = re.compile(
    r"\s*(?:error|exception|failed|failure|traceback|[A-Za-z_.]*(?:Error|Exception)\b|错误|失败)", re.IGNORECASE
)
_ERROR_NAME: Final = re.compile(r"\b([A-Za-z_]+(?:Error|Exception))\b")


@dataclass(frozen=True, slots=True)
class Used:
    """One call of a tool. `error`: what kind of failure its result tells, "" for none."""

    tool: str
    arguments: str
    result: str
    error: str


@dataclass(frozen=True, slots=True)
class Trajectory:
    """What was asked, and the calls made for it; `at` is the place of the last result among the messages."""

    asked: str
    uses: tuple[Used, ...]
    at: int

    @property
    def text(self) -> str:
        """All of it in words."""
        lines = [f"{use.tool}({use.arguments}) -> {use.result}" for use in self.uses]
        return "\n".join([self.asked, *lines] if self.asked else lines)

    @property
    def status(self) -> list[dict[str, Any]]:
        """Each tool's share of calls that worked, and its last error."""
        tools = dict.fromkeys(use.tool for use in self.uses)
        return [_status(tool, [use for use in self.uses if use.tool == tool]) for tool in tools]

    @property
    def experience(self) -> str:
        """What came of it, in a sentence a tool."""
        return " ".join(str(each["tool_experience"]) for each in self.status)


@dataclass(frozen=True, slots=True)
class Schema:
    """A tool's definition, as a system message gave it; `at` is the message's place."""

    name: str
    value: dict[str, Any]
    at: int


def trajectories(messages: Sequence[Message], start: int = 0) -> list[Trajectory]:
    """What was called for each thing that a user said, as far as results came, from the message at `start` on."""
    found, asked, uses, at = list[Trajectory](), "", list[Used](), 0
    calls = dict[str, ToolCall]()
    for place, message in enumerate(messages):
        if message.role == "user":
            if uses:
                found.append(Trajectory(asked, tuple(uses), at))
            asked, uses = message.text[:LONGEST], []
        elif message.role == "assistant":
            calls |= {call.id or "": call for call in message.tool_calls or () if isinstance(call, ToolCall)}
        elif message.role == "tool":
            call = calls.pop(message.tool_call_id or "", None)
            if call is not None and place >= start:
                uses.append(_used(call, _result(message)))
                at = place
    return [*found, Trajectory(asked, tuple(uses), at)] if uses else found


def schemas(messages: Sequence[Message], start: int = 0) -> list[Schema]:
    """The tools that system messages define inside `<tool_schema>` (contract §4), from the message at `start` on."""
    return [
        Schema(name, tool, place)
        for place, message in enumerate(messages)
        if message.role == "system" and place >= start
        for written in _enclosed(message.text)
        for tool in _tools_in(written)
        if (name := _name_of(tool))
    ]


def _used(call: ToolCall, result: str) -> Used:
    return Used(call.function.name, call.function.arguments[:LONGEST], result[:LONGEST], _error_in(result))


def _result(message: Message) -> str:
    """A tool's answer in words; of parts that are no text their kinds."""
    if message.content is None or isinstance(message.content, str):
        return message.content or ""
    parts = (part for part in message.content if isinstance(part, Part))
    return "\n".join(part.text or f"[{part.type}]" for part in parts)


def _error_in(result: str) -> str:
    """What kind of failure a result tells, by its first words or its members; "" for none."""
    told = _object(result)
    if told is not None:
        failed = bool(told.get("error")) or told.get("success") is False or told.get("ok") is False
        words = json.dumps(told.get("error") or "", ensure_ascii=False)
    else:
        failed, words = _FAILED.match(result) is not None, result[:LONGEST]
    if not failed:
        return ""
    named = _ERROR_NAME.search(words)
    return named[1] if named else "error"


def _object(text: str) -> dict[str, Any] | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _status(tool: str, uses: Sequence[Used]) -> dict[str, Any]:
    errors = [use.error for use in uses if use.error]
    rate = round(1 - len(errors) / len(uses), 2)
    return {
        "used_tool": tool,
        "error_type": errors[-1] if errors else "",
        "success_rate": rate,
        "tool_experience": _told(tool, len(uses), errors),
    }


def _told(tool: str, count: int, errors: Sequence[str]) -> str:
    """A sentence on how a tool did."""
    if not errors:
        return f"{tool} worked{'' if count == 1 else f' {count} times'}."
    if len(errors) == count:
        return f"{tool} failed ({errors[-1]})."
    return f"{tool} worked {count - len(errors)} of {count} times; it failed with {errors[-1]}."


def _enclosed(text: str) -> Iterator[str]:
    """What stands between the marks of a definition."""
    begin = text.find(_OPEN)
    while begin >= 0 and (end := text.find(_SHUT, begin)) >= 0:
        yield text[begin + len(_OPEN) : end]
        begin = text.find(_OPEN, end)


def _tools_in(written: str) -> list[dict[str, Any]]:
    """The definitions, as far as an answer can tell them: of bearable depth, and of what JSON can carry."""
    try:
        value = json.loads(written)
    except (ValueError, RecursionError):
        return []
    tools = value if isinstance(value, list) else [value]
    return [tool for tool in tools if isinstance(tool, dict) and _can_be_told(tool)]


def _can_be_told(tool: dict[str, Any]) -> bool:
    level: list[Any] = [tool]
    for _ in range(DEEPEST):
        level = [inner for each in level for inner in (each.values() if isinstance(each, dict) else each)]
        level = [inner for inner in level if isinstance(inner, dict | list)]
    try:
        json.dumps(tool, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return False
    return not level


def _name_of(tool: dict[str, Any]) -> str:
    inner = tool.get("function")
    name = (inner if isinstance(inner, dict) else tool).get("name")
    return name if isinstance(name, str) else ""
