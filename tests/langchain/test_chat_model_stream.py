"""The chat model's streams: their pieces, their end, what is told on the way, and what giving one up does."""

import asyncio
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core._api import LangChainBetaWarning
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler

from memos_integrations.client import MemOS
from memos_integrations.errors import Interrupted
from memos_integrations.langchain import ChatMemOS
from memos_integrations.wire.events import ChatEvent, event_bytes
from tests.client.server import Server, cut, reset, streams
from tests.engine.models import Scripted, thought
from tests.fakes import CountingEngine
from tests.langchain.chats import STREAMS, answered, over_http, pieces, written
from tests.langchain.models import MARK

IDS: Any = {"user_id": "ada", "conversation_id": "c1"}
ADA: Any = {"configurable": IDS}


@pytest.fixture
def model() -> Scripted:
    return Scripted("In ", "Lyon.")


@pytest.fixture
def engine(model: Scripted) -> CountingEngine:
    return CountingEngine(model=model)


@pytest.fixture
def client(engine: CountingEngine) -> Iterator[MemOS]:
    with over_http(engine) as client:
        yield client


@pytest.mark.parametrize("way", STREAMS)
def test_the_pieces_come_as_they_are_made_and_the_last_says_so(client: MemOS, way: str) -> None:
    chunks = pieces(ChatMemOS(client, model="m", **IDS), way, "Where?")
    assert [chunk.content for chunk in chunks] == ["In ", "Lyon.", ""]
    assert [chunk.chunk_position for chunk in chunks] == [None, None, "last"]
    assert {chunk.response_metadata["model_provider"] for chunk in chunks} == {"memos"}
    assert [chunk.response_metadata.get("model_name") for chunk in chunks] == [None, None, "m"]
    assert len({chunk.id for chunk in chunks}) == 1


class Heard(BaseCallbackHandler):
    def __init__(self) -> None:
        self.tokens = list[Any]()
        self.failed = list[tuple[BaseException, str]]()

    def on_llm_new_token(self, token: Any, **_: Any) -> None:
        self.tokens.append(token)

    def on_llm_error(self, error: BaseException, *, response: Any = None, **_: Any) -> None:
        self.failed.append((error, response.generations[0][0].text if response else ""))


@pytest.mark.parametrize("way", STREAMS)
def test_each_piece_is_told_to_callbacks(client: MemOS, way: str) -> None:
    heard = Heard()
    pieces(ChatMemOS(client, **IDS), way, "Where?", {"callbacks": [heard]})
    assert heard.tokens == ["In ", "Lyon.", ""]


async def test_asked_to_stream_a_plain_call_tells_its_pieces_too(client: MemOS) -> None:
    heard = Heard()
    llm = ChatMemOS(client, streaming=True, **IDS)
    assert answered(llm.invoke("Where?", {"callbacks": [heard]})) == "In Lyon."
    assert answered(await llm.ainvoke("Where?", {"callbacks": [heard]})) == "In Lyon."
    assert heard.tokens == ["In ", "Lyon.", ""] * 2
    whole = ChatMemOS(client, disable_streaming=True, **IDS)
    assert [answered(chunk) for chunk in whole.stream("Where?")] == ["In Lyon."]
    assert [answered(chunk) async for chunk in whole.astream("Where?")] == ["In Lyon."]


@pytest.mark.parametrize("bound", [False, True])
async def test_streams_of_events_know_whose_turn_it_is(
    client: MemOS, engine: CountingEngine, model: Scripted, bound: bool
) -> None:
    model.script = (thought("Hm."), "In ", "Lyon.")
    llm: Any = ChatMemOS(client)
    llm = llm.bind(temperature=0.5) if bound else llm
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LangChainBetaWarning)
        output = llm.stream_events("one", ADA, version="v3").output
        assert (answered(output), output.content_blocks[0]["reasoning"]) == ("In Lyon.", "Hm.")
        stream = await llm.astream_events("two", ADA, version="v3")
        assert answered(await stream.output) == "In Lyon."
    told = [each async for each in llm.astream_events("three", ADA, version="v2")]
    chunks = [each["data"]["chunk"] for each in told if each["event"] == "on_chat_model_stream"]
    assert "".join(map(answered, chunks)) == "In Lyon."
    assert written(engine) == [("ada", [text, "In Lyon."]) for text in ("one", "two", "three")]
    assert {call.conversation_id for call in engine.added} == {"c1"}


async def test_a_stream_that_is_left_gives_the_answer_up(client: MemOS, engine: CountingEngine) -> None:
    llm = ChatMemOS(client, **IDS)
    for left in ("closed", "aclosed", "forgotten", "cancelled"):
        model = endless(engine)
        if left == "closed":
            stream: Any = llm.stream("Where?")
            assert answered(next(stream)) == "In "
            stream.close()
        elif left == "aclosed":
            stream = llm.astream("Where?")
            assert answered(await anext(stream)) == "In "
            await stream.aclose()
        elif left == "forgotten":
            async for chunk in llm.astream("Where?"):
                assert answered(chunk) == "In "
                break
        else:
            await cancelled(llm)
        assert await asyncio.to_thread(model.closed.wait, 10), left
    assert engine.added == []


def endless(engine: CountingEngine) -> Scripted:
    model = Scripted("In ", *["."] * 1_000_000)
    engine._model = model
    return model


async def cancelled(llm: ChatMemOS) -> None:
    begun = asyncio.Event()

    async def listen() -> None:
        async for _ in llm.astream("Where?"):
            begun.set()

    task = asyncio.create_task(listen())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def said(text: str) -> bytes:
    return event_bytes(ChatEvent(type="text", data=text))


@pytest.mark.parametrize("way", STREAMS)
def test_a_stream_that_breaks_off_raises_with_what_arrived(way: str) -> None:
    heard = Heard()
    with Server() as server, MemOS(base_url=server.url) as client:
        server.usual = streams(said("In "), said(f"{MARK} t"), then=cut)
        with pytest.raises(Interrupted) as caught:
            pieces(ChatMemOS(client, **IDS), way, "Where?", {"callbacks": [heard]}, stop=["two"])
        assert caught.value.arrived == f"In {MARK} t"
        assert MARK not in str(caught.value)
        ((error, text),) = heard.failed
        assert (error, text) == (caught.value, f"In {MARK} ")
        assert len(server.requests) == 1
        server.usual = streams(then=reset)
        with pytest.raises(Interrupted):
            pieces(ChatMemOS(client, **IDS), way, "Where?")


async def test_tokens_come_before_the_answer_is_whole(engine: CountingEngine, client: MemOS) -> None:
    llm, heard = ChatMemOS(client, **IDS), asyncio.Event()
    loop = asyncio.get_running_loop()
    engine._model = Scripted("In ", lambda: asyncio.run_coroutine_threadsafe(heard.wait(), loop).result(10), "Lyon.")

    class First(AsyncCallbackHandler):
        async def on_llm_new_token(self, token: Any, **_: Any) -> None:
            heard.set()

    chunks = [answered(chunk) async for chunk in llm.astream("Where?", {"callbacks": [First()]})]
    assert chunks == ["In ", "Lyon.", ""]
