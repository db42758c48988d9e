"""P23: MemOS's chat as the model beside a memory of ours: each turn is written once, by the memory."""

from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.agent.workflow import ReActAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.workflow import Context

from memos_integrations.client import MemOS
from memos_integrations.llama_index import MemOSLLM, MemOSMemory
from tests.engine.models import Scripted
from tests.fakes import CountingEngine
from tests.llama_index.conftest import QUESTION, said_to
from tests.llama_index.contexts import through_json
from tests.llama_index.models import text_of_all
from tests.llama_index.turns import WAYS, add, asked, condense_context, context, simple

# ReActAgent asks LlamaIndex's own context for what it has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning")

Remembering = Callable[..., MemOSMemory]
ANSWER = "It is Sencha."
NEXT = "And in the evening?"
TWO_TURNS = [("user", QUESTION), ("assistant", ANSWER), ("user", NEXT), ("assistant", ANSWER)]
MAKE = pytest.mark.parametrize("make", [simple, context, condense_context])
THOUGHT = 'Thought: I need a tool.\nAction: add\nAction Input: {"a": 1, "b": 2}'
FINAL = f"Thought: I know.\nAnswer: {ANSWER}"


class Stepping(Scripted):
    """Says one thing after another, one a call."""

    def stream(self, asked: Any, waiting: Any) -> Any:
        first, *rest = self.script
        told = Scripted(first)
        self.script = (*rest, first)
        self.asked.append(asked)
        return told.stream(asked, waiting)


@pytest.fixture
def model() -> Scripted:
    return Scripted("It is ", "Sencha.")


@pytest.fixture
def engine(model: Scripted) -> CountingEngine:
    return CountingEngine(model=model)


@MAKE
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("placement", ["user", "system", "off"])
async def test_p23_in_a_chat_engine_the_memory_writes_each_turn_once(
    client: MemOS, engine: CountingEngine, llm: MemOSLLM, remembering: Remembering, make: Any, way: str, placement: str
) -> None:
    chat = make(llm, remembering(placement=placement))
    for question in (QUESTION, NEXT):
        assert await asked(chat, way, question) == ANSWER
        client.flush()
    assert said_to(client, engine) == TWO_TURNS


@MAKE
@pytest.mark.parametrize("way", WAYS)
async def test_p23_what_nobody_recalled_for_is_written_once_too(
    client: MemOS, engine: CountingEngine, remembering: Remembering, make: Any, way: str
) -> None:
    llm = MemOSLLM(client=client, user_id="eve", conversation_id="now")
    chat = make(llm, remembering(user_id="eve"))  # of whom nothing is known
    assert await asked(chat, way, QUESTION) == ANSWER
    assert said_to(client, engine) == TWO_TURNS[:2]


@MAKE
@pytest.mark.parametrize("way", ["chat", "astream_chat"])
async def test_p23_a_memory_that_does_not_write_leaves_it_to_the_chat(
    client: MemOS, engine: CountingEngine, llm: MemOSLLM, remembering: Remembering, make: Any, way: str
) -> None:
    chat = make(llm, remembering(record=False))
    for question in (QUESTION, NEXT):
        await asked(chat, way, question)
    assert said_to(client, engine) == TWO_TURNS


@pytest.mark.parametrize("streaming", [False, True])
async def test_p23_a_react_agent_works_through_it(
    client: MemOS, engine: CountingEngine, llm: MemOSLLM, model: Scripted, remembering: Remembering, streaming: bool
) -> None:
    stepping = Stepping(THOUGHT, FINAL)
    model.stream = stepping.stream  # type: ignore[method-assign]
    agent, memory = ReActAgent(tools=[add], llm=llm, streaming=streaming), remembering()
    assert str(await agent.run(QUESTION, memory=memory)) == ANSWER
    assert said_to(client, engine) == TWO_TURNS[:2]
    first, second = stepping.asked
    assert first.messages[-1] == {"role": "user", "content": QUESTION}
    assert second.messages[-1]["content"].startswith(QUESTION)
    assert "Observation: 3" in second.messages[-1]["content"]
    assert "Sencha from Uji" in first.messages[0]["content"]
    assert "<memories id=" not in first.messages[-1]["content"]


async def test_p23_a_restored_context_s_memory_is_known_too(
    client: MemOS, engine: CountingEngine, llm: MemOSLLM, model: Scripted, remembering: Remembering
) -> None:
    model.script = (FINAL,)
    agent = ReActAgent(tools=[add], llm=llm)
    ctx = Context(agent)
    await agent.run(QUESTION, memory=remembering(), ctx=ctx)
    again = Context.from_dict(agent, through_json(ctx))
    await agent.run(NEXT, ctx=again)
    assert said_to(client, engine) == TWO_TURNS


async def test_p23_without_a_memory_the_chat_writes(client: MemOS, engine: CountingEngine, llm: MemOSLLM) -> None:
    stock = ChatMemoryBuffer.from_defaults()
    chat = simple(llm, stock)  # type: ignore[arg-type]
    for question in (QUESTION, NEXT):
        await asked(chat, "achat", question)
    assert said_to(client, engine) == TWO_TURNS


async def test_p23_the_mark_is_seen_by_nobody_else(remembering: Remembering) -> None:
    memory = remembering(chat_history=[ChatMessage(content="Hello.", additional_kwargs={"k": "v"})], placement="off")
    (shown,) = await memory.aget()
    plain = ChatMessage(content="Hello.", additional_kwargs={"k": "v"})
    assert shown == plain == memory.get()[0]
    assert shown.model_dump() == plain.model_dump()
    assert shown.model_dump_json() == plain.model_dump_json()
    assert {**shown.additional_kwargs} == {"k": "v"}
    assert str(shown.additional_kwargs) == "{'k': 'v'}"
    await memory.aput(shown)
    assert text_of_all(memory.get_all()) == "Hello.\nHello."


async def test_p23_the_mark_outlives_copies(
    client: MemOS, engine: CountingEngine, llm: MemOSLLM, remembering: Remembering
) -> None:
    memory = remembering(placement="off")
    await memory.aput(ChatMessage(content=QUESTION))
    for deep in (False, True):
        await llm.achat([message.model_copy(deep=deep) for message in await memory.aget()])
    assert said_to(client, engine) == []
    await llm.achat([ChatMessage.model_validate(message.model_dump()) for message in await memory.aget()])
    assert said_to(client, engine) == TWO_TURNS[:2]
