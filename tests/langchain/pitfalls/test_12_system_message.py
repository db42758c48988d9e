"""Pitfall 12: one system message, whose blocks stay, and whose static part is the same at each turn."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.messages import BaseMessage, SystemMessage
from langgraph.checkpoint.memory import InMemorySaver

from memos_integrations.client import MemOS
from memos_integrations.langchain import MemOSMiddleware
from memos_integrations.memory.prompt import PROTOCOL, TOOL_PROTOCOL, strip
from tests.langchain.models import (
    MARK,
    QUESTION,
    Scripted,
    after_tools,
    at,
    create_agent,
    look_up,
    run,
    said,
    system_of,
)
from tests.langchain.turns import Remembers, asked_of

PLACEMENTS = ["user", "system", "tool"]
CACHED: list[str | dict[Any, Any]] = [
    {"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}},
]


@pytest.mark.parametrize(
    "prompt",
    [None, "", "Be kind.", SystemMessage("Be kind."), SystemMessage(content=CACHED), f"Be kind.\n\n{PROTOCOL}"],
    ids=["none", "blank", "text", "message", "blocks", "said already"],
)
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_12_there_is_one_system_message_whatever_the_prompt(
    client: MemOS, remembers: Remembers, prompt: Any, placement: Any
) -> None:
    remembers()
    model = Scripted(script=after_tools(1))
    memory = MemOSMiddleware(client, placement=placement)
    agent = create_agent(model, [look_up], system_prompt=prompt, middleware=[memory])
    agent.invoke(said(), at())
    for handed in model.handed:
        system = system_of(handed)
        assert handed[0] is system
        assert system.text.count(TOOL_PROTOCOL if placement == "tool" else PROTOCOL) == 1
        assert system.text.startswith("Be kind." if prompt else "# Long-term memory")


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_12_a_prompt_of_blocks_with_cache_control_keeps_them(
    client: MemOS, remembers: Remembers, placement: Any
) -> None:
    remembers()
    prompt, model = SystemMessage(content=CACHED), Scripted(script=after_tools(0))
    memory = MemOSMiddleware(client, placement=placement)
    create_agent(model, [], system_prompt=prompt, middleware=[memory]).invoke(said(), at())
    blocks = system_of(model.handed[0]).content
    assert blocks[0] == CACHED[0]
    assert blocks[1] == {"type": "text", "text": TOOL_PROTOCOL if placement == "tool" else PROTOCOL}
    assert len(blocks) == (3 if placement == "system" else 2)
    assert prompt.content == CACHED


@pytest.mark.parametrize("prompt", ["Be kind.", SystemMessage(content=CACHED)], ids=["text", "blocks"])
@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_12_the_static_part_is_the_same_to_the_byte_in_every_turn(
    client: MemOS, remembers: Remembers, placement: Any, prompt: Any, way: str
) -> None:
    model = Scripted(script=after_tools(1))
    memory = MemOSMiddleware(client, placement=placement)
    agent = create_agent(model, [look_up], system_prompt=prompt, middleware=[memory], checkpointer=InMemorySaver())
    run(agent, way, said(), at())  # nothing is known yet
    remembers()
    run(agent, way, said(), at())
    run(agent, way, said("And what do I dislike?"), at())
    run(agent, way, said(), at("bob", "t2"))
    static = {static_part(handed) for handed in model.handed}
    assert len(model.handed) == 8
    assert len(static) == 1
    assert MARK not in str(static)
    assert "Be kind." in str(static)


def static_part(handed: Sequence[BaseMessage]) -> bytes:
    """What a provider's cache sees of the system message, without the memories at its end."""
    content = system_of(handed).content
    if isinstance(content, str):
        return content.partition('\n\n<memories id="')[0].encode()
    return json.dumps([block for block in content if '<memories id="' not in str(block)]).encode()


def test_12_two_instances_say_the_protocol_once_and_bring_a_block_each(client: MemOS, remembers: Remembers) -> None:
    remembers()
    remembers(f"Our office serves {MARK} tea to everybody.", "office")
    model = Scripted(script=after_tools(0))
    own, shared = MemOSMiddleware(client), MemOSMiddleware(client, user_id="office", record=False, name="office")
    create_agent(model, [], middleware=[own, shared]).invoke(said(), at())
    asked = asked_of(model.handed[0])[-1]
    assert system_of(model.handed[0]).content == PROTOCOL
    assert asked.count("<memories") == 2
    assert "every morning" in asked
    assert "to everybody" in asked
    assert strip(asked) == QUESTION
