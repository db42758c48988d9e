"""P18: what happens at once on one memory loses nothing, and each run keeps its own turn."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent, ReActAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.chat_engine import ContextChatEngine, SimpleChatEngine
from llama_index.core.workflow import Context, HumanResponseEvent, JsonSerializer

from memos_integrations import connect
from memos_integrations.client import MemOS
from memos_integrations.llama_index import MemOSMemory
from tests.fakes import CountingEngine
from tests.later import said_in
from tests.llama_index.conftest import QUESTION, written
from tests.llama_index.contexts import waiting
from tests.llama_index.models import (
    FAILED,
    Broken,
    Shelf,
    ToldModel,
    answer,
    ask,
    calls,
    function,
    now,
    spoken,
    text_of_all,
)
from tests.llama_index.resumed import agent_of
from tests.llama_index.turns import has_memory_once, script_of

# ReActAgent asks LlamaIndex's own context for what it has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning")

Remembering = Callable[..., MemOSMemory]


class Meeting(ToldModel):
    """Answers its first call when so many of its kind are asked at once."""

    def __init__(self, room: asyncio.Barrier, *script: Any) -> None:
        super().__init__(*script)
        self._room: asyncio.Barrier | None = room

    async def astream_chat(self, messages: Sequence[ChatMessage], **options: Any) -> Any:
        room, self._room = self._room, None
        if room is not None:
            await room.wait()
        return await super().astream_chat(messages, **options)


def turn_of(number: int) -> list[tuple[str, str]]:
    return [("user", f"{QUESTION} {number}"), ("assistant", "It is Sencha.")]


async def test_p18_fifty_puts_at_once_lose_nothing(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    memory = remembering()
    await asyncio.gather(*(memory.aput(ChatMessage(content=f"word {n}")) for n in range(50)))
    await memory.aput(answer("Heard."))
    client.flush()

    assert spoken(memory.get_all()) == [*(("user", f"word {n}") for n in range(50)), ("assistant", "Heard.")]
    turns = written(engine)
    assert sorted(said[0][1] for said in turns) == sorted(f"word {n}" for n in range(50))
    assert [said for said in turns if len(said) > 1] == [[("user", "word 49"), ("assistant", "Heard.")]]


@pytest.mark.parametrize("kind", ["function", "react"])
async def test_p18_ten_runs_at_once_keep_their_turns_apart(
    client: MemOS, engine: CountingEngine, remembering: Remembering, kind: str
) -> None:
    memory, room = remembering(), asyncio.Barrier(10)
    make = {"function": FunctionAgent, "react": ReActAgent}[kind]
    models = [Meeting(room, *script_of(kind, 1)) for _ in range(10)]
    agents = [make(tools=[now, add], llm=model) for model in models]
    await asyncio.gather(*(agent.run(f"{QUESTION} {n}", memory=memory) for n, agent in enumerate(agents)))
    client.flush()

    assert len(engine.searched) == 10
    assert sorted(written(engine)) == sorted(turn_of(n) for n in range(10))
    for number, model in enumerate(models):
        first, _ = model.handed
        has_memory_once(first, f"{QUESTION} {number}")
        assert text_of_all(first).count(QUESTION) == 1  # nobody else's question, none being answered
    kept = [text for role, text in spoken(memory.get_all()) if role == "user" and text.startswith(QUESTION)]
    assert kept == [f"{QUESTION} {n}" for n in range(10)]
    assert [role for role, _ in spoken(memory.get_all())][:2] == ["user", "assistant"]


def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


@pytest.mark.parametrize("make", [SimpleChatEngine, ContextChatEngine])
async def test_p18_streams_of_engines_at_once_keep_their_turns_apart(
    client: MemOS, engine: CountingEngine, remembering: Remembering, make: Any
) -> None:
    memory, room = remembering(), asyncio.Barrier(10)

    async def chat(number: int) -> None:
        model = Meeting(room, answer("It is Sencha."))
        chat = make.from_defaults(retriever=Shelf(), llm=model, memory=memory)
        told = await chat.astream_chat(f"{QUESTION} {number}")
        assert "".join([token async for token in told.async_response_gen()]) == "It is Sencha."
        has_memory_once(model.handed[0], f"{QUESTION} {number}")

    await asyncio.gather(*(chat(number) for number in range(10)))
    client.flush()
    assert len(engine.searched) == 10
    assert sorted(written(engine)) == sorted(turn_of(n) for n in range(10))


async def test_p18_runs_within_one_step_keep_their_turns_apart(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    """Engines that a tool of an agent asks at once, on the agent's own memory."""
    memory, room = remembering(), asyncio.Barrier(2)

    async def ask_one(number: int) -> None:
        chat = SimpleChatEngine.from_defaults(llm=Meeting(room, answer("It is Sencha.")), memory=memory)
        told = await chat.astream_chat(f"{QUESTION} {number}")
        assert [token async for token in told.async_response_gen()]

    async def ask_both() -> str:
        """Asks two colleagues."""
        await asyncio.gather(ask_one(0), ask_one(1))
        return "Both say Sencha."

    await FunctionAgent(tools=[ask_both], llm=ToldModel(calls("ask_both"), answer("Sencha."))).run(
        "Ask!", memory=memory
    )
    client.flush()
    assert sorted(written(engine)) == sorted([turn_of(0), turn_of(1), [("user", "Ask!"), ("assistant", "Sencha.")]])


