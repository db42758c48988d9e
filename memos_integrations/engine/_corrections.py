"""Feedback read as what it asks for, sentence by sentence; English and Chinese. Rules, which know no irony."""

from dataclasses import dataclass

from memos_integrations.engine import _corrections_chinese, _corrections_english
from memos_integrations.engine._revision import Revision
from memos_integrations.engine._sentences import asks, sentences
from memos_integrations.engine._words import is_east_asian

LONGEST_SENTENCE = 400
"""Characters of a sentence that is read as a correction; a longer one is kept as it is."""

MOST_SENTENCES = 10
"""Sentences of a feedback that is read for corrections; a longer one is a pasted text, kept as it is."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One sentence of a feedback: the revision it asks for, if any, and what is to be remembered of it.

    `once` is what is remembered when the revision found something to revise, `otherwise` when it did not.
    """

    revision: Revision | None
    once: str
    otherwise: str


def read(feedback: str) -> list[Heard]:
    """What a feedback asks for, in its order."""
    told = [sentence.strip() for sentence in sentences(feedback) if sentence.strip()]
    if len(told) > MOST_SENTENCES:
        return [Heard(None, feedback, feedback)]
    return [_heard(sentence) for sentence in told]


def _heard(sentence: str) -> Heard:
    if len(sentence) > LONGEST_SENTENCE or asks(sentence):
        return Heard(None, sentence, sentence)
    language = _corrections_chinese if is_east_asian(sentence) else _corrections_english
    found = language.revision(" ".join(sentence.split()))  # rules take their time over long runs of blanks
    return Heard(None, sentence, sentence) if found is None else Heard(found[0], found[1], found[2])
