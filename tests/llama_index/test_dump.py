"""What restores a memory: all that was given and said, and no key."""

import logging
from collections.abc import Callable

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage

from memos_integrations import MemOS
from memos_integrations.llama_index import MemOSMemory
from tests.fakes import CountingEngine
from tests.llama_index.conftest import said_to, unnamed
from tests.llama_index.models import ToldModel, answer

Remembering = Callable[..., MemOSMemory]
KEY = "mpg-KEY-MARKER-91c2"


async def test_a_cloud_without_a_key_degrades(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("MEMOS_API_KEY", raising=False)
    with MemOS(api_key=KEY) as client:
        data = unnamed(MemOSMemory.from_defaults(user_id="ada", client=client).to_dict())

    memory = MemOSMemory.from_dict(data)
    caplog.set_level(logging.DEBUG, "memos_integrations")
    told = await FunctionAgent(tools=[], llm=ToldModel(answer("Hi!"))).run("Hello, MARKER7f3a.", memory=memory)
    assert str(told) == "Hi!"
    [warning] = caplog.records
    assert "attach(client)" in warning.getMessage()
    assert "MARKER7f3a" not in caplog.text
    assert [u.text for u in memory.history.unwritten] == ["Hello, MARKER7f3a.", "Hi!"]
    monkeypatch.setenv("MEMOS_API_KEY", KEY)
    memory.get_all()
    assert len(caplog.records) == 1


async def test_a_memory_of_an_engine_in_memory_waits_for_its_client(
    client: MemOS, engine: CountingEngine, remembering: Remembering, caplog: pytest.LogCaptureFixture
) -> None:
    before = remembering()
    before.put(ChatMessage(content="I live in Kyoto."))
    memory = MemOSMemory.from_dict(unnamed(before.to_dict()))
    await FunctionAgent(tools=[], llm=ToldModel(answer("Nice."))).run("By the river.", memory=memory)
    memory.put(ChatMessage(content="And you?"))
    await memory.areset()
    memory.put(ChatMessage(content="And you, dear?"))
    assert engine.counts == (0, 0)
    assert [record.levelname for record in caplog.records] == ["WARNING"]

    assert memory.attach(client) is memory
    memory.put(answer("I am here."))
    assert said_to(client, engine) == [
        ("user", "I live in Kyoto."),
        ("user", "By the river."),
        ("assistant", "Nice."),
        ("user", "And you, dear?"),
        ("assistant", "I am here."),
    ]


async def test_waiting_ends_with_the_loop_free(client: MemOS, engine: CountingEngine, remembering: Remembering) -> None:
    memory = MemOSMemory.from_dict(unnamed(remembering(record=False).to_dict()))
    await memory.aput(ChatMessage(content="Hello."))
    await memory.aput(answer("Hi."))
    assert memory.history.unwritten == []
    assert await memory.aget() == memory.get() == memory.get_all()


def test_bad_data_is_refused_without_its_content() -> None:
    data = {"scope": {"user_id": "ada"}, "history": {"entries": "MARKER7f3a"}}
    with pytest.raises(ValueError, match="history") as refused:
        MemOSMemory.from_dict(data)
    assert "MARKER7f3a" not in str(refused.value)
