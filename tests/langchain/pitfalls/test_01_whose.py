"""Pitfall 1: one instance, many users, and each sees their own."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from memos_integrations.client import MemOS
from memos_integrations.langchain import MemOSMiddleware
from tests.fakes import CountingEngine
from tests.langchain.models import (
    ANSWER,
    MARK,
    Scripted,
    after_tools,
    at,
    counted,
    create_agent,
    echo,
    look_up,
    run,
    said,
    spoken,
)
from tests.langchain.turns import APPROVE, TURN, Remembers, approving, failing


def agent_of(*middleware: MemOSMiddleware) -> Any:
    model = Scripted(script=after_tools(2))
    return create_agent(model, [look_up], middleware=list(middleware), checkpointer=InMemorySaver())


def custom(chunks: list[Any]) -> list[dict[str, Any]]:
    return [chunk for mode, chunk in chunks if mode == "custom"]


def test_01_two_hundred_users_on_one_instance_see_their_own(client: MemOS, engine: CountingEngine) -> None:
    users = [f"user-{number:03}" for number in range(200)]
    for user in users:
        message = {"role": "user", "content": f"I drink {user} tea every morning."}
        client.add_message(messages=[message], user_id=user, conversation_id="earlier", async_mode=False)
    engine.added.clear()
    model = Scripted(script=lambda messages: after_tools(1)(messages) if len(messages) < 3 else echo(messages))
    memory = MemOSMiddleware(client, recall_seconds=60)
    agent = create_agent(model, [look_up], middleware=[memory], checkpointer=InMemorySaver())

    async def all_at_once() -> list[Any]:
        return await asyncio.gather(*(agent.ainvoke(said(), at(user, f"task-{user}")) for user in users))

    with ThreadPoolExecutor(16) as pool:
        threads = [pool.submit(agent.invoke, said(), at(user, f"thread-{user}")) for user in users]
        states = [*asyncio.run(all_at_once()), *(thread.result() for thread in threads)]
    client.flush(60)
    for user, state in zip(users * 2, states, strict=True):
        assert set(_users_in(str(state["messages"][-1].text))) == {user}
    assert counted(engine) == (400, 400)
    for call in engine.added:
        assert call.conversation_id in {f"task-{call.user_id}", f"thread-{call.user_id}"}
        assert set(_users_in(str([turn.text for turn in call.turns]))) <= {call.user_id}


def _users_in(text: str) -> list[str]:
    return [f"user-{piece[:3]}" for piece in text.split("user-")[1:]]


def test_01_an_orphaned_turn_of_one_user_never_becomes_anothers(client: MemOS, engine: CountingEngine) -> None:
    fails = [True]

    def script(messages: Any) -> Any:
        if fails.pop() if fails else False:
            raise ConnectionError("the model is away")
        return after_tools(0)(messages)

    agent = create_agent(
        Scripted(script=script), [], middleware=[MemOSMiddleware(client)], checkpointer=InMemorySaver()
    )
    with pytest.raises(ConnectionError):
        agent.invoke(said("My secret is a quokka."), at("ada", "shared"))
    agent.invoke(said(), at("bob", "shared"))
    client.flush()
    (call,) = engine.added
    assert call.users == ("bob",)
    assert MARK not in str(spoken(engine))


def test_01_another_person_who_approves_neither_lends_nor_takes_memories(
    client: MemOS, engine: CountingEngine, remembers: Remembers
) -> None:
    remembers("I drink black koala tea.", "boss")
    model = Scripted(script=after_tools(1))
    agent = approving(client, model, InMemorySaver())
    agent.invoke(said(), at("ada"))
    agent.invoke(APPROVE, at("boss"))
    client.flush()
    assert "koala" not in str(model.handed)
    assert [call for call in engine.added if "boss" in call.users] == []
    agent.invoke(said("Thanks!"), at("ada"))
    agent.invoke(APPROVE, at("ada"))
    client.flush()
    assert spoken(engine) == [*TURN, ("user", "Thanks!"), ("assistant", ANSWER)]
    assert {call.users for call in engine.added} == {("ada",)}


def test_01_each_run_hears_of_itself_alone(client: MemOS) -> None:
    agent = agent_of(MemOSMiddleware(client))
    first = agent.stream(said(), at("ada", "t1"), stream_mode="custom")
    second = agent.stream(said(), at("bob", "t2"), stream_mode="custom")
    assert [next(first)["conversation_id"], next(second)["conversation_id"]] == ["t1", "t2"]
    assert [*first, *second] == []


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
@pytest.mark.parametrize("away", [0, 1])
def test_01_who_has_anothers_message_answered_anew_does_not_make_it_theirs(
    client: MemOS, engine: CountingEngine, way: str, away: int
) -> None:
    model, memory = Scripted(script=failing(away)), MemOSMiddleware(client)
    agent = create_agent(model, [], middleware=[memory], checkpointer=InMemorySaver())
    with pytest.raises(ConnectionError) if away else nullcontext():
        run(agent, way, said("My secret is a quokka."), at("ada", "shared"))
    run(agent, way, {"messages": []}, at("bob", "shared"))
    run(agent, way, said("Thanks!"), at("ada", "shared"))
    client.flush()
    assert {call.users for call in engine.added} == {("ada",)}
    users = [text for role, text in spoken(engine) if role == "user"]
    assert users == ["My secret is a quokka.", "Thanks!"]
