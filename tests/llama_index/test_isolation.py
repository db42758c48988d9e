"""Nobody meets another's memory, however many talk at once."""

import asyncio
from collections.abc import Callable, Sequence

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage

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


async def test_two_users_of_one_agent_at_once(client: MemOS, engine: CountingEngine) -> None:
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


async def test_a_hundred_users_at_once(client: MemOS, engine: CountingEngine) -> None:
    async def talk(number: int) -> None:
        user = f"user-{number:03}"
        model = ToldModel(answer(f"noted by {user}"), answer("yes"))
        memory = MemOSMemory.from_defaults(user_id=user, conversation_id="same", client=client)
        agent = FunctionAgent(tools=[], llm=model)
        await agent.run(f"My favourite tea is blend-{number:03}.", memory=memory)
        await client.aio.flush()
        again = MemOSMemory.from_defaults(user_id=user, conversation_id="other", client=client)
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


async def test_runs_on_one_memory_at_once_lose_nothing(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    memory = remembering()
    agents = [FunctionAgent(tools=[now], llm=ToldModel(calls("now"), answer(f"echo {n}"))) for n in range(5)]
    await asyncio.gather(*(agent.run(f"word {n}", memory=memory) for n, agent in enumerate(agents)))
    client.flush()

    said = sorted(text for each in written(engine) for _, text in each)
    assert said == sorted([*(f"word {n}" for n in range(5)), *(f"echo {n}" for n in range(5))])


@pytest.mark.parametrize("other", ["now", "later"])
async def test_another_conversation_of_a_user_shares_no_history(
    client: MemOS, remembering: Remembering, other: str
) -> None:
    one, two = remembering(), remembering(conversation_id=other)
    await one.aput(ChatMessage(content="Only here."))
    assert two.get_all() == []


def test_a_conversation_is_made_up_for_each_memory(client: MemOS) -> None:
    names = {MemOSMemory.from_defaults(user_id="ada", client=client).scope.conversation_id for _ in range(3)}
    assert len(names) == 3
    assert None not in names
