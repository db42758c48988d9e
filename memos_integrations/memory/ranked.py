"""What a search found as one list, best first, with what is known of each memory. Pure but for its names of searches.

Scores of different kinds can't be compared, so the list takes the best of each kind, then the next of each.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice, zip_longest
from typing import Any, Literal
from uuid import uuid4

from memos_integrations.errors import Invalid
from memos_integrations.memory.handed import one_of
from memos_integrations.memory.recall import Recall
from memos_integrations.wire.answers import Fact, Found, Preference, ToolMemory
from memos_integrations.wire.call import MAX_LIST

__all__ = ["KINDS", "Kind", "Ranked", "Wanted", "kinds_of", "retrieved_once"]

Kind = Literal["fact", "preference", "tool"]
KINDS: tuple[Kind, ...] = ("fact", "preference", "tool")
_OF_A_BASE = "default_session"  # contract §3.1: the conversation of what came from a knowledge base


@dataclass(frozen=True, slots=True)
class Ranked:
    """A memory: its text, and its `metadata` (id, kind, score, times, conversation_id, and what its kind has more).

    `score` is 0 to 1, None where the server told none.
    """

    id: str
    text: str = field(repr=False)
    score: float | None
    metadata: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many memories of which kinds: `k` of all together, and at most so many of each of `limits`."""

    k: int
    limits: Mapping[Kind, int]

    @classmethod
    def of(cls, include: Collection[Kind], **numbers: int | None) -> "Wanted":
        """`numbers` are k, fact_k, preference_k and tool_k (None: k). Raises `Invalid`.

        All of k is asked for of each kind where nothing else is said, since it may be the only one found.
        """
        for name, number in numbers.items():
            if number is not None and (type(number) is not int or not 1 <= number <= MAX_LIST):
                raise Invalid(f"{name} is a whole number from 1 to {MAX_LIST}", field=name, rule="range")
        own = {kind: numbers[f"{kind}_k"] for kind in KINDS}
        if idle := [kind for kind, number in own.items() if number is not None and kind not in include]:
            raise Invalid(f'{idle[0]}_k is given, but include leaves "{idle[0]}" out', field=f"{idle[0]}_k")
        k = numbers["k"] or 0
        return cls(k, {kind: min(k, own[kind] or k) for kind in include})

    def recall(self, **options: Any) -> Recall:
        """How to search for them; `options` are `Recall`'s others. Raises `Invalid`."""
        return Recall(
            memory_limit_number=self.limits.get("fact", 0),
            preference_limit_number=self.limits.get("preference", 0),
            include_preference="preference" in self.limits,
            tool_memory_limit_number=self.limits.get("tool"),
            include_tool_memory=True if "tool" in self.limits else None,
            **options,
        )

    def best(self, found: Found, *, bases: bool) -> list[Ranked]:
        """One of each kind in turn. `bases`: whether knowledge bases were searched too, whose facts are then marked."""
        memories = {
            "fact": (_of_fact(fact, bases) for fact in found.memory_detail_list),
            "preference": map(_of_preference, found.preference_detail_list),
            "tool": map(_of_tool, found.tool_memory_detail_list),
        }
        kinds = [islice(filter(_says_something, memories[kind]), most) for kind, most in self.limits.items()]
        return list(islice(filter(None, chain.from_iterable(zip_longest(*kinds))), self.k))


def kinds_of(include: Sequence[Kind]) -> tuple[Kind, ...]:
    """The kinds that are wanted, in their order. Raises `Invalid`."""
    if isinstance(include, str) or not isinstance(include, Sequence) or not include:
        raise Invalid(f"include takes several of {', '.join(KINDS)}", field="include")
    for kind in include:
        one_of("include", kind, KINDS)
    return tuple(include)


def retrieved_once() -> str:
    """A turn of its own: two calls with the same query are two searches."""
    return f"retriever {uuid4()}"


def _says_something(memory: Ranked) -> bool:
    return bool(memory.text.strip())


def _of_fact(fact: Fact, bases: bool) -> Ranked:
    more: dict[str, Any] = {"tags": list(fact.tags)} if fact.tags else {}
    if bases and fact.conversation_id == _OF_A_BASE:
        more["knowledgebase"] = True
    return _ranked(fact, "fact", fact.memory_value or fact.memory_key, more)


def _of_preference(preference: Preference) -> Ranked:
    more = {"preference_type": preference.preference_type}
    return _ranked(preference, "preference", preference.preference, more)


def _of_tool(tool: ToolMemory) -> Ranked:
    value = tool.tool_value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) if value else ""
    used = [dict(status) for status in tool.tool_used_status]
    more = {"tool_type": tool.tool_type, "tool_value": value, "tool_used_status": used}
    return _ranked(tool, "tool", tool.experience.strip() or text, more)


def _ranked(memory: Fact | Preference | ToolMemory, kind: Kind, text: str, more: Mapping[str, Any]) -> Ranked:
    metadata = {
        "id": memory.id,
        "kind": kind,
        "score": memory.relativity,
        "create_time": memory.create_time,
        "update_time": memory.update_time,
        "conversation_id": memory.conversation_id,
    }
    there = {name: value for name, value in more.items() if value}
    return Ranked(memory.id, text, memory.relativity, {**metadata, **there})
