"""An earlier part of a conversation and a later one, made one. Pure."""

from memos_integrations.llama_index._entry import Entry, spoken

__all__ = ["joined"]


def joined(earlier: list[Entry], later: list[Entry]) -> list[Entry]:
    """Both, with what they share once; where they share anything, the entries are those of `later`.

    They share what the one begins with and the other is, or what `earlier` ends and `later` begins with.
    """
    one, other = spoken(earlier), spoken(later)
    if other[: len(one)] == one:
        return later
    if one[: len(other)] == other:
        return [*later, *earlier[_end(earlier, len(other)) :]]
    shared = next(n for n in range(min(len(one), len(other)), -1, -1) if one[len(one) - n :] == other[:n])
    return [*earlier[: _end(earlier, len(one) - shared) if shared else None], *later]


def _end(entries: list[Entry], speeches: int) -> int:
    """Where so many speeches end."""
    places = [place for place, entry in enumerate(entries) if entry.speech]
    return places[speeches - 1] + 1 if speeches else 0
