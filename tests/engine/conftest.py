"""An engine on a clock that stands still until told otherwise, and short ways to talk to it."""

import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from memos_integrations.engine import Engine
from memos_integrations.wire.answers import Added, Found, Memories
from memos_integrations.wire.calls import AddMessage, DeleteMemory, GetMemory, SearchMemory

NOON = 1_785_585_600.0  # 2026-08-01 12:00:00 UTC, in seconds
NOON_MS = int(NOON * 1000)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


class Talk:
    """An engine as tests speak to it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def add(self, *texts: str, project: str = "", role: str = "user", **more: Any) -> Added:
        messages = more.pop("messages", None) or [{"role": role, "content": text} for text in texts]
        arguments = {"async_mode": False, **_subject(more), **more}
        return self.engine.add_message(AddMessage.model_validate({"messages": messages, **arguments}), project)

    def search(self, query: str, *, project: str = "", **more: Any) -> Found:
        return self.engine.search_memory(
            SearchMemory.model_validate({"query": query, **_subject(more), **more}), project
        )

    def facts(self, query: str, **more: Any) -> list[str]:
        return [fact.memory_value for fact in self.search(query, **more).memory_detail_list]

    def preferences(self, query: str, **more: Any) -> list[str]:
        return [item.preference for item in self.search(query, **more).preference_detail_list]

    def page(self, *, project: str = "", **more: Any) -> Memories:
        return self.engine.get_memory(GetMemory.model_validate({**_subject(more), **more}), project)

    def delete(self, **selector: Any) -> None:
        assert self.engine.delete_memory(DeleteMemory.model_validate(selector)).success


def _subject(more: dict[str, Any]) -> dict[str, str]:
    return {} if "user_id" in more or "agent_id" in more else {"user_id": "u"}


def in_a_child(work: Callable[[], str]) -> str:
    """What `work` says in a forked child."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads, which is the point here
        child = os.fork()
    if child == 0:
        told = "failed"
        try:
            told = work()
        finally:
            os.write(write, told.encode())
            os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    with os.fdopen(read) as pipe:
        return pipe.read()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine(clock: Clock) -> Iterator[Engine]:
    engine = Engine(":memory:", clock=clock)
    yield engine
    engine.close()


@pytest.fixture
def talk(engine: Engine) -> Talk:
    return Talk(engine)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "memos.db"
