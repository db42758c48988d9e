"""A memory is restored with its context: in this process, in another one, in the middle of a run, pickled, copied."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent, ToolCall
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.workflow import (
    Context,
    HumanResponseEvent,
    JsonPickleSerializer,
    JsonSerializer,
)

from memos_integrations import MemOS
from memos_integrations.llama_index import MemOSMemory
from tests.fakes import CountingEngine
from tests.llama_index.conftest import QUESTION, counted, messages_in, said_to, written
from tests.llama_index.contexts import through_json, waiting
from tests.llama_index.models import FAILED, OLD, Broken, ToldModel, answer, calls, spoken, text_of_all
from tests.llama_index.resumed import agent_of

Remembering = Callable[..., MemOSMemory]
# What importing llama-index-core 0.13 warns of itself.
THEIRS = () if OLD else ("-W", "error")
ROOT = Path(__file__).parents[3]


def elsewhere(data: dict[str, Any], question: str | None) -> dict[str, Any]:
    """What comes of going on in another process."""
    ran = subprocess.run(
        [sys.executable, *THEIRS, "-m", "tests.llama_index.resumed"],
        input=json.dumps({"context": data, "question": question}),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert OLD or ran.stderr == ""
    result: dict[str, Any] = json.loads(ran.stdout)
    return result


async def test_p15_a_context_goes_on_in_another_process(filed: MemOS, path: Path) -> None:
    agent, _ = agent_of(answer("It is Sencha."))
    memory = MemOSMemory.from_defaults(user_id="ada", conversation_id="now", client=filed, timezone="Asia/Tokyo")
    ctx = Context(agent)
    await agent.run(QUESTION, memory=memory, ctx=ctx)
    filed.flush()
    data = through_json(ctx)

    there = await asyncio.to_thread(elsewhere, data, "Which tea would you pour?")
    assert there["told"] == "Done."
    assert "Sencha from Uji" in there["handed"][0]
    assert there["handed"][0].count("<memories id=") == 1
    assert there["kept"] == [
        ["user", QUESTION],
        ["assistant", "It is Sencha."],
        ["user", "Which tea would you pour?"],
        ["assistant", "Done."],
    ]
    assert messages_in(filed) == [QUESTION, "It is Sencha.", "Which tea would you pour?", "Done."]

    back = Context.from_dict(agent, there["context"], serializer=JsonSerializer())
    restored: MemOSMemory = await back.store.get("memory")
    assert restored.scope == memory.scope
    assert (restored.address, restored.timezone) == (str(path), "Asia/Tokyo")


async def test_p15_a_run_that_waits_for_a_person_goes_on_in_another_process(filed: MemOS) -> None:
    agent, model = agent_of(calls("confirm"))
    memory = MemOSMemory.from_defaults(user_id="ada", conversation_id="now", client=filed)
    handler = agent.run(QUESTION, memory=memory)
    data = await waiting(handler)
    await handler.cancel_run()
    assert text_of_all(model.handed[0]).count("<memories id=") == 1

    there = await asyncio.to_thread(elsewhere, data, None)
    assert there["told"] == "Done."
    assert "Sencha from Uji" in there["handed"][0]
    assert "yes" in there["handed"][0]
    assert messages_in(filed) == [QUESTION, "Done."]


@pytest.mark.parametrize("named", [[], [MemOSMemory, ChatMessage, ToolCall]], ids=["all types", "allowed types"])
async def test_p15_a_run_that_waits_for_a_person_goes_on_here(
    client: MemOS, engine: CountingEngine, remembering: Remembering, named: list[type]
) -> None:
    allowed: dict[str, Any] = {"allowed_types": named} if named and not OLD else {}  # 0.13 allows all types
    agent, _ = agent_of(calls("confirm"))
    handler = agent.run(QUESTION, memory=remembering())
    data = await waiting(handler)
    await handler.cancel_run()

    agent, model = agent_of(answer("It is Sencha."))
    resumed = agent.run(ctx=Context.from_dict(agent, data, serializer=JsonSerializer(**allowed)))
    resumed.ctx.send_event(HumanResponseEvent.model_validate({"response": "yes"}))
    assert str(await resumed) == "It is Sencha."
    client.flush()
    assert text_of_all(model.handed[0]).count("<memories id=") == 1
    assert written(engine) == [[("user", QUESTION), ("assistant", "It is Sencha.")]]
    assert engine.counts == (1, 1)


async def test_p15_one_context_for_many_turns_keeps_its_client(
    client: MemOS, engine: CountingEngine, remembering: Remembering, caplog: pytest.LogCaptureFixture
) -> None:
    """LlamaIndex dumps and restores the memory before every further run, here without one for the client's address."""
    model = ToldModel()
    agent = FunctionAgent(tools=[], llm=model)
    memory = remembering()
    ctx = Context(agent)
    for number in range(3):
        await agent.run(f"{QUESTION} ({number})", memory=memory, ctx=ctx)
    client.flush()

    assert counted(engine) == (3, 3)
    assert written(engine) == [[("user", f"{QUESTION} ({n})"), ("assistant", "Noted.")] for n in range(3)]
    for handed in model.handed:
        assert text_of_all(handed).count("<memories id=") == 1
    assert caplog.records == []
    kept: MemOSMemory = await ctx.store.get("memory")
    assert len(kept.get_all()) == 6


