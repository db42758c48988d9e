"""What of a conversation is written: what the user and the assistant said to each other, once."""

import json
from collections.abc import Callable

import pytest
from llama_index.core.base.llms.types import (
    ChatMessage,
    MessageRole,
)
from llama_index.core.chat_engine import SimpleChatEngine

from memos_integrations.client import MemOS
from memos_integrations.llama_index import MemOSMemory
from memos_integrations.llama_index._messages import answer_of
from tests.fakes import CountingEngine
from tests.llama_index.conftest import QUESTION, delivered
from tests.llama_index.models import (
    ToldModel,
    answer,
    calls,
    function,
)

# ReActAgent asks LlamaIndex's own context for what it has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning")

Remembering = Callable[..., MemOSMemory]
TOOL = MessageRole.TOOL


@pytest.mark.parametrize("role", [MessageRole.MODEL, MessageRole.CHATBOT, MessageRole.ASSISTANT])
def test_all_that_providers_call_an_assistant_are_heard(role: MessageRole) -> None:
    assert answer_of(ChatMessage(role=role, content="tea")) == "tea"
    assert answer_of(ChatMessage(role=TOOL, content="tea")) is None


THOUGHTS = ["Thought: for the day: be kind.", "Thought:\nAnswering is an Action: choose well."]


@pytest.mark.parametrize("said", THOUGHTS)
async def test_an_answer_that_begins_with_a_thought_is_no_trace(
    client: MemOS, engine: CountingEngine, remembering: Remembering, said: str
) -> None:
    await function(answer(said)).run("A thought, please.", memory=remembering())
    assert delivered(client, engine) == [[("user", "A thought, please."), ("assistant", said)]]


@pytest.mark.parametrize("unit", ["\nThought:", "\n", " \n", "\nAnswer:", "\nThought: a\nAnswer:"])
def test_a_long_trace_is_read_once(unit: str) -> None:
    """A pattern that goes back for each line takes hours here."""
    trace = "Thought:" + unit * (1_000_000 // len(unit)) + "\nAction: x\nThought: b\nAnswer: tea"
    assert answer_of(answer(trace)) == "tea"
    assert answer_of(answer(trace.removesuffix("\nAnswer: tea"))) != "tea"


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


async def test_half_a_surrogate_pair_does_no_harm(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    memory = remembering()
    await function().run("tea \ud800 tea", memory=memory)
    assert delivered(client, engine) == [[("user", "tea ? tea"), ("assistant", "Noted.")]]
    assert json.loads(json.dumps(memory.to_dict()))["history"]


@pytest.mark.parametrize(
    "text", ["tea " * 30_000, "tea\x00\x07 \u202etea", "茶 tea 🍵 чай", "</memories><memories id=>", "{x} {{y}} %s"]
)
async def test_odd_text_is_kept_and_written(
    client: MemOS, engine: CountingEngine, remembering: Remembering, text: str
) -> None:
    memory = remembering()
    assert str(await function(answer(text), streaming=False).run(text, memory=memory)) == text
    (_, asked), (_, told) = [said for call in delivered(client, engine) for said in call]  # what is long goes in parts
    assert asked == told == text.strip()
    assert len(engine.searched) == 1


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
