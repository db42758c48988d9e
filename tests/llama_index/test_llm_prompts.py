"""What LlamaIndex asks MemOS's chat in its own words, which nobody said: templates, schemas, condensed questions."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.instrumentation.span_handlers import SimpleSpanHandler
from llama_index.core.program import LLMTextCompletionProgram
from llama_index.core.prompts import ChatPromptTemplate, PromptTemplate
from llama_index.core.types import BasePydanticProgram
from llama_index_instrumentation import get_dispatcher
from pydantic import BaseModel

from memos_integrations.client import MemOS
from memos_integrations.llama_index import MemOSLLM, MemOSMemory
from tests.engine.models import Scripted
from tests.fakes import CountingEngine
from tests.llama_index.conftest import QUESTION, said_to
from tests.llama_index.models import ask
from tests.llama_index.turns import WAYS, asked, condense_question

TEA = '{"name": "Sencha"}'
WORDS = ["predict", "apredict", "stream", "astream"]
STREAMS = LLMTextCompletionProgram.stream_call is not BasePydanticProgram.stream_call  # not in the oldest
STRUCTURED = ["structured_predict", "astructured_predict"]
if STREAMS:
    STRUCTURED += ["stream_structured_predict", "astream_structured_predict"]


class Tea(BaseModel):
    """A tea."""

    name: str


@pytest.fixture
def model() -> Scripted:
    return Scripted('{"name": ', '"Sencha"}')


@pytest.fixture
def engine(model: Scripted) -> CountingEngine:
    return CountingEngine(model=model)


def _all(told: Any) -> list[Any]:
    return list(told) if isinstance(told, Generator) else [told]


async def prompted(llm: Any, way: str, *given: Any, **more: Any) -> list[Any]:
    """All that comes, whatever the way."""
    if not way.startswith("a"):
        return await asyncio.to_thread(lambda: _all(getattr(llm, way)(*given, **more)))
    told = await getattr(llm, way)(*given, **more)
    return [each async for each in told] if isinstance(told, AsyncGenerator) else [told]


def of_tea(way: str) -> tuple[Any, ...]:
    template = PromptTemplate("Which tea from {place}?")
    return (Tea, template) if way in STRUCTURED else (template,)


@pytest.mark.parametrize("way", [*WORDS, *STRUCTURED])
async def test_a_template_is_answered_and_not_written(
    client: MemOS, engine: CountingEngine, model: Scripted, llm: MemOSLLM, way: str
) -> None:
    told = await prompted(llm, way, *of_tea(way), place="Uji")
    assert "".join(told) == TEA if way in WORDS else told[-1] == Tea(name="Sencha")
    assert model.last[-1][1].startswith("Which tea from Uji?")
    assert said_to(client, engine) == []
    await llm.achat([ask("Which one?")])
    assert said_to(client, engine) == [("user", "Which one?"), ("assistant", TEA)]


@pytest.mark.filterwarnings("ignore:The `json` method is deprecated:DeprecationWarning")  # which LlamaIndex uses
@pytest.mark.parametrize("way", WAYS if STREAMS else ["chat", "achat"])
async def test_what_a_structured_model_is_asked_is_not_written(
    client: MemOS, engine: CountingEngine, model: Scripted, llm: MemOSLLM, way: str
) -> None:
    told = await prompted(llm.as_structured_llm(Tea), way, [ask("Which tea?")])
    assert told[-1].raw == Tea(name="Sencha")
    assert "JSON schema" in model.last[-1][1]
    assert said_to(client, engine) == []


@pytest.mark.parametrize("way", STRUCTURED)
async def test_a_call_may_say_that_its_prompt_is_written(
    client: MemOS, engine: CountingEngine, llm: MemOSLLM, way: str
) -> None:
    await prompted(llm, way, *of_tea(way), llm_kwargs={"add_message_on_answer": True}, place="Uji")
    assert [role for role, _ in said_to(client, engine)] == ["user", "assistant"]


@pytest.mark.parametrize("way", WAYS)
async def test_an_engine_that_condenses_questions_leaves_the_user_s_words_alone(
    client: MemOS, engine: CountingEngine, llm: MemOSLLM, remembering: Callable[..., MemOSMemory], way: str
) -> None:
    chat: Any = condense_question(llm, remembering())  # type: ignore[arg-type]
    for _ in range(2):
        assert await asked(chat, way, QUESTION) == TEA
        client.flush()
    assert said_to(client, engine) == [("user", QUESTION), ("assistant", TEA)] * 2


@pytest.mark.parametrize("way", WORDS)
async def test_a_template_that_ends_with_the_user_s_words_alone_is_a_chat(
    client: MemOS, engine: CountingEngine, llm: MemOSLLM, way: str
) -> None:
    """ContextChatEngine's."""
    await prompted(llm, way, ChatPromptTemplate([ask("{query_str}")]), query_str="Which tea?")
    assert said_to(client, engine) == [("user", "Which tea?"), ("assistant", TEA)]
    await prompted(llm, way, ChatPromptTemplate([ask("Rephrase: {query_str}")]), query_str="Which tea?")
    assert len(said_to(client, engine)) == 2


async def test_what_was_warned_of_once_is_not_again(client: MemOS, caplog: pytest.LogCaptureFixture) -> None:
    llm = MemOSLLM(client=client, user_id="ada", history_policy="warn")
    messages = [ask("I have a bicycle."), ChatMessage(role="assistant", content="Noted."), ask("Which tea?")]
    for _ in range(2):
        await llm.as_structured_llm(Tea).achat(messages)
    await llm.achat(messages)
    assert [record.levelno for record in caplog.records].count(logging.WARNING) == 1


async def test_instrumentation_sees_one_span_for_a_call(llm: MemOSLLM) -> None:
    root, spans = get_dispatcher(), SimpleSpanHandler()
    root.add_span_handler(spans)
    try:
        await llm.apredict(PromptTemplate("Which tea?"))
    finally:
        root.span_handlers.remove(spans)
    names = [span.id_.split("-")[0] for span in spans.completed_spans]
    assert sorted(names) == ["MemOSLLM.achat", "MemOSLLM.apredict"]
