"""The real engine that counts, a client over it, and memories that know a fact from an earlier conversation."""

import socket
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from memos_integrations import connect
from memos_integrations.client import Event, MemOS
from memos_integrations.llama_index import MemOSLLM, MemOSMemory
from tests.fakes import CountingEngine, client_over
from tests.llama_index.services import Refusing
from tests.watching import blocked  # noqa: F401 - a fixture

FACT = "My favourite tea is Sencha from Uji."
QUESTION = "Which tea is my favourite?"


@pytest.fixture
def engine() -> CountingEngine:
    return CountingEngine()


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def client(engine: CountingEngine, events: list[Event]) -> Iterator[MemOS]:
    with client_over(engine, on_event=events.append) as client:
        learn(client, "ada", FACT)
        engine.added.clear()
        yield client


@pytest.fixture
def remembering(client: MemOS) -> Callable[..., MemOSMemory]:
    """Makes memories of ada's."""

    def make(**options: Any) -> MemOSMemory:
        given = {"user_id": "ada", "conversation_id": "now", "client": client, **options}
        return MemOSMemory.from_defaults(**given)

    return make


@pytest.fixture
def llm(client: MemOS) -> MemOSLLM:
    return MemOSLLM(client=client, user_id="ada", conversation_id="now")


def learn(client: MemOS, user: str, text: str) -> None:
    """Has MemOS know something from an earlier conversation."""
    said = [{"role": "user", "content": text}]
    client.add_message(messages=said, user_id=user, conversation_id="earlier", async_mode=False)


def written(engine: CountingEngine) -> list[list[tuple[str, str]]]:
    """Role and text of each message of each turn; neighbours may go in one call."""
    turns = list[list[tuple[str, str]]]()
    for call in list(engine.added):
        for place, message in enumerate(call.model_dump(mode="json", include={"messages"})["messages"]):
            if place == 0 or message["role"] == "user":
                turns.append([])
            turns[-1].append((message["role"], message["content"]))
    return turns


def counted(engine: CountingEngine) -> tuple[int, int]:
    """Searches, and turns that were written."""
    return len(engine.searched), sum(role == "user" for role, _ in chain(*written(engine)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "memos.db"


@pytest.fixture
def filed(path: Path) -> Iterator[MemOS]:
    with connect(path) as client:
        learn(client, "ada", "My favourite tea is Sencha from Uji.")
        yield client


def unnamed(data: dict[str, Any]) -> dict[str, Any]:
    """As another process sees a dumped memory."""
    return {**data, "client_name": "another process's"}


def messages_in(client: MemOS) -> list[str]:
    client.flush()
    found = client.get_message(user_id="ada", conversation_id="now").model_dump(mode="json")
    return [str(message["content"]) for message in found["message_detail_list"]]


def said_to(client: MemOS, engine: CountingEngine) -> list[tuple[str, str]]:
    """The same in one list: neighbours may go in one call or in several."""
    return [message for call in delivered(client, engine) for message in call]


def delivered(client: MemOS, engine: CountingEngine) -> list[list[tuple[str, str]]]:
    """What was written, after all of it has arrived."""
    assert client.flush() == 0
    return written(engine)


@pytest.fixture
def refusing(events: list[Event]) -> Iterator[MemOS]:
    with client_over(Refusing(), on_event=events.append) as client:
        yield client


@pytest.fixture
def nowhere(events: list[Event]) -> Iterator[MemOS]:
    """A client of a port where no one listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{held.getsockname()[1]}/api/openmem/v1"
        client = MemOS(base_url=address, on_event=events.append)
        yield client
        client.close(timeout=0)
