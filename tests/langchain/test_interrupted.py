"""Turns that do not run straight through: errors, approvals, restarts, summaries, streams left half-way."""

import pytest
from langchain_core.messages import RemoveMessage
from langgraph.checkpoint.memory import InMemorySaver

from memos_integrations.client import MemOS
from tests.fakes import CountingEngine, client_over
from tests.langchain.models import (
    Scripted,
    after_tools,
    at,
    said,
    spoken,
)
from tests.langchain.turns import APPROVE, TURN, approving, failing


def test_an_approval_that_never_comes_is_followed_by_another_turn(client: MemOS, engine: CountingEngine) -> None:
    agent = approving(client, Scripted(script=after_tools(1)), InMemorySaver())
    agent.invoke(said("Look up Lyon."), at())
    agent.invoke(said(), at())
    agent.invoke(APPROVE, at())
    client.flush()
    assert spoken(engine) == [("user", "Look up Lyon."), *TURN]


def test_an_orphaned_turn_that_is_gone_does_not_take_the_present_one_with_it_in_another_process(
    engine: CountingEngine,
) -> None:
    saver, model = InMemorySaver(), Scripted(script=failing(1))
    with client_over(CountingEngine()) as client:
        agent = approving(client, model, saver)
        with pytest.raises(ConnectionError):
            agent.invoke(said("I moved to Lyon.", id="m1"), at())
        model.script = after_tools(1)
        agent.invoke(said(), at())
        agent.update_state(at(), {"messages": [RemoveMessage("m1")]})
    with client_over(engine) as client:
        approving(client, model, saver).invoke(APPROVE, at())
        client.flush()
        assert spoken(engine) == TURN
