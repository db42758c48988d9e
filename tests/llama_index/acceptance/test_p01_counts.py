"""P1: one search and one write a user turn, and each model call of it sees what was recalled."""

from collections.abc import Callable

import pytest

from memos_integrations.client import MemOS
from memos_integrations.llama_index import MemOSMemory
from tests.fakes import CountingEngine
from tests.llama_index.acceptance.cases import CASES, Case
from tests.llama_index.conftest import QUESTION, written
from tests.llama_index.models import ToldModel
from tests.llama_index.turns import SAID, has_memory_once, settled

# ReActAgent and early stops ask LlamaIndex's own context for what it has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning")

Remembering = Callable[..., MemOSMemory]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_p01_one_search_and_one_write_a_turn(
    client: MemOS, engine: CountingEngine, remembering: Remembering, case: Case
) -> None:
    memory = remembering()
    for turn in range(1, case.turns + 1):  # asked again, it is another turn: P2
        model = ToldModel(*case.script)
        assert SAID in await case.ask(model, memory)

        assert settled(client, engine) == (turn, turn)
        assert [call.query for call in engine.searched] == [QUESTION] * turn
        assert written(engine) == [[("user", QUESTION), ("assistant", SAID)]] * turn
        assert len(model.handed) == case.calls
        for handed in model.handed[: case.calls - case.blind]:
            has_memory_once(handed)
