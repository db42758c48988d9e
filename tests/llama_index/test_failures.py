"""A service that fails never ends a run; a caller's mistake is told at once; no word of a user is told to anyone."""

import logging
import subprocess
import sys
from collections.abc import Callable
from typing import cast

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.chat_engine import SimpleChatEngine

from memos_integrations import MemOS
from memos_integrations.client import Event, Recalled, Recorded
from memos_integrations.errors import Invalid
from memos_integrations.llama_index import MemOSMemory
from tests.fakes import CountingEngine
from tests.llama_index.conftest import QUESTION
from tests.llama_index.models import ToldModel, answer, calls, now
from tests.llama_index.services import MARKER

Remembering = Callable[..., MemOSMemory]


async def test_each_turn_is_told_to_the_listeners_of_the_client(
    client: MemOS, events: list[Event], remembering: Remembering
) -> None:
    await FunctionAgent(tools=[now], llm=ToldModel(calls("now"))).run(QUESTION, memory=remembering())
    client.flush()

    [recalled, recorded] = events
    assert isinstance(recalled, Recalled)
    assert isinstance(recorded, Recorded)
    assert recalled.facts >= 1
    assert (recalled.conversation_id, recorded.conversation_id, recorded.messages) == ("now", "now", 2)


async def test_no_word_is_told(client: MemOS, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for quiet in ("asyncio", "llama_index"):
        caplog.set_level(logging.WARNING, quiet)
    memory = MemOSMemory.from_defaults(
        user_id=f"{MARKER}-u",
        conversation_id=f"{MARKER}-c",
        agent_id=f"{MARKER}-a",
        app_id=f"{MARKER}-p",
        client=client,
        tags=[MARKER],
        info={MARKER: MARKER},
        chat_history=[ChatMessage(content=MARKER)],
        filter={"and": [{"tags": {"contains": MARKER}}]},
        knowledgebase_ids=[MARKER],
    )
    agent = FunctionAgent(tools=[now], llm=ToldModel(calls("now"), answer(MARKER)))
    await agent.run(MARKER, memory=memory)
    client.flush()
    await memory.aset([ChatMessage(content=MARKER, additional_kwargs={MARKER: MARKER})])
    await memory.areset()
    memory.put(ChatMessage(content=MARKER))

    ours = [record for record in caplog.records if record.name.startswith("memos_integrations")]
    told = [repr(memory), str(memory), repr(memory.scope), repr(memory.recall_options), repr(memory.history)]
    for text in [*told, *(record.getMessage() for record in ours), *memory.history.unwritten]:
        assert MARKER not in repr(text)
    assert "messages=1" in repr(memory)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"user_id": ""}, "user_id"),
        ({"user_id": "  "}, "user_id"),
        ({"user_id": None}, "user_id"),
        ({"user_id": 7}, "user_id"),
        ({"user_id": "x" * 101}, "user_id"),
        ({"conversation_id": ""}, "conversation_id"),
        ({"conversation_id": "x" * 101}, "conversation_id"),
        ({"agent_id": " "}, "agent_id"),
        ({"tags": "tea"}, "tags"),
        ({"info": 1}, "info"),
        ({"placement": "nowhere"}, "placement"),
        ({"token_limit": 0}, "token_limit"),
        ({"token_limit": "many"}, "token_limit"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"record": "perhaps"}, "record"),
        ({"recall_seconds": 0}, "recall_seconds"),
        ({"relativity": 2}, "relativity"),
        ({"memory_limit_number": 26}, "memory_limit_number"),
        ({"filter": {"nonsense": {"is": 1}}}, "filter"),
        ({"on_error": "ignore"}, "on_error"),
        ({"memory_limit": 3}, "memory_limit"),
        ({"client": "memos.db"}, "client"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_mistake_is_told_at_once(
    engine: CountingEngine, remembering: Remembering, wrong: dict[str, object], field: str
) -> None:
    with pytest.raises(Invalid) as told:
        remembering(**wrong)
    assert told.value.field.startswith(field)
    assert isinstance(told.value, ValueError)
    assert engine.counts == (0, 0)


def test_an_async_client_is_refused_with_what_to_give(client: MemOS) -> None:
    with pytest.raises(Invalid, match=r"\.aio is the async half"):
        MemOSMemory.from_defaults(user_id="ada", client=cast("MemOS", client.aio))
    memory = MemOSMemory.from_defaults(user_id="ada", client=client)
    with pytest.raises(Invalid, match=r"\.aio is the async half"):
        memory.attach(cast("MemOS", client.aio))


def test_there_is_no_default_user() -> None:
    with pytest.raises(TypeError, match="user_id"):
        MemOSMemory.from_defaults()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    with pytest.raises(TypeError, match="user_id"):
        SimpleChatEngine.from_defaults(llm=ToldModel(), memory_cls=MemOSMemory)


def test_no_address_is_told_with_the_ways_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MEMOS_BASE_URL", "MEMOS_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Invalid, match=r"memos\.db"):
        MemOSMemory.from_defaults(user_id="ada")


def test_a_client_opened_for_a_mistake_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOS_BASE_URL", ":memory:")
    with pytest.raises(Invalid, match="timezone"):
        MemOSMemory.from_defaults(user_id="ada", timezone="Mars/Base")


@pytest.mark.parametrize(("module", "named"), [("llama_index.core", "llama-index"), ("llama_index", "llama-index")])
def test_without_llama_index_the_extra_is_named(module: str, named: str) -> None:
    program = f"import sys\nsys.modules[{module!r}] = None\nimport memos_integrations.llama_index"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 1
    assert f"memos-integrations[{named}]" in ran.stderr.splitlines()[-1]


def test_another_missing_module_is_told_as_it_is() -> None:
    program = "import sys\nsys.modules['pydantic'] = None\nimport memos_integrations.llama_index"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert "pydantic" in ran.stderr.splitlines()[-1]
    assert "memos-integrations[" not in ran.stderr
