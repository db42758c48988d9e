"""Texts that each hold a word of its own, by which an answer tells whose texts it shows."""

import json
import re
from typing import Any

from memos_integrations.wire.answers import Answer
from tests.engine.bases import packed

__all__ = [
    "ALL",
    "OWNERS",
    "PROJECTS",
    "STATES",
    "Scope",
    "ids",
    "marked",
    "messages",
    "other",
    "page",
    "selector",
    "tag",
]

Scope = tuple[str, str, str]  # project; user_id, agent_id or base; whose
PROJECTS = ("", "p")
SUBJECTS = (("user_id", "u"), ("user_id", "v"), ("agent_id", "u"))
OWNERS: list[Scope] = [(project, *subject) for project in PROJECTS for subject in SUBJECTS]
_VIEWS = ["detail_factual", "preference", "event", "tool_memory", "profile", "skill"]
_LIMITS = ("memory_limit_number", "preference_limit_number", "tool_memory_limit_number", "skill_limit_number")
ALL = {"relativity": 0, "include_memory_view": _VIEWS, **dict.fromkeys(_LIMITS, 25)}
STATES = ["activated", "resolving", "archived", "deleted"]

_WORD = re.compile(r"Zq\d+qz")


def marked(answer: Answer) -> set[str]:
    """The words in an answer."""
    return set(_WORD.findall(answer.model_dump_json()))


def ids(answer: Answer) -> list[str]:
    """The ids of all that an answer lists."""
    return [each.id for some in answer.__dict__.values() if isinstance(some, tuple) for each in some]


def selector(by: str, name: str, *, old: bool) -> dict[str, Any]:
    """What deletes everything of somebody, in either spelling."""
    return {"user_ids": [name]} if old and by == "user_id" else {by: name}


def page(word: str, *, skill: bool) -> dict[str, Any]:
    """A file that holds the word."""
    data = f"# {word}\n\nAll about {word}.".encode()
    return {"name": "a.md", "content": packed(data), "type": "skill" if skill else "document"}


def tag(word: str) -> str:
    """One of three tags, which texts of all projects share."""
    return f"t{int(word[2:-2]) % 3}" if word else ""


def other(project: str) -> str:
    """The project that is not this one."""
    return PROJECTS[project == PROJECTS[0]]


def messages(told: str, word: str) -> list[dict[str, Any]]:
    """A statement with a time and a place (t), a preference (p), a tool's definition (s), or a run of a tool (x)."""
    if told == "s":
        defined = json.dumps({"name": "look", "description": word})
        return [{"role": "system", "content": f"<tool_schema>{defined}</tool_schema>"}]
    said = {"t": f"Yesterday I met a friend in {word}.", "p": f"I prefer {word} tea.", "x": f"Look up {word}."}
    user = {"role": "user", "content": said[told]}
    if told != "x":
        return [user]
    function = {"name": "look", "arguments": json.dumps({"up": word})}
    called = {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": function}]}
    return [user, called, {"role": "tool", "tool_call_id": "1", "content": f"found {word}"}]
