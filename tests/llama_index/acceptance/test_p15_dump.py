"""P15: what restores a memory: all that was given and said, and no key."""

import copy
import json
import pickle
from collections.abc import Callable

import pytest
from llama_index.core.base.llms.types import ChatMessage

from memos_integrations import MemOS
from memos_integrations.llama_index import MemOSMemory
from tests.fakes import CountingEngine
from tests.llama_index.conftest import QUESTION
from tests.llama_index.models import answer, spoken, text_of_all

Remembering = Callable[..., MemOSMemory]
KEY = "mpg-KEY-MARKER-91c2"


def test_p15_everything_given_survives_a_dump(remembering: Remembering) -> None:
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
    assert restored.recall_options == memory.recall_options
    assert restored.scope == memory.scope
    assert data["class_name"] == memory.class_name() == "MemOSMemory"


def test_p15_what_json_can_not_carry_does_not_lose_the_rest(remembering: Remembering) -> None:
    memory = remembering()
    memory.put(ChatMessage(content="Hello.", additional_kwargs={"raw": object(), "when": {1, 2}}))
    restored = MemOSMemory.from_dict(json.loads(json.dumps(memory.to_dict())))
    assert spoken(restored.get_all()) == [("user", "Hello.")]


def test_p15_pickled_and_copied(client: MemOS, engine: CountingEngine, remembering: Remembering) -> None:
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


def test_p15_no_key_is_dumped(caplog: pytest.LogCaptureFixture) -> None:
    with MemOS(base_url="https://memos.example/api", api_key=KEY) as client:
        memory = MemOSMemory.from_defaults(user_id="ada", client=client)
        dumps = [json.dumps(memory.to_dict()), repr(memory), str(memory), memory.model_dump_json()]
        for told in [*dumps, pickle.dumps(memory).decode("latin-1"), caplog.text]:
            assert KEY not in told
        assert memory.address == "https://memos.example/api"
