"""What of an agent's request is asked of MemOS's chat: the user's words and the steps since, which are not written."""

import asyncio
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, MessageRole

from memos_integrations.client import MemOS
from memos_integrations.llama_index import MemOSLLM
from memos_integrations.llama_index._asking import question_in
from tests.engine.models import Scripted
from tests.fakes import CountingEngine
from tests.langchain.chats import block
from tests.llama_index.conftest import said_to
from tests.llama_index.models import action, answer, ask, code

STEPS: list[Any] = [
    [action(), ask("Observation: 3")],
    [action(), ask("Observation: 3"), action(), ask("Observation: 4")],
    [answer("Hm."), ask("Error while parsing the output: no Action")],
    [answer(""), ask("FAILURE: Your previous response was empty.")],
    [code(), ask("Result of executing the code given:\n\n1")],
    [action(), ChatMessage(role=MessageRole.TOOL, content="3")],
]
SYSTEM = ChatMessage(role=MessageRole.SYSTEM, content="Be brief.")


@pytest.fixture
def model() -> Scripted:
    return Scripted("In ", "Lyon.")


@pytest.fixture
def engine(model: Scripted) -> CountingEngine:
    return CountingEngine(model=model)


@pytest.mark.parametrize("steps", STEPS, ids=range(len(STEPS)))
async def test_an_agent_s_steps_go_with_the_question_and_are_not_written(
    client: MemOS, engine: CountingEngine, model: Scripted, steps: list[ChatMessage]
) -> None:
    llm = MemOSLLM(client=client, user_id="ada", history_policy="raise")
    await llm.achat([SYSTEM, ask("Where?"), *steps])
    query = model.last[-1][1]
    assert query.split("\n")[0] == "Where?"
    assert all((step.content or "") in query for step in steps)
    assert said_to(client, engine) == []


async def test_a_user_who_writes_like_an_agent_is_asked_for(
    client: MemOS, engine: CountingEngine, model: Scripted
) -> None:
    llm = MemOSLLM(client=client, user_id="ada")
    await llm.achat([SYSTEM, ask("Observation: it rains.")])
    assert model.last[-1] == ("user", "Observation: it rains.")
    assert said_to(client, engine)[0] == ("user", "Observation: it rains.")


def test_a_block_before_a_question_that_is_put_later_goes_to_the_system_prompt() -> None:
    asked, steps = question_in([answer("Hello."), ask(block("whole")), SYSTEM, ask("Where?")], None)
    assert (asked.query, asked.left_out, steps) == ("Where?", 1, False)
    assert asked.system is not None
    assert asked.system.index("<memories id=") > asked.system.index("Be brief.")


def test_a_block_that_is_a_piece_of_the_message_for_itself_leaves_no_line() -> None:
    asked, _ = question_in([ask(block("whole") + "\nWhere?")], None)
    assert asked.query == "Where?"


@pytest.mark.parametrize("way", ["astream_chat", "astream_complete"])
async def test_an_async_stream_that_is_left_gives_the_answer_up(client: MemOS, model: Scripted, way: str) -> None:
    given: Any = [ask("Where?")] if way == "astream_chat" else "Where?"
    responses: Any = await getattr(MemOSLLM(client=client, user_id="ada"), way)(given)
    assert (await anext(responses)).delta == "In "
    await responses.aclose()
    del responses
    assert await asyncio.to_thread(model.closed.wait, 30)
