"""P2, P3: a question asked again is searched for again; an answer never is."""

from collections.abc import Callable

import pytest
from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.workflow import Context

from memos_integrations.client import MemOS
from memos_integrations.llama_index import MemOSMemory
from tests.fakes import CountingEngine
from tests.llama_index.conftest import QUESTION, written
from tests.llama_index.models import ToldModel, answer, ask, calls, text_of_all
from tests.llama_index.turns import SAID, agent_of, script_of, settled

# ReActAgent asks LlamaIndex's own context for what it has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning")

Remembering = Callable[..., MemOSMemory]
KINDS = pytest.mark.parametrize("kind", ["function", "react", "code"])
NEXT = "And which tea would you pour me?"


@KINDS
async def test_p02_the_same_question_twice_is_two_searches(
    client: MemOS, engine: CountingEngine, remembering: Remembering, kind: str
) -> None:
    agent, memory = agent_of(kind, ToldModel(*script_of(kind, 1), *script_of(kind, 1))), remembering()
    ctx = Context(agent)
    await agent.run(QUESTION, memory=memory, ctx=ctx)
    await agent.run(QUESTION, ctx=ctx)

    assert settled(client, engine) == (2, 2)


@KINDS
async def test_p03_only_the_user_s_words_are_searched_for(
    client: MemOS, engine: CountingEngine, remembering: Remembering, kind: str
) -> None:
    model = ToldModel(*script_of(kind, 1), *script_of(kind, 2))
    agent, memory = agent_of(kind, model), remembering()
    await agent.run(QUESTION, memory=memory)
    await agent.run(NEXT, memory=memory)

    assert settled(client, engine) == (2, 2)
    assert [call.query for call in engine.searched] == [QUESTION, NEXT]
    assert written(engine)[1] == [("user", NEXT), ("assistant", SAID)]
    assert "Sencha" in text_of_all(model.handed[-1])


async def test_p03_an_answered_turn_is_searched_for_no_more(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    memory = remembering()
    await memory.aput(ask(QUESTION))
    await memory.aget()
    result = ChatMessage(role=MessageRole.TOOL, content="noon", additional_kwargs={"tool_call_id": "call-now"})
    await memory.aput_messages([calls("now"), result, answer(SAID)])
    for _ in range(2):
        assert text_of_all(await memory.aget()).count("<memories id=") == 1
        memory.get()
    assert len(engine.searched) == 1

    adopted = remembering(chat_history=[ask(QUESTION), answer(SAID)])
    assert "<memories id=" not in text_of_all(await adopted.aget())
    assert len(engine.searched) == 1
