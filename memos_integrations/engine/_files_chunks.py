"""Blocks of text to pieces that are remembered each by itself: about 1,000 characters, ended where a sentence does."""

from collections.abc import Iterable, Iterator
from typing import Final

from memos_integrations.engine._files_text import Block
from memos_integrations.engine._sentences import PIECE, sentences

__all__ = ["chunks"]

LONGEST_HEADING: Final = 200
"""Characters of the headings that each piece of their section begins with."""


def chunks(blocks: Iterable[Block]) -> Iterator[str]:
    """Pieces of at most 1,000 characters: whole blocks as far as they fit, never across a heading.

    Each piece of a section begins with its heading, so that it is found by that too.
    """
    head = held = ""
    for block in blocks:
        text = block.text.strip()
        if block.heading:
            if held != head:
                yield held
                head = ""
            head = held = f"{head}\n{text}".strip()[-LONGEST_HEADING:]
            continue
        for part in _parts(text, PIECE - len(head) - 1):
            if held != head and len(held) + 1 + len(part) > PIECE:
                yield held
                held = head
            held = f"{held}\n{part}" if held else part
    if held:
        yield held


def _parts(text: str, most: int) -> Iterator[str]:
    """`text` in parts of at most `most` characters, ended where a sentence does if one ends in time."""
    held = ""
    for sentence in sentences(text):
        for start in range(0, len(sentence), most):
            part = sentence[start : start + most]
            if held and len(held) + len(part) > most:
                yield held.strip()
                held = ""
            held += part
    if held.strip():
        yield held.strip()
