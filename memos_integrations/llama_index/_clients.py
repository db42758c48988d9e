"""The clients of this process that memories find again, by name or by address.

LlamaIndex dumps and restores a context's memory before every further run on that context, not only to store it; what is
restored then must come upon the client that the first one had, and not open one more for each run.
"""

import os
import threading
from collections import Counter
from uuid import uuid4
from weakref import WeakKeyDictionary, WeakValueDictionary

from memos_integrations._connect import connect
from memos_integrations.client import MemOS

__all__ = ["borrow", "client_named", "give_back", "name_of"]

_SETTINGS = ("MEMOS_BASE_URL", "MEMOS_API_KEY", "MEMOS_IS_GLOBAL")

_lock = threading.RLock()
_names: WeakKeyDictionary[MemOS, str] = WeakKeyDictionary()
_named: WeakValueDictionary[str, MemOS] = WeakValueDictionary()
_opened: dict[tuple[str | None, ...], MemOS] = {}
_borrowers: Counter[str] = Counter()


def name_of(client: MemOS) -> str:
    """A name for `client` that means nothing outside this process, and nothing once it is closed."""
    with _lock:
        name = _names.get(client)
        if name is None:
            name = _names[client] = uuid4().hex
            _named[name] = client
            client.on_close(lambda: _forget(name))
        return name


def client_named(name: str | None) -> MemOS | None:
    """The open client of that name; None when it is another process's, closed or gone."""
    return None if name is None else _named.get(name)


def borrow(address: str | None) -> MemOS:
    """What `connect(address)` opens, once for all memories of this process; it stays open until all gave it back."""
    key = (address, *(os.environ.get(setting) for setting in _SETTINGS))
    with _lock:
        client = _opened.get(key)
        if client is None:
            client = _opened[key] = connect(address)
        _borrowers[name_of(client)] += 1
        return client


def give_back(client: MemOS) -> bool:
    """Ends one `borrow`; True for the last, who closes the client."""
    with _lock:
        name = name_of(client)
        _borrowers[name] -= 1
        return _borrowers[name] <= 0


def _forget(name: str) -> None:
    with _lock:
        closed = _named.pop(name, None)
        _borrowers.pop(name, None)
        for key in [key for key, client in _opened.items() if client is closed]:
            del _opened[key]
