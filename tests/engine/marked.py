"""Texts that each hold a word of its own, by which an answer tells whose texts it shows."""

import json
import re
from typing import Any

from memos_integrations.wire.answers import Answer

__all__ = ["OWNERS", "PROJECTS", "Scope", "marked", "messages", "other", "tag"]

Scope = tuple[str, str, str]  # project; user_id, agent_id or base; whose
PROJECTS = ("", "p")
SUBJECTS = (("user_id", "u"), ("user_id", "v"), ("agent_id", "u"))
OWNERS: list[Scope] = [(project, *subject) for project in PROJECTS for subject in SUBJECTS]

_WORD = re.compile(r"Zq\d+qz")


def marked(answer: Answer) -> set[str]:
    """The words in an answer."""
    return set(_WORD.findall(answer.model_dump_json()))


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
