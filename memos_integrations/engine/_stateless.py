"""What is worked out of a call alone, by the rules that adding and searching go by; nothing is read or stored."""

import uuid
from collections import Counter
from typing import Final

from memos_integrations.engine._core import Core
from memos_integrations.engine._extract import REMEMBERED, Turn, refined_type, stated, title, turn, value
from memos_integrations.engine._pieces import Waiting
from memos_integrations.engine._rank import by_length, question, rarity
from memos_integrations.engine._words import tokens
from memos_integrations.wire.calls import ExtractMemory, Rerank
from memos_integrations.wire.stateless import Extracted, ExtractedFact, ExtractedPreference, Ranked, Reranked
from memos_integrations.wire.tokens import least

__all__ = ["MODEL", "Stateless"]

MODEL: Final = "lexical"
"""What reranks here, whichever model was asked for: shared words, no model."""


class Stateless(Core):
    """The calls that leave nothing behind."""

    def extract_memory(
        self,
        call: ExtractMemory,
        project: str = "",  # noqa: ARG002 -- whoever asks, the answer is the same
        seconds: float | None = None,  # noqa: ARG002 -- rules take no time worth bounding
        waiting: Waiting | None = None,  # noqa: ARG002
    ) -> Extracted:
        """Facts and preferences as an add of the same messages would make them; `model` changes nothing."""
        turns, types = [turn(message, self._now()) for message in call.turns], call.extraction_types
        return Extracted(
            memory_detail_list=_facts(turns) if types is None or "memory" in types else (),
            preference_detail_list=_preferences(call, turns) if types is None or "preference" in types else (),
        )

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


def _facts(turns: list[Turn]) -> tuple[ExtractedFact, ...]:
    return tuple(
        ExtractedFact(
            memory_key=title(part.text),
            memory_value=value(kind, said.role, said.name, part.text, said.said),
            memory_type=kind,
            tags=("mode:fine",),
        )
        for said in turns
        for part in said.pieces
        for kind in (refined_type(said.role, part.text),)
    )


def _preferences(call: ExtractMemory, turns: list[Turn]) -> tuple[ExtractedPreference, ...]:
    return tuple(
        ExtractedPreference(preference=one.text, reasoning=one.reasoning, preference_type="explicit_preference")
        for message, said in zip(call.turns, turns, strict=True)
        if said.role == REMEMBERED[0]
        for one in stated(message.text, said.name)
    )


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
