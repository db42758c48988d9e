"""The clients of this process that memories find again by name.

LlamaIndex dumps and restores a context's memory before every further run on that context, not only to store it; what is
restored then must come upon the client that the first one had, and not open one more for each run; and upon its loan,
so that whichever of them is closed gives back what the first one borrowed.
"""

import threading
from collections import OrderedDict
from uuid import uuid4
from weakref import WeakKeyDictionary, WeakValueDictionary

from memos_integrations._connect import give_back
from memos_integrations.client import MemOS
from memos_integrations.memory.latest import keep
from memos_integrations.memory.loan import Loan

__all__ = ["client_named", "let_go", "loan_named", "name_of", "name_of_loan"]

_MOST = 10_000  # loans that are kept in mind: those of memories that nobody closes are never over

_lock = threading.RLock()
_names: WeakKeyDictionary[MemOS, str] = WeakKeyDictionary()
_named: WeakValueDictionary[str, MemOS] = WeakValueDictionary()
_loans = OrderedDict[str, Loan]()


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


def name_of_loan(loan: Loan) -> str:
    """A new name for `loan`, which means nothing outside this process, and nothing once that is given back."""
    name = uuid4().hex
    with _lock:
        keep(_loans, name, loan, _MOST)
    return name


def loan_named(name: str | None, client: MemOS) -> Loan | None:
    """The loan of that name; None when it is another process's, another client's, or over."""
    with _lock:
        loan = None if name is None else _loans.get(name)
        return loan if loan is not None and loan.lent is client else None


def let_go(client: MemOS) -> bool:
    """Gives a borrowed client back; True for the last, who closes it: by its name it is not found any more."""
    with _lock:
        last = give_back(client)
        if last:
            _forget(name_of(client))
        _forget_loans(None)
        return last


def _forget(name: str) -> None:
    with _lock:
        _forget_loans(_named.pop(name, None))


def _forget_loans(closed: MemOS | None) -> None:
    """Those that are over, and those of a client that is closed."""
    for name in [name for name, loan in _loans.items() if loan.lent is None or loan.lent is closed]:
        del _loans[name]