async def test_p18_a_failed_run_beside_one_that_goes_on_is_over(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    memory, asked, let = remembering(), asyncio.Event(), asyncio.Event()

    async def wait() -> str:
        """Waits."""
        asked.set()
        await let.wait()
        return "done"

    agent = FunctionAgent(tools=[wait], llm=ToldModel(calls("wait"), answer("At last.")))
    slow = asyncio.ensure_future(agent.run("Take your time.", memory=memory))
    await asked.wait()
    with pytest.raises(FAILED):
        await function(Broken()).run("I live in Uji.", memory=memory)
    quick = ToldModel(answer("In Uji."))
    await FunctionAgent(tools=[], llm=quick).run("Where do I live?", memory=memory)
    assert "I live in Uji." in text_of_all(quick.handed[0])
    assert "Take your time." not in text_of_all(quick.handed[0])
    let.set()
    await slow
    client.flush()
    turns = [
        [("user", "I live in Uji.")],
        [("user", "Where do I live?"), ("assistant", "In Uji.")],
        [("user", "Take your time."), ("assistant", "At last.")],
    ]
    assert sorted(written(engine)) == sorted(turns)


async def test_p18_a_restored_run_answers_its_own_question_beside_others(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    agent, _ = agent_of(calls("confirm"))
    handler = agent.run("Shall I?", memory=remembering())
    data = await waiting(handler)
    await handler.cancel_run()

    agent, model = agent_of(answer("You shall."))
    resumed = agent.run(ctx=Context.from_dict(agent, data, serializer=JsonSerializer()))
    memory: MemOSMemory = await resumed.ctx.store.get("memory")
    await function(answer("It is Sencha.")).run(f"{QUESTION} 0", memory=memory)
    resumed.ctx.send_event(HumanResponseEvent.model_validate({"response": "yes"}))
    assert str(await resumed) == "You shall."
    assert text_of_all(model.handed[0]).rstrip().endswith("yes")
    client.flush()
    assert ("assistant", "You shall.") in written(engine)[-1]
    assert spoken(memory.get_all())[0] == ("user", "Shall I?")
    assert spoken(memory.get_all())[-2:] == turn_of(0)


async def test_p18_turns_at_once_are_whole_in_a_file_too(path: Any) -> None:
    with connect(path) as client:
        memory = MemOSMemory.from_defaults(user_id="ada", conversation_id="now", client=client)
        room = asyncio.Barrier(5)
        agents = [FunctionAgent(tools=[], llm=Meeting(room, answer(f"echo {n}"))) for n in range(5)]
        await asyncio.gather(*(agent.run(f"word {n}", memory=memory) for n, agent in enumerate(agents)))
        await memory.aput(ask("And this?"))  # waits for its answer, and keeps nobody's apart
        await client.aio.close()
    told = await asyncio.to_thread(said_in, path, "ada", "now")
    pairs = [told[i : i + 2] for i in range(0, 10, 2)]
    assert sorted(pairs) == [[("user", f"word {n}"), ("assistant", f"echo {n}")] for n in range(5)]
