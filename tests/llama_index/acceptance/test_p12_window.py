"""What part of a conversation a model is given."""

from collections.abc import Callable, Sequence

import pytest
from llama_index.core.base.llms.types import (
    ChatMessage,
    ImageBlock,
    MessageRole,
    TextBlock,
)

from memos_integrations.llama_index import MemOSMemory
from tests.llama_index.conftest import QUESTION
from tests.llama_index.models import answer, ask, called, calls, spoken, text_of_all, thinking

Remembering = Callable[..., MemOSMemory]
SYSTEM, TOOL = MessageRole.SYSTEM, MessageRole.TOOL


def pairs(messages: Sequence[ChatMessage]) -> None:
    """No tool result without its call right before, no call without its results: what strict providers ask for."""
    waiting: set[str | None] = set()
    for message in messages:
        if message.role == TOOL:
            waiting.remove(message.additional_kwargs["tool_call_id"])
            continue
        assert not waiting
        waiting = {call.tool_id for call in called(message)}
    assert not waiting


async def filled(memory: MemOSMemory, turns: int, *, words: str = "words " * 20) -> None:
    for number in range(turns):
        await memory.aput(ask(f"question {number} {words}"))
        results = [ChatMessage(role="tool", content=words, additional_kwargs={"tool_call_id": "call-now"})]
        await memory.aput_messages([calls("now", words=words), *results, answer(f"answer {number}")])


@pytest.mark.parametrize("limit", [1, 50, 137, 300, 1_000, 1_500, 100_000])
async def test_p12_a_window_holds_whole_turns(remembering: Remembering, limit: int) -> None:
    memory = remembering(token_limit=limit)
    await filled(memory, 12)
    await memory.aput(ask(QUESTION))
    given = await memory.aget()

    assert given[0].role == MessageRole.USER
    pairs(given)
    assert given[-1].role == MessageRole.USER
    assert text_of_all(given[-1:]).endswith(QUESTION)
    assert text_of_all(given).count("<memories id=") == text_of_all(given[-1:]).count("<memories id=") == 1
    assert (len(given) == 49) == (limit == 100_000)
    if limit >= 300:
        assert len(given) > 1


@pytest.mark.parametrize("placement", ["user", "system"])
async def test_p12_a_system_message_leads_what_is_cut(remembering: Remembering, placement: str) -> None:
    lead = ChatMessage(role="system", content="You sell tea.")
    memory = remembering(token_limit=300, chat_history=[lead], placement=placement)
    await filled(memory, 12)
    await memory.aput(ask(QUESTION))
    given = await memory.aget()

    assert [m.role for m in given][:2] == [SYSTEM, MessageRole.USER]
    assert len(given) < 20
    assert text_of_all(given[:1]).startswith("You sell tea.")
    block = given[0] if placement == "system" else given[-1]
    assert "<memories id=" in text_of_all([block])
    assert [m.role for m in given].count(SYSTEM) == 1


async def test_p12_the_turn_s_question_stays_whatever_its_steps_cost(remembering: Remembering) -> None:
    memory = remembering(token_limit=100)
    await filled(memory, 3)
    await memory.aput(ask(f"{QUESTION} {'words ' * 500}"))
    await memory.aget()
    result = ChatMessage(role="tool", content="words " * 500, additional_kwargs={"tool_call_id": "call-now"})
    await memory.aput_messages([calls("now"), result])

    given = await memory.aget(input=f"{QUESTION} {'words ' * 500}")
    assert [m.role for m in given] == ["user", "assistant", "tool"]
    assert text_of_all(given[:1]).count("<memories id=") == 1
    pairs(given)


async def test_p12_tool_calls_and_thinking_cost_and_pictures_cost_no_bytes(remembering: Remembering) -> None:
    memory = remembering(token_limit=2_000)
    thought = ChatMessage(role="assistant", blocks=thinking("x" * 9_000) or [TextBlock(text="x" * 9_000)])
    await memory.aput_messages([ask("a"), thought])
    await memory.aput(ask("b"))
    assert spoken(await memory.aget())[-1][1].endswith("b")
    assert len(await memory.aget()) == 1

    await memory.areset()
    await memory.aput(ChatMessage(role="user", blocks=[ImageBlock(image=b"x" * 100_000), TextBlock(text="a")]))
    await memory.aput(answer("b"))
    await memory.aput(ask("c"))
    assert len(await memory.aget()) == 3

    await memory.areset()
    old = ChatMessage(role="assistant", content="", additional_kwargs={"tool_calls": ["x" * 9_000]})
    await memory.aput_messages([ask("a"), old])
    await memory.aput(ask("茶" * 1_990))
    assert len(await memory.aget()) == 1


async def test_p12_a_greeting_stays_until_something_is_cut(remembering: Remembering) -> None:
    memory = remembering(token_limit=60, chat_history=[answer("Welcome to the shop.")])
    assert [m.role for m in memory.get()] == ["assistant"]
    await memory.aput(ask("Hi."))
    assert [m.role for m in await memory.aget()] == ["assistant", "user"]
    await memory.aput(answer("Hello. " * 10))
    await memory.aput(ask("Hi again. " * 10))
    assert [m.role for m in await memory.aget()] == ["user"]
