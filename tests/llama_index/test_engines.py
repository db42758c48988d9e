"""One search and one write a user turn of each chat engine, and its model sees what was recalled."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.chat_engine.types import BaseChatEngine

from memos_integrations.client import MemOS
from memos_integrations.llama_index import MemOSMemory
from tests.fakes import CountingEngine
from tests.llama_index.conftest import FACT, QUESTION, written
from tests.llama_index.models import ToldModel, answer, text_of_all
from tests.llama_index.turns import (
    ENGINES,
    SAID,
    WAYS,
    agent_of,
    asked,
    condense_context,
    condense_question,
    context,
    has_memory_once,
    settled,
    simple,
)

Remembering = Callable[..., MemOSMemory]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("make", ENGINES)
async def test_a_chat_engine_searches_and_writes_once_a_turn(
    client: MemOS, engine: CountingEngine, remembering: Remembering, make: Callable[..., BaseChatEngine], way: str
) -> None:
    condensing = [answer("a standalone question")] if make in {condense_context, condense_question} else []
    model = ToldModel(*condensing, answer(SAID), *condensing, answer(SAID))
    chat = make(model, remembering())

    assert await asked(chat, way, QUESTION) == SAID
    assert settled(client, engine) == (1, 1)
    # CondenseQuestionChatEngine asks its index alone: memories help it to put the question.
    for handed in model.handed if make is not condense_question else model.handed[:1]:
        has_memory_once(handed)

    assert await asked(chat, way, QUESTION) == SAID
    assert settled(client, engine) == (2, 2)
    assert [call.query for call in engine.searched] == [QUESTION] * 2
    assert written(engine) == [[("user", QUESTION), ("assistant", SAID)]] * 2


@pytest.mark.parametrize("way", ["chat", "stream_chat"])
@pytest.mark.parametrize("make", ENGINES)
def test_a_chat_engine_without_a_loop_does_the_same(
    client: MemOS, engine: CountingEngine, remembering: Remembering, make: Callable[..., BaseChatEngine], way: str
) -> None:
    chat = make(ToldModel(), remembering())
    told: Any = getattr(chat, way)(QUESTION)
    assert "Noted." in ("".join(told.response_gen) if way == "stream_chat" else str(told))
    assert settled(client, engine) == (1, 1)
    assert [m.role for m in chat.chat_history] == ["user", "assistant"]


@pytest.mark.parametrize("make", [simple, context])
async def test_an_engine_given_a_history_writes_what_is_new(
    client: MemOS, engine: CountingEngine, remembering: Remembering, make: Callable[..., BaseChatEngine]
) -> None:
    history = [ChatMessage(content="Hello."), answer("Hi!")]
    chat: Any = make(ToldModel(answer(SAID)), remembering())
    await chat.achat(QUESTION, chat_history=history)

    assert settled(client, engine) == (1, 1)
    assert written(engine) == [[("user", QUESTION), ("assistant", SAID)]]


async def test_agents_and_engines_may_share_a_memory(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    memory = remembering()
    await agent_of("function", ToldModel(answer(SAID))).run(QUESTION, memory=memory)
    await asked(context(ToldModel(answer(SAID)), memory), "achat", QUESTION)

    assert settled(client, engine) == (2, 2)


def test_one_memory_serves_loops_one_after_another(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    memory = remembering()

    async def turn() -> None:
        await agent_of("function", ToldModel(answer(SAID))).run(QUESTION, memory=memory)

    asyncio.run(turn())
    asyncio.run(turn())
    simple(ToldModel(answer(SAID)), memory).chat(QUESTION)
    assert settled(client, engine) == (3, 3)
    assert FACT not in [text_of_all([m]) for m in memory.get_all()]
