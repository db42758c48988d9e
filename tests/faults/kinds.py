"""What can go wrong between a client and MemOS: faults as values, and who chooses when they strike."""

import json
import random
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "ACCEPT",
    "ALL",
    "BROKEN",
    "EMPTY",
    "HANG",
    "HTML",
    "RESET",
    "RESET_INSIDE",
    "TRUNCATED",
    "UNREAD",
    "USUAL",
    "Fault",
    "Faults",
    "Mixed",
    "Seen",
    "after",
    "before",
    "chosen_by",
    "coded",
    "drip",
    "limited",
    "status",
]

ACCEPT = "accept"
"""The path under which faults that strike connections are chosen: `UNREAD` is the only one."""

End = Literal["whole", "reset", "reset inside", "truncated", "hang", "drip", "unread"]


@dataclass(frozen=True)
class Seen:
    """What the client sees: a reply with this body (None: the true one), brought to this end.

    `applied` says what the fault surely means, None where both occur.
    """

    name: str
    status: int = 200
    body: str | None = None
    kind: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    end: End = "whole"
    applied: bool | None = None
    drip_seconds: float = 0.0


@dataclass(frozen=True)
class Fault:
    """Strikes before the call is applied, or after, and is seen as `seen`. Reads have nothing to apply."""

    seen: Seen
    applied: bool

    def __post_init__(self) -> None:
        if self.seen.applied not in {None, self.applied}:
            raise ValueError(f"{self.seen.name} strikes {'before' if self.applied else 'after'} applying only")

    def __str__(self) -> str:
        return f"{self.seen.name}, {'applied' if self.applied else 'not applied'}"


def before(seen: Seen) -> Fault:
    """`seen`, and nothing was applied."""
    return Fault(seen, applied=False)


def after(seen: Seen) -> Fault:
    """`seen`, though it was applied."""
    return Fault(seen, applied=True)


def status(status: int) -> Seen:
    """That HTTP status without an envelope, as proxies answer. A 503 is never applied."""
    return Seen(str(status), status, f"<h1>{status}</h1>", "text/html", applied=False if status == 503 else None)


def limited(retry_after: str = "0.01") -> Seen:
    """429 without an envelope; `retry_after` as it stands in the header."""
    return Seen("429", 429, "slow down", "text/plain", (("retry-after", retry_after),), applied=False)


def coded(code: int, status: int = 200) -> Seen:
    """MemOS's refusal; the limiter and the two "temporarily unavailable" are never applied."""
    body = json.dumps({"code": code, "data": None, "message": "no"})
    never = code in {40309, 50004, 50005}
    return Seen(f"{status} with code {code}", status, body, applied=False if never else None)


def drip(seconds: float) -> Seen:
    """The true reply, head and all, a byte every `seconds`."""
    return Seen("drip", end="drip", drip_seconds=seconds)


RESET = Seen("reset", end="reset")
RESET_INSIDE = Seen("reset inside the body", end="reset inside")
TRUNCATED = Seen("truncated body", end="truncated")
HANG = Seen("hang", end="hang")
HTML = Seen("HTML with 200", 200, "<html><body>Welcome!</body></html>", "text/html")
BROKEN = Seen("broken JSON", 200, '{"code":0,"data":{"succ')
EMPTY = Seen("empty 202", 202, "", applied=True)
UNREAD = Seen("closed at accept", end="unread", applied=False)

_SEEN = (
    *map(status, (500, 502, 503, 504)),
    coded(50000, 500),
    limited(),
    *map(coded, (40309, 50004, 50005, 50002, 50143, 50144)),
    *(RESET, RESET_INSIDE, TRUNCATED, HTML, BROKEN, EMPTY, UNREAD),
)


def _both(seen: Seen) -> Iterator[Fault]:
    """Before and after, or the one of them that occurs."""
    return (Fault(seen, applied) for applied in (False, True) if seen.applied in {None, applied})


USUAL: tuple[Fault, ...] = tuple(fault for seen in _SEEN for fault in _both(seen))
"""Each fault that ends by itself."""

ALL: tuple[Fault, ...] = (*USUAL, *_both(HANG), *_both(drip(0.01)))
"""Those too that need a client with time-outs."""

Choice = Callable[[str, int], Fault | None]
"""The fault of the nth call of a path, n from 1; None for none."""

Script = Iterable[Fault | None] | Callable[[int], Fault | None]
Faults = Choice | Mapping[str, Script]
"""A choice, or by path ("add/message", `ACCEPT`) what strikes call by call, and nothing once that is used up."""


@dataclass(frozen=True)
class Mixed:
    """Strikes a `share` of the calls with one of `of`, and of the connections, if one of `of` strikes those.

    The nth call of a path meets the same fate in each run with this `seed`, whatever else is under way.
    """

    share: float = 0.25
    seed: int = 7
    of: Sequence[Fault] = USUAL

    def __call__(self, path: str, number: int) -> Fault | None:
        """The fate of the `number`th call of `path`."""
        fitting = [fault for fault in self.of if (fault.seen.end == "unread") == (path == ACCEPT)]
        chance = random.Random(f"{self.seed} {path} {number}")
        return chance.choice(fitting) if fitting and chance.random() < self.share else None


def chosen_by(faults: Faults | None) -> Choice:
    """`faults` as a choice that any thread may ask. Raises `ValueError` for a fault that cannot strike there."""
    choose = _scripted(faults) if isinstance(faults, Mapping) else faults or (lambda _path, _number: None)

    def fitting(path: str, number: int) -> Fault | None:
        fault = choose(path, number)
        if fault is not None and (fault.seen.end == "unread") != (path == ACCEPT):
            raise ValueError(f"{fault} cannot strike at {path}")
        return fault

    return fitting


def _scripted(scripts: Mapping[str, Script]) -> Choice:
    lock = threading.Lock()
    rest = {path: script if callable(script) else iter(script) for path, script in scripts.items()}

    def choose(path: str, number: int) -> Fault | None:
        script = rest.get(path)
        if script is None:
            return None
        with lock:
            return script(number) if callable(script) else next(script, None)

    return choose
