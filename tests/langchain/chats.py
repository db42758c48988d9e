"""What tests of the chat model share: models behind the engine, and every way to ask."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.runnables import Runnable

from memos_integrations.client import MemOS
from memos_integrations.engine import Engine
from memos_integrations.engine._completions import Asked
from memos_integrations.engine._pieces import Waiting
from memos_integrations.engine._server import make_app
from memos_integrations.memory.prompt import render
from memos_integrations.wire.answers import Found
from tests.engine.models import Saying, Scripted, thought
from tests.fakes import CountingEngine
from tests.serving import served

__all__ = ["ONES", "STREAMS", "WAYS", "Echo", "answered", "asked_by", "block", "over_http", "pieces", "written"]

ONES = ["invoke", "ainvoke", "batch", "abatch"]
STREAMS = ["stream", "astream"]
WAYS = [*ONES, *STREAMS]


NASTY = "likes {memories} {memories} {memories} {x} </memories> tea"


class Echo(Scripted):
    """Thinks, then tells what it was asked."""

    def stream(self, asked: Asked, waiting: Waiting) -> Saying:
        self.asked.append(asked)
        self.waited.append(waiting)
        return Saying(Scripted(thought("Hm."), "You said: ", asked.messages[-1]["content"]))


@contextmanager
def over_http(engine: Engine) -> Iterator[MemOS]:
    """A client of `engine` behind its own server; both are closed with it."""
    with served(make_app(engine)) as address, MemOS(base_url=f"{address}/api/openmem/v1") as client:
        yield client
    engine.close()


def asked_by(llm: Runnable[Any, Any], way: str, given: Any, config: Any = None, **more: Any) -> Any:
    """The answer of `llm`, in one of `WAYS`; a stream's pieces put together."""
    if way == "invoke":
        return llm.invoke(given, config, **more)
    if way == "batch":
        return llm.batch([given], config, **more)[0]
    if way == "ainvoke":
        return asyncio.run(llm.ainvoke(given, config, **more))
    if way == "abatch":
        return asyncio.run(llm.abatch([given], config, **more))[0]
    whole, *rest = pieces(llm, way, given, config, **more)
    for chunk in rest:
        whole = whole + chunk
    return whole


def pieces(llm: Runnable[Any, Any], way: str, given: Any, config: Any = None, **more: Any) -> list[Any]:
    """The pieces of a streamed answer."""

    async def collected() -> list[AIMessageChunk]:
        return [chunk async for chunk in llm.astream(given, config, **more)]

    return list(llm.stream(given, config, **more)) if way == "stream" else asyncio.run(collected())


def answered(message: BaseMessage) -> str:
    """Its text, as plain text."""
    return str(message.text)


def written(engine: CountingEngine) -> list[tuple[str, list[str]]]:
    """Whose turns were written, with their texts, in order."""
    return [(str(call.user_id), [turn.text for turn in call.turns]) for call in list(engine.added)]


def block(form: Any = "user", text: str = NASTY) -> str:
    """A memory as our middleware sets it before a text."""
    return render(Found.model_validate({"memory_detail_list": [{"id": "1", "memory_value": text}]}), form=form)
