"""One client for all adapters of a process that were handed none, until the last of them closes it."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from llama_index.core.base.llms.types import ChatMessage, MessageRole

from memos_integrations import MemOS, connect
from memos_integrations._connect import borrow, borrow_again, give_back
from memos_integrations.errors import Invalid, Unreachable
from memos_integrations.langchain import MemOSMiddleware
from memos_integrations.llama_index import MemOSMemory
from tests.opening import HUNG, Opening, opening  # noqa: F401 - a fixture

LONG = 30.0  # seconds after which a test has hung


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "memos.db"
    monkeypatch.setenv("MEMOS_BASE_URL", str(path))
    for name in ("MEMOS_API_KEY", "MEMOS_IS_GLOBAL"):
        monkeypatch.delenv(name, raising=False)
    return path


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[MemOS]:
    """All clients that are opened."""
    opened: list[MemOS] = []

    def noted(address: str | None = None) -> MemOS:
        opened.append(connect(address))
        return opened[-1]

    monkeypatch.setattr("memos_integrations._connect.connect", noted)
    return opened


def is_open(client: MemOS) -> bool:
    try:
        client.search_memory(query="tea", user_id="ada")
    except Unreachable:
        return False
    return True


@contextmanager
def closing_slowly(client: MemOS, close: Callable[[], None]) -> Iterator[None]:
    """Inside, `close` is under way in another thread and waits for the last flush of `client`."""
    begun, end = threading.Event(), threading.Event()

    def hold(_: float | None) -> int:
        begun.set()
        assert end.wait(LONG)
        return 0

    client.on_flush(hold)
    closing = threading.Thread(target=close)
    closing.start()
    try:
        assert begun.wait(LONG)
        yield
    finally:
        end.set()
        closing.join(LONG)
    assert not closing.is_alive()


def said(memory: MemOSMemory, text: str) -> None:
    memory.put(ChatMessage(content=text))
    memory.put(ChatMessage(role=MessageRole.ASSISTANT, content="Hi."))


def messages_in(path: Path, conversation: str) -> list[str]:
    with connect(path) as client:
        found = client.get_message(user_id="ada", conversation_id=conversation).message_detail_list
        return [str(message.content) for message in found]


def test_the_last_to_give_it_back_closes_it() -> None:
    one, other = borrow(), borrow()
    assert one is other
    assert not give_back(one)
    assert is_open(one)
    assert give_back(one)
    again = borrow()  # the first is not closed yet, and is not lent out any more
    assert again is not one
    one.close()
    assert borrow() is again
    assert [give_back(again), give_back(again)] == [False, True]
    again.close()


def test_one_closed_behind_the_borrowers_backs_is_not_lent_out() -> None:
    one = borrow()
    one.close()
    other = borrow()
    assert other is not one
    assert give_back(one)
    assert borrow() is other
    assert [give_back(other), give_back(other)] == [False, True]
    other.close()


def test_an_environment_of_its_own_is_a_client_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = borrow()
    monkeypatch.setenv("MEMOS_BASE_URL", str(tmp_path / "other.db"))
    other = borrow()
    assert one is not other
    for client in (one, other):
        assert give_back(client)
        client.close()


def test_it_is_borrowed_again_wherever_the_environment_leads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = borrow()
    monkeypatch.setenv("MEMOS_BASE_URL", str(tmp_path / "other.db"))
    assert borrow_again(one) is one
    assert [give_back(one), give_back(one)] == [False, True]
    one.close()


async def test_nobody_waits_for_one_that_is_opened_elsewhere(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    opening: Opening,  # noqa: F811
) -> None:
    opening.go_on.set()
    mine, again = MemOSMiddleware(user_id="ada"), MemOSMemory.from_defaults(user_id="ada")
    opening.go_on.clear()
    opening.begun.clear()
    monkeypatch.setenv("MEMOS_BASE_URL", str(tmp_path / "other.db"))
    with ThreadPoolExecutor() as threads:
        others = [threads.submit(borrow) for _ in range(2)]
        assert await asyncio.to_thread(opening.begun.wait, HUNG)
        await mine.aclose()
        await again.aclose()
        opening.go_on.set()
        client, same = (other.result(HUNG) for other in others)
    assert opening.told == [True, True]
    assert client is same  # who want the same wait for each other
    assert [give_back(client), give_back(client)] == [False, True]


def test_both_adapters_share_it_and_close_no_more_than_they_opened(opened: list[MemOS]) -> None:
    middleware, again = MemOSMiddleware(user_id="ada"), MemOSMiddleware(user_id="ada")
    memory = MemOSMemory.from_defaults(user_id="ada")
    (client,) = opened
    handed = MemOSMiddleware(client)
    handed.close()
    for _ in range(2):
        middleware.close()
        memory.close()
    assert is_open(client)
    again.close()
    assert not is_open(client)


async def test_the_same_without_blocking_the_loop(opened: list[MemOS]) -> None:
    middleware, other = MemOSMiddleware(), MemOSMiddleware()
    await MemOSMiddleware(opened[0]).aclose()
    await middleware.aclose()
    await middleware.aclose()
    assert is_open(opened[0])
    await other.aclose()
    assert not is_open(opened[0])
    assert len(opened) == 1


def test_a_middleware_that_is_refused_leaves_nothing_open(opened: list[MemOS]) -> None:
    with pytest.raises(Invalid, match="timezone"):
        MemOSMiddleware(timezone="Mars/Olympus")
    assert [is_open(client) for client in opened] == [False]


def test_a_memory_made_while_the_last_one_closes_loses_no_turn(path: Path, opened: list[MemOS]) -> None:
    first = MemOSMemory.from_defaults(user_id="ada", conversation_id="first")
    with closing_slowly(opened[0], first.close):
        second = MemOSMemory.from_defaults(user_id="ada", conversation_id="second")
        assert len(opened) == 2
    said(second, "Hello.")
    assert is_open(opened[1])
    second.close()
    assert messages_in(path, "second") == ["Hello.", "Hi."]


def test_a_memory_restored_while_the_last_one_closes_loses_no_turn(path: Path, opened: list[MemOS]) -> None:
    first = MemOSMemory.from_defaults(user_id="ada", conversation_id="first")
    data = first.to_dict()
    with closing_slowly(opened[0], first.close):
        restored = MemOSMemory.from_dict(data)
        said(restored, "Hello.")
    assert len(opened) == 2
    restored.close()
    assert messages_in(path, "first") == ["Hello.", "Hi."]


async def test_a_middleware_made_while_the_last_one_closes_has_a_client_of_its_own(opened: list[MemOS]) -> None:
    first = MemOSMiddleware(user_id="ada")
    with closing_slowly(opened[0], first.close):
        second = MemOSMiddleware(user_id="ada")
    assert [is_open(client) for client in opened] == [False, True]
    await second.aclose()
    assert not is_open(opened[1])
