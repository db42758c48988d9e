"""Another conversation of the same user, and waiting for delivery."""

from collections.abc import Callable
from pathlib import Path

import pytest

from memos_integrations import MemOS, connect
from memos_integrations.errors import Invalid
from memos_integrations.llama_index import MemOSMemory
from tests.fakes import CountingEngine
from tests.llama_index.conftest import QUESTION, learn, unnamed, written
from tests.llama_index.models import answer, ask, function, text_of_all, turned

Remembering = Callable[..., MemOSMemory]


async def test_another_conversation_has_the_same_user_client_and_options(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    memory = remembering(
        agent_id="guide", tags=["tea"], placement="system", token_limit=77, timezone="Asia/Tokyo",
        memory_limit_number=3, record_tools=True, chat_history=turned("Hello.", "Hi!"),
    )  # fmt: skip
    other = memory.with_scope(conversation_id="later", app_id="shop", tags=[])
    assert other.scope.model_dump(mode="json") == {
        **memory.scope.model_dump(mode="json"),
        "conversation_id": "later",
        "app_id": "shop",
        "tags": [],
    }
    same = ("recall_options", "placement", "record", "token_limit", "timezone", "address", "client_name")
    assert [getattr(other, name) for name in same] == [getattr(memory, name) for name in same]
    assert other.history.tools
    assert other.get_all() == []
    await function(answer("Bye!")).run("Bye.", memory=other)
    assert len(memory.get_all()) == 2
    client.flush()
    assert {call.conversation_id for call in engine.added} == {"later"}
    assert written(engine) == [[("user", "Bye."), ("assistant", "Bye!")]]


def test_a_conversation_is_made_up_for_each(remembering: Remembering) -> None:
    memory = remembering()
    names = {memory.with_scope().scope.conversation_id for _ in range(3)}
    assert len(names) == 3
    assert "now" not in names
    with pytest.raises(Invalid) as told:
        memory.with_scope(conversation_id=" ")
    assert told.value.field == "conversation_id"


def test_it_borrows_what_its_origin_borrowed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with connect(path) as client:
        learn(client, "ada", "My favourite tea is Sencha from Uji.")
    monkeypatch.setenv("MEMOS_BASE_URL", str(path))
    memory = MemOSMemory.from_defaults(user_id="ada")
    other = memory.with_scope()
    memory.close()
    assert "<memories id=" in text_of_all(other.get(QUESTION))
    other.close()
    assert other._client is not None
    assert "<memories" not in text_of_all(other.get("What else do you know of my favourite tea?"))


async def test_one_without_a_client_waits_like_its_origin(client: MemOS, remembering: Remembering) -> None:
    memory = MemOSMemory.from_dict(unnamed(remembering().to_dict()))
    other = memory.with_scope(conversation_id="later")
    await other.aput(ask("Hello."))
    await other.aput(answer("Hi!"))
    assert await other.aflush() == other.flush() == 2  # messages that wait for a client
    other.attach(client)
    assert await other.aflush(30) == 0
    assert other.flush(30) == 0
    found = client.get_message(user_id="ada", conversation_id="later")
    assert [message.content for message in found.message_detail_list] == ["Hello.", "Hi!"]
