"""Histories that MemOS does not know yet, or knows already."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.memory import ChatMemoryBuffer

from memos_integrations import MemOS, connect
from memos_integrations.errors import Invalid
from memos_integrations.llama_index import MemOSMemory
from memos_integrations.llama_index._entry import entry_of
from memos_integrations.llama_index._joining import joined
from tests.fakes import CountingEngine
from tests.later import said_in
from tests.llama_index.conftest import QUESTION, delivered, said_to, unnamed
from tests.llama_index.models import answer, ask, calls, function, spoken, turned
from tests.llama_index.services import MARKER

Remembering = Callable[..., MemOSMemory]
OLD = turned("I live in Uji.", "Nice.", "yes", "ok", "yes", "ok")


async def test_an_import_is_written_once_in_turns(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    memory = remembering()
    assert await memory.aimport_history(OLD) == 6
    assert memory.import_history(OLD) == 0
    assert delivered(client, engine) == [spoken(OLD[i : i + 2]) for i in (0, 2, 4)]
    assert memory.get_all() == OLD

    assert await remembering().aimport_history([*OLD, *turned("And now?", "Now.")]) == 2
    assert said_to(client, engine)[6:] == [("user", "And now?"), ("assistant", "Now.")]


async def test_what_was_recorded_is_not_imported(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    memory = remembering(chat_history=OLD)
    await function(calls("now"), answer("Sencha.")).run(QUESTION, memory=memory)
    assert await memory.aimport_history([*OLD, ask(QUESTION), answer("Sencha.")]) == 6
    assert sorted(said_to(client, engine)) == sorted([*spoken(OLD), ("user", QUESTION), ("assistant", "Sencha.")])
    assert len(memory.get_all()) == 6 + 4


async def test_an_import_stands_before_what_is_said_now(client: MemOS, remembering: Remembering) -> None:
    memory = remembering()
    await memory.aput(ask(QUESTION))
    await memory.aimport_history(OLD)
    assert spoken(memory.get_all()) == [*spoken(OLD), ("user", QUESTION)]
    assert spoken(await memory.aget())[-1][1].endswith(QUESTION)


async def test_a_file_s_outbox_knows_an_import_of_another_process(path: Path) -> None:
    for _ in range(2):
        with connect(path) as client:
            memory = MemOSMemory.from_defaults(user_id="ada", conversation_id="now", client=client)
            await memory.aimport_history(OLD)
            assert await memory.aflush() == 0
            await client.aio.close()
    assert said_in(path, "ada", "now") == spoken(OLD)


async def test_a_long_import_goes_in_calls_of_forty(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    long = turned(*(f"word {n}" for n in range(300)))
    assert await remembering().aimport_history(long) == 300
    assert said_to(client, engine) == spoken(long)
    assert len(engine.added) < 150
    assert max(len(call.turns) for call in engine.added) <= 40


@pytest.mark.parametrize("way", ["import_history", "load_history"])
def test_without_a_client_it_is_refused(remembering: Remembering, way: str) -> None:
    memory = MemOSMemory.from_dict(unnamed(remembering().to_dict()))
    given = OLD if way == "import_history" else 5
    with pytest.raises(Invalid, match=r"attach\(client\)") as refused:
        getattr(memory, way)(given)
    assert refused.value.field == "client"
    assert memory.get_all() == []


async def test_what_writes_nothing_imports_nothing(remembering: Remembering) -> None:
    memory = remembering(record=False)
    with pytest.raises(Invalid, match="record=False"):
        memory.import_history(OLD)
    with pytest.raises(Invalid, match="record=False"):
        await memory.aimport_history(OLD)


async def test_a_conversation_is_loaded_and_not_written_again(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    await function(calls("now"), answer("Sencha.")).run(QUESTION, memory=remembering(record_tools=True))
    memory = remembering()
    told = await memory.aload_history()  # what is on its way is delivered first
    assert spoken(told) == spoken(memory.get_all()) == [("user", QUESTION), ("assistant", "Sencha.")]
    assert memory.load_history() == told
    assert memory.get_all() == told
    await function(answer("Bye.")).run("Bye.", memory=memory)
    assert await memory.aimport_history(memory.get_all()) == 0
    assert said_to(client, engine)[-2:] == [("user", "Bye."), ("assistant", "Bye.")]
    assert [text for _, text in said_to(client, engine)].count(QUESTION) == 1
    assert len(engine.searched) == 2


async def test_a_loaded_history_stands_before_a_restored_one_once(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    memory = remembering()
    await memory.aimport_history(OLD)
    later = remembering(chat_history=OLD[-2:])
    assert spoken(await later.aload_history(4)) == spoken(OLD[-4:])
    assert spoken(later.get_all()) == spoken(OLD[-4:])


@pytest.mark.parametrize("limit", [0, 51, "many"])
async def test_a_wrong_limit_is_told(engine: CountingEngine, remembering: Remembering, limit: int) -> None:
    with pytest.raises(Invalid) as refused:
        remembering().load_history(limit)
    with pytest.raises(Invalid) as too:
        await remembering().aload_history(limit)
    assert refused.value.field == too.value.field == "message_limit_number"


async def test_imports_show_nothing(remembering: Remembering, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "memos_integrations")
    memory = remembering()
    await memory.aimport_history([ask(MARKER), answer(MARKER)])
    await memory.aload_history()
    assert MARKER not in caplog.text
    assert MARKER not in repr(memory)
    names = [entry["turn"] for entry in json.loads(json.dumps(memory.to_dict()))["history"]["entries"]]
    assert MARKER not in str(names)


A, B, C, D = "abcd"


@pytest.mark.parametrize(
    ("earlier", "later", "both"),
    [
        ([], [A, B], [A, B]),
        ([A, B], [], [A, B]),
        ([A, B], [A, B], [A, B]),
        ([A, B], [A, B, C, D], [A, B, C, D]),
        ([A, B, C, D], [A, B], [A, B, C, D]),
        ([A, B, C], [C, D], [A, B, C, D]),
        ([A, B], [C, D], [A, B, C, D]),
        ([A, B, A, B], [A, B, C], [A, B, A, B, C]),
        ([A, A], [A], [A, A]),
    ],
)
def test_what_two_parts_share_is_there_once(earlier: list[str], later: list[str], both: list[str]) -> None:
    def entries(texts: Sequence[str]) -> list[ChatMessage]:
        return [ask(text) for text in texts]

    result = joined([*map(entry_of, entries(earlier))], [*map(entry_of, entries(later))])
    assert [entry.message for entry in result] == entries(both)


async def test_a_memory_of_the_user_s_gets_them_too(client: MemOS, remembering: Remembering) -> None:
    await remembering().aimport_history(OLD)
    kept = ChatMemoryBuffer.from_defaults(token_limit=10_000)
    memory = remembering(short_term=kept)
    await memory.aload_history()
    assert await kept.aget_all() == OLD
    await memory.aimport_history([*OLD, ask("New.")])
    assert await kept.aget_all() == [*OLD, ask("New.")]
