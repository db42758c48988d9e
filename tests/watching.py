"""A watch on every event loop: SQLite, sockets, files, sleeps and waits for locks in code of ours are told."""

import inspect
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from blockbuster import BlockBuster, BlockBusterFunction, BlockingError, blockbuster

import memos_integrations

__all__ = ["blocked"]

OURS = f"{Path(memos_integrations.__file__).parent}/"
HARMLESS = {
    "logging/__init__.py": "handle",  # where the application's log goes is its own choice
    "weakref.py": "__call__",  # what nobody closed ends wherever the collection happens to run
    "/engine/_workers.py": "_aside",  # joins a thread that has only to end, as does the next
    "/client/_loop.py": "join",
    "/coverage/collector.py": "lock_data",  # the measurement's own
}
FOR_A_TEST = {"/tests/llama_index/turns.py": "asked", "/acceptance/test_p14_caught_up.py": "stopped"}
AWAITED = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


@pytest.fixture(autouse=True)
def blocked() -> Iterator[list[str]]:
    """Where code of ours blocked a running event loop, whichever loop.

    Each such call raises, and the test fails even if the error was taken for a failure of the service.
    """
    with _watched_loops() as places:
        yield places
    assert places == []


@contextmanager
def _watched_loops() -> Iterator[list[str]]:
    places = list[str]()

    class Blocking(BlockingError):
        def __init__(self, call: str) -> None:
            super().__init__(call)
            frame = [frame for frame in traceback.extract_stack() if frame.filename.startswith(OURS)][-1]
            places.append(f"{call} in {frame.filename.removeprefix(OURS)}:{frame.lineno}")

    watch = _watch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blockbuster, "BlockingError", Blocking)
        watch.activate()
        try:
            yield places
        finally:
            watch.deactivate()


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


def _is_a_tests_own_call() -> bool:
    """Whether what the loop runs is a test, which calls a plain method itself, as users may; or what does so for it."""
    frame = inspect.currentframe()
    while frame is not None and not frame.f_code.co_flags & AWAITED:
        frame = frame.f_back
    if frame is None:
        return False
    name, file = frame.f_code.co_name, frame.f_code.co_filename
    return name.startswith("test_") or any(file.endswith(where) and name == who for where, who in FOR_A_TEST.items())
