"""The pages in docs/: their Python blocks run in order, as somebody who reads along would run them."""

import ast
import asyncio
import inspect
import re
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.tools import tool
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.llms.mock import MockFunctionCallingLLM
from llama_index.core.memory import Memory
from llama_index.core.storage.chat_store.sql import SQLAlchemyChatStore

from memos_integrations import connect
from memos_integrations.client import MemOS
from notebooks.offline import chat_model
from tests.engine.models import Scripted

ROOT = Path(__file__).parent.parent
PAGES = ["client", "engine", "langchain", "llama_index", "outbox"]
LINK = re.compile(r"\]\(([^)#:]+)(#[^)]*)?\)")


def blocks(page: str) -> list[str]:
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


async def _awaited(work: Coroutine[Any, Any, None]) -> None:
    await work


async def _closed(memory: Memory) -> None:
    """Its database in this process, which has no public way to be closed."""
    store = memory.sql_store
    assert isinstance(store, SQLAlchemyChatStore)
    engine = store._async_engine  # pyright: ignore[reportPrivateUsage]
    assert engine is not None
    await engine.dispose()


def read_along(page: str, names: dict[str, Any], runner: asyncio.Runner) -> dict[str, Any]:
    """Runs the blocks of a page, one after the other; each may await, as a notebook's cell may."""
    for block in blocks(page):
        work = eval(compile(block, f"{page}.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
        if inspect.isawaitable(work):
            runner.run(_awaited(work))  # type: ignore[arg-type]
    for value in list(names.values()):
        if isinstance(value, MemOS):
            value.close()
        if isinstance(value, Memory):
            runner.run(_closed(value))
    return names


@pytest.fixture(autouse=True)
def _somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_client(capsys: pytest.CaptureFixture[str], runner: asyncio.Runner) -> None:
    names = read_along("client", {}, runner)
    _, preferences, *more = capsys.readouterr().out.splitlines()
    assert preferences == '["I\'m allergic to peanuts."]'
    assert "Basics.City: Lyon" in more
    assert "Parcels leave the warehouse on Monday." in more
    assert names["found"].memory_detail_list == ()  # nothing passes the page's filter


def test_the_engine(capsys: pytest.CaptureFixture[str], runner: asyncio.Runner) -> None:
    read_along("engine", {}, runner)
    facts, preferences, event, tool, home, refund, settled, changed, couch = capsys.readouterr().out.splitlines()
    assert "I moved to Lyon in August." in facts
    assert preferences == '["I\'m allergic to peanuts."]'
    assert event == "('3 May 2027',) ('Rome',)"
    assert tool == "fares worked."
    assert "'Lyon'" in home
    assert "'France'" in home
    assert refund == "completed A refund takes fourteen days."
    assert all(told in settled for told in ("'I have two parrots.'", "'I moved to Nantes.'", "can't stand tea"))
    assert "Lyon" not in settled
    assert "I love tea" not in settled
    assert "updated" in changed
    assert couch == "The couch is blue."


def test_langchain(capsys: pytest.CaptureFixture[str], runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEMOS_NOTEBOOK_MODEL", raising=False)

    @tool
    def book_trip(trip: str) -> str:
        """Books a trip."""
        return f"Booked: {trip}"

    endpoint = Scripted("Peanuts, you ", "told me.")  # what the embedded engine's chat asks
    given = {"model": chat_model(), "tools": [book_trip], "endpoint": endpoint}
    read_along("langchain", given, runner)
    chain, *documents, chat, searched, informed, chatting, history = capsys.readouterr().out.splitlines()
    assert (chain, searched, informed) == ("I avoid trains.",) * 3
    assert documents == ["fact I avoid trains.", "preference I avoid trains."]
    assert chat == chatting == "Peanuts, you told me."
    assert "allergic to peanuts" in str(endpoint.asked[0].messages)
    assert history == "['human', 'ai']"
    with connect("memos.db") as client:
        booked = client.get_message(user_id="ada", conversation_id="tuesday").message_detail_list
    assert [each.content for each in booked][:2] == ["Book a flight to Paris.", "Booked: a flight to Paris."]


def test_llama_index(capsys: pytest.CaptureFixture[str], runner: asyncio.Runner) -> None:
    handed: list[str] = []

    def answer(messages: list[ChatMessage], **_: Any) -> ChatMessage:
        handed.append(str(messages[-1].content))
        return ChatMessage(role="assistant", content="Noted.")

    llm = MockFunctionCallingLLM(response_generator=answer)
    endpoint = Scripted("Loud ones, ", "you told me.")  # what the embedded engine's chat asks
    names = read_along("llama_index", {"llm": llm, "tools": [], "endpoint": endpoint}, runner)
    restored = next(text for text in handed if text.endswith("And where shall we eat?"))
    behind_a_block = next(text for text in handed if text.endswith("Which loud restaurants are there?"))
    assert "can't stand loud" in restored
    assert "can't stand loud" in behind_a_block
    found, *nodes, chat = capsys.readouterr().out.splitlines()
    assert found == '["I can\'t stand loud restaurants."]'
    assert "preference I can't stand loud restaurants." in nodes
    assert chat == "Loud ones, you told me."
    assert "can't stand loud" in str(endpoint.asked[0].messages)
    assert names["imported"] == 2
    assert [message.content for message in names["known"]][-2:] == ["She likes quiet places.", "Noted."]


def test_the_outbox(capsys: pytest.CaptureFixture[str], runner: asyncio.Runner) -> None:
    read_along("outbox", {"model": FakeListChatModel(responses=["Noted."]), "tools": []}, runner)
    status, *counted = capsys.readouterr().out.splitlines()
    assert "waiting=0, open=0, parked=0" in status
    assert counted == ["1 {'memos.event': 'recalled'}", "1 {'memos.event': 'recorded'}"]


@pytest.mark.parametrize("page", ["../README", "../CHANGELOG", *PAGES, "decisions", "fleet", "moving", "scale"])
def test_links_lead_somewhere(page: str) -> None:
    path = ROOT / "docs" / f"{page}.md"
    for target, anchor in LINK.findall(path.read_text(encoding="utf-8")):
        there = (path.parent / target).resolve()
        assert there.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor[1:] in {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}, anchor
