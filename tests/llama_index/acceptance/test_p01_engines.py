"""P1: chat engines without a loop, with a history of the caller's, and beside agents."""

from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.chat_engine.types import BaseChatEngine

from memos_integrations.client import MemOS
from memos_integrations.llama_index import MemOSMemory
from tests.fakes import CountingEngine
from tests.llama_index.conftest import QUESTION, written
from tests.llama_index.models import ToldModel, answer
from tests.llama_index.turns import (
    ENGINES,
    SAID,
    agent_of,
    asked,
    context,
    settled,
    simple,
)

Remembering = Callable[..., MemOSMemory]


@pytest.mark.parametrize("way", ["chat", "stream_chat"])
@pytest.mark.parametrize("make", ENGINES)
def test_p01_a_chat_engine_without_a_loop_does_the_same(
    client: MemOS, engine: CountingEngine, remembering: Remembering, make: Callable[..., BaseChatEngine], way: str
) -> None:
    chat = make(ToldModel(), remembering())
    told: Any = getattr(chat, way)(QUESTION)
    assert "Noted." in ("".join(told.response_gen) if way == "stream_chat" else str(told))
    assert settled(client, engine) == (1, 1)
    assert [m.role for m in chat.chat_history] == ["user", "assistant"]


@pytest.mark.parametrize("make", [simple, context])
async def test_p01_an_engine_given_a_history_writes_what_is_new(
    client: MemOS, engine: CountingEngine, remembering: Remembering, make: Callable[..., BaseChatEngine]
) -> None:
    history = [ChatMessage(content="Hello."), answer("Hi!")]
    chat: Any = make(ToldModel(answer(SAID)), remembering())
    await chat.achat(QUESTION, chat_history=history)

    assert settled(client, engine) == (1, 1)
    assert written(engine) == [[("user", QUESTION), ("assistant", SAID)]]


async def test_p01_agents_and_engines_may_share_a_memory(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    memory = remembering()
    await agent_of("function", ToldModel(answer(SAID))).run(QUESTION, memory=memory)
    await asked(context(ToldModel(answer(SAID)), memory), "achat", QUESTION)

    assert settled(client, engine) == (2, 2)
