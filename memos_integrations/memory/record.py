"""Record: which parts of a turn are written, and that each is written once."""

import re
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from memos_integrations.client import MemOS
from memos_integrations.memory.prompt import strip
from memos_integrations.memory.scope import Scope
from memos_integrations.memory.times import said_at
from memos_integrations.memory.writer import Writer
from memos_integrations.wire.call import checked
from memos_integrations.wire.calls import AddMessage

__all__ = ["Asked", "Said", "held", "hold", "record"]

_UNIQUE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)  # a UUID, as frameworks make them
_MAX_RESULT = 8_000  # characters of a tool's result
_MAX_HELD = 1_024  # turns begun and not yet recorded, and messages handed over, that are kept at hand for each client


@dataclass(frozen=True, slots=True)
class Asked:
    """A tool that the assistant asked for: `arguments` is JSON text."""

    id: str
    tool: str
    arguments: str = field(repr=False)

    def member(self) -> Mapping[str, Any]:
        """As a message's `tool_calls` has it (contract §4)."""
        return {"id": self.id, "type": "function", "function": {"name": self.tool, "arguments": _sent(self.arguments)}}


@dataclass(frozen=True, slots=True)
class Said:
    """What the user or the assistant said, when (None: now), and under which `id` the framework knows it, if any.

    Where a user of ours opted in, also what the assistant `asked` of tools, and what a tool said to `answers`, the id
    of a call.
    """

    role: Literal["user", "assistant", "tool"]
    text: str = field(repr=False)
    at: datetime | None = None
    id: str | None = None
    asked: tuple[Asked, ...] = ()
    answers: str | None = None


def record(client: MemOS, scope: Scope, turn: Sequence[Said]) -> int:
    """Hands a turn to the client's writer and returns at once; the number of messages that will be written.

    Written is what was said: without text that we injected, without blank messages, and a message with an id once,
    though its turn may be answered anew. Raises nothing for a service's failure: what can't be delivered is tried
    again, or counted by `flush` and `close`.
    """
    handed = client.share(_Handed, _Handed)
    new = [said for said in _paired(turn) if handed.first(scope, said)]
    messages = [m for m in (_message(client, said) for said in new) if m["content"] or "tool_calls" in m]
    if messages:
        call = checked(AddMessage, {"messages": messages, **scope.marks()})
        client.share(Writer, lambda: Writer(client)).put(call)
    return len(messages)


def _message(client: MemOS, said: Said) -> dict[str, Any]:
    text = _sent(strip(said.text).strip())
    when = said_at(said.at or datetime.now(UTC), client.timezone)
    message: dict[str, Any] = {"role": said.role, "content": text, "chat_time": when}
    if said.asked:
        message["tool_calls"] = [asked.member() for asked in said.asked]
    if said.answers is not None:
        message |= {"tool_call_id": said.answers, "content": text[:_MAX_RESULT] or "(nothing)"}
    return message


def _sent(text: str) -> str:
    """`text` as JSON can carry it: half a surrogate pair becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


def _paired(turn: Sequence[Said]) -> list[Said]:
    """`turn` without calls that got no result, and without results that nobody called for: each is nonsense alone."""
    results = {said.answers for said in turn if said.answers is not None}
    whole = [replace(said, asked=tuple(a for a in said.asked if a.id in results)) for said in turn]
    called = {asked.id for said in whole for asked in said.asked}
    return [said for said in whole if said.role != "tool" or said.answers in called]


class _Held:
    """What users said in turns that have begun: in memory only, bounded."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._said: OrderedDict[tuple[str, str], Said] = OrderedDict()

    def keep(self, key: tuple[str, str], said: Said) -> None:
        with self._lock:
            self._said[key] = said
            self._said.move_to_end(key)
            if len(self._said) > _MAX_HELD:
                self._said.popitem(last=False)

    def take(self, key: tuple[str, str]) -> Said | None:
        with self._lock:
            return self._said.pop(key, None)


class _Handed:
    """Which messages went to the writer: in memory only, bounded. The same id with another text is another message."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[Scope, str, int], None] = OrderedDict()

    def first(self, scope: Scope, said: Said) -> bool:
        """Whether it is the first time; always without an id that is one for good: callers also number from 1."""
        if said.id is None or not _UNIQUE.search(said.id):
            return True
        key = (scope, said.id, hash((said.role, said.text)))
        with self._lock:
            first = key not in self._known
            self._known[key] = None
            self._known.move_to_end(key)
            if len(self._known) > _MAX_HELD:
                self._known.popitem(last=False)
        return first


def hold(client: MemOS, scope: Scope, turn: str, said: Said) -> None:
    """Keeps what the user said until the turn is recorded, since a framework may summarise it away in between."""
    client.share(_Held, _Held).keep((scope.user_id, turn), said)


def held(client: MemOS, scope: Scope, turn: str) -> Said | None:
    """Takes back what `hold` kept for that turn, once."""
    return client.share(_Held, _Held).take((scope.user_id, turn))
