"""P14: a run that fails, is cancelled or does not end loses no word of the user's."""

import asyncio
from collections.abc import Callable

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import (
    MessageRole,
)
from llama_index.core.workflow import WorkflowRuntimeError
from workflows.errors import WorkflowCancelledByUser

from memos_integrations.client import MemOS
from memos_integrations.llama_index import MemOSMemory
from tests.fakes import CountingEngine
from tests.llama_index.conftest import delivered, said_to
from tests.llama_index.models import (
    FAILED,
    Broken,
    ToldModel,
    answer,
    calls,
    function,
)

pytestmark = pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning")
Remembering = Callable[..., MemOSMemory]
TOOL = MessageRole.TOOL


async def test_p14_a_failed_run_s_words_are_written_before_the_next_turn_once(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    memory = remembering()
    with pytest.raises(FAILED):
        await function(Broken()).run("I live in Uji.", memory=memory)
    assert delivered(client, engine) == []

    await function(answer("In Uji.")).run("Where do I live?", memory=memory)
    await function(answer("Bye.")).run("Bye.", memory=memory)
    assert said_to(client, engine) == [
        ("user", "I live in Uji."),
        ("user", "Where do I live?"),
        ("assistant", "In Uji."),
        ("user", "Bye."),
        ("assistant", "Bye."),
    ]


async def test_p14_a_cancelled_and_an_endless_run_s_words_are_written_before_the_next_turn(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    memory, started, never = remembering(), asyncio.Event(), asyncio.Event()

    async def wait() -> str:
        """Waits."""
        started.set()
        await never.wait()
        return "never"

    handler = FunctionAgent(tools=[wait], llm=ToldModel(calls("wait"))).run("I live in Uji.", memory=memory)
    await started.wait()
    await handler.cancel_run()
    with pytest.raises(WorkflowCancelledByUser):
        await handler

    with pytest.raises(WorkflowRuntimeError, match="Max iterations"):
        await function(*[calls("now")] * 5).run("I drink tea.", memory=memory, max_iterations=3)

    await function(answer("Fine.")).run("Well?", memory=memory)
    assert said_to(client, engine) == [
        ("user", "I live in Uji."),
        ("user", "I drink tea."),
        ("user", "Well?"),
        ("assistant", "Fine."),
    ]
