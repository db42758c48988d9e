"""What a correction does to a memory's text. Computes only; `_corrections` reads it from what was said."""

import re
from dataclasses import dataclass, replace

from memos_integrations.engine._senses import (
    clauses,
    denies,
    in_case_of,
    is_own,
    last_clause,
    mentions,
    names,
    people,
    senses,
)
from memos_integrations.engine._sentences import is_question, sentences
from memos_integrations.engine._words import is_east_asian, tokens

_FROM = re.compile(r"(?:\bfrom|从|来自)\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Frame:
    """What a memory must share with a correction to be meant: the correction's words without what it corrects.

    `needed` are the words that must all be there, `people` whom it is about; `origin` says that the corrected word is
    where something comes from.
    """

    text: str
    needed: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()
    denied: bool = False
    origin: bool = False
    anyone: bool = False


@dataclass(frozen=True, slots=True)
class Replacement:
    """`new` for `old`, wherever it stands."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Correction:
    """`new` for `old`, where a sentence says the same of it."""

    old: str
    new: str
    frame: Frame

    @property
    def bare(self) -> bool:
        """Whether it says nothing but the two words, so that every mention may be meant."""
        return not senses(self.frame.text)


@dataclass(frozen=True, slots=True)
class Denial:
    """`frame` holds no more: what states it is taken out."""

    frame: Frame


@dataclass(frozen=True, slots=True)
class Restatement:
    """What one has one only of is now `new`: where `shape`, with the same `said` before it, names another."""

    shape: re.Pattern[str]
    said: frozenset[str]
    new: str


def of_anyone(correction: Correction) -> Correction:
    """The same, whoever it is about."""
    return replace(correction, frame=replace(correction.frame, anyone=True))


Revision = Replacement | Correction | Denial | Restatement


def revised(revision: Revision, text: str) -> str:
    """A memory's text as it is to be: the same where it isn't concerned, "" where nothing of it is left."""
    if isinstance(revision, Replacement):
        return _put(mentions(revision.old), revision.old, revision.new, text)
    changed = "".join(_changed(revision, sentence) for sentence in sentences(text))
    return text if changed == text else changed.strip()


def words_of(revision: Revision) -> list[str]:
    """The search words that every memory it concerns has."""
    if isinstance(revision, Denial):
        return [word for word in tokens(revision.frame.text) if word in revision.frame.needed]
    return [] if isinstance(revision, Restatement) else tokens(revision.old)


def _changed(revision: Correction | Denial | Restatement, sentence: str) -> str:
    if isinstance(revision, Correction):
        return _corrected(revision, sentence)
    if isinstance(revision, Restatement):
        return _restated(revision, sentence)
    return "" if _states(sentence, revision.frame) else sentence


def _corrected(correction: Correction, sentence: str) -> str:
    old, frame = mentions(correction.old), correction.frame
    meant = [found for found in old.finditer(sentence) if _is_meant(frame, sentence, found.start())]
    if not meant or not (correction.bare or _shares(frame, sentence, correction.old)):
        return sentence
    if _holds(sentence, correction.new, correction.old):
        return ""  # with the new word put in, it would say it twice, or that it is not so
    for found in reversed(meant):
        put, rest = in_case_of(found[0], correction.old, correction.new), sentence[found.end() :]
        sentence = sentence[: found.start()] + _joined(put, rest)
    return sentence


def _joined(new: str, rest: str) -> str:
    """`new` before `rest`, and what both have only once: 我有三只猫，不是两只 doesn't tell where the new word ends."""
    ends = (end for end in range(len(new), 0, -1) if is_east_asian(new[-1]) and rest.startswith(new[-end:]))
    return new + rest[next(ends, 0) :]


def _restated(restatement: Restatement, sentence: str) -> str:
    found = restatement.shape.match(sentence)
    if found is None or senses(found["before"]) != restatement.said:
        return sentence
    return sentence[: found.start("new")] + restatement.new + sentence[found.end("new") :]


def _is_meant(frame: Frame, sentence: str, start: int) -> bool:
    """Whether what stands there is said in the same sense: denied or not, as an origin or not."""
    origin = _FROM.search(sentence[:start]) is not None
    before = last_clause(sentence[:start])
    who = frame.people if frame.anyone else people(before)
    return (denies(before), origin, who) == (frame.denied, frame.origin, frame.people)


def _holds(sentence: str, new: str, old: str) -> bool:
    """Whether `new` stands there already; not where it is only a part of the old word, nor the old one of it."""
    return mentions(new).search(mentions(old).sub(" ", sentence)) is not None


def _shares(frame: Frame, sentence: str, old: str) -> bool:
    """Whether `sentence` says of `old` what the correction says, and of the same person."""
    rest = mentions(old).sub(" ", sentence)
    wanted, there = senses(frame.text), senses(rest)
    if is_own(frame.text) and not is_own(sentence) and names(rest) - wanted:
        return False
    if not names(frame.text) <= there:
        return False
    if not there:
        return True  # "I'm John", "Lyon.": it says nothing else that could be meant
    told = (wanted - frame.people) or wanted
    return frame.origin or (frame.needed <= there and not told.isdisjoint(there))


def _states(sentence: str, frame: Frame) -> bool:
    """Whether `sentence` says, of the same person, all that the frame says, and in the same sense."""
    if is_question(sentence.strip()):
        return False
    telling = [clause for clause in clauses(sentence) if not senses(clause).isdisjoint(frame.needed)]
    if not frame.needed <= senses(sentence) or people(" ".join(telling)) != frame.people:
        return False
    return any(map(denies, telling)) == frame.denied


def _put(found: re.Pattern[str], old: str, new: str, text: str) -> str:
    return found.sub(lambda match: in_case_of(match[0], old, new), text)
