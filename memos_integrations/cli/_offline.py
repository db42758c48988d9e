"""The demo's stand-in for a model: it holds no answers, and reads nothing but the messages it is handed."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from memos_integrations.engine import tokens as words
from memos_integrations.memory.prompt import strip

__all__ = ["DONT_KNOW", "NOTED", "Recollection", "recalled", "reply"]

NOTED = "Noted."
DONT_KNOW = "I don't know that."
_BLOCK = re.compile(r"<memories id=\"[0-9a-f]+\">\n(.*?)</memories>", re.DOTALL)
_LINE = re.compile(r"^- (?:\[(?P<when>[^\]]*)\] )?(?P<wish>\[Explicit Preference\] )?(?P<text>.+)$", re.MULTILINE)
_QUESTION = re.compile(r"[?？]\s*$|^\s*(what|which|who|whom|whose|when|where|why|how)\b", re.IGNORECASE)


class Recollection(NamedTuple):
    """A line that was set before the model: when it was said, "fact" or "preference", and what."""

    when: str
    kind: str
    text: str


def reply(said: Sequence[tuple[str, str]]) -> str:
    """To a question the recalled line that shares most words with it, else that it doesn't know; to the rest a nod.

    Of lines that share as many, one that the user said and that is no question itself.

    `said` is what a model is handed: (role, text) pairs, the latest last.
    """
    messages = [text for _, text in said]
    question = strip(messages[-1]).strip()
    if not _QUESTION.search(question):
        return NOTED
    asked = set(words(question))
    lines = recalled(messages)

    def bearing(line: Recollection) -> tuple[int, bool, bool]:
        shared = len(asked & set(words(line.text)))
        return shared, not line.text.startswith("["), not _QUESTION.search(line.text)

    best = max(lines, key=bearing, default=Recollection("", "", ""))
    if not asked & set(words(best.text)):
        return DONT_KNOW
    own = best.text.startswith("[")  # "[assistant view] …": not the user's word
    return best.text if own or not best.when else f"{best.text} (you told me on {best.when[:10]})"


def recalled(messages: Sequence[str]) -> list[Recollection]:
    """The recalled lines in what a model was handed."""
    blocks = [block for message in messages for block in _BLOCK.findall(message)]
    return [
        Recollection(line["when"] or "", "preference" if line["wish"] else "fact", line["text"])
        for block in blocks
        for line in _LINE.finditer(block)
    ]
