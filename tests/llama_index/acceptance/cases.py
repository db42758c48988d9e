"""One user turn with each of LlamaIndex's agents and chat engines."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ReActAgent
from llama_index.core.agent.workflow.base_agent import BaseWorkflowAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from memos_integrations.llama_index import MemOSMemory
from tests.llama_index.conftest import QUESTION
from tests.llama_index.models import OLD, Step, ToldModel, action, answer, calls, now
from tests.llama_index.turns import (
    ENGINES,
    SAID,
    WAYS,
    add,
    agent_of,
    asked,
    condense_context,
    condense_question,
    script_of,
)

__all__ = ["CASES", "Case"]

Ask = Callable[[ToldModel, MemOSMemory], Awaitable[str]]


@dataclass(frozen=True)
class Case:
    """`calls` of the model in one turn, of which all but a `blind` end see the memory; asked in `turns` turns."""

    name: str
    script: tuple[Step, ...]
    ask: Ask
    calls: int
    blind: int = 0
    turns: int = 2


class Tea(BaseModel):
    """A tea."""

    name: str


async def by_agent(make: Callable[[ToldModel], BaseWorkflowAgent], model: ToldModel, memory: MemOSMemory) -> str:
    return str(await make(model).run(QUESTION, memory=memory))


async def by_history(model: ToldModel, memory: MemOSMemory) -> str:
    history = [ChatMessage(content="Hello."), answer("Hi!"), ChatMessage(content=QUESTION)]
    return str(await agent_of("function", model).run(chat_history=history, memory=memory))


async def by_early_stop(model: ToldModel, memory: MemOSMemory) -> str:
    agent = agent_of("function", model)
    return str(await agent.run(QUESTION, memory=memory, max_iterations=2, early_stopping_method="generate"))


async def by_engine(make: Callable[..., Any], way: str, model: ToldModel, memory: MemOSMemory) -> str:
    return await asked(make(model, memory), way, QUESTION)


async def by_hand_off(kind: str, streaming: bool, model: ToldModel, memory: MemOSMemory) -> str:
    front = agent_of(kind, model, streaming=streaming)
    front.name, front.description = "front", "takes questions"
    options: dict[str, Any] = {"description": "knows tea", "tools": [add], "streaming": streaming}
    expert = FunctionAgent(name="expert", llm=model, **options)
    return str(await AgentWorkflow(agents=[front, expert], root_agent="front").run(QUESTION, memory=memory))


def parallel(model: ToldModel) -> BaseWorkflowAgent:
    return FunctionAgent(tools=[now, FunctionTool.from_defaults(now, name="later")], llm=model)


def structured(model: ToldModel) -> BaseWorkflowAgent:
    return FunctionAgent(tools=[], llm=model, output_cls=Tea)


def direct(make: type[FunctionAgent | ReActAgent], model: ToldModel) -> BaseWorkflowAgent:
    """One whose tool answers by itself."""
    return make(tools=[FunctionTool.from_defaults(tells, return_direct=True)], llm=model)


def tells() -> str:
    """Tells which tea."""
    return SAID


def _agents() -> list[Case]:
    cases = list[Case]()
    for kind, rounds, prompt, streaming in product(
        ("function", "react", "code"), (0, 1, 5), (None, "You sell tea."), (True, False)
    ):
        name = f"{kind}-{rounds}-{'prompt' if prompt else 'bare'}-{'stream' if streaming else 'whole'}"
        make = partial(agent_of, kind, streaming=streaming, prompt=prompt)
        cases.append(Case(name, tuple(script_of(kind, rounds)), partial(by_agent, make), rounds + 1))
    return cases


def _special() -> list[Case]:
    empty = [] if OLD else [answer("")]  # at which 0.13 gives up
    retry = (answer("Action: what?"), *empty, *script_of("react", 1))
    tools = (calls("now"), calls("now"), answer(SAID))
    function = tuple(script_of("function", 1))
    return [
        Case("parallel tools", (calls("now", "later"), answer(SAID)), partial(by_agent, parallel), 2),
        Case("react parse retry", retry, partial(by_agent, partial(agent_of, "react")), len(retry)),
        Case("output_cls", (answer(SAID), calls("Tea", name="Sencha")), partial(by_agent, structured), 2),
        Case("direct tool", (calls("tells"),), partial(by_agent, partial(direct, FunctionAgent)), 1),
        Case("react direct tool", (action("tells", "{}"),), partial(by_agent, partial(direct, ReActAgent)), 1),
        *([] if OLD else [Case("early stop", tools, by_early_stop, 3)]),  # 0.13 only raises
        Case("question in chat_history", function, by_history, 2, turns=1),  # again, it would be the same turn
    ]


def _hand_offs() -> list[Case]:
    script = (calls("handoff", to_agent="expert", reason="tea"), *script_of("function", 1))
    return [
        Case(f"hand-off {kind} {streaming}", script, partial(by_hand_off, kind, streaming), 3)
        for kind, streaming in product(("function", "code"), (True, False))
    ]


def _engines() -> list[Case]:
    cases = list[Case]()
    for make, way in product(ENGINES, WAYS):
        first = (answer("a standalone question"),) if make in {condense_context, condense_question} else ()
        count = len(first) + 1
        # An engine of this kind condenses nothing before there is a history; CondenseQuestion asks its index alone.
        blind = 1 if make is condense_question else 0
        cases.append(
            Case(f"{make.__name__} {way}", (*first, answer(SAID)), partial(by_engine, make, way), count, blind)
        )
    return cases


CASES = [*_agents(), *_special(), *_hand_offs(), *_engines()]
