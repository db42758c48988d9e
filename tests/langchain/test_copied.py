"""A deep copy works on the same client and outbox, shares nothing of any run, and gives nothing back twice."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from memos_integrations.client import MemOS
from memos_integrations.langchain import MemOSChatMessageHistory, MemOSMiddleware, RunnableWithMemory, with_memory
from tests.fakes import CountingEngine
from tests.langchain.chains import GIVEN, PROMPT, TURN, of, run_as
from tests.langchain.histories import history, texts
from tests.langchain.models import ANSWER, QUESTION, Scripted, after_tools, at, create_agent, said, spoken


def test_a_middleware_s_copy_recalls_and_records_as_it_does(client: MemOS, engine: CountingEngine) -> None:
    original = MemOSMiddleware(client, name="notes")
    twin = copy.deepcopy(original)
    assert twin is not original
    assert twin.name == "notes"
    for number, middleware in enumerate((original, twin)):
        agent = create_agent(Scripted(script=after_tools(0)), [], middleware=[middleware])
        agent.invoke(said(), at(thread=f"t{number}"))
    assert client.flush() == 0
    assert len(engine.searched) == 2
    assert spoken(engine) == [("user", QUESTION), ("assistant", ANSWER)] * 2


def test_a_middleware_s_copy_has_tools_of_its_own(client: MemOS) -> None:
    original = MemOSMiddleware(client, user_id="ada", placement="tool")
    twin = copy.deepcopy(original)
    assert [tool.name for tool in twin.tools] == ["search_memory"]
    assert twin.tools is not original.tools
    assert twin.tools[0] is original.tools[0]  # it keeps nothing of any run


def test_a_history_s_copy_shows_the_same_and_goes_on_by_itself(client: MemOS, engine: CountingEngine) -> None:
    original = history(client)
    given = HumanMessage("I moved to Lyon.")
    original.add_message(given)
    twin = copy.deepcopy(original)
    assert texts(twin.messages) == ["I moved to Lyon."]
    twin.add_messages([given, HumanMessage("I bought tea.")])  # the first is known by the object
    assert texts(twin.messages) == ["I moved to Lyon.", "I bought tea."]
    assert texts(original.messages) == ["I moved to Lyon."]
    original.clear()
    assert len(twin.messages) == 2
    assert client.flush() == 0
    assert spoken(engine) == [("user", "I moved to Lyon."), ("user", "I bought tea.")]


def test_a_copy_of_a_history_that_was_not_read_reads_by_itself(client: MemOS) -> None:
    original = history(client)
    twin = copy.deepcopy(original)
    history(client).add_user_message("I moved to Lyon.")
    assert texts(twin.messages) == ["I moved to Lyon."]
    assert repr(original) == "<MemOSChatMessageHistory unread>"


def test_a_chain_s_copy_recalls_and_records_as_it_does(client: MemOS, engine: CountingEngine) -> None:
    original = of(client)
    twin = copy.deepcopy(original)
    assert isinstance(twin, RunnableWithMemory)
    for number, chain in enumerate((original, twin)):
        assert chain.invoke(GIVEN, run_as(conversation=f"c{number}")) == ANSWER
    assert client.flush() == 0
    assert len(engine.searched) == 2
    assert spoken(engine) == TURN * 2


MAKERS: list[Callable[[], Any]] = [
    lambda: MemOSMiddleware(user_id="ada"),
    lambda: MemOSChatMessageHistory(user_id="ada", conversation_id="c1"),
    lambda: with_memory(PROMPT | Scripted(script=after_tools(0)), user_id="ada"),
]


@pytest.mark.parametrize("make", MAKERS, ids=["middleware", "history", "chain"])
def test_copies_give_their_client_back_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, make: Callable[[], Any]
) -> None:
    monkeypatch.setenv("MEMOS_BASE_URL", str(tmp_path / "memos.db"))
    other, original = make(), make()
    twin, client = copy.deepcopy(original), other._held.now()
    assert twin._held.now() is client
    twin.close()
    original.close()
    assert not client._shared.closed
    other.close()
    assert client._shared.closed
