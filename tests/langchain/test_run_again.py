"""An agent that is run again: as the same turn after a failure, as another when the user says it again."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage

from memos_integrations.client import MemOS
from memos_integrations.langchain import MemOSMiddleware
from tests.fakes import CountingEngine
from tests.langchain.models import ANSWER, QUESTION, Scripted, after_tools, at, create_agent, run, said, spoken
from tests.langchain.turns import TURN, failing


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
@pytest.mark.parametrize("keeping", ["with_retry", "with_fallbacks"])
@pytest.mark.parametrize("thread", ["t1", None])
def test_an_agent_that_is_run_again_as_a_whole_writes_the_turn_once(
    client: MemOS, engine: CountingEngine, way: str, keeping: str, thread: str | None
) -> None:
    broken = create_agent(Scripted(script=failing(1)), [], middleware=[MemOSMiddleware(client)])
    whole = create_agent(Scripted(script=after_tools(0)), [], middleware=[MemOSMiddleware(client)])
    again = broken.with_retry(stop_after_attempt=2, wait_exponential_jitter=False)
    agent = again if keeping == "with_retry" else broken.with_fallbacks([whole])
    given: Any = {"messages": [("user", QUESTION)]}
    config = at() if thread else {"configurable": {"user_id": "ada"}}
    run(agent, way, given, config)
    run(whole, way, given, config)  # said again: another turn
    client.flush()
    assert sorted(spoken(engine)) == sorted([*TURN, *TURN])
    assert len({call.conversation_id for call in engine.added}) == (1 if thread else 2)


def test_other_words_after_a_failure_are_another_turn(client: MemOS, engine: CountingEngine) -> None:
    agent = create_agent(Scripted(script=failing(1)), [], middleware=[MemOSMiddleware(client)])
    with pytest.raises(Exception, match=r"."):
        agent.invoke(said("I moved to Lyon."), at())
    agent.invoke(said(), at())
    agent.invoke(said("I moved to Lyon."), at())
    client.flush()
    assert [text for role, text in spoken(engine) if role == "user"] == [
        "I moved to Lyon.",
        QUESTION,
        "I moved to Lyon.",
    ]


def test_an_answer_out_of_a_models_cache_is_written_again(client: MemOS, engine: CountingEngine) -> None:
    answer = AIMessage(ANSWER, id="0b9f2a54-6a1e-4a6e-9d7c-3f5f6f6f2c11")
    agent = create_agent(Scripted(script=lambda _: answer), [], middleware=[MemOSMiddleware(client)])
    for _ in range(2):
        agent.invoke(said(), at())
    client.flush()
    assert spoken(engine) == [*TURN, *TURN]
