"""Rules that tell an explicit preference from other talk, in English and Chinese.

A preference is what somebody says of their own likes, dislikes, limits and wishes for how to be treated, in the first
person and the present ("I can't stand jazz", "due to my asthma I avoid smoke", "always answer briefly"). The rules read
attitudes, not topics, so they hold for subjects never seen. What stands in quotation marks, is reported, asked,
supposed or past is covered with letters that mean nothing before the rules look. They know nothing of irony, of what is
implied, of what somebody else likes, nor that a later statement takes an earlier one back; a question is never a
preference.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from memos_integrations.engine._chinese import CHINESE
from memos_integrations.engine._chinese import PARTS as CHINESE_PARTS
from memos_integrations.engine._chinese import UNMEANT as CHINESE_UNMEANT
from memos_integrations.engine._english import ENGLISH
from memos_integrations.engine._english import PARTS as ENGLISH_PARTS
from memos_integrations.engine._english import UNMEANT as ENGLISH_UNMEANT
from memos_integrations.engine._sentences import is_question, sentences
from memos_integrations.engine._sieve import Sieve, english_words
from memos_integrations.engine._words import is_east_asian

LONGEST_STATEMENT: Final = 600
"""Characters of a sentence that is looked at; a longer one is a pasted text, no statement."""

_TURN_TO_ASKING: Final = re.compile(
    r"""[,;:，；]\s*(?:(?:so|and|but|then)\s+)?
    (?=(?:what|which|who|where|when|why|how|can|could|would|should|do|does|did|is|are|any|will)\b
      |有什么|有没有|怎么|哪|什么|该|能|可以|你|请问|推荐)
    |\s[-–—]+\s""",
    re.IGNORECASE | re.VERBOSE,
)


# No opening mark may stand inside: were it allowed, a row of them would take for ever.
_QUOTED: Final = re.compile(r'"[^"\n]*+"|“[^“”\n]*+”|「[^「」\n]*+」|『[^『』\n]*+』|«[^«»\n]*+»|„[^„“”\n]*+[“”]')
_GIVEN_TEXT: Final = re.compile(
    r"(?:\b(?:translate|proofread|paraphrase|rephrase|rewrite|summari[sz]e|correct)\b|翻译|润色|改写)"
    r"[^.!?。！？\n]{0,100}[:：][^\S\n]*\n.*",
    re.IGNORECASE | re.DOTALL,
)


def _kinds(rules: Mapping[str, Sequence[str]], parts: Mapping[str, str]) -> Sieve[str]:
    return Sieve([(kind, rule) for kind, said in rules.items() for rule in said], parts)


def _unmeant(rules: Sequence[str], parts: Mapping[str, str]) -> Sieve[None]:
    return Sieve([(None, rule) for rule in rules], parts)


_ENGLISH: Final = _kinds(ENGLISH, ENGLISH_PARTS)
_CHINESE: Final = _kinds(CHINESE, CHINESE_PARTS)
_ENGLISH_UNMEANT: Final = _unmeant(ENGLISH_UNMEANT, ENGLISH_PARTS)
_CHINESE_UNMEANT: Final = _unmeant(CHINESE_UNMEANT, CHINESE_PARTS)


def preferences(text: str) -> Iterator[tuple[str, str]]:
    """The explicit preferences in a turn's text: (kind, the sentence that states it), in order, repeats left out."""
    seen: set[str] = set()
    for sentence, own in _with_own_words(text):
        stated = _stated(own)
        kind = _kind_of(stated, east_asian=is_east_asian(sentence))
        statement = sentence[: len(stated)]
        if kind and statement not in seen:
            seen.add(statement)
            yield kind, statement


def kind_of(statement: str) -> str | None:
    """How `statement`, one sentence that asks nothing, states a preference; None when it states none."""
    return _kind_of(_own_words(statement), east_asian=is_east_asian(statement))


def _kind_of(own: str, *, east_asian: bool) -> str | None:
    if len(own) > LONGEST_STATEMENT:
        return None
    unmeant, kinds = (_CHINESE_UNMEANT, _CHINESE) if east_asian else (_ENGLISH_UNMEANT, _ENGLISH)
    words = english_words(own)
    if covering := unmeant.may_fit(words):
        for _, rule in covering:
            own = rule.sub(_cover_last_group, own)
        words = english_words(own)
    return next((kind for kind, rule in kinds.may_fit(words) if rule.search(own)), None)


def _with_own_words(text: str) -> Iterator[tuple[str, str]]:
    """Each sentence, and the same with quoted words covered; a quotation may run over several sentences."""
    own, end = _own_words(text), 0
    for sentence in sentences(text):
        start, end = end, end + len(sentence)
        lead = len(sentence) - len(sentence.lstrip())
        yield sentence.strip(), own[start + lead : end].rstrip()


def _own_words(text: str) -> str:
    """`text` with what others said covered; marks around the whole of it quote nobody."""
    if _QUOTED.fullmatch(text.strip()):
        return text
    own = _QUOTED.sub(_cover, text)
    return _GIVEN_TEXT.sub(_cover, own) if "\n" in own else own


def _cover(found: re.Match[str]) -> str:
    return "x" * len(found[0])


def _cover_last_group(found: re.Match[str]) -> str:
    """Of a match of an "unmeant" rule, its last group covered; as it is when no group took part."""
    if not found.lastindex:
        return found[0]
    start, end = (at - found.start() for at in found.span(found.lastindex))
    return found[0][:start] + "x" * (end - start) + found[0][end:]


def _stated(sentence: str) -> str:
    """What a sentence states: all of it, or of a question what comes before it ("I'm vegan, what can I bake?")."""
    if not is_question(sentence):
        return sentence
    before, *asked = _TURN_TO_ASKING.split(sentence, maxsplit=1)
    return before if asked and not is_question(before) else ""