async def test_p15_a_failed_run_s_words_are_written_once_before_those_of_the_next_on_its_context(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    agent = FunctionAgent(tools=[], llm=ToldModel(Broken(), answer("In Uji.")))
    memory, ctx = remembering(), Context(agent)
    with pytest.raises(FAILED):
        await agent.run("I live in Uji.", memory=memory, ctx=ctx)
    await agent.run("Where do I live?", memory=memory, ctx=ctx)
    assert said_to(client, engine) == [
        ("user", "I live in Uji."),
        ("user", "Where do I live?"),
        ("assistant", "In Uji."),
    ]


async def test_p15_a_tool_that_edits_state_does_not_part_a_memory_from_its_run(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    async def note(ctx: Context) -> str:
        """Notes something."""
        async with ctx.store.edit_state() as state:
            state["noted"] = True
        return "noted"

    memory = remembering()
    await FunctionAgent(tools=[note], llm=ToldModel(calls("note"), answer("Yes."))).run("Note this.", memory=memory)
    await FunctionAgent(tools=[], llm=ToldModel()).run("Thanks.", memory=memory)
    client.flush()

    assert [text for _, text in spoken(memory.get_all())] == ["Note this.", "", "noted", "Yes.", "Thanks.", "Noted."]
    assert written(engine) == [
        [("user", "Note this."), ("assistant", "Yes.")],
        [("user", "Thanks."), ("assistant", "Noted.")],
    ]


async def test_p15_allowed_types_name_the_memory_alone(remembering: Remembering) -> None:
    named: dict[str, Any] = {} if OLD else {"allowed_types": [MemOSMemory]}  # 0.13 allows all types
    serializer = JsonSerializer(**named)
    agent = FunctionAgent(tools=[], llm=ToldModel())
    ctx = Context(agent) if OLD else Context(agent, serializer=serializer)
    await agent.run(QUESTION, memory=remembering(), ctx=ctx)

    back = Context.from_dict(agent, through_json(ctx, serializer), serializer=serializer)
    restored: MemOSMemory = await back.store.get("memory")
    assert [text for _, text in spoken(restored.get_all())] == [QUESTION, "Noted."]


async def test_p15_the_pickle_serializer_restores_it_too(remembering: Remembering) -> None:
    agent = FunctionAgent(tools=[], llm=ToldModel())
    ctx = Context(agent)
    await agent.run(QUESTION, memory=remembering(), ctx=ctx)

    data = ctx.to_dict(serializer=JsonPickleSerializer())
    back = Context.from_dict(agent, data, serializer=JsonPickleSerializer())
    assert len((await back.store.get("memory")).get_all()) == 2
