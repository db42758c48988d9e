"""What is worked out of a call alone, by the rules that adding and searching go by; nothing is read or stored."""

import uuid
from collections import Counter
from typing import Final

from memos_integrations.engine._core import Core
from memos_integrations.engine._defaults import FACTS, PREFERENCES
from memos_integrations.engine._extract import REMEMBERED, Turn, refined_type, stated, title, turn, value
from memos_integrations.engine._extracting import ASKING
from memos_integrations.engine._extracting_work import room
from memos_integrations.engine._extraction import Extraction, Line, NewFact, ToExtract
from memos_integrations.engine._pieces import Waiting
from memos_integrations.engine._rank import by_length, question, rarity
from memos_integrations.engine._words import tokens
from memos_integrations.wire.calls import ExtractMemory, Rerank
from memos_integrations.wire.stateless import Extracted, ExtractedFact, ExtractedPreference, Ranked, Reranked
from memos_integrations.wire.tokens import least

__all__ = ["MODEL", "Stateless"]

_TYPES: Final = {FACTS: "memory", PREFERENCES: "preference"}
_VIEWS: Final = (FACTS, PREFERENCES)

MODEL: Final = "lexical"
"""What reranks here, whichever model was asked for: shared words, no model."""


class Stateless(Core):
    """The calls that leave nothing behind."""

    def extract_memory(
        self,
        call: ExtractMemory,
        project: str = "",  # noqa: ARG002 -- whoever asks, the answer is the same
        seconds: float | None = None,
        waiting: Waiting | None = None,
    ) -> Extracted:
        """Facts and preferences as an add of the same messages would make them.

        With an extractor, by the model that `model` names, else by its own; by the rules where it fails.
        """
        turns, types = [turn(message, self._now()) for message in call.turns], call.extraction_types
        wanted = frozenset(_VIEWS if types is None else [each for each in _VIEWS if _TYPES[each] in types])
        found = self._told(call, turns, wanted, waiting or Waiting(seconds))
        return Extracted(
            memory_detail_list=_facts(turns, found) if FACTS in wanted else (),
            preference_detail_list=_preferences(call, turns, found) if PREFERENCES in wanted else (),
        )

    def _told(self, call: ExtractMemory, turns: list[Turn], views: frozenset[str], waiting: Waiting) -> Extraction:
        """What the extractor tells, nothing where there is none or it fails."""
        if self._learner is None:
            return Extraction()
        own = Waiting(None if waiting.seconds is None else waiting.seconds * ASKING)
        waiting.on_give_up(own.give_up)
        most = room(len(turns))
        lines = zip(call.turns, turns, strict=True)
        asked = ToExtract(
            lines=tuple(Line(said.role, message.text[:most], said.said, said.name) for message, said in lines),
            views=views,
            model=call.model,
        )
        return self._learner.tell(asked, own) or Extraction()

    def rerank(self, call: Rerank, project: str = "") -> Reranked:  # noqa: ARG002
        """The documents by the words they share with the query, rare ones counting more, short documents more."""
        scored = sorted(enumerate(_scores(call)), key=lambda one: -one[1])
        results = tuple(
            Ranked(index=index, document={"text": call.documents[index]}, relevance_score=score)
            for index, score in scored[: call.top_n]
        )
        used = sum(map(least, (call.query, *call.documents)))
        usage = {"prompt_tokens": used, "total_tokens": used}
        return Reranked(id=f"rr-{uuid.uuid4()}", model=MODEL, usage=usage, results=results)


def _facts(turns: list[Turn], found: Extraction) -> tuple[ExtractedFact, ...]:
    """Line by line what was found, else the line's own words."""
    return tuple(
        fact
        for place, said in enumerate(turns)
        for fact in [_as_told(one, said) for one in found.facts if one.line == place] or _by_rule(said)
    )


def _as_told(one: NewFact, said: Turn) -> ExtractedFact:
    kind = "UserMemory" if one.own and said.role == REMEMBERED[0] else "LongTermMemory"
    return _fact(one.title or title(one.text), value(kind, said.role, "", one.text, said.said), kind)


def _by_rule(said: Turn) -> list[ExtractedFact]:
    kinds = [(part.text, refined_type(said.role, part.text)) for part in said.pieces]
    return [_fact(title(text), value(kind, said.role, said.name, text, said.said), kind) for text, kind in kinds]


def _fact(key: str, told: str, kind: str) -> ExtractedFact:
    return ExtractedFact(memory_key=key, memory_value=told, memory_type=kind, tags=("mode:fine",))


def _preferences(call: ExtractMemory, turns: list[Turn], found: Extraction) -> tuple[ExtractedPreference, ...]:
    every = list[ExtractedPreference]()
    for place, (message, said) in enumerate(zip(call.turns, turns, strict=True)):
        told = [
            (one.text, one.reasoning, "implicit_preference" if one.implicit else "explicit_preference")
            for one in found.preferences
            if one.line == place
        ]
        stating = stated(message.text, said.name) if said.role == REMEMBERED[0] and not told else []
        told += [(one.text, one.reasoning, "explicit_preference") for one in stating]
        every += [ExtractedPreference(preference=text, reasoning=why, preference_type=kind) for text, why, kind in told]
    return tuple(every)


def _scores(call: Rerank) -> list[float]:
    """0..1: the share of the query's words, weighed by their rarity, that a document has, less where it is long."""
    documents = [tokens(document) for document in call.documents]
    average = sum(map(len, documents)) / len(documents)
    having = Counter(word for words in documents for word in set(words))
    weights = {word: rarity(having[word], len(documents)) for word in question(call.query, ()).words}
    best = sum(weights.values()) * by_length(0, average)
    return [round(_covered(weights, words) * by_length(len(words), average) / (best or 1), 6) for words in documents]


def _covered(weights: dict[str, float], words: list[str]) -> float:
    there = set(words)
    return sum(weight for word, weight in weights.items() if word in there)
