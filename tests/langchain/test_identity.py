"""Whose turn it is: no default user, an order of trust, and never another's memory."""

import uuid
from dataclasses import dataclass
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime

from memos_integrations.client import MemOS
from memos_integrations.errors import Invalid
from memos_integrations.langchain import MemOSMiddleware
from memos_integrations.langchain._identity import user_of
from tests.fakes import CountingEngine
from tests.langchain.models import (
    QUESTION,
    Scripted,
    after_tools,
    at,
    create_agent,
    run,
    said,
)


@dataclass
class Who:
    user_id: object = None
    conversation_id: object = None


def owner_of(engine: CountingEngine) -> tuple[object, object]:
    """Whom the only search and the only write were for; they must agree."""
    (search,), (add,) = engine.searched, engine.added
    assert (search.user_id, search.conversation_id) == (add.user_id, add.conversation_id)
    return add.user_id, add.conversation_id


def agent_with(client: MemOS, context: Any = None, **options: Any) -> Any:
    model = Scripted(script=after_tools(0))
    return create_agent(model, [], middleware=[MemOSMiddleware(client, **options)], context_schema=context)


def named_in(_: Runtime[Any], config: RunnableConfig) -> str:
    return str(config.get("configurable", {})["tenant"])


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
@pytest.mark.parametrize(
    ("options", "config", "context", "owner"),
    [
        ({"user_id": "arg"}, at("conf"), Who("ctx"), ("arg", "t1")),
        ({"user_id": named_in}, at("conf", tenant="acme"), Who("ctx"), ("acme", "t1")),
        ({}, at("conf"), Who("ctx"), ("ctx", "t1")),
        ({}, at("conf"), Who(None), ("conf", "t1")),
        ({}, at("conf"), None, ("conf", "t1")),
        ({}, at("conf", conversation_id="c1"), None, ("conf", "c1")),
        ({}, at("conf", conversation_id="c1"), Who("ctx", "c2"), ("ctx", "c2")),
        ({"conversation_id": "c3"}, at("conf", conversation_id="c1"), Who("ctx", "c2"), ("ctx", "c3")),
        ({}, at("conf", 42), None, ("conf", "42")),
        ({}, at("conf", uuid.UUID(int=7)), None, ("conf", str(uuid.UUID(int=7)))),
    ],
)
def test_the_order_of_trust(
    client: MemOS, engine: CountingEngine, way: str, options: Any, config: Any, context: Any, owner: tuple[str, str]
) -> None:
    run(agent_with(client, Who, **options), way, said(), config, context=context)
    client.flush()
    assert owner_of(engine) == owner


def test_a_context_may_be_a_dict(client: MemOS, engine: CountingEngine) -> None:
    agent_with(client).invoke(said(), {}, context={"user_id": "ctx", "conversation_id": "c2"})
    client.flush()
    assert owner_of(engine) == ("ctx", "c2")


def test_without_a_conversation_one_is_made_for_each_run(client: MemOS, engine: CountingEngine) -> None:
    agent = agent_with(client, user_id="u")
    for _ in range(2):
        agent.invoke(said())
    client.flush()
    made = [call.conversation_id for call in engine.added]
    assert {call.conversation_id for call in engine.searched} == set(made)
    assert len(set(made)) == 2
    for conversation in made:
        assert conversation is not None
        assert conversation.startswith("run-")
        stored = client.get_message(user_id="u", conversation_id=conversation)
        assert stored.message_detail_list[0].content == QUESTION


@dataclass
class Login:
    identity: str


@dataclass
class Server:
    user: Login | None


@dataclass
class Served:
    """What a LangGraph server's `Runtime` adds."""

    server_info: Server
    context: object = None


def test_a_servers_login_is_above_what_its_client_sends() -> None:
    served: Any = Served(Server(Login("login")), Who("ctx"))
    config: Any = at("conf")
    assert user_of(served, config, None, who="it") == "login"
    assert user_of(served, config, "arg", who="it") == "arg"
    anonymous: Any = Served(Server(None), Who("ctx"))
    assert user_of(anonymous, config, None, who="it") == "ctx"


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream:values"])
def test_without_a_user_the_run_says_how_to_name_one(client: MemOS, engine: CountingEngine, way: str) -> None:
    with pytest.raises(Invalid, match=r"user_id= .*configurable.*context=.*no default user") as caught:
        run(agent_with(client), way, said(), at(None))
    assert caught.value.field == "user_id"
    assert engine.counts == (0, 0)


@pytest.mark.parametrize("wrong", [5, "", "  ", b"ada", ["ada"], True])
@pytest.mark.parametrize("where", ["context", "configurable", "argument"])
def test_a_user_that_is_no_text_is_refused(client: MemOS, engine: CountingEngine, where: str, wrong: Any) -> None:
    options: Any = {"user_id": lambda *_: wrong} if where == "argument" else {}
    config = at(wrong) if where == "configurable" else at(None)
    with pytest.raises(Invalid, match=f"user_id from {where}") as caught:
        agent_with(client, Who, **options).invoke(said(), config, context=Who(wrong) if where == "context" else None)
    assert "ada" not in str(caught.value)
    assert engine.counts == (0, 0)


def test_a_callable_that_knows_no_user_leaves_the_choice_to_nobody_else(client: MemOS) -> None:
    nobody: Any = lambda *_: None  # noqa: E731
    with pytest.raises(Invalid, match="no user"):
        agent_with(client, user_id=nobody).invoke(said(), at("conf"))


@pytest.mark.parametrize("config", [at("x" * 101), at("ada", "x" * 101), at("ada", conversation_id=7)])
def test_ids_out_of_bounds_are_refused_without_being_shown(client: MemOS, engine: CountingEngine, config: Any) -> None:
    with pytest.raises(Invalid) as caught:
        agent_with(client).invoke(said(), config)
    assert "xxx" not in f"{caught.value!r}{caught.value}"
    assert engine.counts == (0, 0)
