"""What the model is handed: the protocol in the one system message, the memories beside the user's own text."""

from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from memos_integrations.client import MemOS
from memos_integrations.langchain import MemOSMiddleware
from memos_integrations.memory.prompt import PROTOCOL, strip
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
)
from tests.langchain.turns import Remembers, asked_of

CACHED: list[str | dict[Any, Any]] = [
    {"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}},
]


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream:messages"])
def test_beside_the_users_text_stands_the_block_and_in_the_system_message_the_protocol(
    client: MemOS, remembers: Remembers, way: str
) -> None:
    remembers()
    model = Scripted(script=after_tools(0))
    agent = create_agent(model, [], middleware=[MemOSMiddleware(client)])
    run(agent, way, said(), at())
    ((system, asked),) = model.handed
    assert system.content == PROTOCOL
    assert isinstance(asked.content, str)
    assert asked.content.startswith('<memories id="')
    assert asked.content.endswith(f"</memories>\n\n# Original Query\n{QUESTION}")
    assert MARK in asked.content
    assert strip(asked.content) == QUESTION


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream:messages"])
def test_or_both_stand_in_the_system_message(client: MemOS, remembers: Remembers, way: str) -> None:
    remembers()
    model = Scripted(script=after_tools(0))
    agent = create_agent(model, [], system_prompt="Be kind.", middleware=[MemOSMiddleware(client, placement="system")])
    run(agent, way, said(), at())
    ((system, asked),) = model.handed
    text = str(system.content)
    assert text.startswith(f'Be kind.\n\n{PROTOCOL}\n\n<memories id="')
    assert text.endswith("</memories>")
    assert MARK in text
    assert asked.content == QUESTION


def test_only_the_turns_own_message_has_the_block(client: MemOS, remembers: Remembers) -> None:
    remembers()
    model = Scripted(script=after_tools(1))
    agent = create_agent(model, [look_up], middleware=[MemOSMiddleware(client)], checkpointer=InMemorySaver())
    for _ in range(3):
        agent.invoke(said(), at())
    for handed in model.handed:
        *before, asked = asked_of(handed)
        assert before == [QUESTION] * len(before)
        assert asked.count("<memories") == 1


@pytest.mark.parametrize("placement", ["user", "system"])
def test_where_nothing_is_recalled_there_is_no_block(client: MemOS, placement: Any) -> None:
    model = Scripted(script=after_tools(0))
    create_agent(model, [], middleware=[MemOSMiddleware(client, placement=placement)]).invoke(said(), at())
    ((system, asked),) = model.handed
    assert (system.content, asked.content) == (PROTOCOL, QUESTION)


def test_times_are_shown_in_the_readers_zone(client: MemOS) -> None:
    message = {"role": "user", "content": "I drink green tea.", "chat_time": "2026-08-01 22:30:00"}
    client.add_message(messages=[message], user_id="ada", conversation_id="earlier", async_mode=False)
    shown = []
    for timezone in (None, "Asia/Shanghai"):
        model = Scripted(script=after_tools(0))
        memory = MemOSMiddleware(client, timezone=timezone, record=False)
        create_agent(model, [], middleware=[memory]).invoke(said(), at())
        shown.append(asked_of(model.handed[0])[-1])
    told, told_in_shanghai = (next(line for line in text.splitlines() if "green tea" in line) for text in shown)
    assert told != told_in_shanghai
