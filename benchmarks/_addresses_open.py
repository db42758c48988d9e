"""The addresses that a turn is measured on, each opened and filled alike, and gone when the benchmark ends."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from _addresses_clocks import Parts, processes

from memos_integrations import connect
from memos_integrations.client import Event, MemOS
from memos_integrations.wire.answers import Fact, Preference

__all__ = [
    "CLOUD",
    "FILE",
    "HOSTED",
    "REDIS",
    "Address",
    "cloud",
    "embedded",
    "fill",
    "made",
    "owned",
    "self_hosted",
    "served",
]

FILE, CLOUD, HOSTED = "`memos.db`", "MemOS Cloud", "open-source server"
REDIS = "Redis's stand-in"
ROOT = Path(__file__).resolve().parent.parent
_OVERDUE = 0.1  # seconds
A_CALL = 20  # messages of one call that fills
_CONNECT = re.compile(r'connect\("([^"]+)"')


@dataclass(frozen=True)
class Address:
    """An open client, what it told, and the processes of its server that run on this machine.

    `user` is nobody else's, so that what is there at a service stays as it is.
    """

    name: str
    client: MemOS
    events: list[Event]
    parts: Parts = field(default_factory=dict)
    user: str = field(default_factory=lambda: f"benchmark-{uuid4().hex}")

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Stops what stands in for Redis: asked or not, it takes most of a processor, from the others' turns too."""
        self._stop(signal.SIGSTOP)
        try:
            yield
        finally:
            self._stop(signal.SIGCONT)

    @contextmanager
    def awake(self) -> Iterator[None]:
        """Ends the rest for a turn, once what was overdue is done."""
        if REDIS not in self.parts:
            yield
            return
        self._stop(signal.SIGCONT)
        time.sleep(_OVERDUE)
        try:
            yield
        finally:
            self._stop(signal.SIGSTOP)

    def _stop(self, by: signal.Signals) -> None:
        for pid in self.parts.get(REDIS, ()):
            os.kill(pid, by)


def _connected(
    held: ExitStack,
    name: str,
    where: str | Path | None,
    parts: Parts | None = None,
    *,
    outbox: Path | None = None,
    api_key: str | None = None,
) -> Address:
    events: list[Event] = []
    client = held.enter_context(connect(where, on_event=events.append, outbox=outbox, api_key=api_key))
    return Address(name, client, events, parts or {})


def embedded(held: ExitStack, folder: Path) -> Iterator[Address]:
    """The two that need no server."""
    yield _connected(held, "`:memory:`", ":memory:")
    yield _connected(held, FILE, folder / "memos.db")


def served(held: ExitStack, folder: Path) -> Address:
    """A file of its own, since it has one writer, served by `memos-integrations serve`."""
    where, pid = held.enter_context(_serving(folder / "served.db"))
    parts = {"server": frozenset({pid})} if processes() else {}
    return _connected(held, f"{FILE}, served", where, parts, outbox=folder / "served.outbox")


@contextmanager
def _serving(path: Path) -> Iterator[tuple[str, int]]:
    """Its address, and its process."""
    code = "from memos_integrations.cli import main; main()"
    command = [sys.executable, "-c", code, "serve", str(path), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            told = _CONNECT.search(process.stdout.readline())
            assert told, "the server did not say where it is"
            yield told[1], process.pid
        finally:
            process.terminate()


def self_hosted(held: ExitStack, folder: Path, python: Path) -> Address:
    """MemOS's own server; its models' stand-ins run beside it and are no part of it."""
    told, pid = held.enter_context(_standing(python))
    parts = _parts_of(pid, told["postgres"])
    return _connected(held, HOSTED, told["address"], parts, outbox=folder / "hosted.outbox")


@contextmanager
def _standing(python: Path) -> Iterator[tuple[dict[str, str], int]]:
    """What `_addresses_standing` says, and its process."""
    command = [sys.executable, "-m", "benchmarks._addresses_standing", str(python)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,  # Ctrl-C is not for it: it ends all that it started when its input ends
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            line = process.stdout.readline()
            assert line, "the open-source server did not start"
            yield json.loads(line), process.pid
        finally:
            process.stdin.close()


def _parts_of(standing: int, postgres: str) -> Parts:
    """Postgres is no child of who started it, but has its folder in its command."""
    parts = dict[str, set[int]]()
    for process in processes().values():
        if postgres in process.command:
            parts.setdefault("Postgres", set()).add(process.pid)
        elif process.parent == standing:
            named = {"server": "server", "redis": REDIS}
            part = next((each for each in process.command if each in named), None)
            if part:
                parts.setdefault(named[part], set()).add(process.pid)
    return {name: frozenset(parts[name]) for name in sorted(parts, reverse=True)}


@contextmanager
def cloud(folder: Path, where: str | None, key: str) -> Iterator[Address]:
    """What was written for the benchmark's own user is deleted in the end."""
    with ExitStack() as held:
        address = _connected(held, CLOUD, where, api_key=key, outbox=folder / "cloud.outbox")
        try:
            yield address
        finally:
            address.client.flush(60)
            address.client.delete_memory(user_id=address.user)


def fill(address: Address, memories: int) -> None:
    """As many statements, in calls of `A_CALL`; returns when all are made into memories."""
    messages = [
        {"role": "user", "content": f"Number {i}: I keep the tea number {i} from Lyon."} for i in range(memories)
    ]
    for first in range(0, memories, A_CALL):
        part = messages[first : first + A_CALL]
        added = address.client.add_message(messages=part, user_id=address.user, conversation_id="before")
        made(address.client, [added.task_id])


def made(client: MemOS, tasks: Iterable[str | None], seconds: float = 120) -> None:
    """Waits until the tasks are completed: asks at once, after 5 ms, and each time after half as long again."""
    pause, until = 0.005, time.monotonic() + seconds
    for task in filter(None, tasks):
        while (status := client.get_status(task_id=task).status) != "completed":
            if time.monotonic() > until:
                raise SystemExit(f"a task is {status} after {seconds:g} s")
            time.sleep(pause)
            pause = min(1.0, pause * 1.5)


def owned(address: Address) -> int:
    """How many facts and preferences the user has."""
    every = address.client.iter_memory(user_id=address.user)
    return sum(isinstance(item, Fact | Preference) for item in every)
