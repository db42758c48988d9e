"""Extractors that tell what they are told to tell, and engines that have one."""

import json
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from memos_integrations.engine import Engine, Extractor
from memos_integrations.engine._extraction import Extraction, ToExtract
from memos_integrations.engine._pieces import Waiting
from tests.client.server import Answer
from tests.engine.conftest import Talk
from tests.engine.endpoints import whole

__all__ = ["Held", "Telling", "learning", "told"]

Told = Extraction | Exception | Callable[[ToExtract], object]


class Telling:
    """Tells by script, then nothing; `asked` keeps what it was asked."""

    def __init__(self, *script: Told) -> None:
        self.script = deque(script)
        self.asked: list[ToExtract] = []
        self.waited: list[Waiting] = []

    def extract(self, asked: ToExtract, waiting: Waiting) -> Extraction:
        self.asked.append(asked)
        self.waited.append(waiting)
        next_one = self.script.popleft() if self.script else Extraction()
        if isinstance(next_one, Exception):
            raise next_one
        return next_one if isinstance(next_one, Extraction) else next_one(asked)  # type: ignore[return-value]


class Held:
    """Is asked, and tells `found` only when let `go`, or fails when it is given up."""

    def __init__(self, found: Extraction | None = None) -> None:
        self.found = found or Extraction()
        self.begun, self.go = threading.Semaphore(0), threading.Event()
        self.given_up = False

    def extract(self, asked: ToExtract, waiting: Waiting) -> Extraction:
        waiting.on_give_up(self._give_up)
        self.begun.release()
        assert self.go.wait(60)
        if waiting.over:
            raise TimeoutError
        return self.found

    def _give_up(self) -> None:
        self.given_up = True
        self.go.set()


def learning(extractor: Extractor, path: Any = ":memory:", **more: Any) -> Talk:
    """An engine with that extractor; close it."""
    return Talk(Engine(path, extractor=extractor, **more))


def told(**found: Any) -> Answer:
    """A model's answer."""
    return whole(content=json.dumps(found))
