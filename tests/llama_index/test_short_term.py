"""A memory of the user's own keeps the conversation; ours recalls and records on top of it."""

import gc
from collections.abc import Callable
from pathlib import Path

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.memory import BaseMemory, ChatMemoryBuffer, Memory
from llama_index.core.workflow import Context

from memos_integrations import MemOS
from memos_integrations.errors import Invalid
from memos_integrations.llama_index import MemOSMemory
from tests.fakes import CountingEngine
from tests.llama_index.blocks import unpooled
from tests.llama_index.conftest import QUESTION, said_to, unnamed, written
from tests.llama_index.models import ToldModel, answer, ask, calls, function, now, spoken, text_of_all, turned
from tests.llama_index.turns import SAID, agent_of, has_memory_once, script_of, settled

# ReActAgent asks LlamaIndex's own context for what it has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning")

Remembering = Callable[..., MemOSMemory]


def stock(path: Path) -> Memory:
    engine = unpooled(path)
    return Memory.from_defaults(
        session_id="now", token_limit=10_000, async_engine=engine, async_database_uri=str(engine.url)
    )


def buffer(_: Path | None = None) -> ChatMemoryBuffer:
    return ChatMemoryBuffer.from_defaults(token_limit=10_000)


@pytest.fixture(params=[stock, buffer])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> BaseMemory:
    memory: BaseMemory = request.param(tmp_path / "chat.db")
    return memory


@pytest.mark.parametrize("kind", ["function", "react", "code"])
async def test_one_search_and_one_write_a_turn(
    client: MemOS, engine: CountingEngine, remembering: Remembering, kept: BaseMemory, kind: str
) -> None:
    memory = remembering(short_term=kept)
    for turn in (1, 2):
        model = ToldModel(*script_of(kind, 1))
        await agent_of(kind, model).run(QUESTION, memory=memory)
        assert settled(client, engine) == (turn, turn)
        for handed in model.handed:
            has_memory_once(handed)
    assert written(engine) == [[("user", QUESTION), ("assistant", SAID)]] * 2
    assert "<memories" not in text_of_all(await kept.aget_all())
    assert await kept.aget_all() == await memory.aget_all()


def test_plain_calls_reach_it(
    client: MemOS, engine: CountingEngine, remembering: Remembering, kept: BaseMemory
) -> None:
    memory = remembering(short_term=kept)
    chat = SimpleChatEngine.from_defaults(llm=ToldModel(), memory=memory)
    chat.chat(QUESTION)
    memory.put_messages([])
    memory.put_messages([answer("And?")])
    assert spoken(kept.get_all()) == [("user", QUESTION), ("assistant", "Noted."), ("assistant", "And?")]
    memory.set(turned("Hello.", "Hi!"))
    assert kept.get_all() == memory.get_all() == turned("Hello.", "Hi!")
    memory.reset()
    assert kept.get_all() == []
    assert settled(client, engine) == (1, 1)


async def test_awaited_calls_reach_it(remembering: Remembering, kept: BaseMemory) -> None:
    memory = remembering(short_term=kept)
    await memory.aset(turned("Hello.", "Hi!"))
    await memory.aput_messages([])
    await memory.aput_messages(turned("a", "b"))
    assert await kept.aget_all() == await memory.aget_all() == turned("Hello.", "Hi!", "a", "b")
    given = await memory.aget(input=ChatMessage(content=QUESTION))  # not put yet
    assert "<memories id=" in text_of_all(given[-1:])
    await memory.areset()
    assert await kept.aget_all() == []


async def test_its_window_holds_and_its_messages_are_its_own(remembering: Remembering) -> None:
    kept = ChatMemoryBuffer.from_defaults(token_limit=30)
    memory = remembering(short_term=kept)
    await memory.aset(turned(*["words " * 20] * 6))
    mine = ask(QUESTION)
    await memory.aput(mine)
    given = await memory.aget()
    assert len(given) < 7
    has_memory_once(given)
    for message in [mine, *given]:
        message.additional_kwargs["changed"] = True
    assert kept.get_all()[-1].additional_kwargs == {}


async def test_runs_on_one_context_keep_it(
    client: MemOS, engine: CountingEngine, remembering: Remembering, kept: BaseMemory
) -> None:
    """For which LlamaIndex dumps and restores our memory each time."""
    agent = FunctionAgent(tools=[now], llm=ToldModel(calls("now"), answer("1."), answer("2.")))
    ctx = Context(agent)
    await agent.run("One?", memory=remembering(short_term=kept), ctx=ctx)
    await agent.run("Two?", ctx=ctx)
    said = spoken(await kept.aget_all())
    assert [text for _, text in said] == ["One?", "", "noon", "1.", "Two?", "2."]
    assert said_to(client, engine) == [("user", "One?"), ("assistant", "1."), ("user", "Two?"), ("assistant", "2.")]


