"""A chain with memory as LangChain sees it, what its traces hold, and what it is made of."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.prompts import PromptTemplate
from langchain_core.runnables import RunnableLambda, RunnablePassthrough
from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.schemas import Run

from memos_integrations.client import MemOS
from memos_integrations.errors import Invalid
from memos_integrations.langchain import RunnableWithMemory, with_memory
from tests.fakes import CountingEngine
from tests.langchain.chains import GIVEN, PROMPT, Failing, drive, failing, of, run_as
from tests.langchain.models import ANSWER, MARK, QUESTION, Scripted, after_tools, spoken

Remembers = Callable[..., None]


class Kept(BaseTracer):
    """The runs that came to their end, as a tracer is told of them."""

    def __init__(self) -> None:
        super().__init__()
        self.roots: list[Run] = []

    def _persist_run(self, run: Run) -> None:
        self.roots.append(run)


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream", "batch", "abatch"])
def test_traces_show_the_chain_within_and_recalled_text_only_there(
    client: MemOS, remembers: Remembers, way: str
) -> None:
    remembers()
    tracer = Kept()
    config: Any = {**run_as(), "callbacks": [tracer], "tags": ["tea"], "metadata": {"room": 7}, "run_name": "asked"}
    drive(of(client), way, GIVEN, config)
    (root,) = tracer.roots
    assert root.name == "asked"
    assert MARK not in f"{root.inputs}{root.outputs}"
    assert ANSWER in str(root.outputs)
    (inner,) = root.child_runs
    assert inner.name == "RunnableSequence"
    assert [each.name for each in inner.child_runs] == ["ChatPromptTemplate", "Scripted", "StrOutputParser"]
    assert MARK in str(inner.child_runs[1].inputs)
    assert "tea" in (inner.child_runs[1].tags or [])
    assert inner.child_runs[1].metadata["room"] == 7


@pytest.mark.parametrize("way", ["invoke", "astream"])
def test_traces_tell_of_a_failure(client: MemOS, way: str) -> None:
    tracer = Kept()
    with pytest.raises(Failing):
        drive(of(client, Scripted(script=failing(1))), way, GIVEN, {**run_as(), "callbacks": [tracer]})
    (root,) = tracer.roots
    assert "Failing" in (root.error or "")


async def test_events_are_streamed_from_within(client: MemOS) -> None:
    names = [event["event"] async for event in of(client).astream_events(GIVEN, run_as(), version="v2")]
    assert names.count("on_chat_model_stream") == 3
    assert names[0] == "on_chain_start"
    assert names[-1] == "on_chain_end"


def test_its_schema_asks_for_no_memories(client: MemOS) -> None:
    chain = of(client)
    assert chain.get_input_jsonschema()["properties"].keys() == {"question"}
    assert chain.get_output_jsonschema()["type"] == "string"
    assert with_memory(Scripted(script=after_tools(0)), client).InputType is not None
    assert chain.OutputType is str
    assert chain.get_prompts() == [PROMPT]
    assert chain.config_specs == []


def test_it_draws_itself_before_the_chain(client: MemOS) -> None:
    drawn = (RunnableLambda(dict) | of(client)).get_graph()
    names = [node.name for node in drawn.nodes.values()]
    assert names.index("WithMemory") < names.index("ChatPromptTemplate") < names.index("Scripted")
    assert drawn.draw_mermaid().count("WithMemory --> ChatPromptTemplate") == 1
    assert drawn.first_node() is not None
    assert drawn.last_node() is not None


def test_its_repr_tells_of_nobody(client: MemOS) -> None:
    told = repr(with_memory(RunnableLambda(str), client, user_id="ada-1", conversation_id="monday"))
    assert "RunnableLambda" in told
    assert "ada-1" not in told
    assert "monday" not in told


def test_functions_and_dicts_are_chains_too(client: MemOS, engine: CountingEngine) -> None:
    assert with_memory(lambda text: f"{text} Yes.", client).invoke(QUESTION, run_as()) == f"{QUESTION} Yes."
    parallel = with_memory({"answer": lambda _: ANSWER, "n": lambda _: 3}, client)
    assert parallel.invoke({"q": "Again?"}, run_as()) == {"answer": ANSWER, "n": 3}
    client.flush()
    assert spoken(engine)[2:] == [("user", "Again?"), ("assistant", ANSWER)]


def test_bound_arguments_and_configs_reach_the_chain(client: MemOS) -> None:
    got = list[Any]()

    def ask(given: dict[str, Any], *, tone: str = "plain") -> str:
        got.append(tone)
        return ANSWER

    chain = with_memory(RunnableLambda(ask), client).bind(tone="dry").with_config(run_as())
    chain.invoke(GIVEN)
    assert list(chain.stream(GIVEN)) == [ANSWER]
    assert asyncio.run(chain.ainvoke(GIVEN)) == ANSWER
    assert got == ["dry"] * 3


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"placement": "tool"}, "placement"),
        ({"user_id": ""}, "user_id"),
        ({"user_id": 7}, "user_id"),
        ({"conversation_id": "x" * 101}, "conversation_id"),
        ({"tags": "tea"}, "tags"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"memory_key": ""}, "memory_key"),
        ({"memory_key": None}, "memory_key"),
        ({"input_key": 3}, "input_key"),
        ({"output_key": " "}, "output_key"),
        ({"input_key": "memories"}, "memory_key"),
        ({"memory_limit_number": 0.5}, "memory_limit_number"),
        ({"recall_seconds": 0}, "recall_seconds"),
    ],
)
def test_bad_arguments_are_refused_at_once(client: MemOS, options: Any, field: str) -> None:
    with pytest.raises(Invalid) as told:
        with_memory(RunnableLambda(str), client, **options)
    assert told.value.field == field


def test_what_is_no_chain_and_no_client_is_refused(client: MemOS) -> None:
    with pytest.raises(Invalid, match="runnable"):
        with_memory(3, client)  # type: ignore[arg-type]
    other: Any = client.aio
    with pytest.raises(Invalid, match="AsyncMemOS"):
        with_memory(RunnableLambda(str), other)


@pytest.mark.parametrize(
    ("given", "options", "field"),
    [
        ({"a": QUESTION, "b": "dry"}, {}, "input_key"),
        ({"a": 3}, {}, "input_key"),
        ({"a": [HumanMessage("x")], "b": [HumanMessage("y")]}, {}, "input_key"),
        ({"a": QUESTION}, {"input_key": "b"}, "input_key"),
        ({"a": QUESTION, "memories": "x"}, {}, "memory_key"),
        ({"a": 7}, {"input_key": "a"}, "input"),
        (7, {}, "input"),
        (None, {}, "input"),
        ([object()], {}, "input"),
        ([{"n": 3}], {}, "input"),
    ],
)
def test_what_tells_no_text_is_refused_before_anything_is_asked(
    client: MemOS, engine: CountingEngine, given: Any, options: Any, field: str
) -> None:
    chain = with_memory(RunnablePassthrough(), client, **options)
    for way in ("invoke", "ainvoke", "stream", "astream"):
        with pytest.raises(Invalid) as told:
            drive(chain, way, given, run_as())
        assert told.value.field == field
        assert QUESTION not in str(told.value)
    client.flush()
    assert engine.counts == (0, 0)


def test_a_prompt_that_would_leave_memories_out_is_told(client: MemOS, engine: CountingEngine) -> None:
    prompt = PromptTemplate.from_template("{question}")
    with pytest.raises(Invalid, match="no variable") as told:
        with_memory(prompt | RunnableLambda(str), client).invoke(GIVEN, run_as())
    assert told.value.field == "memory_key"
    mended: list[dict[str, Any]] = [{"memory_key": "question", "input_key": "q"}, {"recall": False}]
    for options in mended:
        given = {"q": QUESTION} if "input_key" in options else GIVEN
        with_memory(prompt | RunnableLambda(str), client, **options).invoke(given, run_as())
    client.flush()
    assert len(engine.searched) == 1


def test_without_a_client_one_is_borrowed_and_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMOS_BASE_URL", ":memory:")
    first, second = (with_memory(RunnableLambda(str), user_id="ada") for _ in range(2))
    assert first._memory.client is second._memory.client
    assert first.invoke(QUESTION) == QUESTION
    first.close()
    first.close()
    assert second.invoke(QUESTION).endswith(QUESTION)
    client = second._memory.client
    asyncio.run(second.aclose())
    assert client._shared.closed
    with pytest.raises(Invalid):
        with_memory(RunnableLambda(str), user_id="ada", timezone="Mars/Base")


def test_a_client_that_was_handed_over_stays_open(client: MemOS) -> None:
    with_memory(RunnableLambda(str), client, user_id="ada").close()
    chain = with_memory(RunnableLambda(str), client, user_id="ada")
    assert isinstance(chain, RunnableWithMemory)
    assert chain.invoke(QUESTION) == QUESTION
