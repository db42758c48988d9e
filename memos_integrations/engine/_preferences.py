"""Rules that tell an explicit preference from other talk, in English and Chinese.

A preference is what somebody says of their own likes, dislikes, limits and wishes for how to be treated, in the first
person and the present ("I can't stand jazz", "due to my asthma I avoid smoke", "always answer briefly"). The rules read
attitudes, not topics, so they hold for subjects never seen. They know nothing of irony, of what is implied, of what
somebody else likes, nor that a later statement takes an earlier one back; a question is never a preference.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from memos_integrations.engine._chinese import CHINESE
from memos_integrations.engine._chinese import PARTS as CHINESE_PARTS
from memos_integrations.engine._english import ENGLISH
from memos_integrations.engine._english import PARTS as ENGLISH_PARTS
from memos_integrations.engine._pattern import pattern
from memos_integrations.engine._sentences import is_question, sentences
from memos_integrations.engine._words import is_east_asian

LONGEST_STATEMENT: Final = 600
"""Characters of a sentence that is looked at; a longer one is a pasted text, no statement."""

_Rules = Mapping[str, tuple[re.Pattern[str], ...]]

_TURN_TO_ASKING: Final = re.compile(
    r"""[,;:，；]\s*(?:(?:so|and|but|then)\s+)?
    (?=(?:what|which|who|where|when|why|how|can|could|would|should|do|does|did|is|are|any|will)\b
      |有什么|有没有|怎么|哪|什么|该|能|可以|你|请问|推荐)
    |\s[-–—]+\s""",
    re.IGNORECASE | re.VERBOSE,
)


def _compiled(rules: Mapping[str, tuple[str, ...]], parts: Mapping[str, str]) -> _Rules:
    return {kind: tuple(pattern(rule, parts) for rule in said) for kind, said in rules.items()}


_ENGLISH: Final = _compiled(ENGLISH, ENGLISH_PARTS)
_CHINESE: Final = _compiled(CHINESE, CHINESE_PARTS)


def preferences(text: str) -> Iterator[tuple[str, str]]:
    """The explicit preferences in a turn's text: (kind, the sentence that states it), in order, repeats left out."""
    seen: set[str] = set()
    for sentence in sentences(text):
        stated = _stated(sentence.strip())
        kind = kind_of(stated)
        if kind and stated not in seen:
            seen.add(stated)
            yield kind, stated


def kind_of(statement: str) -> str | None:
    """How `statement`, one sentence that asks nothing, states a preference; None when it states none."""
    if len(statement) > LONGEST_STATEMENT:
        return None
    rules = _CHINESE if is_east_asian(statement) else _ENGLISH
    return next((kind for kind, said in rules.items() if any(rule.search(statement) for rule in said)), None)


def _stated(sentence: str) -> str:
    """What a sentence states: all of it, or of a question what comes before it ("I'm vegan, what can I bake?")."""
    if not is_question(sentence):
        return sentence
    before, *asked = _TURN_TO_ASKING.split(sentence, maxsplit=1)
    return before if asked and not is_question(before) else ""
