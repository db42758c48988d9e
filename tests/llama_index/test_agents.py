"""One search and one write a user turn, whatever the agent does, and its model sees what was recalled."""

from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ReActAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import Context
from pydantic import BaseModel

from memos_integrations.client import MemOS
from memos_integrations.llama_index import MemOSMemory
from tests.fakes import CountingEngine
from tests.llama_index.conftest import QUESTION, written
from tests.llama_index.models import ToldModel, action, answer, calls, now, text_of_all
from tests.llama_index.turns import SAID, add, agent_of, has_memory_once, script_of, settled

# ReActAgent and early stops ask LlamaIndex's own context for what it has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning")

Remembering = Callable[..., MemOSMemory]


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("prompt", [None, "You sell tea."])
@pytest.mark.parametrize("rounds", [0, 1, 5])
@pytest.mark.parametrize("kind", ["function", "react", "code"])
async def test_an_agent_searches_and_writes_once_a_turn(
    client: MemOS,
    engine: CountingEngine,
    remembering: Remembering,
    kind: str,
    rounds: int,
    prompt: str | None,
    streaming: bool,
) -> None:
    model = ToldModel(*script_of(kind, rounds))
    agent = agent_of(kind, model, streaming=streaming, prompt=prompt)

    told = await agent.run(QUESTION, memory=remembering())

    assert str(told) == SAID
    assert settled(client, engine) == (1, 1)
    assert engine.searched[0].query == QUESTION
    assert written(engine) == [[("user", QUESTION), ("assistant", SAID)]]
    assert len(model.handed) == rounds + 1
    for handed in model.handed:
        has_memory_once(handed)


@pytest.mark.parametrize("kind", ["function", "react", "code"])
async def test_two_turns_are_two_and_two(
    client: MemOS, engine: CountingEngine, remembering: Remembering, kind: str
) -> None:
    model = ToldModel(*script_of(kind, 1), *script_of(kind, 2))
    agent, memory = agent_of(kind, model), remembering()
    await agent.run(QUESTION, memory=memory)
    await agent.run("And which tea would you pour me?", memory=memory)

    assert settled(client, engine) == (2, 2)
    assert [call.query for call in engine.searched] == [QUESTION, "And which tea would you pour me?"]
    assert written(engine)[1] == [("user", "And which tea would you pour me?"), ("assistant", SAID)]
    assert "Sencha" in text_of_all(model.handed[-1])


@pytest.mark.parametrize("kind", ["function", "react", "code"])
async def test_the_same_question_twice_is_two_searches(
    client: MemOS, engine: CountingEngine, remembering: Remembering, kind: str
) -> None:
    agent, memory = agent_of(kind, ToldModel(*script_of(kind, 1), *script_of(kind, 1))), remembering()
    ctx = Context(agent)
    await agent.run(QUESTION, memory=memory, ctx=ctx)
    await agent.run(QUESTION, ctx=ctx)

    assert settled(client, engine) == (2, 2)


async def test_parallel_tools_are_one_turn(client: MemOS, engine: CountingEngine, remembering: Remembering) -> None:
    model = ToldModel(calls("now", "later"), answer(SAID))
    agent = FunctionAgent(tools=[now, FunctionTool.from_defaults(now, name="later")], llm=model)
    memory = remembering()
    await agent.run(QUESTION, memory=memory)

    assert settled(client, engine) == (1, 1)
    assert [m.role for m in memory.get_all()] == ["user", "assistant", "tool", "tool", "assistant"]


async def test_a_tool_that_answers_by_itself_is_written(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    direct = FunctionTool.from_defaults(now, return_direct=True)
    await FunctionAgent(tools=[direct], llm=ToldModel(calls("now"))).run("How late is it?", memory=remembering())
    await ReActAgent(tools=[direct], llm=ToldModel(action("now", "{}"))).run("How late is it?", memory=remembering())

    assert settled(client, engine) == (2, 2)
    assert written(engine) == [[("user", "How late is it?"), ("assistant", "noon")]] * 2


async def test_a_react_retry_is_the_same_turn(client: MemOS, engine: CountingEngine, remembering: Remembering) -> None:
    model = ToldModel(answer("Action: what?"), answer(""), *script_of("react", 1))
    await agent_of("react", model).run(QUESTION, memory=remembering())

    assert settled(client, engine) == (1, 1)
    assert written(engine) == [[("user", QUESTION), ("assistant", SAID)]]
    assert len(model.handed) == 4
    for handed in model.handed:
        assert text_of_all(handed).count("<memories id=") == 1


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("kind", ["function", "code"])
async def test_a_hand_off_is_the_same_turn(
    client: MemOS, engine: CountingEngine, remembering: Remembering, kind: str, streaming: bool
) -> None:
    handoff = calls("handoff", to_agent="expert", reason="tea")
    first, second = ToldModel(handoff), ToldModel(*script_of("function", 1))
    front = agent_of(kind, first, streaming=streaming)
    front.name, front.description = "front", "takes questions"
    expert = FunctionAgent(name="expert", description="knows tea", tools=[add], llm=second, streaming=streaming)
    memory = remembering()
    told = await AgentWorkflow(agents=[front, expert], root_agent="front").run(QUESTION, memory=memory)

    assert str(told) == SAID
    assert settled(client, engine) == (1, 1)
    assert written(engine) == [[("user", QUESTION), ("assistant", SAID)]]
    for handed in [*first.handed, *second.handed]:
        has_memory_once(handed)


class Tea(BaseModel):
    """A tea."""

    name: str


async def test_structured_output_is_the_same_turn(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    model = ToldModel(answer(SAID), calls("Tea", name="Sencha"))
    told: Any = await FunctionAgent(tools=[], llm=model, output_cls=Tea).run(QUESTION, memory=remembering())

    assert told.structured_response == {"name": "Sencha"}
    assert settled(client, engine) == (1, 1)
    assert written(engine) == [[("user", QUESTION), ("assistant", SAID)]]
    assert len(model.handed) == 2
    for handed in model.handed:
        has_memory_once(handed)


async def test_an_early_stop_with_an_answer_is_one_turn(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    model = ToldModel(calls("now"), calls("now"), answer("I stop here."), *script_of("function", 1))
    agent, memory = agent_of("function", model), remembering()
    ctx = Context(agent)
    await agent.run(QUESTION, memory=memory, ctx=ctx, max_iterations=2, early_stopping_method="generate")
    assert written_after(client, engine) == [[("user", QUESTION), ("assistant", "I stop here.")]]
    await agent.run("Go on.", memory=memory)

    assert settled(client, engine) == (2, 2)
    assert written(engine)[1] == [("user", "Go on."), ("assistant", SAID)]


def written_after(client: MemOS, engine: CountingEngine) -> list[list[tuple[str, str]]]:
    client.flush()
    return written(engine)


async def test_a_caller_s_history_with_the_question_in_it_is_one_turn(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    history = [ChatMessage(content="Hello."), answer("Hi!"), ChatMessage(content=QUESTION)]
    model = ToldModel(*script_of("function", 1))
    await agent_of("function", model).run(chat_history=history, memory=remembering())

    assert settled(client, engine) == (1, 1)
    assert written(engine) == [[("user", QUESTION), ("assistant", SAID)]]
    for handed in model.handed:
        has_memory_once(handed)
