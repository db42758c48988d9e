"""A watch on every event loop: SQLite, sockets, files, sleeps and waits for locks in our code are told."""

import inspect
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import llama_index.core
import pytest
from blockbuster import BlockBuster, BlockingError, blockbuster

import memos_integrations

__all__ = ["watched_loops"]

OURS = f"{Path(memos_integrations.__file__).parent}/"
THEIRS = f"{Path(llama_index.core.__file__).parent}/"
TESTS = f"{Path(__file__).parents[1]}/"
ENDING = {"engine/_workers.py": "_aside", "client/_loop.py": "join"}  # threads that have only to end: no wait
AWAITED = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


@contextmanager
def watched_loops() -> Iterator[list[str]]:
    """Meanwhile a blocking call of ours on a running loop raises; yields where there were such."""
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
    for call in watch.functions.values():
        call.can_block_predicate = _unless_a_tests_own(call.can_block_predicate)
        call.can_block_in("logging/__init__.py", "handle")  # where the application's log goes is its own choice
        call.can_block_in("coverage/collector.py", "lock_data")  # the measurement's own
        for file, joining in ENDING.items():
            call.can_block_in(file, joining)
    return watch


def _unless_a_tests_own(harmless: Callable[..., bool]) -> Callable[..., bool]:
    return lambda *args, **kwargs: harmless(*args, **kwargs) or _is_a_tests_own_call()


def _is_a_tests_own_call() -> bool:
    """Whether what the loop runs is a test's, which calls a plain method itself, as users may, or another memory's."""
    frame = inspect.currentframe()
    while frame is not None and not frame.f_code.co_flags & AWAITED:
        frame = frame.f_back
    return frame is not None and frame.f_code.co_filename.startswith((TESTS, THEIRS))
