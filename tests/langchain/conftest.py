"""The real engine that counts, a client over it, what it tells, and a watch on every event loop."""

from collections.abc import Callable, Iterator

import pytest

from memos_integrations.client import Event, MemOS
from tests.fakes import CountingEngine, client_over
from tests.langchain.models import FACT
from tests.watching import blocked  # noqa: F401 - a fixture


@pytest.fixture
def engine() -> Iterator[CountingEngine]:
    engine = CountingEngine()
    yield engine
    engine.close()


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def client(engine: CountingEngine, events: list[Event]) -> Iterator[MemOS]:
    with client_over(engine, on_event=events.append) as client:
        yield client


@pytest.fixture
def remembers(client: MemOS, engine: CountingEngine, events: list[Event]) -> Callable[..., None]:
    """Lets a user's memory hold a text from an earlier conversation; it is not counted."""

    def remember(text: str = FACT, user: str = "ada") -> None:
        message = {"role": "user", "content": text}
        client.add_message(messages=[message], user_id=user, conversation_id="earlier", async_mode=False)
        engine.added.clear()

    return remember
