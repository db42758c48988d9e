"""Recalled memories as a block's text, and the same cut shorter. Pure."""

from collections.abc import Callable
from datetime import tzinfo
from itertools import zip_longest

from memos_integrations.memory.prompt import PROTOCOL, render, split
from memos_integrations.wire.answers import Fact, Found, Preference, ToolMemory

__all__ = ["shortened", "told"]

_LONGEST = 10_000  # characters of a line: more than it came with
_ALL = 1_000_000  # characters of a block: what it holds was within bounds already

Line = tuple[str, str]


def told(found: Found, reader: tzinfo, server: tzinfo) -> str:
    """What goes into the template of LlamaIndex's `Memory`, wherever that inserts it; "" when there is nothing."""
    return _whole(render(found, form="system", reader=reader, server=server))


def shortened(content: str, tokens: int, count: Callable[[str], int]) -> str | None:
    """`content` (made by `told`) shorter by `tokens` at least, as `count` counts them: without the lines that rank
    lowest. None when none may stay.
    """
    blocks = split(content)[0]
    lines = _lines(blocks[0]) if blocks else []
    most, kept = count(content) - tokens, _Kept(lines, count)
    low, high = 0, len(lines)
    while low < high:  # the largest number of lines that fits
        middle = (low + high + 1) // 2
        low, high = (middle, high) if kept.cost(middle) <= most else (low, middle - 1)
    return kept.text(low) or None


class _Kept:
    """The first so many lines as a block of their own."""

    def __init__(self, lines: list[Line], count: Callable[[str], int]) -> None:
        self._lines, self._count = lines, count

    def text(self, number: int) -> str:
        return _whole(render(_found(self._lines[:number]), form="system", item_chars=_LONGEST, total_chars=_ALL))

    def cost(self, number: int) -> int:
        return self._count(self.text(number))


def _whole(block: str) -> str:
    return f"{PROTOCOL}\n\n{block}" if block else ""


def _lines(block: str) -> list[Line]:
    """A block's lines, each with its element's name, best first: `render` takes one of each kind in turn."""
    elements: dict[str, list[Line]] = {"facts": [], "preferences": [], "tools": []}
    name = ""
    for line in block.split("\n"):
        if line.startswith("- "):
            elements[name].append((name, line[2:]))
        else:
            name = line.strip("</>")
    rounds = zip_longest(*elements.values())
    return [line for round_ in rounds for line in round_ if line is not None]


def _found(lines: list[Line]) -> Found:
    """The same lines for `render`, which leaves alone what it made."""
    return Found(
        memory_detail_list=tuple(Fact(id="", memory_value=text) for name, text in lines if name == "facts"),
        preference_detail_list=tuple(
            Preference(id="", preference=text) for name, text in lines if name == "preferences"
        ),
        tool_memory_detail_list=tuple(ToolMemory(id="", experience=text) for name, text in lines if name == "tools"),
    )
