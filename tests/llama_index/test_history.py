"""What a memory keeps, and what it makes of a caller's own history."""

import json
from collections.abc import Callable

import pytest
from llama_index.core.agent.workflow import FunctionAgent, ReActAgent
from llama_index.core.base.llms.types import (
    ChatMessage,
    TextBlock,
)
from llama_index.core.chat_engine import SimpleChatEngine

from memos_integrations.client import MemOS
from memos_integrations.llama_index import MemOSMemory
from memos_integrations.llama_index._history import History
from tests.fakes import CountingEngine
from tests.llama_index.conftest import QUESTION, delivered, said_to
from tests.llama_index.models import ToldModel, answer, ask, calls, function, now, spoken, text_of_all, turned

# ReActAgent asks LlamaIndex's own context for what it has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning")

Remembering = Callable[..., MemOSMemory]


async def test_three_turns_leave_no_recalled_text_anywhere(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    model, memory = ToldModel(), remembering()
    agent = FunctionAgent(tools=[now], llm=model)
    for number in range(3):
        await agent.run(f"{QUESTION} ({number})", memory=memory)

    assert "<memories id=" in text_of_all(model.handed[-1])
    kept = [spoken(memory.get_all()), spoken(await memory.aget_all()), memory.to_dict(), delivered(client, engine)]
    for held in kept:
        assert "<memories" not in json.dumps(held)
        assert "Long-term memory" not in json.dumps(held)
        assert "Uji" not in json.dumps(held)
    assert spoken(memory.get_all())[::2] == [("user", f"{QUESTION} ({number})") for number in range(3)]


@pytest.mark.parametrize("kind", [FunctionAgent, ReActAgent])
async def test_an_agent_s_state_is_not_written_into_what_is_kept(
    client: MemOS, engine: CountingEngine, remembering: Remembering, kind: type[FunctionAgent | ReActAgent]
) -> None:
    model, memory = ToldModel(answer("Sencha."), answer("Still.")), remembering()
    agent = kind(tools=[now], llm=model, initial_state={"mood": "calm"})
    await agent.run(QUESTION, memory=memory)
    await agent.run("Sure?", memory=memory)

    assert "Current state" in text_of_all(model.handed[0])
    assert text_of_all(model.handed[0]).count("<memories id=") == 1
    assert "Current state" not in text_of_all(memory.get_all())
    assert delivered(client, engine)[0] == [("user", QUESTION), ("assistant", "Sencha.")]


async def test_what_is_returned_may_be_changed(remembering: Remembering) -> None:
    mine = ask(QUESTION)
    memory = remembering(chat_history=[answer("Hello.")])
    memory.put(mine)
    for messages in (memory.get(), await memory.aget(), memory.get_all(), await memory.aget_all(), [mine]):
        for message in messages:
            message.additional_kwargs["changed"] = True
            for block in message.blocks:
                if isinstance(block, TextBlock):
                    block.text = "changed"

    assert spoken(memory.get_all()) == [("assistant", "Hello."), ("user", QUESTION)]
    assert [m.additional_kwargs for m in memory.get_all()] == [{}, {}]


def test_reset_forgets_here_and_not_there(client: MemOS, engine: CountingEngine, remembering: Remembering) -> None:
    memory = remembering()
    chat = SimpleChatEngine.from_defaults(llm=ToldModel(), memory=memory)
    chat.chat("I like oolong too.")
    memory.put(ask("Never mind."))
    chat.reset()

    assert memory.get_all() == memory.get() == []
    chat.chat("I like matcha too.")
    assert said_to(client, engine) == [
        ("user", "I like oolong too."),
        ("assistant", "Noted."),
        ("user", "Never mind."),  # it was told, though nobody answered
        ("user", "I like matcha too."),
        ("assistant", "Noted."),
    ]
    assert "oolong" in str(client.search_memory(query="oolong", user_id="ada").model_dump())


async def test_areset_does_the_same(remembering: Remembering) -> None:
    memory = remembering(chat_history=[ask("Hello."), answer("Hi!")])
    await memory.areset()
    assert await memory.aget_all() == []


# A caller's own history


async def test_the_same_memory_given_each_history_writes_each_turn_once(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    memory, history = remembering(), list[ChatMessage]()
    for _ in range(3):
        agent = function(calls("now"), answer("ok"))
        await agent.run("yes", chat_history=list(history), memory=memory)
        history += turned("yes", "ok")

    assert delivered(client, engine) == [[("user", "yes"), ("assistant", "ok")]] * 3
    assert len(engine.searched) == 3


async def test_an_answer_asked_for_anew_is_searched_for_anew(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    memory = remembering()
    for said in ("ok", "better"):
        await function(answer(said)).run(chat_history=turned("yes"), memory=memory)

    assert said_to(client, engine) == [("user", "yes"), ("assistant", "ok"), ("assistant", "better")]
    assert len(engine.searched) == 2


async def test_a_new_memory_given_each_history_writes_each_turn_once(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    history = list[ChatMessage]()
    for _ in range(3):
        await function(answer("ok")).run("yes", chat_history=list(history), memory=remembering())
        history += turned("yes", "ok")

    assert delivered(client, engine) == [[("user", "yes"), ("assistant", "ok")]] * 3
    assert len(engine.searched) == 3


async def test_a_trimmed_history_is_searched_anew_each_turn(
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
def test_a_history_set_is_kept_and_only_what_is_new_is_written(
    given: list[ChatMessage], expected: list[tuple[str, str]]
) -> None:
    history = History()
    history.put(turned("a", "b", "c", "d"))
    history.finished()
    history.replace(given)

    assert history.messages() == given
    assert [(u.role, u.text) for u in history.unwritten] == expected


def test_a_history_of_words_alone_goes_on_from_one_with_tool_calls() -> None:
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
def test_a_failed_run_s_words_wait_on_if_the_history_set_has_them(
    given: list[ChatMessage], expected: list[str]
) -> None:
    history = History()
    history.put(turned("a", "b", "c"))
    history.finished()
    history.replace(given)

    assert [u.text for u in history.unwritten] == expected


async def test_aset_writes_what_goes_beyond(client: MemOS, engine: CountingEngine, remembering: Remembering) -> None:
    memory = remembering(chat_history=turned("a", "b"))
    await memory.aset(turned("a", "b", "c", "d"))
    memory.set(turned("a", "b", "c", "d", "e", "f"))

    assert delivered(client, engine) == [[("user", "c"), ("assistant", "d")], [("user", "e"), ("assistant", "f")]]
