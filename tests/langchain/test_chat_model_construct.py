"""How the chat model is made, closed and copied, and what may be seen of it."""

from pathlib import Path
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.globals import set_llm_cache
from langchain_core.load import dumps
from langchain_core.runnables import ConfigurableField

from memos_integrations.client import MemOS
from memos_integrations.errors import Invalid, Unreachable
from memos_integrations.langchain import ChatMemOS
from tests.client.server import Server, says, stall
from tests.engine.models import Scripted
from tests.fakes import CountingEngine
from tests.langchain.chats import WAYS, Echo, answered, asked_by
from tests.langchain.models import MARK

LONG = "x" * 101
IDS: Any = {"user_id": "ada", "conversation_id": "c1"}
NOWHERE = "http://127.0.0.1:9/api/openmem/v1"


@pytest.fixture
def model() -> Scripted:
    return Echo()


@pytest.fixture
def engine(model: Scripted) -> CountingEngine:
    return CountingEngine(model=model)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"user_id": ""}, "user_id"),
        ({"user_id": LONG}, "user_id"),
        ({"user_id": 5}, "user_id"),
        ({"conversation_id": LONG}, "conversation_id"),
        ({"agent_id": ""}, "agent_id"),
        ({"info": {"k": object()}}, "info.k"),
        ({"tags": "t"}, "tags"),
        ({"model": " "}, "model"),
        ({"model": 5}, "model"),
        ({"temperature": 2.5}, "temperature"),
        ({"top_p": 2}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"relativity": 2}, "relativity"),
        ({"memory_limit_number": 26}, "memory_limit_number"),
        ({"preference_limit_number": -1}, "preference_limit_number"),
        ({"include_preference": "perhaps"}, "include_preference"),
        ({"filter": {"or": "x"}}, "filter.or"),
        ({"knowledgebase_ids": "kb"}, "knowledgebase_ids"),
        ({"system_prompt": 5}, "system_prompt"),
        ({"add_message_on_answer": "perhaps"}, "add_message_on_answer"),
        ({"add_message_on_answer": None}, "add_message_on_answer"),
        ({"history_policy": "error"}, "history_policy"),
        ({"stop": "two"}, "stop"),
        ({"stop": [""]}, "stop"),
        ({"streaming": "perhaps"}, "streaming"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": 86_401}, "timeout"),
        ({"max_retries": -1}, "max_retries"),
        ({"cache": True}, "cache"),
        ({"cache": InMemoryCache()}, "cache"),
        ({"model_name": "m"}, "model_name"),
        ({"metadata": 5}, "metadata"),
    ],
    ids=lambda value: value if isinstance(value, str) else "+".join(value),
)
def test_bad_arguments_are_refused_at_once(
    client: MemOS, options: Any, field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMOS_BASE_URL", ":memory:")
    for given in (client, None):
        with pytest.raises(Invalid) as caught:
            ChatMemOS(given, **options)
        assert caught.value.field == field
        assert LONG not in str(caught.value)


def test_the_async_client_is_refused_with_the_way_to_go(client: MemOS) -> None:
    wrong: Any = client.aio
    with pytest.raises(Invalid, match=r"ChatMemOS: .*give its MemOS, whose \.aio"):
        ChatMemOS(wrong)


def test_with_nothing_to_connect_to_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MEMOS_BASE_URL", "MEMOS_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Invalid, match="no address"):
        ChatMemOS()


async def test_without_a_client_it_shares_one_that_the_last_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOS_BASE_URL", ":memory:")
    first, second = ChatMemOS(user_id="ada"), ChatMemOS(user_id="ada")
    assert first.client is second.client is not None
    again = first.model_copy()
    first.close()
    again.close()
    with pytest.raises(Exception, match="no model is configured"):
        second.invoke("Hi")
    await second.aclose()
    with pytest.raises(Unreachable, match="closed"):
        await second.ainvoke("Hi")


def test_with_a_key_or_an_address_it_has_a_client_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEMOS_BASE_URL", raising=False)
    monkeypatch.delenv("MEMOS_API_KEY", raising=False)
    cloud = ChatMemOS(api_key="a-key-of-ours")
    assert cloud.client is not None
    assert cloud.client.address.startswith("https://")
    with Server(usual=says(200, '{"code": 0, "data": {"response": "Lyon."}}')) as server:
        first, second = (ChatMemOS(base_url=server.url, api_key=f"key-{i}-long", **IDS) for i in range(2))
        assert first.client is not second.client
        assert answered(first.invoke("Where?")) == "Lyon."
        ((_, headers, _),) = server.requests
        assert headers["authorization"] == "Token key-0-long"
        for each in (first, second, cloud):
            each.close()
        with pytest.raises(Unreachable, match="closed"):
            first.invoke("Where?")


