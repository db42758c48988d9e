"""What restores a memory: all that was given and said, and no key."""

import copy
import json
import logging
import pickle
from collections.abc import Callable

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage

from memos_integrations import MemOS
from memos_integrations.llama_index import MemOSMemory
from tests.fakes import CountingEngine
from tests.llama_index.conftest import QUESTION, said_to, unnamed
from tests.llama_index.models import ToldModel, answer, spoken, text_of_all

Remembering = Callable[..., MemOSMemory]
KEY = "mpg-KEY-MARKER-91c2"


def test_everything_given_survives_a_dump(remembering: Remembering) -> None:
    memory = remembering(
        agent_id="guide",
        tags=["tea"],
        info={"shop": "Uji"},
        placement="system",
        record=False,
        token_limit=77,
        timezone="Asia/Tokyo",
        memory_limit_number=3,
        relativity=0.5,
        recall_seconds=2.5,
        filter={"and": [{"tags": {"contains": "tea"}}, {"create_time": {"gte": "2026-01-01"}}]},
        knowledgebase_ids=["all"],
        chat_history=[ChatMessage(content="Hello.")],
    )
    data = json.loads(json.dumps(memory.to_dict()))
    restored = MemOSMemory.from_dict(dict(data))

    assert restored.to_dict() == data
    assert restored.recall == memory.recall
    assert restored.scope == memory.scope
    assert data["class_name"] == memory.class_name() == "MemOSMemory"


def test_what_json_can_not_carry_does_not_lose_the_rest(remembering: Remembering) -> None:
    memory = remembering()
    memory.put(ChatMessage(content="Hello.", additional_kwargs={"raw": object(), "when": {1, 2}}))
    restored = MemOSMemory.from_dict(json.loads(json.dumps(memory.to_dict())))
    assert spoken(restored.get_all()) == [("user", "Hello.")]


def test_pickled_and_copied(client: MemOS, engine: CountingEngine, remembering: Remembering) -> None:
    memory = remembering()
    memory.put(ChatMessage(content=QUESTION))
    twin = pickle.loads(pickle.dumps(memory))
    assert (twin.scope, twin.get_all(), twin.history.unwritten) == (
        memory.scope,
        memory.get_all(),
        memory.history.unwritten,
    )
    assert "<memories id=" in text_of_all(twin.get())

    assert copy.deepcopy(memory) is memory
    assert copy.deepcopy({"memory": memory})["memory"] is memory
    memory.put(answer("Sencha."))
    client.flush()
    assert len(engine.added) == 1


def test_no_key_is_dumped(caplog: pytest.LogCaptureFixture) -> None:
    with MemOS(base_url="https://memos.example/api", api_key=KEY) as client:
        memory = MemOSMemory.from_defaults(user_id="ada", client=client)
        dumps = [json.dumps(memory.to_dict()), repr(memory), str(memory), memory.model_dump_json()]
        for told in [*dumps, pickle.dumps(memory).decode("latin-1"), caplog.text]:
            assert KEY not in told
        assert memory.address == "https://memos.example/api"


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
