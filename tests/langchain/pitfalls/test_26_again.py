"""Pitfall 26: a message that is answered again, approved, edited or retried is written once."""

from typing import Any
from uuid import uuid4

import pytest
from langchain_core.messages import HumanMessage, RemoveMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, RetryPolicy

from memos_integrations.client import MemOS
from memos_integrations.langchain import MemOSMiddleware
from tests.fakes import CountingEngine
from tests.langchain.models import (
    ANSWER,
    QUESTION,
    Scripted,
    after_tools,
    at,
    counted,
    create_agent,
    run,
    said,
    spoken,
)
from tests.langchain.turns import TURN, agent_with, approving, failing


def test_26_the_same_message_answered_anew_is_not_written_again(client: MemOS, engine: CountingEngine) -> None:
    agent = agent_with(client, after_tools(0))
    agent.invoke(said(id="m1"), at())
    answer = agent.get_state(at()).values["messages"][-1].id
    agent.invoke({"messages": [RemoveMessage(answer), HumanMessage(QUESTION, id="m1")]}, at())
    agent.invoke(said("Thanks!"), at())
    client.flush()
    assert spoken(engine) == [*TURN, ("user", "Thanks!"), ("assistant", ANSWER)]


def test_26_an_answer_made_anew_from_a_checkpoint_does_not_write_the_user_twice(
    client: MemOS, engine: CountingEngine
) -> None:
    agent = agent_with(client, after_tools(0))
    agent.invoke(said(), at())
    before = next(state for state in agent.get_state_history(at()) if state.next == ("model",))
    agent.invoke(None, at(**before.config["configurable"]))
    client.flush()
    assert [text for role, text in spoken(engine) if role == "user"] == [QUESTION]
    assert len(engine.searched) == 1


def test_26_an_id_that_a_caller_uses_again_loses_nothing(client: MemOS, engine: CountingEngine) -> None:
    agent = create_agent(Scripted(script=after_tools(0)), [], middleware=[MemOSMiddleware(client)])
    for _ in range(3):
        agent.invoke({"messages": [HumanMessage("yes", id="1")]}, at())
    client.flush()
    assert spoken(engine) == [("user", "yes"), ("assistant", ANSWER)] * 3
    assert len(engine.searched) == 3


def test_26_the_same_text_said_again_is_written_again(client: MemOS, engine: CountingEngine) -> None:
    agent = agent_with(client, after_tools(0))
    for _ in range(2):
        agent.invoke(said("Yes."), at())
    client.flush()
    assert spoken(engine) == [("user", "Yes."), ("assistant", ANSWER)] * 2


DECISIONS: dict[str, Any] = {
    "approve": {"type": "approve"},
    "edit": {"type": "edit", "edited_action": {"name": "look_up", "args": {"word": "leaves"}}},
    "reject": {"type": "reject", "message": "Not that one."},
}


@pytest.mark.parametrize("decision", DECISIONS)
@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream:updates", "astream:messages"])
@pytest.mark.parametrize("record_tools", [False, True])
def test_26_a_tool_that_is_approved_edited_or_rejected_is_one_turn(
    client: MemOS, engine: CountingEngine, way: str, decision: str, record_tools: bool
) -> None:
    saver, model = InMemorySaver(), Scripted(script=after_tools(1))
    agent = approving(client, model, saver, record_tools=record_tools)
    run(agent, way, said(), at())
    run(agent, way, Command(resume={"decisions": [DECISIONS[decision]]}), at())
    client.flush()
    assert counted(engine) == (1, 1)
    written = spoken(engine)
    assert [one for one in written if one[0] == "user"] == TURN[:1]
    assert written[-1] == TURN[-1]
    assert len(written) == (4 if record_tools else 2)


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_26_a_message_that_was_edited_under_its_id_is_written_as_it_is_now(
    client: MemOS, engine: CountingEngine, way: str
) -> None:
    agent, name = agent_with(client, after_tools(0)), str(uuid4())
    run(agent, way, said("I live in Lyon.", id=name), at())
    for _ in range(2):  # and answered anew
        run(agent, way, said("I live in Rome.", id=name), at())
    client.flush()
    users = [text for role, text in spoken(engine) if role == "user"]
    assert users == ["I live in Lyon.", "I live in Rome."]


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_26_a_fork_with_other_words_is_another_turn_and_the_same_words_are_not(
    client: MemOS, engine: CountingEngine, way: str
) -> None:
    agent = agent_with(client, after_tools(0))
    run(agent, way, said("I live in Lyon.", id="5e1f9f9e-54a7-4bd5-8dd5-0d7e4e6b6a50"), at())
    start = next(state for state in agent.get_state_history(at()) if not state.values.get("messages"))
    fork = at(**start.config["configurable"])
    run(agent, way, said("I live in Lyon.", id="5e1f9f9e-54a7-4bd5-8dd5-0d7e4e6b6a50"), fork)
    run(agent, way, said("I live in Rome.", id="5e1f9f9e-54a7-4bd5-8dd5-0d7e4e6b6a50"), fork)
    client.flush()
    users = [text for role, text in spoken(engine) if role == "user"]
    assert users == ["I live in Lyon.", "I live in Rome."]


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_26_a_node_that_is_retried_by_the_graph_is_one_turn(client: MemOS, engine: CountingEngine, way: str) -> None:
    agent = create_agent(Scripted(script=failing(2)), [], middleware=[MemOSMiddleware(client)])
    graph = StateGraph(MessagesState)
    policy = RetryPolicy(max_attempts=3, initial_interval=0.0, jitter=False, retry_on=ConnectionError)
    graph.add_node("agent", agent, retry_policy=policy)
    graph.add_edge(START, "agent")
    run(graph.compile(checkpointer=InMemorySaver()), way, said(), at())
    client.flush()
    assert spoken(engine) == TURN
