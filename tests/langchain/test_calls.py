"""One search and one write a user turn, whatever happens inside it."""

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from memos_integrations.client import Event, MemOS, Recalled, Recorded
from memos_integrations.langchain import MemOSMiddleware
from tests.fakes import CountingEngine
from tests.langchain.models import (
    ANSWER,
    QUESTION,
    Scripted,
    after_tools,
    at,
    create_agent,
    look_up,
    run,
    said,
    spoken,
)
from tests.langchain.turns import Remembers


def test_the_same_search_and_write_are_told_as_events(client: MemOS, remembers: Remembers, events: list[Event]) -> None:
    remembers()
    agent = create_agent(Scripted(script=after_tools(2)), [look_up], middleware=[MemOSMiddleware(client)])
    agent.invoke(said(), at())
    client.flush()
    recalled, recorded = events
    assert isinstance(recalled, Recalled)
    assert isinstance(recorded, Recorded)
    assert (recalled.conversation_id, recalled.facts >= 1, recorded.conversation_id, recorded.messages) == (
        "t1",
        True,
        "t1",
        2,
    )


@pytest.mark.parametrize(("recall", "record"), [(True, False), (False, True), (False, False)])
@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_either_half_can_be_left_out(
    client: MemOS, engine: CountingEngine, remembers: Remembers, recall: bool, record: bool, way: str
) -> None:
    remembers()
    model = Scripted(script=after_tools(1))
    memory = MemOSMiddleware(client, recall=recall, record=record)
    agent = create_agent(model, [look_up], system_prompt="Be kind.", middleware=[memory], checkpointer=InMemorySaver())
    run(agent, way, said(), at())
    client.flush()
    assert engine.counts == (int(recall), int(record))
    assert ("memories" in str(model.handed)) is recall


def test_what_is_said_while_recording_is_off_is_not_written_later(client: MemOS, engine: CountingEngine) -> None:
    saver, model = InMemorySaver(), Scripted(script=after_tools(0))
    private = create_agent(model, [], middleware=[MemOSMiddleware(client, record=False)], checkpointer=saver)
    private.invoke(said("Between us: I am looking for another job."), at())
    public = create_agent(model, [], middleware=[MemOSMiddleware(client)], checkpointer=saver)
    public.invoke(said(), at())
    client.flush()
    assert spoken(engine) == [("user", QUESTION), ("assistant", ANSWER)]


def test_the_options_go_into_the_search_and_the_rest_is_left_to_the_server(
    client: MemOS, engine: CountingEngine
) -> None:
    options = MemOSMiddleware(client, user_id="u", memory_limit_number=3, relativity=0.4, include_preference=False)
    plain = MemOSMiddleware(client, user_id="u")
    for memory in (options, plain):
        create_agent(Scripted(script=after_tools(0)), [], middleware=[memory]).invoke(said(), at(None))
    asked, unasked = engine.searched
    assert (asked.memory_limit_number, asked.relativity, asked.include_preference) == (3, 0.4, False)
    assert (unasked.memory_limit_number, unasked.relativity, unasked.include_preference) == (None, None, None)


def test_marks_are_written_with_the_turn(client: MemOS, engine: CountingEngine) -> None:
    memory = MemOSMiddleware(
        client, user_id="u", agent_id="guide", app_id="trips", tags=["travel"], info={"tier": "gold"}
    )
    create_agent(Scripted(script=after_tools(0)), [], middleware=[memory]).invoke(said(), at(None))
    client.flush()
    (call,) = engine.added
    assert (call.users, call.agents, call.app_id, call.tags) == (("u",), ("guide",), "trips", ("travel",))
    assert call.info == {"tier": "gold"}
