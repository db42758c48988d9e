"""A process that forks while its threads record: `python -m tests.outbox.forking URL FILE os|multiprocessing`."""

import multiprocessing
import os
import sys
import threading
import warnings
from collections.abc import Callable

from tests.outbox.turns import LONG, client_of, say

__all__ = ["BUSY", "FORKS", "TURNS"]

FORKS, BUSY, TURNS = 20, 4, 3


def main() -> None:
    url, file, way = sys.argv[1:]
    warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 and newer: of forking beside threads, as is meant
    client, fork = client_of(url, file), _WAYS[way]

    def busy(round_: int, thread: int, started: threading.Event) -> None:
        for n in range(TURNS):
            say(client, f"busy-{round_}-{thread}", f"busy {round_} {thread} {n}")
            started.set()

    def born(round_: int) -> None:
        say(client, f"child-{round_}", f"child {round_}")
        assert client.flush(LONG) == 0

    for round_ in range(FORKS):
        started = threading.Event()
        threads = [threading.Thread(target=busy, args=(round_, n, started)) for n in range(BUSY)]
        for thread in threads:
            thread.start()
        started.wait()
        ended = fork(lambda n=round_: born(n))  # type: ignore[misc]
        say(client, f"parent-{round_}", f"parent {round_}")
        assert ended() == 0
        for thread in threads:
            thread.join()
    assert client.flush(LONG) == 0
    client.close()


def _os(child: Callable[[], None]) -> Callable[[], int]:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            child()
            code = 0
        finally:
            os._exit(code)
    return lambda: os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _multiprocessing(child: Callable[[], None]) -> Callable[[], int]:
    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()

    def ended() -> int:
        process.join()
        assert process.exitcode is not None
        return process.exitcode

    return ended


_WAYS = {"os": _os, "multiprocessing": _multiprocessing}

if __name__ == "__main__":
    main()
