"""Record: which parts of a turn are written, and that each is written once."""

import json
import logging
import re
import threading
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal, Self

from memos_integrations.client import MemOS, surely
from memos_integrations.errors import MemOSError
from memos_integrations.memory.degraded import tell_degraded
from memos_integrations.memory.latest import keep
from memos_integrations.memory.outbox import Outbox
from memos_integrations.memory.prompt import strip
from memos_integrations.memory.scope import Scope, new_conversation
from memos_integrations.memory.times import said_at
from memos_integrations.wire.call import checked
from memos_integrations.wire.calls import AddMessage

__all__ = ["Asked", "Said", "abegin", "arecord", "begin", "begun", "is_unique", "put", "record"]

_log = logging.getLogger(__name__)

_UNIQUE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)  # a UUID, as frameworks make them
_MAX_RESULT = 8_000  # characters of a tool's result
_MAX_HANDED = 1_024  # messages handed over that are kept at hand for each client


@dataclass(frozen=True, slots=True)
class Asked:
    """A tool that the assistant asked for: `arguments` is JSON text."""

    id: str
    tool: str
    arguments: str = field(repr=False)

    @classmethod
    def of(cls, call: str | None, tool: str, arguments: object) -> Self:
        """As a framework has it, whose arguments may be JSON text already."""
        text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False, default=str)
        return cls(call or "", tool, text)

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


def record(
    client: MemOS, scope: Scope, turn: Sequence[Said], name: str | None = None, beside: Collection[str] = ()
) -> int:
    """Puts a turn into the client's outbox; the number of messages that will be written.

    Written is what was said: without text that we injected, without blank messages, and a message with an id once,
    though its turn may be answered anew. `name` is the one under which `begin` opened the turn: what of it was written
    before is left out. A conversation is made up where the scope has none, since a turn without one can't be read
    back. `beside` names turns that go on at the same time. Waits for the file and for nothing else; raises nothing for
    what a file or a service can't do: it is told by a warning and a `Degraded` event.
    """
    handed = client.share(_Handed, _Handed)
    new = _new(handed, scope, _paired(turn))
    call = _call(client, scope, new)
    written = 0 if call is None else put(client, call, name, beside)
    if written is None:
        for said in new:
            handed.forget(scope, said)  # so that it may be tried again
    return written or 0


def put(client: MemOS, call: AddMessage, name: str | None = None, beside: Collection[str] = ()) -> int | None:
    """Puts `call` into the client's outbox, names as for `record`, and raises as little: None is a refusal."""
    try:
        return Outbox.of(client).put(call, name, beside=beside)
    except MemOSError as error:
        what, code = tell_degraded(client, call.conversation_id, "record", error)
        _log.warning("a turn could not be recorded (%s, code %d): the outbox did not take it", what, code)
        return None


async def arecord(client: MemOS, scope: Scope, turn: Sequence[Said], name: str | None = None) -> int:
    """The same in a thread, awaited: a file may be slow."""
    return await surely(record, client, scope, turn, name)


def begin(client: MemOS, scope: Scope, name: str, said: Said, beside: Collection[str] = ()) -> None:
    """Keeps what the user said until `record` closes the turn of that name; if nobody does, it is written alone.

    `beside` names turns that go on at the same time; others of the conversation are over.
    """
    call = _call(client, scope, [said])
    if call is None:
        return
    numbered = said.id is not None and not is_unique(said.id)
    try:
        Outbox.of(client).open(call, name, reused=numbered, beside=beside)
    except MemOSError as error:  # told when the turn is recorded
        _log.debug("the outbox did not take a turn's beginning (%s)", type(error).__name__)


async def abegin(client: MemOS, scope: Scope, name: str, said: Said) -> None:
    """The same in a thread, awaited."""
    await surely(begin, client, scope, name, said)


def begun(client: MemOS, scope: Scope, name: str) -> str | None:
    """What the user said in the turn of that name: "" when that is written already, None when nobody knows the turn."""
    call = _call(client, scope, [Said("user", "-")])
    if call is None:
        return None
    try:
        outbox = Outbox.of(client)
        kept = outbox.opened(call, name)
        return str(kept.turns[0].content) if kept else "" if outbox.knows(call, name) else None
    except MemOSError:
        return None


def _call(client: MemOS, scope: Scope, turn: Sequence[Said]) -> AddMessage | None:
    """`turn` as it is written; None when nothing is left of it."""
    whole = scope if scope.conversation_id is not None else scope.within(new_conversation())
    messages = [m for m in (_message(client, said) for said in turn) if m["content"] or "tool_calls" in m]
    return checked(AddMessage, {"messages": messages, **whole.marks()}) if messages else None


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
    if not any(said.asked or said.answers is not None for said in turn):
        return list(turn)
    results = {said.answers for said in turn if said.answers is not None}
    whole = [replace(said, asked=tuple(a for a in said.asked if a.id in results)) for said in turn]
    called = {asked.id for said in whole for asked in said.asked}
    return [said for said in whole if said.role != "tool" or said.answers in called]


def is_unique(id: str) -> bool:  # noqa: A002 - the framework's word
    """Whether a message's id is one for good: callers also number from 1."""
    return _UNIQUE.search(id) is not None


def _new(handed: "_Handed", scope: Scope, turn: Sequence[Said]) -> list[Said]:
    """What was not handed over before. What follows new words of the user is said anew: a model's cache gives an old
    answer, old id and all.
    """
    new, anew = list[Said](), False
    for said in turn:
        first = handed.first(scope, said)
        anew = anew or (first and said.role == "user" and said.id is not None and is_unique(said.id))
        if first or anew:
            new.append(said)
    return new


class _Handed:
    """Which messages went to the outbox: in memory only, bounded. The same id with another text is another message."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[Scope, str, int], None] = OrderedDict()

    def first(self, scope: Scope, said: Said) -> bool:
        """Whether it is the first time; always without an id that is one for good."""
        if said.id is None or not is_unique(said.id):
            return True
        key = _key(scope, said)
        with self._lock:
            first = key not in self._known
            keep(self._known, key, None, _MAX_HANDED)
        return first

    def forget(self, scope: Scope, said: Said) -> None:
        """It did not go there after all."""
        with self._lock:
            self._known.pop(_key(scope, said), None)


def _key(scope: Scope, said: Said) -> tuple[Scope, str, int]:
    return scope, said.id or "", hash((said.role, said.text))