def test_a_client_of_the_callers_stays_open_and_nothing_is_asked(client: MemOS, model: Scripted) -> None:
    llm = ChatMemOS(client, **IDS)
    assert model.asked == []
    llm.close()
    assert answered(ChatMemOS(client, **IDS).invoke("Hi")) == "You said: Hi"


def test_an_address_opens_a_file(tmp_path: Path) -> None:
    llm = ChatMemOS(base_url=str(tmp_path / "memos.db"), user_id="ada")
    assert (tmp_path / "memos.db").exists()
    llm.close()


@pytest.mark.parametrize("way", ["invoke", "astream"])
def test_time_and_tries_are_bounded(way: str) -> None:
    with Server(usual=stall) as server, MemOS(base_url=server.url) as client:
        with pytest.raises(Unreachable):
            asked_by(ChatMemOS(client, timeout=0.2, **IDS), way, "Hi")
        server.requests.clear()
        server.usual = says(503)
        with pytest.raises(Exception, match="503"):
            asked_by(ChatMemOS(client, max_retries=0, **IDS), way, "Hi")
        assert len(server.requests) == 1


def test_nothing_shown_of_it_is_anybodys(client: MemOS, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted: Any = {"and": [{"tags": {"contains": MARK}}]}
    marks: Any = {"agent_id": MARK, "app_id": MARK, "tags": [MARK], "info": {"k": MARK}, "knowledgebase_ids": [MARK]}
    ids: Any = {"user_id": MARK, "conversation_id": MARK}
    llm = ChatMemOS(client, model="m", system_prompt=MARK, stop=[MARK], filter=wanted, **marks, **ids)
    assert MARK not in f"{llm!r}{llm}{dumps(llm)}{llm._identifying_params}"
    assert repr(llm) == "ChatMemOS(model='m', add_message_on_answer=True, history_policy='server')"
    keyed = ChatMemOS(base_url=NOWHERE, api_key=f"key-{MARK}", user_id="ada")
    shown = f"{keyed!r}{keyed}{dumps(keyed)}{keyed.model_dump()}{keyed.model_dump_json()}{keyed.__dict__}"
    assert MARK not in shown
    keyed.close()
    monkeypatch.setenv("MEMOS_BASE_URL", NOWHERE)
    monkeypatch.setenv("MEMOS_API_KEY", f"key-{MARK}")
    known = ChatMemOS()
    assert MARK not in f"{known!r}{known.__dict__}{known.model_dump()}"
    known.close()
    assert not ChatMemOS.is_lc_serializable()
    assert "client" not in llm.model_dump()


class Traced(BaseCallbackHandler):
    def __init__(self) -> None:
        self.told = list[tuple[Any, Any]]()

    def on_chat_model_start(self, serialized: Any, messages: Any, **told: Any) -> None:
        self.told.append((told["metadata"], (serialized, told["invocation_params"])))


@pytest.mark.parametrize("way", WAYS)
def test_traces_name_provider_and_model_and_show_no_ids(client: MemOS, way: str) -> None:
    handler = Traced()
    llm = ChatMemOS(client, model="m", temperature=0.5, stop=["two"], user_id=MARK, system_prompt=MARK)
    config: Any = {"callbacks": [handler]}
    asked_by(llm, way, "Hi", config, model="other", conversation_id=MARK, info={"k": MARK})
    ((metadata, shown),) = handler.told
    assert {name: metadata[name] for name in metadata if name.startswith("ls_")} == {
        "ls_provider": "memos",
        "ls_model_type": "chat",
        "ls_model_name": "other",
        "ls_temperature": 0.5,
        "ls_stop": ["two"],
        "ls_integration": "langchain_chat_model",
    }
    assert shown[1]["_type"] == "memos"
    assert MARK not in str(shown)


def test_copies_share_the_client(client: MemOS) -> None:
    llm: Any = ChatMemOS(client, **IDS)
    copied = llm.__deepcopy__()
    other = llm.configurable_fields(temperature=ConfigurableField(id="heat"), user_id=ConfigurableField(id="who"))
    bob: Any = {"configurable": {"heat": 0.5, "who": "bob"}}
    assert copied.client is client
    assert [answered(each.invoke("Hi")) for each in (copied, other)] == ["You said: Hi"] * 2
    assert answered(other.invoke("Hi", bob)) == "You said: Hi"
    assert [len(client.get_message(user_id=u, conversation_id="c1").message_detail_list) for u in ("ada", "bob")] == [
        4,
        2,
    ]


@pytest.mark.parametrize("way", WAYS)
def test_answers_are_never_taken_from_a_cache(client: MemOS, engine: CountingEngine, way: str) -> None:
    set_llm_cache(InMemoryCache())
    try:
        for user in ("ada", "bob", "ada"):
            asked_by(ChatMemOS(client, user_id=user, conversation_id="c1", cache=None), way, "Hi")
    finally:
        set_llm_cache(None)
    assert [call.user_id for call in engine.added] == ["ada", "bob", "ada"]
