"""Who delivers a conversation: a name that tells machine, process and outbox, so that the dead are known as dead."""

import os
import secrets
import socket

__all__ = ["is_gone", "new_holder", "retire"]

_alive: set[str] = set()  # the holders of this process


def new_holder() -> str:
    """A name for one outbox of this process."""
    holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(8)}"
    _alive.add(holder)
    return holder


def retire(holder: str) -> None:
    """It delivers no more."""
    _alive.discard(holder)


def is_gone(holder: str) -> bool:
    """Whether its process surely is; of another machine's, or where one can't ask, its time has to run out."""
    host, pid, _ = holder.rsplit(":", 2)
    if host != socket.gethostname():
        return False
    if int(pid) == os.getpid():
        return holder not in _alive
    if os.name != "posix":  # elsewhere the same call would end the process
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
