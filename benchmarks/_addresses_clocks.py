"""CPU time of processes that others started, with what those started themselves, from /proc and their CPU clocks."""

import ctypes
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Parts", "Process", "processes", "used"]

Parts = Mapping[str, frozenset[int]]
"""A server's processes by what they are: the first of each; those below them are found when they are counted."""
_PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """One that runs now. `waited` are the CPU milliseconds of those of its children that have ended."""

    pid: int
    parent: int
    command: tuple[str, ...]
    waited: float


def processes() -> dict[int, Process]:
    """All of this machine that tell; none where there is no /proc."""
    found = dict[int, Process]()
    for place in _PROC.glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile
            told = (place / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            command = (place / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")[:-1]
            waited = (int(told[13]) + int(told[14])) / os.sysconf("SC_CLK_TCK") * 1_000
            found[int(place.name)] = Process(int(place.name), int(told[1]), tuple(command), waited)
    return found


def used(parts: Parts) -> dict[str, float]:
    """CPU milliseconds of each part since it began, of all its threads and children."""
    known = processes() if parts else {}
    return {
        name: sum(_clock(each.pid) + each.waited for each in _family(known, roots)) for name, roots in parts.items()
    }


def _family(known: Mapping[int, Process], roots: Iterable[int]) -> list[Process]:
    pids = set(roots)
    while more := {each.pid for each in known.values() if each.parent in pids} - pids:
        pids |= more
    return [known[pid] for pid in pids if pid in known]


def _clock(pid: int) -> float:
    """In nanoseconds' steps, where /proc has hundredths of a second; 0 of one that ended, which its parent counts."""
    clock = ctypes.c_int()
    if ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock)):
        return 0.0
    try:
        return time.clock_gettime_ns(clock.value) / 1e6
    except OSError:
        return 0.0