async def test_restored_elsewhere_it_goes_on_with_what_it_saw(
    client: MemOS, remembering: Remembering, kept: BaseMemory
) -> None:
    agent = FunctionAgent(tools=[], llm=ToldModel())
    ctx = Context(agent)
    await agent.run("One?", memory=remembering(short_term=kept), ctx=ctx)
    memory: MemOSMemory = await ctx.store.get("memory")
    data = memory.to_dict()
    assert "sql_store" not in str(data)

    elsewhere = MemOSMemory.from_dict({**unnamed(data), "short_term_name": "another process's"})
    assert elsewhere.short_term is None
    assert spoken(elsewhere.get_all()) == [("user", "One?"), ("assistant", "Noted.")]
    other = buffer()
    assert elsewhere.attach(client, short_term=other).short_term is other
    await function(answer("2.")).run("Two?", memory=elsewhere)
    assert spoken(await other.aget_all()) == [("user", "Two?"), ("assistant", "2.")]


async def test_one_that_nobody_has_is_gone(remembering: Remembering) -> None:
    memory = remembering(short_term=buffer())
    data = memory.to_dict()
    assert MemOSMemory.from_dict(dict(data)).short_term is memory.short_term
    del memory
    gc.collect()
    assert MemOSMemory.from_dict(data).short_term is None


async def test_what_a_database_kept_is_seen(remembering: Remembering, tmp_path: Path) -> None:
    await function(answer("1.")).run("One?", memory=remembering(short_term=stock(tmp_path / "chat.db")))
    model = ToldModel()
    again = remembering(short_term=stock(tmp_path / "chat.db"))
    await FunctionAgent(tools=[], llm=model).run(QUESTION, memory=again)
    assert [role for role, _ in spoken(model.handed[0])] == ["user", "assistant", "user"]
    has_memory_once(model.handed[0])


async def test_what_raises_there_raises(client: MemOS, engine: CountingEngine, remembering: Remembering) -> None:
    class Broken(ChatMemoryBuffer):
        async def aput(self, message: ChatMessage) -> None:
            raise OSError("no disk")

    memory = remembering(short_term=Broken.from_defaults())
    with pytest.raises(OSError, match="no disk"):
        await memory.aput(ask("Hello."))
    assert settled(client, engine) == (0, 0)


class Failing(ChatMemoryBuffer):
    """Takes nothing, however it is told."""

    def put(self, message: ChatMessage) -> None:
        raise OSError("no disk")

    def put_messages(self, messages: list[ChatMessage]) -> None:
        raise OSError("no disk")

    def set(self, messages: list[ChatMessage]) -> None:
        raise OSError("no disk")

    async def aput(self, message: ChatMessage) -> None:
        self.put(message)

    async def aput_messages(self, messages: list[ChatMessage]) -> None:
        self.put_messages(messages)

    async def aset(self, messages: list[ChatMessage]) -> None:
        self.set(messages)


@pytest.mark.parametrize("awaited", [False, True])
async def test_what_it_does_not_take_is_written_all_the_same(
    client: MemOS, engine: CountingEngine, remembering: Remembering, awaited: bool
) -> None:
    memory = remembering(short_term=Failing.from_defaults())
    said = turned("One?", "1.", "Two?", "2.", "Three?", "3.")
    for name, given in (
        ("put", said[0]),
        ("put", said[1]),
        ("put_messages", said[2:4]),
        ("set", said[:5]),
        ("put_messages", said[5:]),
    ):
        with pytest.raises(OSError, match="no disk"):
            _ = await getattr(memory, f"a{name}")(given) if awaited else getattr(memory, name)(given)
    assert said_to(client, engine) == spoken(said)


@pytest.mark.parametrize("wrong", [{"short_term": "buffer"}, {"short_term": buffer, "chat_history": turned("a")}])
def test_a_mistake_is_told(remembering: Remembering, wrong: dict[str, object]) -> None:
    given = {name: value() if callable(value) else value for name, value in wrong.items()}
    with pytest.raises(Invalid):
        remembering(**given)


def test_ours_keeps_nothing_for_ours(remembering: Remembering) -> None:
    with pytest.raises(Invalid) as told:
        remembering(short_term=remembering())
    assert told.value.field == "short_term"
