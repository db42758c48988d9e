"""Turns to record, the clients that do, and the order in which they are to arrive. Loads no framework and no pytest."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from memos_integrations import MemOS, OutboxOptions, Scope
from memos_integrations.client import Retry
from memos_integrations.memory.outbox import Outbox
from memos_integrations.memory.record import Said, record
from tests.faults.kinds import USUAL
from tests.faults.ledger import Applied

__all__ = ["LONG", "MIX", "QUICK", "client_of", "explained", "is_part", "said_in", "say", "turn"]

QUICK = Retry(first=0.01, longest=0.05, look=0.01)
LONG = 120.0
"""Seconds that a test waits for what must come: far more than a slow machine needs."""

# A failure inside MemOS is met a few times, and then the entry is parked, as it must be. In a thousand turns that could
# happen by chance, so these are rarer here than the others; tests of parking bring them on purpose.
_INSIDE = ("50000", "50002", "50143", "50144")
MIX = [fault for fault in USUAL if fault.applied or not fault.seen.name.endswith(_INSIDE)] * 8 + list(USUAL)


def client_of(
    base_url: str, path: str | os.PathLike[str], *, key: str = "k", orphan_after: float = 3_600.0, **more: Any
) -> MemOS:
    """A client over HTTP with its outbox in the file `path`."""
    options = OutboxOptions(path=path, orphan_after=orphan_after)
    return MemOS(**{"base_url": base_url, "api_key": key, "retry": QUICK, "outbox": options, **more})


def turn(text: str, answer: str | None = None) -> list[Said]:
    """What the user said, and the answer."""
    return [Said("user", text), Said("assistant", f"Re: {text}" if answer is None else answer)]


def say(client: MemOS, conversation: str, text: str, answer: str | None = None) -> None:
    """Records a turn of Ada's in that conversation."""
    assert record(client, Scope(user_id="ada", conversation_id=conversation), turn(text, answer)) == 2


def said_in(adds: Iterable[Applied]) -> Mapping[str, list[str]]:
    """What was said, in order, by conversation."""
    said: dict[str, list[str]] = {}
    for add in adds:
        said.setdefault(add.conversation_id, []).extend(add.texts)
    return said


def is_part(some: Sequence[str], of: Sequence[str]) -> bool:
    """Whether all of `some` is there, in its order, whatever stands between."""
    rest: Iterator[str] = iter(of)
    return all(any(text == other for other in rest) for text in some)


def explained(client: MemOS) -> list[object]:
    """What the outbox still has: for the message of a test that fails."""
    return [Outbox.of(client).status(), *Outbox.of(client).entries()]
