"""P16: a caller's own history: nothing is added again, nothing is wiped, legitimate repeats are kept."""

from collections.abc import Callable

import pytest
from llama_index.core.base.llms.types import (
    ChatMessage,
)

from memos_integrations.client import MemOS
from memos_integrations.llama_index import MemOSMemory
from memos_integrations.llama_index._history import History
from tests.fakes import CountingEngine
from tests.llama_index.conftest import delivered, said_to
from tests.llama_index.models import answer, ask, calls, function, turned

pytestmark = pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning")
Remembering = Callable[..., MemOSMemory]


async def test_p16_the_same_memory_given_each_history_writes_each_turn_once(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    memory, history = remembering(), list[ChatMessage]()
    for _ in range(3):
        agent = function(calls("now"), answer("ok"))
        await agent.run("yes", chat_history=list(history), memory=memory)
        history += turned("yes", "ok")

    assert delivered(client, engine) == [[("user", "yes"), ("assistant", "ok")]] * 3
    assert len(engine.searched) == 3


async def test_p16_an_answer_asked_for_anew_is_searched_for_anew(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    memory = remembering()
    for said in ("ok", "better"):
        await function(answer(said)).run(chat_history=turned("yes"), memory=memory)

    assert said_to(client, engine) == [("user", "yes"), ("assistant", "ok"), ("assistant", "better")]
    assert len(engine.searched) == 2


async def test_p16_a_new_memory_given_each_history_writes_each_turn_once(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    history = list[ChatMessage]()
    for _ in range(3):
        await function(answer("ok")).run("yes", chat_history=list(history), memory=remembering())
        history += turned("yes", "ok")

    assert delivered(client, engine) == [[("user", "yes"), ("assistant", "ok")]] * 3
    assert len(engine.searched) == 3


async def test_p16_a_trimmed_history_is_searched_anew_each_turn(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    memory, history = remembering(), list[ChatMessage]()
    for _ in range(4):
        await function(answer("ok")).run("yes", chat_history=history[-2:], memory=memory)
        history += turned("yes", "ok")

    assert delivered(client, engine) == [[("user", "yes"), ("assistant", "ok")]] * 4
    assert len(engine.searched) == 4


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (turned("a", "b", "c", "d"), []),
        (turned("a", "b", "c", "d", "e"), [("user", "e")]),
        (turned("a", "b", "c", "d", "e", "f"), [("user", "e"), ("assistant", "f")]),
        (turned("a", "b", "c", "d", "c", "d"), [("user", "c"), ("assistant", "d")]),
        (turned("a", "b", "c"), []),
        (turned("c", "d"), []),
        (turned("c", "d", "e"), [("user", "e")]),
        (turned("a", "b", "edited"), [("user", "edited")]),
        (turned("edited", "b", "c", "d"), []),
        ([], []),
        ([ChatMessage(role="system", content="Be kind."), *turned("a", "b", "c", "d")], []),
    ],
    ids=["same", "asked", "on", "repeated", "cut", "trimmed", "trimmed, asked", "edited", "past edited", "none", "led"],
)
def test_p16_a_history_set_is_kept_and_only_what_is_new_is_written(
    given: list[ChatMessage], expected: list[tuple[str, str]]
) -> None:
    history = History()
    history.put(turned("a", "b", "c", "d"))
    history.finished()
    history.replace(given)

    assert history.messages() == given
    assert [(u.role, u.text) for u in history.unwritten] == expected


def test_p16_a_history_of_words_alone_goes_on_from_one_with_tool_calls() -> None:
    history = History()
    history.put([ask("a")])
    history.put_several([calls("now"), ChatMessage(role="tool", content="noon"), answer("b")])
    history.finished()
    history.replace(turned("a", "b", "c", "d"))

    assert [(u.role, u.text) for u in history.unwritten] == [("user", "c"), ("assistant", "d")]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (turned("c"), ["c"]),
        (turned("a", "b", "c"), ["c"]),
        (turned("z", "b", "c"), ["c"]),
        ([*turned("a", "b", "c"), ask("d")], ["c", "d"]),
        ([ask("c"), ask("d")], ["c", "d"]),
        (turned("a", "b"), []),
        ([], []),
    ],
)
def test_p16_a_failed_run_s_words_wait_on_if_the_history_set_has_them(
    given: list[ChatMessage], expected: list[str]
) -> None:
    history = History()
    history.put(turned("a", "b", "c"))
    history.finished()
    history.replace(given)

    assert [u.text for u in history.unwritten] == expected


async def test_p16_aset_writes_what_goes_beyond(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    memory = remembering(chat_history=turned("a", "b"))
    await memory.aset(turned("a", "b", "c", "d"))
    memory.set(turned("a", "b", "c", "d", "e", "f"))

    assert delivered(client, engine) == [[("user", "c"), ("assistant", "d")], [("user", "e"), ("assistant", "f")]]
