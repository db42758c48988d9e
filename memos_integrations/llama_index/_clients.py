"""The clients of this process that memories find again by name.

LlamaIndex dumps and restores a context's memory before every further run on that context, not only to store it; what is
restored then must come upon the client that the first one had, and not open one more for each run.
"""

import threading
from uuid import uuid4
from weakref import WeakKeyDictionary, WeakValueDictionary

from memos_integrations._connect import give_back
from memos_integrations.client import MemOS

__all__ = ["client_named", "let_go", "name_of"]

_lock = threading.RLock()
_names: WeakKeyDictionary[MemOS, str] = WeakKeyDictionary()
_named: WeakValueDictionary[str, MemOS] = WeakValueDictionary()


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
    """The open client of that name; None when it is another process's, closed, about to be closed or gone."""
    with _lock:
        return None if name is None else _named.get(name)


def let_go(client: MemOS) -> bool:
    """Gives a borrowed client back; True for the last, who closes it: by its name it is not found any more."""
    with _lock:
        last = give_back(client)
        if last:
            _forget(name_of(client))
        return last


def _forget(name: str) -> None:
    with _lock:
        _named.pop(name, None)
