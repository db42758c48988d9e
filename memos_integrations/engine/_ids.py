"""The id of a fact tells whose it is, which conversation it is from and its place there.

`owner << 40 | conversation << 18 | position`: neighbours in a conversation are id ± 1, an owner is a range of ids.
"""

from typing import Final

_PLACE_BITS: Final = 18
_OWNER_BITS: Final = 40

LAST_POSITION: Final = (1 << _PLACE_BITS) - 1
"""Positions run from 1, so that the neighbours of a conversation's first and last are in no other conversation."""


def fact_id(owner: int, conversation: int, position: int) -> int:
    """The id at a place; conversations are counted anew for each owner, 4 million at most."""
    return owner << _OWNER_BITS | conversation << _PLACE_BITS | position


def owner_of(fact: int) -> int:
    """The owner's number in a fact's id."""
    return fact >> _OWNER_BITS


def conversation_of(fact: int) -> int:
    """Owner and conversation in one number, equal for all facts of one conversation."""
    return fact >> _PLACE_BITS


def range_of(owner: int) -> tuple[int, int]:
    """The least id of `owner`, and the least that is no more its own."""
    return owner << _OWNER_BITS, (owner + 1) << _OWNER_BITS
