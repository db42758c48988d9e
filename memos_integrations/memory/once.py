"""A tool call that is made again (a run is resumed, a node tried anew) does its work once."""

import threading
from collections import OrderedDict

from memos_integrations.client import MemOS
from memos_integrations.memory.latest import keep
from memos_integrations.memory.scope import Scope

__all__ = ["Once"]

_MAX_CALLS = 1_024  # calls that are known, for each client


class Once:
    """One piece of work: `first` takes it up, `undone` says that it came to nothing and may be taken up again.

    Known by the `call` that a model made (None: none did, and it is always the first) and by its words, since some
    models number their calls from 0. In memory only, bounded: what must hold for longer goes through the outbox.
    """

    def __init__(self, client: MemOS, scope: Scope, tool: str, call: str | None, *words: str) -> None:
        self._done = client.share(_Done, _Done)
        self._key = None if call is None else (tool, scope.user_id, scope.conversation_id or "", call, *words)

    def first(self) -> bool:
        """Whether nobody took it up before; without an id of the call always."""
        return self._key is None or self._done.add(self._key)

    def undone(self) -> None:
        """It may be done again."""
        if self._key is not None:
            self._done.remove(self._key)


class _Done:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, ...], None] = OrderedDict()

    def add(self, key: tuple[str, ...]) -> bool:
        with self._lock:
            new = key not in self._known
            keep(self._known, key, None, _MAX_CALLS)
        return new

    def remove(self, key: tuple[str, ...]) -> None:
        with self._lock:
            self._known.pop(key, None)
