"""Models that say what they are told to say."""

import threading
from collections.abc import Callable, Iterator
from typing import Self

from memos_integrations.engine import Model
from memos_integrations.engine._completions import Asked
from memos_integrations.engine._pieces import Waiting
from memos_integrations.wire.events import ChatEvent

Said = str | ChatEvent | Exception | Callable[[], object]


class Scripted:
    """Says `script` at every question: text, events, errors that it raises, and callables that it calls.

    `asked` and `waited` keep what came; `closed` and `stopped` are set once a stream of its was.
    """

    def __init__(self, *script: Said) -> None:
        self.script = script
        self.asked: list[Asked] = []
        self.waited: list[Waiting] = []
        self.closed, self.stopped = threading.Event(), threading.Event()

    def answer(self, asked: Asked, waiting: Waiting) -> str:
        waiting.on_give_up(self.stopped.set)
        return "".join(event.data for event in self.stream(asked, waiting) if event.type == "text")

    def stream(self, asked: Asked, waiting: Waiting) -> "Saying":
        self.asked.append(asked)
        self.waited.append(waiting)
        return Saying(self)

    @property
    def last(self) -> list[tuple[str, str]]:
        """Role and text of the messages last asked."""
        return [(message["role"], message["content"]) for message in self.asked[-1].messages]


class Saying:
    def __init__(self, model: Scripted) -> None:
        self._model, self._events = model, _events(model.script)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ChatEvent:
        return next(self._events)

    def close(self) -> None:
        self._model.closed.set()

    def stop(self) -> None:
        self._model.stopped.set()


def _events(script: tuple[Said, ...]) -> Iterator[ChatEvent]:
    for said in script:
        if isinstance(said, Exception):
            raise said
        if callable(said):
            said()
        else:
            yield ChatEvent(type="text", data=said) if isinstance(said, str) else said


def thought(text: str) -> ChatEvent:
    return ChatEvent(type="reasoning", data=text)


_is_a_model: Model = Scripted()
