"""A turn that equals an earlier one and is still on its way shows once: blocked and released, in one client and two."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from memos_integrations.client import MemOS, OutboxOptions
from memos_integrations.engine import AsyncEngineTransport, EngineTransport
from memos_integrations.errors import ServerFault
from memos_integrations.wire.answers import Added
from memos_integrations.wire.calls import AddMessage
from tests.fakes import CountingEngine
from tests.langchain.histories import Bare, history, texts

SHOWN = ["yes", "ok"]


class Blocked(CountingEngine):
    """Holds what it is given while it is told to: before it has it, or when it has it and did not say so."""

    def __init__(self, *, after: bool = False) -> None:
        super().__init__()
        self.after, self.entered, self.open = after, threading.Event(), threading.Event()
        self.open.set()

    def add_message(self, call: AddMessage, project: str = "", *more: Any, **named: Any) -> Added:
        added = super().add_message(call, project, *more, **named) if self.after else None
        self.entered.set()
        assert self.open.wait(30)
        return added or super().add_message(call, project, *more, **named)

    def block(self) -> None:
        self.entered.clear()
        self.open.clear()


class BareBlocked(Blocked, Bare):
    """And keeps no ids."""


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[CountingEngine], MemOS]]:
    """Clients of one destination and one outbox file."""
    with ExitStack() as rest:

        def open_(engine: CountingEngine) -> MemOS:
            kept = OutboxOptions(path=tmp_path / "box")
            transports = EngineTransport(engine), AsyncEngineTransport(engine)
            client = rest.enter_context(MemOS.over(*transports, address="https://memos.example", outbox=kept))
            client.on_flush(engine.settle)
            return client

        yield open_


@contextmanager
def held(engine: Blocked) -> Iterator[None]:
    """What is written meanwhile is under way and stays there."""
    engine.block()
    try:
        yield
    finally:
        engine.open.set()


def turn() -> Sequence[BaseMessage]:
    return [HumanMessage("yes"), AIMessage("ok")]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("kind", [Blocked, BareBlocked])
@pytest.mark.parametrize("clients", [1, 2])
async def test_an_equal_turn_under_way_shows_once(
    opened: Callable[[CountingEngine], MemOS], after: bool, kind: type[Blocked], clients: int
) -> None:
    engine = kind(after=after)
    first = opened(engine)
    second = first if clients == 1 else opened(engine)
    history(first).add_messages(turn())
    assert first.flush() == 0
    for times in (2, 3):
        with held(engine):
            history(first).add_messages(turn())
            assert engine.entered.wait(30)
            assert texts(history(second).messages) == SHOWN * times
            assert texts(await history(second).aget_messages()) == SHOWN * times
        assert first.flush() == 0
        assert texts(history(second).messages) == SHOWN * times
    assert sum(len(call.turns) for call in engine.added) == 6


@pytest.mark.parametrize("clients", [1, 2])
def test_an_equal_turn_that_waits_shows_once(opened: Callable[[CountingEngine], MemOS], clients: int) -> None:
    class Later(CountingEngine):
        refusing, refused = False, threading.Event()

        def add_message(self, call: AddMessage, project: str = "", *more: Any, **named: Any) -> Added:
            if self.refusing:
                self.refused.set()
                raise ServerFault("later", code=50004)
            return super().add_message(call, project, *more, **named)

    engine = Later()
    first = opened(engine)
    second = first if clients == 1 else opened(engine)
    history(first).add_messages(turn())
    assert first.flush() == 0
    engine.refusing = True
    history(first).add_messages(turn())
    assert engine.refused.wait(30)
    assert texts(history(second).messages) == SHOWN * 2
    engine.refusing = False
    assert first.flush() == 0
    assert texts(history(second).messages) == SHOWN * 2
