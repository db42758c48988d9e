"""An extractor as users give it, and the calls that reach it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from memos_integrations import Invalid, LLMExtractor, MemOS, ModelEndpoint, Refused, connect
from memos_integrations._connect import borrow, give_back
from memos_integrations.engine import Engine
from memos_integrations.engine._extraction import Extraction, NewFact, NewPreference
from memos_integrations.wire.calls import ExtractMemory
from memos_integrations.wire.stateless import Extracted
from tests.client.server import Server, says
from tests.engine.asked import asking
from tests.engine.conftest import Talk
from tests.engine.endpoints import KEY
from tests.engine.extractors import Telling, learning, told
from tests.engine.profiled import Profiled

SAID = [{"role": "user", "content": "I moved to Lyon."}]
ADD: dict[str, Any] = {"messages": SAID, "user_id": "ada", "conversation_id": "c"}
FACT = {"line": 1, "text": "Ada lives in Lyon.", "title": "Home", "own": True}
VARIABLES = ("MEMOS_EXTRACTOR_BASE_URL", "MEMOS_EXTRACTOR_NAME", "MEMOS_EXTRACTOR_API_KEY")


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(usual=told(facts=[FACT], preferences=[{"line": 1, "text": "Likes Lyon.", "implicit": True}])) as server:
        yield server


@pytest.fixture
def endpoint(server: Server) -> ModelEndpoint:
    return ModelEndpoint(base_url=server.url, model="small", api_key=KEY)


def kept(client: MemOS) -> list[str]:
    return [fact.memory_value for fact in client.get_memory(user_id="ada").memory_detail_list]


def system(server: Server) -> str:
    return str(json.loads(server.requests[-1][2])["messages"][0]["content"])


@pytest.mark.parametrize("wrapped", [False, True])
def test_given_to_connect(endpoint: ModelEndpoint, server: Server, wrapped: bool) -> None:
    with connect(":memory:", extractor=LLMExtractor(endpoint) if wrapped else endpoint) as client:
        assert client.add_message(**ADD, async_mode=False).status == "completed"
        assert kept(client) == ["Ada lives in Lyon."]
        server.script.append(told(facts=[{"line": 1, "text": "Ada has a cat."}]))
        assert client.add_message(**ADD).status == "running"
        assert client.flush() == 0
        assert sorted(kept(client)) == ["Ada has a cat.", "Ada lives in Lyon."]


async def test_awaited(endpoint: ModelEndpoint) -> None:
    with connect(":memory:", extractor=endpoint) as client:
        assert (await client.aio.add_message(**ADD, async_mode=False)).status == "completed"
        (fact,) = (await client.aio.get_memory(user_id="ada")).memory_detail_list
        assert (fact.memory_key, fact.memory_value) == ("Home", "Ada lives in Lyon.")


def test_over_http(endpoint: ModelEndpoint) -> None:
    engine = Engine(":memory:", extractor=LLMExtractor(endpoint))
    with asking(engine) as (client,):
        assert client.add("I moved to Lyon.")["status"] == "completed"
        assert client.facts("Lyon") == ["Ada lives in Lyon."]
    engine.close()


def test_the_environment_names_it(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in zip(VARIABLES, (server.url, "small", KEY), strict=True):
        monkeypatch.setenv(name, value)
    with connect(":memory:") as client:
        client.add_message(**ADD, async_mode=False)
        assert kept(client) == ["Ada lives in Lyon."]
    assert server.requests[0][1]["authorization"] == f"Bearer {KEY}"
    monkeypatch.delenv("MEMOS_EXTRACTOR_NAME")
    with pytest.raises(Invalid, match="MEMOS_EXTRACTOR_NAME"):
        connect(":memory:")


def test_adapters_that_share_share_it_too(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("MEMOS_BASE_URL", str(tmp_path / "memos.db"))
    plain = borrow()
    monkeypatch.setenv("MEMOS_EXTRACTOR_BASE_URL", server.url)
    monkeypatch.setenv("MEMOS_EXTRACTOR_NAME", "small")
    learning_one = borrow()
    assert learning_one is not plain
    for client in (plain, learning_one):
        if give_back(client):
            client.close()


@pytest.mark.parametrize("wrong", ["qwen3:8b", LLMExtractor, 5, {"extract": 1}, lambda asked, waiting: None])
def test_what_is_no_extractor(wrong: Any, tmp_path: Any) -> None:
    with pytest.raises(Invalid, match="extractor") as caught:
        connect(tmp_path / "memos.db", extractor=wrong)
    assert caught.value.field == "extractor"
    assert not list(tmp_path.iterdir())


def test_words_of_the_callers_own(endpoint: ModelEndpoint, server: Server) -> None:
    with connect(":memory:", extractor=endpoint) as client:
        client.add_message(**ADD, async_mode=False, custom_extract_prompt={"preference": "only drinks", "event": ""})
        assert "only drinks" in system(server)
        client.add_message(**ADD, custom_extract_prompt={"detail_factual": "only homes"})
        client.flush()
        assert "only homes" in system(server)
        client.add_message(**ADD, async_mode=False)
        assert "The application wants" not in system(server)


def test_they_wait_with_their_task_and_go_with_it(tmp_path: Any) -> None:
    path = tmp_path / "memos.db"
    first = Engine(path, extractor=Telling())
    first._refiner._stopping = True  # it dies here
    Talk(first).add("I moved to Lyon.", async_mode=True, custom_extract_prompt={"preference": "XMARKERX"})
    first.close()
    extractor = Telling()
    second = learning(extractor, path)
    assert second.engine.settle(30) == 0
    assert extractor.asked[0].prompts == {"preference": "XMARKERX"}
    second.engine.close()
    assert b"XMARKERX" not in path.read_bytes()


@pytest.mark.parametrize(
    ("more", "learns", "needle"),
    [
        ({"custom_extract_prompt": {"preference": "XMARKERX"}}, False, "MEMOS_EXTRACTOR_BASE_URL"),
        ({"allow_memory_view": ["profile"]}, False, "extractor="),
        ({"allow_memory_view": ["skill", "profile"]}, False, "extractor="),
        ({"custom_extract_prompt": {"image": "XMARKERX"}}, False, "extractor="),
        ({"custom_extract_prompt": {"image": "XMARKERX", "event": "a"}}, True, "reads image"),
        ({"custom_extract_prompt": {"document": "XMARKERX"}}, True, "reads document"),
    ],
)
def test_refused_before_anything_is_stored(more: dict[str, Any], learns: bool, needle: str) -> None:
    extractor = Telling() if learns else None
    with connect(":memory:", extractor=extractor) as client:
        with pytest.raises(Refused, match=needle) as caught:
            client.add_message(**ADD, **more)
        assert caught.value.code == 50002
        assert "MARKER" not in str(caught.value)
        assert client.get_message(user_id="ada", conversation_id="c").message_detail_list == ()


def test_fields_of_profiles() -> None:
    value = {"line": 1, "field": 1, "value": "Lyon"}
    with Server(usual=told(fields=[value])) as server:
        talk = learning(LLMExtractor(ModelEndpoint(base_url=server.url, model="m")))
        profiled = Profiled(talk.engine)
        template = profiled.template({"Home.City": "", "Home.Street": "!secret"})
        profiled.bind(template, {"user_id": "u"})
        added = talk.add("I moved to Lyon.", allow_memory_view=["profile"])
        assert added.status == "completed"
        assert profiled.held({"user_id": "u"})[template] == {"Home.City": "Lyon", "Home.Street": "!secret"}
        data = json.loads(server.requests[0][2])["messages"][1]["content"]
        assert "Home.City" in data
        assert "secret" not in data
        talk.engine.close()


def extracted(talk: Talk, *texts: str, **more: Any) -> Extracted:
    messages = [{"role": "user" if at % 2 == 0 else "assistant", "content": text} for at, text in enumerate(texts)]
    return talk.engine.extract_memory(ExtractMemory.model_validate({"messages": messages, **more}))


def test_extract_memory() -> None:
    liking = NewPreference(2, "Ada prefers trains.", "Twice.", implicit=True)
    extractor = Telling(Extraction((NewFact(0, "Ada lives in Lyon.", "Home", True), NewFact(1, "A city.")), (liking,)))
    talk = learning(extractor)
    found = extracted(talk, "I avoid Nice.", "Lyon is a city.", "I like Metz.", model="large")
    assert [(fact.memory_key, fact.memory_value, fact.memory_type) for fact in found.memory_detail_list] == [
        ("Home", "Ada lives in Lyon.", "UserMemory"),
        ("A city.", "[assistant view] A city.", "LongTermMemory"),
        ("I like Metz.", "I like Metz.", "UserMemory"),
    ]
    assert [(item.preference, item.preference_type) for item in found.preference_detail_list] == [
        ("I avoid Nice.", "explicit_preference"),
        ("Ada prefers trains.", "implicit_preference"),
    ]
    (asked,) = extractor.asked
    assert (asked.model, set(asked.views)) == ("large", {"detail_factual", "preference"})
    assert talk.page().total == 0
    talk.engine.close()


def test_extract_memory_of_one_kind() -> None:
    extractor = Telling()
    talk = learning(extractor)
    found = extracted(talk, "I avoid Nice.", extraction_types=["preference"])
    assert extractor.asked[0].views == {"preference"}
    assert (found.memory_detail_list, len(found.preference_detail_list)) == ((), 1)
    talk.engine.close()


def test_extract_memory_by_rules_where_the_model_fails(endpoint: ModelEndpoint, server: Server) -> None:
    server.usual = says(500)
    with connect(":memory:", extractor=endpoint) as client:
        found = client.extract_memory(messages=[{"role": "user", "content": "I avoid trains."}])
    assert found.memory_detail_list[0].memory_value == "I avoid trains."
    assert found.preference_detail_list[0].preference == "I avoid trains."


def test_a_chat_that_waits_for_its_turns_extraction(endpoint: ModelEndpoint, server: Server) -> None:
    with connect(":memory:", model=endpoint, extractor=endpoint) as client:
        client.chat(user_id="ada", conversation_id="c", query="I moved to Lyon.", async_mode=False)
        assert "Ada lives in Lyon." in kept(client)
    assert len(server.requests) == 2
