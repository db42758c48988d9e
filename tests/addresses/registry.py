"""What every address is asked: checks by call, each of one thing that the API promises of it."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from memos_integrations import MemOS
from memos_integrations.errors import NotFound
from memos_integrations.wire.events import ChatEvent

__all__ = ["CHECKS", "Asked", "Check", "check", "not_found"]


class Asked:
    """One address, called by the names of its calls, in either colour; `ada` and `bob` are nobody else's."""

    def __init__(self, client: MemOS, runner: asyncio.Runner | None, ada: str = "ada") -> None:
        self._client, self._runner = client, runner
        self.ada, self.bob = ada, f"{ada}-bob"

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if self._runner is None:
            plain: Callable[..., Any] = getattr(self._client, name)
            return plain
        runner, call = self._runner, getattr(self._client.aio, name)

        async def awaited(*given: Any, **named: Any) -> Any:
            return await call(*given, **named)

        return lambda *given, **named: runner.run(awaited(*given, **named))

    def streamed(self, **asked: Any) -> list[ChatEvent]:
        if self._runner is None:
            return list(self._client.stream_chat(**asked))

        async def collected() -> list[ChatEvent]:
            return [event async for event in self._client.aio.stream_chat(**asked)]

        return self._runner.run(collected())

    def add(self, *texts: str, **more: Any) -> Any:
        """Adds what a user says, refined when this returns."""
        given = {"conversation_id": "c", "async_mode": False, **more}
        if "agent_id" not in given:
            given.setdefault("user_id", self.ada)
        return self.add_message(messages=[{"role": "user", "content": text} for text in texts], **given)

    def facts(self, query: str, **more: Any) -> list[str]:
        """What a search finds of `ada`'s, unless it is told whose."""
        owner = {} if "agent_id" in more else {"user_id": self.ada}
        found = self.search_memory(query=query, **{**owner, "relativity": 0, **more})
        return [fact.memory_value for fact in found.memory_detail_list]

    def kept(self, **more: Any) -> dict[str, str]:
        """The facts that are listed, with their ids."""
        owner = {} if "agent_id" in more else {"user_id": self.ada}
        listed = self.get_memory(**{**owner, **more})
        return {fact.memory_value: fact.id for fact in listed.memory_detail_list}

    @staticmethod
    def sooner_or_later(holds: Callable[[], bool]) -> bool:
        """Whether it comes to hold: of what is done behind an answer, no call tells the end."""
        for _ in range(200):
            if holds():
                return True
            time.sleep(0.05)
        return False


@dataclass(frozen=True, slots=True)
class Check:
    """One promise of a call: `what` stands in the page where it is not kept."""

    call: str
    what: str
    run: Callable[[Asked], None]

    @property
    def name(self) -> str:
        return f"{self.call}: {self.what}"


CHECKS: list[Check] = []


def check(call: str, what: str) -> Callable[[Callable[[Asked], None]], Callable[[Asked], None]]:
    """Registers a function that asserts it."""

    def registered(run: Callable[[Asked], None]) -> Callable[[Asked], None]:
        CHECKS.append(Check(call, what, run))
        return run

    return registered


def not_found(call: Callable[..., Any], *given: Any, **named: Any) -> bool:
    """Whether that is the answer."""
    try:
        call(*given, **named)
    except NotFound:
        return True
    return False
