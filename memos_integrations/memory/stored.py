"""A conversation as MemOS gives it back. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast

from memos_integrations.wire.answers import StoredMessage, Time

__all__ = ["in_order", "words_of"]


def in_order(stored: Sequence[StoredMessage]) -> list[StoredMessage]:
    """By `create_time`, equal times as they came (the API documents no order); as they came where one has no time."""
    times = [_instant(message.create_time) for message in stored]
    if None in times:
        return list(stored)
    pairs = zip(cast("list[float]", times), stored, strict=True)
    return [message for _, message in sorted(pairs, key=lambda pair: pair[0])]


def words_of(message: StoredMessage) -> str:
    """Its text, whichever of the API's two forms it has."""
    if isinstance(message.content, str):
        return message.content
    parts = message.content if isinstance(message.content, list | tuple) else ()
    return "\n".join(str(part["text"]) for part in parts if isinstance(part, dict) and part.get("text"))


def _instant(time: Time) -> float | None:
    """Comparable within one answer, whose times are all of one zone."""
    try:
        if isinstance(time, int) or (time or "").isdecimal():
            return float(time or 0)
        read = datetime.fromisoformat((time or "").strip())
    except ValueError:
        return None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp() * 1_000
