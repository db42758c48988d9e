"""Which turn a run of a chain belongs to: most are one, but a model may be asked again with the results of tools, and
a run that failed may be tried again.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from langchain_core.messages import AIMessage, BaseMessage

from memos_integrations.langchain._chain_input import Handed
from memos_integrations.langchain._messages import said_in
from memos_integrations.langchain._turn import written_as
from memos_integrations.memory.latest import keep
from memos_integrations.memory.record import Said, is_unique
from memos_integrations.memory.scope import Scope, new_conversation

__all__ = ["Asking", "UnderWay"]

_MAX_TURNS = 1_024  # turns that are kept at hand, for each client

Key = tuple[str, str, str, str, bytes]


@dataclass(frozen=True, slots=True)
class _Turn:
    """Where and when the user said something, and under which id; without one it is given one."""

    conversation: str
    at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class Asking:
    """The turn of one run. `by_id`, `by_origin`: where the next run of the same turn looks for it."""

    turn: _Turn
    text: str = field(repr=False)
    handed: Handed
    keys: "_Keys" = field(repr=False)
    by_id: Key | None = field(repr=False)
    by_origin: Key | None = field(repr=False)

    @property
    def name(self) -> str:
        """What tells it from other turns: a caller may use a message's id again, and at another time."""
        return f"{self.turn.id} {self.turn.at.isoformat()}"

    @property
    def key(self) -> str:
        """The same for what is written: a message is one, whoever else sees it begin."""
        return written_as(self.turn.id, self.text)

    @property
    def opening(self) -> Said:
        """What the user said. Where tools answered since, it has begun already: a number is then no new message."""
        began = self.handed.following and not is_unique(self.turn.id)
        return Said("user", self.text, self.turn.at, None if began else self.turn.id)

    def whole(self, answers: Sequence[BaseMessage], *, tools: bool) -> list[Said]:
        """What is written when it is answered."""
        asked = Said("user", self.text, self.turn.at, self.turn.id)
        return [asked, *said_in([*self.handed.following, *answers], tools=tools)]


class UnderWay:
    """The latest turns, so that a run finds the one that it goes on with. In memory only, bounded, one a client."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns: OrderedDict[Key, _Turn] = OrderedDict()

    def take(self, scope: Scope, handed: Handed, origin: str | None) -> Asking | None:
        """The turn of a run; None where the user says nothing. `origin` tells what called it: a run that failed and
        is tried again from there is the same turn.
        """
        asked = handed.asked
        if asked is None or not asked.text.strip():
            return None
        text = str(asked.text)
        keys = _Keys(scope, text)
        by_id = keys.of("id", asked.id) if asked.id else None
        by_origin = keys.of("origin", origin) if origin and not asked.id else None
        with self._lock:
            turn = self._found(by_id, by_origin, keys.of_calls(handed.following))
            if turn is None:
                where = scope.conversation_id or new_conversation()
                turn = _Turn(where, datetime.now(UTC), asked.id or str(uuid4()))
            if by_id is not None:
                keep(self._turns, by_id, turn, _MAX_TURNS)
        return Asking(turn, text, handed, keys, by_id, by_origin)

    def failed(self, asking: Asking) -> None:
        """The run came to no end: it may be tried again."""
        if asking.by_origin is not None:
            with self._lock:
                keep(self._turns, asking.by_origin, asking.turn, _MAX_TURNS)

    def goes_on(self, asking: Asking, answers: Sequence[BaseMessage]) -> None:
        """It is to be asked again with what the tools say."""
        if asking.by_id is None:
            with self._lock:
                for key in asking.keys.of_calls(answers):
                    keep(self._turns, key, asking.turn, _MAX_TURNS)

    def done(self, asking: Asking) -> None:
        """It is answered: whoever numbers messages from 1 means another turn the next time."""
        if asking.by_id is not None and not is_unique(asking.turn.id):
            with self._lock:
                self._turns.pop(asking.by_id, None)

    def _found(self, by_id: Key | None, by_origin: Key | None, by_call: Sequence[Key]) -> _Turn | None:
        if by_origin is not None and (failed := self._turns.pop(by_origin, None)) is not None:
            return failed
        keys = by_call if by_id is None else [by_id]
        return next((self._turns[key] for key in keys if key in self._turns), None)


class _Keys:
    """By what a turn in which somebody said `text` is known."""

    def __init__(self, scope: Scope, text: str) -> None:
        self._scope = scope
        self._digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()

    def of(self, kind: str, name: str) -> Key:
        return self._scope.user_id, self._scope.conversation_id or "", kind, name, self._digest

    def of_calls(self, messages: Sequence[BaseMessage]) -> list[Key]:
        calls = (call for message in messages if isinstance(message, AIMessage) for call in message.tool_calls)
        return [self.of("call", call["id"]) for call in calls if call["id"]]
