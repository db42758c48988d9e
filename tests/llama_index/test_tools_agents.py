"""The tools in LlamaIndex's agents: searched, noted and corrected once a run, users apart, failures told."""

import asyncio
from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ReActAgent
from llama_index.core.base.llms.types import ChatMessage

from memos_integrations.client import MemOS
from memos_integrations.llama_index import MemOSToolSpec
from tests.fakes import CountingEngine
from tests.llama_index.conftest import FACT, QUESTION, learn, said_to
from tests.llama_index.models import ToldModel, action, answer, calls, text_of_all
from tests.llama_index.services import MARKER
from tests.llama_index.test_tools import Keeping, ids_of

# ReActAgent asks LlamaIndex's own context for what it has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning")

KINDS = pytest.mark.parametrize("kind", ["function", "react", "workflow"])
NOTE = "I moved to Lyon."


@pytest.fixture
def engine() -> Keeping:
    return Keeping()


def step(kind: str, name: str, **arguments: Any) -> ChatMessage:
    if kind != "react":
        return calls(name, **arguments)
    ((argument, value),) = arguments.items()
    told = f'["{value[0]}"]' if isinstance(value, list) else f'"{value}"'
    return action(name, f'{{"{argument}": {told}}}')


def last(kind: str) -> ChatMessage:
    return answer("Thought: I know.\nAnswer: Done." if kind == "react" else "Done.")


def agent_of(kind: str, client: MemOS, model: ToldModel, **options: Any) -> Any:
    given: Any = {"user_id": "ada", "forget": True, **options}
    tools: Any = MemOSToolSpec(client=client, **given).to_tool_list()
    if kind == "react":
        return ReActAgent(tools=tools, llm=model)
    agent = FunctionAgent(tools=tools, llm=model)
    return AgentWorkflow(agents=[agent]) if kind == "workflow" else agent


@KINDS
async def test_an_agent_searches_notes_and_corrects(client: MemOS, engine: Keeping, kind: str) -> None:
    model = ToldModel(
        step(kind, "search_memory", query=QUESTION),
        step(kind, "add_memory", text=NOTE),
        step(kind, "add_feedback", correction="I live in Lyon."),
        last(kind),
    )
    assert str(await agent_of(kind, client, model, conversation_id="now").run("Hello.")) == "Done."
    told = text_of_all(model.handed[-1])
    for expected in (FACT, "Noted.", "The correction was passed on."):
        assert expected in told
    assert [call.query for call in engine.searched] == [QUESTION]
    assert [call.feedback_content for call in engine.fed] == ["I live in Lyon."]
    assert said_to(client, engine) == [("user", NOTE)]


@KINDS
async def test_the_same_again_in_one_run_does_nothing_more(client: MemOS, engine: Keeping, kind: str) -> None:
    (own,) = ids_of(client, "ada")
    twice = [
        step(kind, name, **arguments)
        for name, arguments in (
            ("add_memory", {"text": NOTE}),
            ("add_feedback", {"correction": "I live in Lyon."}),
            ("forget_memory", {"memory_ids": [own]}),
        )
        for _ in range(2)
    ]
    model = ToldModel(*twice, last(kind), *twice, last(kind))
    agent = agent_of(kind, client, model)
    await agent.run("Hello.")
    assert text_of_all(model.handed[-1]).count("Forgotten.") >= 2
    assert len(said_to(client, engine)) == len(engine.fed) == len(engine.deleted) == 1
    await agent.run("And again.")
    assert len(said_to(client, engine)) == len(engine.fed) == 2


async def test_another_note_in_the_same_run_is_another(client: MemOS, engine: Keeping) -> None:
    model = ToldModel(calls("add_memory", text=NOTE), calls("add_memory", text="I have a cat."), answer("Done."))
    await agent_of("function", client, model).run("Hello.")
    assert sorted(said_to(client, engine)) == [("user", "I have a cat."), ("user", NOTE)]  # conversations of their own


@KINDS
async def test_a_failure_is_told_and_the_run_goes_on(refusing: MemOS, kind: str) -> None:
    model = ToldModel(step(kind, "search_memory", query=QUESTION), last(kind))
    assert str(await agent_of(kind, refusing, model).run("Hello.")) == "Done."
    assert f"search_memory failed: QuotaExceeded, code 40300: {MARKER}" in text_of_all(model.handed[-1])


async def test_a_model_can_t_say_whose_memory_it_wants(client: MemOS, engine: CountingEngine) -> None:
    learn(client, "bob", "My favourite tea is Assam.")
    model = ToldModel(calls("search_memory", query=QUESTION, user_id="bob"), answer("Done."))
    await agent_of("function", client, model).run("Hello.")
    assert "Assam" not in text_of_all(model.handed[-1])
    assert all(call.user_id == "ada" for call in engine.searched)


async def test_fifty_users_at_once_are_never_mixed_up(client: MemOS, engine: Keeping) -> None:
    users = [f"user-{number}" for number in range(50)]
    for user in users:
        learn(client, user, f"My favourite tea is from cup {user}.")
    engine.added.clear()

    async def runs(user: str) -> str:
        model = ToldModel(calls("search_memory", query=QUESTION), calls("add_memory", text=f"I am {user}."))
        await agent_of("function", client, model, user_id=user, conversation_id="now", recall_seconds=60).run("Hello.")
        return text_of_all(model.handed[-1])

    for user, told in zip(users, await asyncio.gather(*map(runs, users)), strict=True):
        assert f"from cup {user}." in told
        assert told.count("from cup") == told.count(f"from cup {user}.")
    client.flush()
    noted = {(str(call.user_id), turn.text) for call in engine.added for turn in call.turns}
    assert noted == {(user, f"I am {user}.") for user in users}
