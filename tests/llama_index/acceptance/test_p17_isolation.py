"""Nobody meets another's memory, however many talk at once."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.workflow import Context

from memos_integrations.client import MemOS
from memos_integrations.llama_index import MemOSMemory
from tests.fakes import CountingEngine
from tests.llama_index.conftest import QUESTION, counted, learn, written
from tests.llama_index.models import ToldModel, answer, calls, now, text_of_all

Remembering = Callable[..., MemOSMemory]
TEAS = ("jasmine", "mint")


class OneRound(ToldModel):
    """Asks for a tool in every run once, however runs take turns."""

    def _say(self, messages: Sequence[ChatMessage]) -> ChatMessage:
        said = super()._say(messages)
        return said if any(message.role == "tool" for message in messages) else calls("now")


async def test_p17_two_users_of_one_agent_at_once(client: MemOS, engine: CountingEngine) -> None:
    for tea in TEAS:
        learn(client, tea, f"My favourite tea is {tea} tea.")
    engine.added.clear()
    model = OneRound()
    agent = FunctionAgent(tools=[now], llm=model)
    memories = {tea: MemOSMemory.from_defaults(user_id=tea, conversation_id="c", client=client) for tea in TEAS}
    runs = [agent.run(f"{QUESTION} I am {tea}.", memory=memory) for tea, memory in memories.items()]
    await asyncio.gather(*runs)
    client.flush()

    assert counted(engine) == (2, 2)
    assert {(call.user_id, call.query) for call in engine.searched} == {(t, f"{QUESTION} I am {t}.") for t in TEAS}
    for handed in model.handed:
        text = text_of_all(handed)
        [mine] = [tea for tea in TEAS if f"I am {tea}" in text]
        assert f"{mine} tea" in text
        assert not any(f"{tea} tea" in text for tea in TEAS if tea != mine)
    for tea, memory in memories.items():
        assert len(memory.get_all()) == 4
        assert f"I am {tea}" in text_of_all(memory.get_all())


async def test_p17_a_hundred_users_at_once(client: MemOS, engine: CountingEngine) -> None:
    async def talk(number: int) -> None:
        user = f"user-{number:03}"
        model = ToldModel(answer(f"noted by {user}"), answer("yes"))
        patient: Any = {"client": client, "recall_seconds": 60}
        memory = MemOSMemory.from_defaults(user_id=user, conversation_id="same", **patient)
        agent = FunctionAgent(tools=[], llm=model)
        await agent.run(f"My favourite tea is blend-{number:03}.", memory=memory)
        await client.aio.flush()
        again = MemOSMemory.from_defaults(user_id=user, conversation_id="other", **patient)
        await agent.run(QUESTION, memory=again)
        text = text_of_all(model.handed[-1])
        assert f"blend-{number:03}" in text
        assert text.count("blend-") == text.count(f"blend-{number:03}")

    await asyncio.gather(*(talk(number) for number in range(100)))
    await client.aio.flush()
    assert counted(engine) == (200, 200)
    for call, said in zip(engine.added, written(engine), strict=True):
        assert all(str(call.user_id)[-3:] in text for _, text in said) or said == [
            ("user", QUESTION),
            ("assistant", "yes"),
        ]


@pytest.mark.parametrize("several", [False, True])
async def test_p17_another_memory_for_a_context_that_has_one_is_told_once(
    client: MemOS,
    engine: CountingEngine,
    remembering: Remembering,
    caplog: pytest.LogCaptureFixture,
    several: bool,
) -> None:
    """LlamaIndex ignores it, so its user's words go to the context's own: a context is one user's."""
    one = FunctionAgent(name="one", description="answers", tools=[], llm=ToldModel())
    agent = AgentWorkflow(agents=[one]) if several else one
    ctx, bob = Context(agent), remembering(user_id="bob", conversation_id="MARKER7f3a")
    await agent.run("I am Ada.", memory=remembering(), ctx=ctx)
    await agent.run("I am Ada.", memory=remembering(), ctx=ctx)  # the same conversation: nothing to tell
    await agent.run("I am Ada.", ctx=ctx)
    assert caplog.records == []
    for _ in range(2):
        await agent.run("I am Bob, MARKER7f3a.", memory=bob, ctx=ctx)
    await agent.run(chat_history=[ChatMessage(content="I am Bob.")], memory=bob, ctx=ctx)
    client.flush()

    [warning] = caplog.records
    assert "context holds another" in warning.getMessage()
    assert "MARKER7f3a" not in caplog.text
    assert {call.user_id for call in engine.added} == {"ada"}
    assert bob.get_all() == []
    assert "another user's" in str(MemOSMemory.__doc__)


async def test_p17_a_stock_memory_for_a_context_that_has_ours_is_told(
    remembering: Remembering, caplog: pytest.LogCaptureFixture
) -> None:
    agent = FunctionAgent(tools=[], llm=ToldModel())
    ctx = Context(agent)
    await agent.run("I am Ada.", memory=remembering(), ctx=ctx)
    await agent.run("I am Ada.", memory=ChatMemoryBuffer.from_defaults(token_limit=100), ctx=ctx)
    assert len(caplog.records) == 1


@pytest.mark.parametrize("other", ["now", "later"])
async def test_p17_another_conversation_of_a_user_shares_no_history(
    client: MemOS, remembering: Remembering, other: str
) -> None:
    one, two = remembering(), remembering(conversation_id=other)
    await one.aput(ChatMessage(content="Only here."))
    assert two.get_all() == []


def test_p17_a_conversation_is_made_up_for_each_memory(client: MemOS) -> None:
    names = {MemOSMemory.from_defaults(user_id="ada", client=client).scope.conversation_id for _ in range(3)}
    assert len(names) == 3
    assert None not in names
