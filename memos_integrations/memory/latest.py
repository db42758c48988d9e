"""What is kept in mind of the latest alone, so that no process grows without bounds."""

from collections import OrderedDict
from typing import TypeVar

__all__ = ["keep"]

K = TypeVar("K")
V = TypeVar("V")


def keep(kept: OrderedDict[K, V], key: K, value: V, most: int) -> None:
    """Sets `value` as the latest of at most `most`; beyond that the oldest go. The caller locks `kept`."""
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > most:
        kept.popitem(last=False)
