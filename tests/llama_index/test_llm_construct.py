"""How MemOS's chat is made as a model: what is refused, what a dump holds, whose client it is, and its errors."""

import asyncio
import copy
import json
import pickle
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from llama_index.core.instrumentation.events.llm import LLMChatEndEvent, LLMChatStartEvent

from memos_integrations import connect
from memos_integrations.client import MemOS
from memos_integrations.errors import Interrupted, Invalid, MemOSError, ServerFault
from memos_integrations.llama_index import MemOSLLM
from tests.engine.models import Scripted
from tests.fakes import CountingEngine, client_over
from tests.llama_index.acceptance.test_p22_retriever import heard
from tests.llama_index.models import ask
from tests.llama_index.test_llm import CHATS, told

SECRET = "sk-MARKER7f3a"


@pytest.fixture
def model() -> Scripted:
    return Scripted("In ", "Lyon.")


@pytest.fixture
def engine(model: Scripted) -> CountingEngine:
    return CountingEngine(model=model)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({}, "user_id"),
        ({"user_id": " "}, "user_id"),
        ({"user_id": "ada", "conversation_id": "x" * 101}, "conversation_id"),
        ({"user_id": "ada", "temperature": 3}, "temperature"),
        ({"user_id": "ada", "model": " "}, "model"),
        ({"user_id": "ada", "memory_limit_number": 26}, "memory_limit_number"),
        ({"user_id": "ada", "stop": "END"}, "stop"),
        ({"user_id": "ada", "timeout": 0}, "timeout"),
        ({"user_id": "ada", "max_retries": -1}, "max_retries"),
        ({"user_id": "ada", "history_policy": "send"}, "history_policy"),
        ({"user_id": "ada", "tools": []}, "tools"),
        ({"user_id": "ada", "client": "memos.db"}, "client"),
    ],
    ids=str,
)
def test_what_no_call_could_be_made_of_is_refused_at_once(options: Any, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        MemOSLLM(**options)
    assert caught.value.field == field


def test_a_dump_holds_no_client_and_no_key(client: MemOS, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOS_BASE_URL", str(tmp_path / "memos.db"))
    monkeypatch.setenv("MEMOS_API_KEY", SECRET)
    llm = MemOSLLM(client=client, user_id="ada", conversation_id="now", temperature=0.1)
    dumped = json.dumps(llm.to_dict())
    restored = [MemOSLLM.from_dict(json.loads(dumped)), pickle.loads(pickle.dumps(llm))]
    for each in restored:
        assert (each.user_id, each.conversation_id, each.temperature) == ("ada", "now", 0.1)
        each.close()
    for shown in (dumped, repr(llm), str(llm), str(pickle.dumps(llm))):
        assert SECRET not in shown
    assert "ada" not in f"{llm!r}{llm}"


async def test_a_deep_copy_is_on_the_same_client(client: MemOS, engine: CountingEngine) -> None:
    await copy.deepcopy(MemOSLLM(client=client, user_id="ada")).achat([ask("Where?")])
    assert len(engine.added) == 1


async def test_without_a_client_it_opens_one_off_the_loop(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOS_BASE_URL", str(tmp_path / "memos.db"))
    llm = MemOSLLM(user_id="ada")
    with pytest.raises(MemOSError):  # no model is set
        await llm.achat([ask("Where?")])
    await llm.aclose()


@pytest.mark.parametrize("way", CHATS)
async def test_errors_of_memos_are_raised_as_they_are(client: MemOS, model: Scripted, way: str) -> None:
    model.script = (ServerFault("down", code=50004),)
    with pytest.raises(ServerFault):
        await told(MemOSLLM(client=client, user_id="ada", max_retries=0), way, [ask("Where?")])


@pytest.mark.parametrize("way", CHATS)
async def test_each_answer_is_told_to_handlers_once(client: MemOS, way: str) -> None:
    with heard() as events:
        await told(MemOSLLM(client=client, user_id="ada"), way, [ask("Where?")])
    kinds = [type(event) for event in events]
    assert (kinds.count(LLMChatStartEvent), kinds.count(LLMChatEndEvent)) == (1, 1)
    if hasattr(MemOSLLM, "to_payload"):  # an older llama-index-core tells handlers what to_dict() does
        assert "ada" not in str(events[0].model_dict)


@pytest.mark.parametrize("way", ["stream_chat", "stream_complete"])
def test_a_stream_that_is_left_gives_the_answer_up(client: MemOS, model: Scripted, way: str) -> None:
    responses: Iterator[Any] = getattr(MemOSLLM(client=client, user_id="ada"), way)(
        [ask("Where?")] if way == "stream_chat" else "Where?"
    )
    assert next(responses).delta == "In "
    del responses
    assert model.closed.wait(30)


async def test_a_stream_that_breaks_off_says_so(client: MemOS, model: Scripted) -> None:
    model.script = ("In ", Interrupted("broken", arrived="In ", path="chat"))
    responses = await MemOSLLM(client=client, user_id="ada").astream_chat([ask("Where?")])
    assert (await anext(responses)).delta == "In "
    with pytest.raises(MemOSError):
        await anext(responses)


async def test_a_waiting_model_keeps_no_loop_waiting(model: Scripted) -> None:
    let, began = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    model.script = (lambda: loop.call_soon_threadsafe(began.set), lambda: let.wait(30), "In Lyon.")
    with client_over(CountingEngine(model=model)) as client:
        asking = asyncio.create_task(MemOSLLM(client=client, user_id="ada").achat([ask("Where?")]))
        await began.wait()  # which the loop could not see if it waited for the model
        let.set()
        assert (await asking).message.content == "In Lyon."


def test_loops_in_a_row_and_plain_calls_take_turns(tmp_path: Any) -> None:
    with connect(tmp_path / "memos.db", model=Scripted("In Lyon.")) as client:
        llm = MemOSLLM(client=client, user_id="ada")
        for _ in range(2):
            assert asyncio.run(llm.achat([ask("Where?")])).message.content == "In Lyon."
            assert llm.chat([ask("Where?")]).message.content == "In Lyon."


async def test_a_plain_call_works_on_a_running_loop(client: MemOS) -> None:
    assert MemOSLLM(client=client, user_id="ada").chat([ask("Where?")]).message.content == "In Lyon."
