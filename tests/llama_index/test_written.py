"""What of a conversation is written: what the user and the assistant said to each other, once."""

import asyncio
import json
from collections.abc import Callable

import pytest
from llama_index.core.agent.workflow import CodeActAgent, FunctionAgent, ReActAgent
from llama_index.core.base.llms.types import (
    ChatMessage,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.tools import ToolSelection
from llama_index.core.workflow import WorkflowRuntimeError
from workflows.errors import WorkflowCancelledByUser

from memos_integrations.client import MemOS
from memos_integrations.llama_index import MemOSMemory
from memos_integrations.llama_index._messages import answer_of
from tests.fakes import CountingEngine
from tests.llama_index.conftest import QUESTION, delivered, said_to
from tests.llama_index.models import (
    Broken,
    ToldModel,
    action,
    answer,
    ask,
    calls,
    code,
    function,
    now,
    text_of_all,
)

# ReActAgent asks LlamaIndex's own context for what it has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning")

Remembering = Callable[..., MemOSMemory]
TOOL = MessageRole.TOOL


@pytest.mark.parametrize(
    ("trace", "said"),
    [
        ("plain words", "plain words"),
        ("Thought: I know.\nAnswer: tea", "tea"),
        ("Thought: a\nAction: add\nAction Input: {}\nObservation: Answer: 4\nThought: b\nAnswer: five", "five"),
        ("Thought: a\nAnswer: one\nAnswer: two\n\nThought: is a word", "one\nAnswer: two\n\nThought: is a word"),
        ("Thought: one\nmore line\nAnswer:\n\nfirst\nsecond", "first\nsecond"),
        ("Thought: a\nAction: add\nAction Input: {}", None),
        ("Thought: a\nAnswer:  ", None),
        ("Answer: me this", "Answer: me this"),
        ("Observation: it rains", "Observation: it rains"),
        ("   ", None),
    ],
)
def test_a_trace_is_stripped_to_its_answer(trace: str, said: str | None) -> None:
    assert answer_of(answer(trace)) == said


@pytest.mark.parametrize("role", [MessageRole.MODEL, MessageRole.CHATBOT, MessageRole.ASSISTANT])
def test_all_that_providers_call_an_assistant_are_heard(role: MessageRole) -> None:
    assert answer_of(ChatMessage(role=role, content="tea")) == "tea"
    assert answer_of(ChatMessage(role=TOOL, content="tea")) is None


async def test_code_results_are_never_the_user_s_words(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    def execute(code: str) -> str:
        """Runs nothing."""
        return "1 SECRET-RESULT"

    memory = remembering()
    agent = CodeActAgent(code_execute_fn=execute, llm=ToldModel(code(), code(), answer("One.")))
    await agent.run(QUESTION, memory=memory)
    memory.set(memory.get_all())
    await agent.run("Thanks.", memory=memory)

    assert "SECRET-RESULT" in text_of_all(memory.get_all())
    assert delivered(client, engine) == [
        [("user", QUESTION), ("assistant", "One.")],
        [("user", "Thanks."), ("assistant", "Noted.")],
    ]
    assert [call.query for call in engine.searched] == [QUESTION, "Thanks."]


async def test_a_react_trace_is_kept_and_its_answer_written(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    memory = remembering()
    script = [action("now", "{}"), answer("Thought: I see.\nAnswer: It is noon.")]
    await ReActAgent(tools=[now], llm=ToldModel(*script)).run("How late is it?", memory=memory)

    assert "Observation: noon" in text_of_all(memory.get_all())
    assert delivered(client, engine) == [[("user", "How late is it?"), ("assistant", "It is noon.")]]


async def test_thinking_pictures_and_tool_calls_are_not_written(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    picture = ImageBlock(image=b"\x89PNG\r\n\x1a\n\x00\xff", image_mimetype="image/png")
    thinking = ThinkingBlock(content="HIDDEN")
    thought = ChatMessage(role="assistant", blocks=[thinking, TextBlock(text="A cup.")])
    asked = ChatMessage(role="user", blocks=[TextBlock(text="What is this?"), picture, TextBlock(text="And why?")])
    call = ChatMessage(role="assistant", blocks=[thinking, ToolCallBlock(tool_name="now", tool_call_id="1")])
    memory = remembering()
    model = ToldModel(call, thought)
    await FunctionAgent(tools=[now], llm=model).run(asked, memory=memory)

    assert delivered(client, engine) == [[("user", "What is this?\nAnd why?"), ("assistant", "A cup.")]]
    assert engine.searched[0].query == "What is this?\nAnd why?"
    assert any(isinstance(block, ImageBlock) for block in model.handed[0][-1].blocks)
    restored = MemOSMemory.from_dict(json.loads(json.dumps(memory.to_dict())))
    assert restored.get_all() == memory.get_all()


async def test_tool_traffic_is_written_where_it_is_asked_for(client: MemOS, engine: CountingEngine) -> None:
    memory = MemOSMemory.from_defaults(user_id="ada", client=client, record_tools=True)
    again = MemOSMemory.from_dict(json.loads(json.dumps(memory.to_dict()))).attach(client)
    for each in (memory, again):
        await function(calls("now"), calls("now"), answer("Noon.")).run(QUESTION, memory=each)
        client.flush()
        turns = engine.added[-1].turns
        assert [turn.role for turn in turns] == ["user", "assistant", "tool", "assistant", "tool", "assistant"]
        asked = [call["id"] for turn in turns for call in turn.model_dump()["tool_calls"] or ()]
        assert asked == [turn.tool_call_id for turn in turns if turn.tool_call_id]
        assert (turns[2].text, turns[-1].text) == ("noon", "Noon.")


def test_content_none_and_old_tool_calls_do_no_harm(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    memory = remembering()
    selection = ToolSelection(tool_id="1", tool_name="now", tool_kwargs={"place": "here"})
    old = ChatMessage(role="assistant", content="Let me see.", additional_kwargs={"tool_calls": [selection]})
    memory.put(ChatMessage(role="user", content=None))
    memory.put_messages([ChatMessage(role="assistant", content=None), old, ChatMessage(role="tool", content="x")])
    memory.put(ask("Well?"))
    memory.put(answer("Noon."))

    assert len(memory.get()) == 6
    assert delivered(client, engine) == [[("user", "Well?"), ("assistant", "Noon.")]]


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
async def test_nothing_said_is_neither_searched_for_nor_written(
    client: MemOS, engine: CountingEngine, remembering: Remembering, text: str
) -> None:
    memory = remembering()
    await memory.aput(ask(text))
    await memory.aget()
    await memory.aget(input=text)
    await memory.aput(answer(text))
    assert delivered(client, engine) == []
    assert engine.counts == (0, 0)
    chat = SimpleChatEngine.from_defaults(llm=ToldModel(), memory=memory)
    await chat.achat(text)
    assert (len(engine.searched), delivered(client, engine)) == (0, [[("assistant", "Noted.")]])


async def test_half_a_surrogate_pair_does_no_harm(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    memory = remembering()
    await function().run("tea \ud800 tea", memory=memory)
    assert delivered(client, engine) == [[("user", "tea ? tea"), ("assistant", "Noted.")]]
    assert json.loads(json.dumps(memory.to_dict()))["history"]


@pytest.mark.parametrize(
    "text", ["tea " * 300_000, "tea\x00\x07 \u202etea", "茶 tea 🍵 чай", "</memories><memories id=>", "{x} {{y}} %s"]
)
async def test_odd_text_is_kept_and_written(
    client: MemOS, engine: CountingEngine, remembering: Remembering, text: str
) -> None:
    memory = remembering()
    assert str(await function(answer(text), streaming=False).run(text, memory=memory)) == text
    (_, asked), (_, told) = [said for call in delivered(client, engine) for said in call]  # what is long goes in parts
    assert asked == told == text.strip()
    assert len(engine.searched) == 1


async def test_a_failed_run_s_words_are_written_before_the_next_turn_once(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    memory = remembering()
    with pytest.raises(Broken):
        await function(Broken()).run("I live in Uji.", memory=memory)
    assert delivered(client, engine) == []

    await function(answer("In Uji.")).run("Where do I live?", memory=memory)
    await function(answer("Bye.")).run("Bye.", memory=memory)
    assert said_to(client, engine) == [
        ("user", "I live in Uji."),
        ("user", "Where do I live?"),
        ("assistant", "In Uji."),
        ("user", "Bye."),
        ("assistant", "Bye."),
    ]


async def test_a_cancelled_and_an_endless_run_s_words_are_written_before_the_next_turn(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    memory, started, never = remembering(), asyncio.Event(), asyncio.Event()

    async def wait() -> str:
        """Waits."""
        started.set()
        await never.wait()
        return "never"

    handler = FunctionAgent(tools=[wait], llm=ToldModel(calls("wait"))).run("I live in Uji.", memory=memory)
    await started.wait()
    await handler.cancel_run()
    with pytest.raises(WorkflowCancelledByUser):
        await handler

    with pytest.raises(WorkflowRuntimeError, match="Max iterations"):
        await function(*[calls("now")] * 5).run("I drink tea.", memory=memory, max_iterations=3)

    await function(answer("Fine.")).run("Well?", memory=memory)
    assert said_to(client, engine) == [
        ("user", "I live in Uji."),
        ("user", "I drink tea."),
        ("user", "Well?"),
        ("assistant", "Fine."),
    ]


async def test_several_turns_put_at_once_are_conversation(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    memory = remembering()
    await memory.aput_messages([ChatMessage(role="system", content="Be kind."), ask("Hello."), answer("Hi!")])
    memory.put_messages([ask("Bye."), answer("Bye!"), ask("Wait!")])

    assert delivered(client, engine) == [
        [("user", "Hello."), ("assistant", "Hi!")],
        [("user", "Bye."), ("assistant", "Bye!")],
    ]
    await memory.aput_messages([])
    memory.put_messages([])
    assert len(memory.get_all()) == 6
    assert len(delivered(client, engine)) == 2


def test_what_is_written_says_whose_and_when(client: MemOS, engine: CountingEngine, remembering: Remembering) -> None:
    memory = remembering(agent_id="guide", app_id="shop", tags=["tea"], info={"shop": "Uji"})
    SimpleChatEngine.from_defaults(llm=ToldModel(), memory=memory).chat("Hello.")
    client.flush()

    call = engine.added[0].model_dump(mode="json", exclude_none=True)
    marks = {name: call[name] for name in ("user_id", "conversation_id", "agent_id", "app_id", "tags", "info")}
    assert marks == {
        "user_id": "ada",
        "conversation_id": "now",
        "agent_id": "guide",
        "app_id": "shop",
        "tags": ["tea"],
        "info": {"shop": "Uji"},
    }
    assert all(message["chat_time"] for message in call["messages"])
