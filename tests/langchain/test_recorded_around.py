"""What a middleware passes on is recorded by it: a chat of MemOS under it, wherever, then writes nothing itself."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest
from langchain.agents.middleware import ModelFallbackMiddleware, ModelRequest, ModelRetryMiddleware, wrap_model_call
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from memos_integrations.client import MemOS
from memos_integrations.langchain import MemOSMiddleware, with_memory
from memos_integrations.langchain._writers import is_recorded_around
from tests.fakes import CountingEngine
from tests.langchain.chains import drive
from tests.langchain.models import Scripted, after_tools, at, create_agent, look_up, run, said, spoken
from tests.langchain.turns import TURN, failing

WAYS = ["invoke", "ainvoke", "stream:messages", "astream:messages"]


def noting(seen: list[bool], script: Any) -> Callable[[Sequence[BaseMessage]], AIMessage]:
    def noted(messages: Sequence[BaseMessage]) -> AIMessage:
        seen.append(is_recorded_around())
        answer: AIMessage = script(messages)
        return answer

    return noted


@pytest.mark.parametrize("record", [True, False])
@pytest.mark.parametrize("way", WAYS)
def test_a_model_is_told_whether_the_middleware_records(client: MemOS, way: str, record: bool) -> None:
    seen = list[bool]()
    memory = MemOSMiddleware(client, record=record)
    agent = create_agent(Scripted(script=noting(seen, after_tools(2))), [look_up], middleware=[memory])
    run(agent, way, said(), at())
    assert seen == [record] * 3
    assert not is_recorded_around()


@pytest.mark.parametrize("way", WAYS)
def test_it_reaches_through_retries_fallbacks_and_bindings(client: MemOS, engine: CountingEngine, way: str) -> None:
    seen = list[bool]()
    first = Scripted(script=noting(seen, failing(99)))
    second = Scripted(script=noting(seen, after_tools(1)))
    again = ModelRetryMiddleware(max_retries=1, initial_delay=0.0, jitter=False, on_failure="error")
    middleware: Any = [MemOSMiddleware(client), ModelFallbackMiddleware(second), again]
    agent = create_agent(first, [look_up], middleware=middleware, checkpointer=InMemorySaver())
    run(agent, way, said(), at())
    client.flush()
    assert seen == [True] * 6  # twice in vain and then the fallback, for each of two model calls
    assert not is_recorded_around()
    assert spoken(engine) == TURN


def test_it_does_not_reach_what_others_ask_meanwhile(client: MemOS) -> None:
    outside = list[bool]()

    @wrap_model_call
    def around(request: ModelRequest, handler: Any) -> Any:
        outside.append(is_recorded_around())
        answer = handler(request)
        outside.append(is_recorded_around())
        return answer

    middleware: Any = [around, MemOSMiddleware(client)]
    agent = create_agent(Scripted(script=failing(1)), [], middleware=middleware)
    with pytest.raises(ConnectionError):
        agent.invoke(said(), at())
    agent.invoke(said(), at())
    assert outside == [False, False, False]


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream"])
@pytest.mark.parametrize("inner", [True, False])
def test_an_agent_within_a_chain_of_ours_is_written_by_the_chain(
    client: MemOS, engine: CountingEngine, way: str, inner: bool
) -> None:
    agent = create_agent(Scripted(script=after_tools(1)), [look_up], middleware=[MemOSMiddleware(client)])
    chain = with_memory(agent, client, recall=False, record=not inner)
    drive(chain, way, said(), at())
    client.flush()
    assert spoken(engine) == TURN


def test_an_agent_in_a_tool_that_is_to_be_recorded_is_within_a_chain_of_ours_too(
    client: MemOS, engine: CountingEngine
) -> None:
    inner = create_agent(
        Scripted(script=after_tools(0, "Inside.")),
        [],
        middleware=[MemOSMiddleware(client, conversation_id="inner", record_subagents=True)],
    )

    @tool
    def delegate(word: str) -> str:
        """Asks another agent."""
        return str(inner.invoke(said(f"Find {word}"))["messages"][-1].text)

    outer = create_agent(Scripted(script=after_tools(1, name="delegate")), [delegate])
    config: Any = at()
    with_memory(outer, client, recall=False).invoke(said(), config)
    client.flush()
    assert sorted(spoken(engine)) == sorted([*TURN, ("user", "Find w0"), ("assistant", "Inside.")])


@pytest.mark.parametrize("mode", ["updates", "values", "messages", ["updates", "messages"], ["custom", "values"]])
@pytest.mark.parametrize("steps", [0, 1])
def test_an_agents_answer_is_found_in_every_stream_of_it(
    client: MemOS, engine: CountingEngine, mode: Any, steps: int
) -> None:
    chain = with_memory(create_agent(Scripted(script=after_tools(steps)), [look_up]), client, recall=False)
    config: Any = at()
    assert list(chain.stream(said(), config, stream_mode=mode))
    client.flush()
    assert spoken(engine) == TURN


def test_an_agent_inside_a_tool_says_nothing_in_a_stream_of_tokens(client: MemOS, engine: CountingEngine) -> None:
    inner = create_agent(Scripted(script=after_tools(0, "Inside.")), [])

    @tool
    def delegate(word: str) -> str:
        """Asks another agent."""
        return str(inner.invoke(said(f"Find {word}"))["messages"][-1].text)

    outer = create_agent(Scripted(script=after_tools(1, name="delegate")), [delegate])
    chain, config = with_memory(outer, client, recall=False), at()
    chunks = list(chain.stream(said(), cast("Any", config), stream_mode="messages", subgraphs=True))
    client.flush()
    assert any("Inside." in str(chunk) for chunk in chunks)
    assert spoken(engine) == TURN
