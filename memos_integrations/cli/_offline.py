"""The demo's stand-in for a model: it holds no answers, and reads nothing but the messages it is handed."""

import re
from collections.abc import Sequence

from memos_integrations.engine._words import tokens as words
from memos_integrations.memory.prompt import strip

__all__ = ["DONT_KNOW", "NOTED", "recalled_lines", "reply"]

NOTED = "Noted."
DONT_KNOW = "I don't know that."
_BLOCK = re.compile(r"<memories id=\"[0-9a-f]+\">\n(.*?)</memories>", re.DOTALL)
_LINE = re.compile(r"^- (?:\[(?P<when>[^\]]*)\] )?(?:\[Explicit Preference\] )?(?P<text>.+)$", re.MULTILINE)
_QUESTION = re.compile(r"[?？]\s*$|^\s*(what|which|who|whom|whose|when|where|why|how)\b", re.IGNORECASE)


def reply(messages: Sequence[str]) -> str:
    """To a question the recalled line that shares most words with it, else that it doesn't know; to the rest a nod.

    `messages` are the texts a model is handed, the latest last.
    """
    question = strip(messages[-1]).strip()
    if not _QUESTION.search(question):
        return NOTED
    asked = set(words(question))
    lines = recalled_lines(messages)
    best = max(lines, key=lambda line: len(asked & set(words(line[1]))), default=("", ""))
    if not asked & set(words(best[1])):
        return DONT_KNOW
    own = best[1].startswith("[")  # "[assistant view] …": not the user's word
    return best[1] if own or not best[0] else f"{best[1]} (you told me on {best[0][:10]})"


def recalled_lines(messages: Sequence[str]) -> list[tuple[str, str]]:
    """The recalled lines in what a model was handed: (when, text)."""
    blocks = [block for message in messages for block in _BLOCK.findall(message)]
    return [(line["when"] or "", line["text"]) for block in blocks for line in _LINE.finditer(block)]
