"""What a block writes: each turn once, whoever shows it again, in order and for its own history."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.memory import Memory

from memos_integrations.client import MemOS
from memos_integrations.llama_index import _block_capture as capture
from tests.fakes import CountingEngine
from tests.later import Clock, said_in, wait_for_orphans
from tests.llama_index.blocks import of_ada, opened, put, stock, store, turn
from tests.llama_index.conftest import delivered, learn, said_to
from tests.llama_index.models import FAILED, Broken, answer, ask, calls, function, text_of_all, turned


@pytest.fixture
async def kept() -> AsyncIterator[dict[str, Any]]:
    async with store() as kept:
        yield kept


async def test_a_short_chat_is_written_without_a_flush(
    client: MemOS, engine: CountingEngine, kept: dict[str, Any]
) -> None:
    await turn(stock(of_ada(client), kept), "Hello.", "Hi!")
    assert delivered(client, engine) == [[("user", "Hello."), ("assistant", "Hi!")]]
    assert [call.conversation_id for call in engine.added] == ["now"]


async def test_repeats_are_kept(client: MemOS, engine: CountingEngine, kept: dict[str, Any]) -> None:
    memory = stock(of_ada(client), kept)
    for _ in range(4):
        await turn(memory, "Yes.", "Good.")
    assert said_to(client, engine) == [("user", "Yes."), ("assistant", "Good.")] * 4


async def test_a_failed_run_s_question_is_written_alone(
    client: MemOS, engine: CountingEngine, kept: dict[str, Any]
) -> None:
    memory = stock(of_ada(client), kept)
    with pytest.raises(FAILED):
        await function(Broken()).run("First?", memory=memory)
    await turn(memory, "Second?", "Yes.")
    assert said_to(client, engine) == [("user", "First?"), ("user", "Second?"), ("assistant", "Yes.")]


async def test_a_question_that_still_waits_for_its_answer_is_the_same_for_the_next_process(
    client: MemOS, engine: CountingEngine
) -> None:
    for end in (1, 1, 2):
        await of_ada(client).aget(turned("When?", "Noon.")[:end], session_id="now")
    assert said_to(client, engine) == [("user", "When?"), ("assistant", "Noon.")]


async def test_the_question_of_a_process_that_ends_is_not_lost(
    path: Path, monkeypatch: pytest.MonkeyPatch, kept: dict[str, Any]
) -> None:
    clock = Clock(monkeypatch)
    async with opened(path) as client:
        memory = stock(of_ada(client), kept)
        await put(memory, ask("Will it rain?"))
        await memory.aget()
    clock.move_on(2 * 3_600)
    await asyncio.to_thread(wait_for_orphans, path)
    assert await asyncio.to_thread(said_in, path, "ada", "now") == [("user", "Will it rain?")]


@pytest.mark.parametrize("last_read", [True, False])
async def test_a_restart_on_a_kept_history_writes_nothing_twice(path: Path, tmp_path: Path, last_read: bool) -> None:
    """Without a last read, as chat engines leave it, the next process writes the answer."""
    said = list[tuple[str, str]]()
    for number in range(3):
        async with store(tmp_path / "chat.db") as kept, opened(path) as client:
            memory = stock(of_ada(client), kept)
            for question in ("Yes.", "Yes.", f"Number {number}?"):
                await put(memory, ask(question))
                await memory.aget()
                await put(memory, answer("Good."))
                if last_read:
                    await memory.aget()
                said += [("user", question), ("assistant", "Good.")]
    expected = said if last_read else said[:-2]  # the last question waits for its answer
    assert await asyncio.to_thread(said_in, path, "ada", "now") == expected


async def test_a_block_made_for_each_request_writes_each_turn_once(
    client: MemOS, engine: CountingEngine, kept: dict[str, Any]
) -> None:
    for number in range(4):
        await turn(stock(of_ada(client), kept), f"Number {number}?", "Noted.")
        await turn(stock(of_ada(client), kept), "Yes.", "Good.")
    each = [
        [("user", f"Number {n}?"), ("assistant", "Noted."), ("user", "Yes."), ("assistant", "Good.")] for n in range(4)
    ]
    assert said_to(client, engine) == [message for messages in each for message in messages]


async def test_a_history_given_with_each_request_is_not_written_again(client: MemOS, engine: CountingEngine) -> None:
    history = turned("Old?", "Old.")
    for number in range(3):
        async with store() as kept:
            memory = stock(of_ada(client, conversation_id="c"), kept, session_id=f"request-{number}")
            await function(answer("Noted.")).run(f"Number {number}?", chat_history=history, memory=memory)
            history = [*history, ask(f"Number {number}?"), answer("Noted.")]
    assert said_to(client, engine) == [
        pair for n in range(3) for pair in (("user", f"Number {n}?"), ("assistant", "Noted."))
    ]
    assert {call.conversation_id for call in engine.added} == {"c"}


async def test_a_trimmed_or_edited_history_goes_on(client: MemOS, engine: CountingEngine, kept: dict[str, Any]) -> None:
    memory, agent = stock(of_ada(client), kept), function()
    await agent.run("One?", memory=memory)
    await agent.run("Two?", memory=memory)
    await agent.run("Three?", chat_history=turned("Two?", "Noted."), memory=memory)
    await agent.run("Four?", chat_history=turned("A summary.", "I see.", "Three?", "Noted."), memory=memory)
    await agent.run(chat_history=turned("Three?", "Noted.", "Four?"), memory=memory)  # the answer asked for anew
    asked = ["One?", "Two?", "Three?", "Four?", "Four?"]
    assert [text for role, text in said_to(client, engine) if role == "user"] == asked


@pytest.mark.parametrize("again", ["One?", "Two?"])
async def test_a_question_after_a_reset_is_written_though_its_words_are_known(
    client: MemOS, engine: CountingEngine, kept: dict[str, Any], again: str
) -> None:
    memory, expected = stock(of_ada(client), kept), list[tuple[str, str]]()
    for number, question in enumerate(["One?", "Two?", again, "Three?"]):
        if number == 2:
            await memory.areset()
        await turn(memory, question, f"Answer {number}.")
        expected += [("user", question), ("assistant", f"Answer {number}.")]
    assert said_to(client, engine) == expected
    assert len(engine.searched) == 4


async def test_a_question_after_a_reset_is_written_though_an_earlier_process_wrote_it(
    client: MemOS, engine: CountingEngine, kept: dict[str, Any]
) -> None:
    for question in ("One?", "Two?"):
        await turn(stock(of_ada(client), kept), question, "Noted.")
    later = stock(of_ada(client), kept)
    await later.aget()
    await later.areset()
    await turn(later, "One?", "Yes.")
    assert said_to(client, engine)[4:] == [("user", "One?"), ("assistant", "Yes.")]


async def test_an_answer_asked_for_anew_has_its_question_with_it(
    client: MemOS, engine: CountingEngine, kept: dict[str, Any]
) -> None:
    memory = stock(of_ada(client), kept)
    await turn(memory, "One?", "First.")
    for said in ("Second.", "Third."):
        await memory.aset([])
        await turn(memory, "One?", said)
    await turn(memory, "Two?", "Fourth.")
    asked = [("One?", "First."), ("One?", "Second."), ("One?", "Third."), ("Two?", "Fourth.")]
    expected = [pair for question, said in asked for pair in (("user", question), ("assistant", said))]
    assert said_to(client, engine) == expected


async def test_a_question_that_leaves_without_its_answer_is_not_asked_anew(
    client: MemOS, engine: CountingEngine
) -> None:
    block = of_ada(client)
    for messages in (turned("One?"), turned("One?", "Yes."), turned("One?", "Yes.", "Two?")):
        await block.aget(messages, session_id="now")
    await block.aput(turned("One?"), from_short_term_memory=True, session_id="now")
    await block.aget(turned("Two?", "No."), session_id="now")
    assert said_to(client, engine) == [("user", "One?"), ("assistant", "Yes."), ("user", "Two?"), ("assistant", "No.")]


async def test_capture_manual_writes_when_it_is_told_to(
    client: MemOS, engine: CountingEngine, kept: dict[str, Any]
) -> None:
    block = of_ada(client, capture="manual")
    memory = stock(block, kept)
    await turn(memory, "One?", "Two.")
    await turn(memory, "Yes.", "Good.")
    await block.aput(turned("Flushed?", "Yes."), from_short_term_memory=True, session_id="now")
    assert said_to(client, engine) == []

    assert await block.asave(memory) == 4
    await turn(memory, "Yes.", "Good.")
    assert await block.asave(memory) == 2
    assert await block.asave(memory) == 0
    assert await of_ada(client, capture="manual").asave(memory) == 0
    expected = [("user", "One?"), ("assistant", "Two."), *[("user", "Yes."), ("assistant", "Good.")] * 2]
    assert said_to(client, engine) == expected
    assert await of_ada(client).asave(Memory.from_defaults(session_id="empty", **kept)) == 0


async def test_a_caller_s_own_turns_are_taken(client: MemOS, engine: CountingEngine) -> None:
    await of_ada(client, conversation_id="c", capture="manual").aput(turned("Mine?", "Yes."))
    assert delivered(client, engine) == [[("user", "Mine?"), ("assistant", "Yes.")]]


async def test_odd_messages_are_no_trouble(client: MemOS, engine: CountingEngine, kept: dict[str, Any]) -> None:
    memory = stock(of_ada(client), kept)
    assert await memory.aget() == []
    await put(memory, ChatMessage(role=MessageRole.SYSTEM, content="You sell tea."), answer("Welcome!"))
    await memory.aget()
    await put(memory, ChatMessage(role=MessageRole.USER, blocks=[]), ask("  "), calls("now"))
    await memory.aget()
    await put(memory, ask("Hello."), answer("Hi!"))
    await memory.aget()
    assert said_to(client, engine) == [("user", "Hello."), ("assistant", "Hi!")]
    assert len(engine.searched) == 0


async def test_two_sessions_of_a_block_at_once_keep_apart(
    client: MemOS, engine: CountingEngine, tmp_path: Path
) -> None:
    block = of_ada(client)
    async with store(tmp_path / "one.db") as one, store(tmp_path / "two.db") as two:
        memories = [stock(block, one, session_id="one"), stock(block, two, session_id="two")]
        for number in range(3):
            await asyncio.gather(*(turn(memory, "Same?", f"{memory.session_id} {number}") for memory in memories))
    assert client.flush() == 0
    for name in ("one", "two"):
        mine = [m for call in engine.added if call.conversation_id == name for m in call.turns]
        assert [m.content for m in mine] == [text for n in range(3) for text in ("Same?", f"{name} {n}")]
    assert sorted(call.conversation_id or "" for call in engine.searched) == ["one"] * 3 + ["two"] * 3


async def test_two_users_at_once_never_meet(client: MemOS, engine: CountingEngine, tmp_path: Path) -> None:
    for user in ("bob", "eve"):
        learn(client, user, f"My favourite tea is {user} tea.")
    engine.added.clear()
    async with store(tmp_path / "bob.db") as bob, store(tmp_path / "eve.db") as eve:
        memories = {u: stock(of_ada(client, user_id=u), kept) for u, kept in (("bob", bob), ("eve", eve))}
        shown = await asyncio.gather(*(memory.aget("Which tea is my favourite?") for memory in memories.values()))
        await asyncio.gather(*(turn(memory, f"I am {user}.", f"Hi {user}!") for user, memory in memories.items()))
    assert client.flush() == 0
    for user, other, messages in (("bob", "eve", shown[0]), ("eve", "bob", shown[1])):
        assert f"{user} tea" in text_of_all(messages)
        assert f"{other} tea" not in text_of_all(messages)
        texts = [str(m.content) for call in engine.added if call.user_id == user for m in call.turns]
        assert f"Hi {user}!" in texts
        assert not [text for text in texts if other in text]


async def test_a_block_follows_so_many_histories_and_takes_up_older_ones(
    client: MemOS, engine: CountingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "_MAX_SESSIONS", 2)
    block = of_ada(client)
    async with store() as kept:
        for number in range(3):
            for name in ("a", "b", "c"):
                await turn(stock(block, kept, session_id=name), f"{name} {number}?", "Noted.")
    assert len(block._sessions._known) == 2
    assert client.flush() == 0
    questions = [str(m.content) for call in engine.added for m in call.turns if m.role == "user"]
    assert sorted(questions) == sorted(f"{name} {n}?" for name in "abc" for n in range(3))
