"""How much of a conversation is at the target already: what we have, beside what was read there. Computes only."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from memos_integrations.wire.verdict import Verdict

__all__ = ["Elsewhere", "Held", "Key", "locate", "which"]

Key = Callable[[Mapping[str, Any]], object | None]
"""What two messages are compared by; None for one that the target does not show."""


@dataclass(frozen=True, slots=True)
class Held:
    """What was read of a conversation: `shown`, the newest last, by `key`; `whole` when nothing older is left out.

    `exact`: every message is shown, as it is at this moment, so that one reading is enough.
    """

    shown: Sequence[object] = field(repr=False)
    key: Key = field(repr=False)
    whole: bool
    exact: bool = False


class Elsewhere(Enum):
    """Why nobody can say where to go on."""

    DIFFERENT = "different"
    UNCLEAR = "unclear"


def which(keys: Sequence[object | None], held: Held, before: int, after: int) -> Verdict:
    """Whether `held` ends with our first `before` messages, or with the first `after`; where it is exact, also
    whether what is between those is among what others wrote.
    """
    there, absent = (_ends_with(keys, held, number) for number in (after, before))
    if there == absent:
        return _among(keys, held, before, after) if held.exact else Verdict.UNCLEAR
    return Verdict.THERE if there else Verdict.ABSENT


def locate(keys: Sequence[object | None], held: Held) -> int | Elsewhere:
    """How many of our messages are there, where those and no others are; also all, where more followed them."""
    if not held.shown and held.whole:
        return 0
    shown = [index for index, key in enumerate(keys) if key is not None]
    places = _places([keys[index] for index in shown], held)
    if not places:
        return Elsewhere.DIFFERENT
    numbers = {number for place in places for number in _numbers(shown, place, len(keys))}
    return numbers.pop() if len(numbers) == 1 else Elsewhere.UNCLEAR


def _among(keys: Sequence[object | None], held: Held, before: int, after: int) -> Verdict:
    """Says nothing of an add that begins as a message before it does, which may be what is seen."""
    add, told = list(keys[before:after]), list(held.shown)
    if not add or add[0] in keys[:before]:
        return Verdict.UNCLEAR
    begins = [place for place, one in enumerate(told) if one == add[0]]
    if not begins:
        return Verdict.ABSENT
    return Verdict.THERE if any(told[place : place + len(add)] == add for place in begins) else Verdict.UNCLEAR


def _ends_with(keys: Sequence[object | None], held: Held, number: int) -> bool:
    ours = [key for key in keys[:number] if key is not None]
    if held.whole:
        return ours == list(held.shown)
    return bool(held.shown) and ours[-len(held.shown) :] == list(held.shown)


def _places(ours: Sequence[object], held: Held) -> list[int]:
    """After how many of what is shown of ours the reading may end."""
    told, length = list(held.shown), len(held.shown)
    if held.whole:
        same = min(length, len(ours))
        return [same] if ours[:same] == told[:same] else []
    ends = (place for place in range(max(length, 1), len(ours) + 1) if not length or ours[place - 1] == told[-1])
    return [place for place in ends if ours[place - length : place] == told]


def _numbers(shown: Sequence[int], place: int, every: int) -> range:
    """How many messages that may be: what is not shown may be there or not."""
    first = shown[place - 1] + 1 if place else 0
    return range(first, (shown[place] if place < len(shown) else every) + 1)
