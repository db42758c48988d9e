"""A MemOS that answers as it is told, and time that passes only when somebody waits."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from memos_integrations.client import Event, MemOS, OutboxOptions, Retry
from memos_integrations.errors import Unreachable
from memos_integrations.memory import _delivery, outbox
from memos_integrations.memory._crew import Crew
from memos_integrations.memory.outbox import Outbox
from memos_integrations.wire.calls import AddMessage
from memos_integrations.wire.envelope import Reply, Request
from tests.fakes import Unstreamed

__all__ = [
    "DEAD",
    "FINE",
    "LOST",
    "PLAIN",
    "QUICK",
    "Clock",
    "Never",
    "Scripted",
    "client_of",
    "frozen",
    "refusal",
    "run",
    "texts",
    "turn",
]

PLAIN = Retry(first=1.0, factor=2.0, longest=8.0, jitter=0.0, look=1.0)  # seconds of a clock that is no real one
QUICK = Retry(first=0.01, longest=0.05, look=0.01)
FINE = Reply(200, b'{"code":0,"data":{"success":true,"task_id":"t","status":"running"},"message":"ok"}')
DEAD = Unreachable("nobody there", sent=False)
LOST = Unreachable("no reply", sent=True)

Answer = Reply | Exception | Callable[[], Reply]


def refusal(code: int = 0, status: int = 200, words: str = "no", **headers: str) -> Reply:
    """A refusal as MemOS words it; code 0: the HTTP status alone speaks."""
    body = json.dumps({"code": code, "data": None, "message": words}).encode() if code else b""
    return Reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


def turn(*words: str, user: str = "ada", conversation: str | None = "c", **marks: Any) -> AddMessage:
    """What the user and the assistant said, in turns."""
    said = [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(words)]
    return AddMessage.model_validate({"messages": said, "user_id": user, "conversation_id": conversation, **marks})


def texts(call: AddMessage) -> list[str]:
    return [message.text for message in call.turns]


@dataclass
class Clock:
    """Seconds since the epoch, which `wait` makes pass; in the place of the module `time`."""

    now: float = 1_000_000.0

    def time(self) -> float:
        return self.now

    monotonic = perf_counter = time

    def wait(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Scripted(Unstreamed):
    """Answers adds with `adds`, then as MemOS would; readings with `reads`, then with what it has.

    An add is applied when it is answered with 200 and no code, or by `LOST` while `applies_lost`. `asked` tells each
    call's path and time, `sent` each add that came, `got` what was applied.
    """

    adds: Iterable[Answer] = ()
    reads: Iterable[Answer] = ()
    clock: Any = None
    applies_lost: bool = False
    sent: list[AddMessage] = field(default_factory=list)
    got: list[tuple[AddMessage, float]] = field(default_factory=list)
    asked: list[tuple[str, float]] = field(default_factory=list)
    closed: int = 0

    def __post_init__(self) -> None:
        self.adds, self.reads = deque(self.adds), deque(self.reads)
        self._lock = threading.RLock()
        self._clock = self.clock or time

    def send(self, request: Request, seconds: float) -> Reply:
        with self._lock:
            now = self._clock.time()
            self.asked.append((request.path, now))
            add = request.path == "add/message"
            script = self.adds if add else self.reads
            answer = script.popleft() if isinstance(script, deque) and script else None
            if add:
                call = AddMessage.model_validate_json(request.body)
                self.sent.append(call)
                if answer is None or answer is FINE or (answer is LOST and self.applies_lost):
                    self.got.append((call, now))
        if answer is None:
            return FINE if add else self._newest(json.loads(request.body))
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Reply) else answer()

    def close(self) -> None:
        self.closed += 1

    @property
    def paths(self) -> list[str]:
        return [path.partition("/")[0] for path, _ in self.asked]

    def words(self, conversation: str = "c") -> list[str]:
        """What a conversation has, in order."""
        return [text for call, _ in self.got if call.conversation_id == conversation for text in texts(call)]

    def _newest(self, asked: Mapping[str, Any]) -> Reply:
        with self._lock:
            kept = [
                {"role": message.role, "content": message.text, "create_time": int(at * 1000)}
                for call, at in self.got
                if call.conversation_id == asked["conversation_id"] and call.users == (asked["user_id"],)
                for message in call.turns
            ]
        body = {"code": 0, "data": {"message_detail_list": kept[-50:]}, "message": "ok"}
        return Reply(200, json.dumps(body).encode())


class Never(Unstreamed):
    """The async half, which the outbox has no use for."""

    async def send(self, request: Request, seconds: float) -> Reply:
        raise AssertionError("the outbox sends from threads")

    async def close(self) -> None:
        pass


@contextmanager
def client_of(
    server: Any,
    *,
    retry: Retry = PLAIN,
    events: list[Event] | None = None,
    path: object = ":memory:",
    address: str = "scripted",
    close: float = 10.0,
    **options: Any,
) -> Iterator[MemOS]:
    """A client of `server`, closed at the end within `close` seconds."""
    client = MemOS.over(
        server,
        Never(),
        address=address,
        retry=retry,
        on_event=() if events is None else events.append,
        outbox=OutboxOptions(path=path, **options),  # type: ignore[arg-type]
    )
    try:
        yield client
    finally:
        client.close(close)


@contextmanager
def frozen(patch: pytest.MonkeyPatch, clock: Clock | None = None) -> Iterator[Clock]:
    """No thread runs, and a wait is over at once: the time passes on the clock alone."""
    clock = clock or Clock()
    with patch.context() as patched:
        for module in (outbox, _delivery):
            patched.setattr(module, "time", clock)
        patched.setattr(Crew, "_start", lambda crew: None)
        patched.setattr(Crew, "wait", lambda crew, seconds, *since: clock.wait(seconds))
        yield clock


def run(of: Outbox, clock: Clock, seconds: float) -> None:
    """What the outbox's threads do in that time, while nobody waits for them."""
    end = clock.now + seconds
    while clock.now <= end:
        clock.now += min(of._step(), end - clock.now + 0.001)
