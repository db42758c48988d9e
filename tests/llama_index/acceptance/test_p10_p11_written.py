"""P10, P11: what is no speech does no harm and is not written as speech."""

import json
from collections.abc import Callable

import pytest
from llama_index.core.agent.workflow import CodeActAgent, FunctionAgent, ReActAgent
from llama_index.core.base.llms.types import (
    ChatMessage,
    ImageBlock,
    MessageRole,
    TextBlock,
)
from llama_index.core.tools import ToolSelection

from memos_integrations.client import MemOS
from memos_integrations.llama_index import MemOSMemory
from memos_integrations.llama_index._messages import answer_of
from tests.fakes import CountingEngine
from tests.llama_index.conftest import QUESTION, delivered
from tests.llama_index.models import (
    ToldModel,
    action,
    answer,
    ask,
    calls,
    code,
    now,
    text_of_all,
    thinking,
)

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
def test_p11_a_trace_is_stripped_to_its_answer(trace: str, said: str | None) -> None:
    assert answer_of(answer(trace)) == said


async def test_p11_code_results_are_never_the_user_s_words(
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


async def test_p11_a_react_trace_is_kept_and_its_answer_written(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    memory = remembering()
    script = [action("now", "{}"), answer("Thought: I see.\nAnswer: It is noon.")]
    await ReActAgent(tools=[now], llm=ToldModel(*script)).run("How late is it?", memory=memory)

    assert "Observation: noon" in text_of_all(memory.get_all())
    assert delivered(client, engine) == [[("user", "How late is it?"), ("assistant", "It is noon.")]]


async def test_p10_thinking_pictures_and_tool_calls_are_not_written(
    client: MemOS, engine: CountingEngine, remembering: Remembering
) -> None:
    picture = ImageBlock(image=b"\x89PNG\r\n\x1a\n\x00\xff", image_mimetype="image/png")
    hidden = thinking("HIDDEN")
    thought = ChatMessage(role="assistant", blocks=[*hidden, TextBlock(text="A cup.")])
    asked = ChatMessage(role="user", blocks=[TextBlock(text="What is this?"), picture, TextBlock(text="And why?")])
    call = calls("now")
    call.blocks = [*hidden, *call.blocks]
    memory = remembering()
    model = ToldModel(call, thought)
    await FunctionAgent(tools=[now], llm=model).run(asked, memory=memory)

    assert delivered(client, engine) == [[("user", "What is this?\nAnd why?"), ("assistant", "A cup.")]]
    assert engine.searched[0].query == "What is this?\nAnd why?"
    assert any(isinstance(block, ImageBlock) for block in model.handed[0][-1].blocks)
    restored = MemOSMemory.from_dict(json.loads(json.dumps(memory.to_dict())))
    assert [m.model_dump_json() for m in restored.get_all()] == [m.model_dump_json() for m in memory.get_all()]


def test_p10_content_none_and_old_tool_calls_do_no_harm(
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
