"""The real engine that counts, a client over it, what it tells, and a watch on every event loop."""

import inspect
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from blockbuster import BlockBuster, BlockBusterFunction, BlockingError

import memos_integrations
from memos_integrations.client import Event, MemOS
from tests.fakes import CountingEngine, client_over
from tests.langchain.models import FACT

OURS = f"{Path(memos_integrations.__file__).parent}/"
HARMLESS = {
    "logging/__init__.py": "handle",  # where the application's log goes is its own choice
    "weakref.py": "__call__",  # what nobody closed ends wherever the collection happens to run
    "/engine/_workers.py": "_aside",  # joins a thread that has only to end, as does the next
    "/client/_loop.py": "join",
    "/coverage/collector.py": "lock_data",  # the measurement's own
}
AWAITED = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


def _is_a_tests_own_call() -> bool:
    """Whether what the loop runs is a test, which calls a plain method itself, as users may."""
    frame = inspect.currentframe()
    while frame is not None and not frame.f_code.co_flags & AWAITED:
        frame = frame.f_back
    return frame is not None and frame.f_code.co_name.startswith("test_")


def _watch() -> BlockBuster:
    watch = BlockBuster("memos_integrations")
    for name in ("builtins.open", "io.open"):
        watch.functions[name] = BlockBusterFunction(None, name, scanned_modules="memos_integrations")
    for call in watch.functions.values():
        call.can_block_predicate = _unless_a_tests_own(call.can_block_predicate)
        for file, function in HARMLESS.items():
            call.can_block_in(file, function)
    return watch


def _unless_a_tests_own(harmless: Callable[..., bool]) -> Callable[..., bool]:
    return lambda *args, **kwargs: harmless(*args, **kwargs) or _is_a_tests_own_call()


@pytest.fixture(autouse=True)
def blocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Where code of ours blocked a running event loop, whichever loop: SQLite, sockets, files, sleeps, waits for locks.

    Each such call raises, and the test fails even if the error was taken for a failure of the service.
    """
    places = list[str]()

    class Blocking(BlockingError):
        def __init__(self, call: str) -> None:
            super().__init__(call)
            frame = [frame for frame in traceback.extract_stack() if frame.filename.startswith(OURS)][-1]
            places.append(f"{call} in {frame.filename.removeprefix(OURS)}:{frame.lineno}")

    monkeypatch.setattr("blockbuster.blockbuster.BlockingError", Blocking)
    watch = _watch()
    watch.activate()
    try:
        yield places
    finally:
        watch.deactivate()
    assert places == []


@pytest.fixture
def engine() -> Iterator[CountingEngine]:
    engine = CountingEngine()
    yield engine
    engine.close()


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def client(engine: CountingEngine, events: list[Event]) -> Iterator[MemOS]:
    with client_over(engine, on_event=events.append) as client:
        yield client


@pytest.fixture
def remembers(client: MemOS, engine: CountingEngine, events: list[Event]) -> Callable[..., None]:
    """Lets a user's memory hold a text from an earlier conversation; it is not counted."""

    def remember(text: str = FACT, user: str = "ada") -> None:
        message = {"role": "user", "content": text}
        client.add_message(messages=[message], user_id=user, conversation_id="earlier", async_mode=False)
        engine.added.clear()

    return remember
