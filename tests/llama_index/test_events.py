"""What memories did, told to LlamaIndex's handlers."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events import BaseEvent
from llama_index.core.workflow import Context
from llama_index_instrumentation import root_dispatcher
from pydantic import PrivateAttr

from memos_integrations.client import Event, MemOS
from memos_integrations.llama_index import MemOSDegradedEvent, MemOSMemory, MemOSRecallEvent, MemOSWriteEvent
from tests.fakes import client_over
from tests.llama_index.conftest import learn
from tests.llama_index.models import OLD, ToldModel, answer, calls, now
from tests.llama_index.services import MARKER, Refusing

OURS = (MemOSDegradedEvent, MemOSRecallEvent, MemOSWriteEvent)


class Hearing(BaseEventHandler):
    """Keeps our events."""

    _heard: list[BaseEvent] = PrivateAttr(default_factory=list)

    @property
    def heard(self) -> list[Any]:
        return self._heard

    def handle(self, event: BaseEvent, **_: Any) -> None:
        if isinstance(event, OURS):
            self._heard.append(event)


@pytest.fixture
def hearing(monkeypatch: pytest.MonkeyPatch) -> Hearing:
    handler = Hearing()
    monkeypatch.setattr(root_dispatcher, "event_handlers", [*root_dispatcher.event_handlers, handler])
    return handler


def members(event: BaseEvent) -> dict[str, Any]:
    """What is ours of it."""
    return {name: value for name, value in event if name not in BaseEvent.model_fields}


async def test_a_turn_is_told_once_though_two_memories_and_restored_ones_share_a_client(
    client: MemOS, events: list[Event], hearing: Hearing, remembering: Callable[..., MemOSMemory]
) -> None:
    memory, _ = remembering(), remembering(conversation_id="another")
    agent = FunctionAgent(tools=[now], llm=ToldModel(calls("now"), answer("It is noon."), answer("Still.")))
    ctx = Context(agent)
    learn(client, "ada", f"My {MARKER} tea is Sencha.")
    for text in ("How late is it?", f"Which {MARKER} tea do I like?"):  # for the second run LlamaIndex restores it
        await agent.run(text, memory=memory, ctx=ctx)
        assert client.flush() == 0

    kinds = [MemOSRecallEvent, MemOSWriteEvent] * 2
    assert [type(event) for event in hearing.heard] == kinds
    assert [members(event) for event in hearing.heard] == [asdict(event) for event in events]
    assert [event.class_name() for event in hearing.heard] == [kind.__name__ for kind in kinds]
    first, *_, last = hearing.heard
    assert first.span_id is not None
    assert last.span_id is None
    assert OLD or "llamaindex.run_id" in first.tags
    assert MARKER not in repr([event.model_dump() for event in hearing.heard])


async def test_what_fails_is_told_by_its_class(hearing: Hearing) -> None:
    with client_over(Refusing()) as client:
        memory = MemOSMemory.from_defaults(user_id="ada", conversation_id="now", client=client)
        await FunctionAgent(tools=[], llm=ToldModel()).run(f"Hello {MARKER}.", memory=memory)
        client.flush()
    told = [(event.what, event.error, event.code, event.conversation_id) for event in hearing.heard]
    assert told == [("recall", "QuotaExceeded", 40300, "now"), ("record", "QuotaExceeded", 40300, "now")]
    assert {type(event) for event in hearing.heard} == {MemOSDegradedEvent}
    assert hearing.heard[0].class_name() == "MemOSDegradedEvent"
    assert MARKER not in repr([event.model_dump() for event in hearing.heard])
