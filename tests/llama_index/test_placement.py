"""Where recalled text goes, and that it stays text."""

from collections.abc import Callable

import pytest
from llama_index.core.base.llms.types import MessageRole

from memos_integrations.client import MemOS
from memos_integrations.llama_index import MemOSMemory
from tests.fakes import CountingEngine
from tests.llama_index.conftest import QUESTION
from tests.llama_index.models import ToldModel, answer, text_of_all
from tests.llama_index.turns import SAID, agent_of, has_memory_once, script_of, settled

# ReActAgent and early stops ask LlamaIndex's own context for what it has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning")

Remembering = Callable[..., MemOSMemory]


@pytest.mark.parametrize("prompt", [None, "You sell tea."])
@pytest.mark.parametrize("rounds", [0, 2])
async def test_placed_in_the_system_message(
    client: MemOS, engine: CountingEngine, remembering: Remembering, rounds: int, prompt: str | None
) -> None:
    """One system message of ours; LlamaIndex itself sets an agent's own prompt in a second one."""
    model = ToldModel(*script_of("function", rounds))
    await agent_of("function", model, prompt=prompt).run(QUESTION, memory=remembering(placement="system"))

    assert settled(client, engine) == (1, 1)
    for handed in model.handed:
        assert [m.role for m in handed].count(MessageRole.SYSTEM) == (1 if prompt is None else 2)
        assert text_of_all(handed).count("<memories id=") == 1
        mine = next(m for m in handed if "<memories id=" in text_of_all([m]))
        assert mine.role == MessageRole.SYSTEM
        assert "Sencha from Uji" in text_of_all([mine])


@pytest.mark.parametrize("kind", ["react", "code"])
async def test_agents_that_make_their_own_system_message_drop_that_placement_without_a_prompt(
    client: MemOS, engine: CountingEngine, remembering: Remembering, kind: str
) -> None:
    """A fact of LlamaIndex, said in from_defaults: the default placement reaches them, this one does not."""
    model = ToldModel(*script_of(kind, 0))
    await agent_of(kind, model).run(QUESTION, memory=remembering(placement="system"))

    assert "<memories id=" not in text_of_all(model.handed[0])
    assert settled(client, engine) == (1, 1)


async def test_placed_nowhere_searches_nothing_and_writes(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    model = ToldModel(*script_of("function", 2))
    await agent_of("function", model).run(QUESTION, memory=remembering(placement="off"))

    assert "Sencha from" not in text_of_all(model.handed[-1])
    assert settled(client, engine) == (0, 1)


async def test_recording_nothing_recalls(client: MemOS, engine: CountingEngine, remembering: Remembering) -> None:
    model = ToldModel(answer(SAID))
    await agent_of("function", model).run(QUESTION, memory=remembering(record=False))

    has_memory_once(model.handed[0])
    assert settled(client, engine) == (1, 0)
