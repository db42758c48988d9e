"""P4 to P7: what was recalled is in each prompt once and nowhere else, and displaces nothing."""

import json
from collections.abc import Callable

import pytest
from llama_index.core.agent.workflow import FunctionAgent, ReActAgent
from llama_index.core.base.llms.types import (
    ChatMessage,
    MessageRole,
    TextBlock,
)

from memos_integrations.client import MemOS
from memos_integrations.llama_index import MemOSMemory
from tests.fakes import CountingEngine
from tests.llama_index.conftest import QUESTION, delivered
from tests.llama_index.models import ToldModel, answer, ask, now, spoken, text_of_all, turned
from tests.llama_index.turns import agent_of, has_memory_once, script_of

pytestmark = pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning")
Remembering = Callable[..., MemOSMemory]


async def test_p04_three_turns_leave_no_recalled_text_anywhere(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    model, memory = ToldModel(), remembering()
    agent = FunctionAgent(tools=[now], llm=model)
    for number in range(3):
        await agent.run(f"{QUESTION} ({number})", memory=memory)

    assert "<memories id=" in text_of_all(model.handed[-1])
    kept = [spoken(memory.get_all()), spoken(await memory.aget_all()), memory.to_dict(), delivered(client, engine)]
    for held in kept:
        assert "<memories" not in json.dumps(held)
        assert "Long-term memory" not in json.dumps(held)
        assert "Uji" not in json.dumps(held)
    assert spoken(memory.get_all())[::2] == [("user", f"{QUESTION} ({number})") for number in range(3)]


@pytest.mark.parametrize("kind", [FunctionAgent, ReActAgent])
async def test_p05_an_agent_s_state_is_not_written_into_what_is_kept(
    client: MemOS, engine: CountingEngine, remembering: Remembering, kind: type[FunctionAgent | ReActAgent]
) -> None:
    model, memory = ToldModel(answer("Sencha."), answer("Still.")), remembering()
    agent = kind(tools=[now], llm=model, initial_state={"mood": "calm"})
    await agent.run(QUESTION, memory=memory)
    await agent.run("Sure?", memory=memory)

    assert "Current state" in text_of_all(model.handed[0])
    assert text_of_all(model.handed[0]).count("<memories id=") == 1
    assert "Current state" not in text_of_all(memory.get_all())
    assert delivered(client, engine)[0] == [("user", QUESTION), ("assistant", "Sencha.")]


async def test_p05_what_is_returned_may_be_changed(remembering: Remembering) -> None:
    mine = ask(QUESTION)
    memory = remembering(chat_history=[answer("Hello.")])
    memory.put(mine)
    for messages in (memory.get(), await memory.aget(), memory.get_all(), await memory.aget_all(), [mine]):
        for message in messages:
            message.additional_kwargs["changed"] = True
            for block in message.blocks:
                if isinstance(block, TextBlock):
                    block.text = "changed"

    assert spoken(memory.get_all()) == [("assistant", "Hello."), ("user", QUESTION)]
    assert [m.additional_kwargs for m in memory.get_all()] == [{}, {}]


async def test_p07_a_system_message_of_the_history_takes_the_memories(remembering: Remembering) -> None:
    memory = remembering(
        placement="system", chat_history=[ChatMessage(role=MessageRole.SYSTEM, content="You sell tea.")]
    )
    model = ToldModel(*script_of("function", 1))
    await agent_of("function", model).run(QUESTION, memory=memory)

    for handed in model.handed:
        assert [m.role for m in handed][:2] == ["system", "user"]
        assert [m.role for m in handed].count(MessageRole.SYSTEM) == 1
        assert text_of_all(handed[:1]).startswith("You sell tea.")
        assert text_of_all(handed[:1]).count("<memories id=") == 1
    assert text_of_all(memory.get_all()[:1]) == "You sell tea."


@pytest.mark.parametrize("prompt", [None, "You sell tea."])
@pytest.mark.parametrize("kind", ["function", "react", "code"])
async def test_p06_an_agent_s_own_prompt_is_not_displaced(
    remembering: Remembering, kind: str, prompt: str | None
) -> None:
    """Its system messages are those of a run without memories; CodeActAgent itself writes over its prompt."""
    handed = list[list[ChatMessage]]()
    for placement in ("user", "off"):
        model = ToldModel(*script_of(kind, 1))
        memory = remembering(placement=placement, conversation_id=placement)
        await agent_of(kind, model, prompt=prompt).run(QUESTION, memory=memory)
        handed += model.handed
    with_memories, without = handed[:2], handed[2:]
    for one, other in zip(with_memories, without, strict=True):
        has_memory_once(one)
        assert systems(one) == systems(other)
        assert "<memories id=" not in text_of_all(other)


def systems(messages: list[ChatMessage]) -> list[str]:
    return [text_of_all([message]) for message in messages if message.role == MessageRole.SYSTEM]


async def test_p07_a_system_message_of_the_history_keeps_its_place(remembering: Remembering) -> None:
    lead = ChatMessage(role=MessageRole.SYSTEM, content="You sell tea.")
    memory, model = remembering(chat_history=[lead, *turned("Hello.", "Hi!")]), ToldModel(*script_of("function", 1))
    await agent_of("function", model).run(QUESTION, memory=memory)

    for handed in model.handed:
        has_memory_once(handed)
        assert [message.role.value for message in handed[:4]] == ["system", "user", "assistant", "user"]
        assert systems(handed) == ["You sell tea."]
