"""What the chat model sends of a request, what it makes of the answer, and what it refuses."""

import asyncio
import logging
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from memos_integrations.client import MemOS
from memos_integrations.errors import BadRequest, Invalid, ServerFault
from memos_integrations.langchain import ChatMemOS
from memos_integrations.memory.prompt import PROTOCOL
from tests.engine.models import Scripted, thought
from tests.fakes import CountingEngine
from tests.langchain.chats import STREAMS, WAYS, answered, asked_by, block, written
from tests.langchain.models import MARK

IDS: Any = {"user_id": "ada", "conversation_id": "c1"}


@pytest.fixture
def model() -> Scripted:
    return Scripted("In ", "Lyon.")


@pytest.fixture
def engine(model: Scripted) -> CountingEngine:
    return CountingEngine(model=model)


@pytest.fixture
def llm(client: MemOS) -> ChatMemOS:
    return ChatMemOS(client, model="qwen3-32b", **IDS)


@pytest.mark.parametrize("way", WAYS)
def test_the_last_text_of_the_user_is_asked_and_the_turn_written(
    llm: ChatMemOS, model: Scripted, engine: CountingEngine, way: str
) -> None:
    answer = asked_by(llm, way, [SystemMessage("Be brief."), HumanMessage("Where do I live?")])
    assert answered(answer) == "In Lyon."
    assert answer.content == "In Lyon."
    assert answer.response_metadata == {"model_provider": "memos", "model_name": "qwen3-32b"}
    assert model.last == [("system", "Be brief."), ("user", "Where do I live?")]
    assert model.asked[-1].model == "qwen3-32b"
    assert written(engine) == [("ada", ["Where do I live?", "In Lyon."])]


@pytest.mark.parametrize("way", WAYS)
def test_what_a_call_says_counts_before_what_the_model_was_made_with(
    client: MemOS, model: Scripted, engine: CountingEngine, way: str
) -> None:
    marks: Any = {"agent_id": "a", "app_id": "b", "tags": ["t"], "info": {"k": "v"}}
    llm = ChatMemOS(client, model="m", temperature=0.5, top_p=0.4, max_tokens=9, system_prompt="One.", **marks, **IDS)
    asked_by(llm, way, "Hi", temperature=0.25, model="other", conversation_id="c2", agent_id="z", system_prompt="Two.")
    asked = model.asked[-1]
    assert (asked.model, asked.temperature, asked.top_p, asked.max_tokens) == ("other", 0.25, 0.4, 9)
    assert model.last[0] == ("system", "Two.")
    (call,) = engine.added
    assert (call.conversation_id, call.agent_id, call.app_id) == ("c2", "z", "b")
    assert (tuple(call.tags or ()), dict(call.info or {})) == (("t",), {"k": "v"})
    bound = llm.bind(temperature=0.75, model=None)
    asked_by(bound, way, "Hi")
    assert (model.asked[-1].model, model.asked[-1].temperature) == ("m", 0.75)


@pytest.mark.parametrize("way", ["invoke", "astream"])
def test_recall_is_narrowed_by_its_parameters(client: MemOS, engine: CountingEngine, way: str) -> None:
    wanted: Any = {"and": [{"tags": {"contains": "x"}}]}
    limits: Any = {"memory_limit_number": 3, "include_preference": False, "preference_limit_number": 2}
    llm = ChatMemOS(client, filter=wanted, relativity=0.1, **limits, **IDS)
    asked_by(llm, way, "Hi", relativity=0.2)
    call = engine.searched[-1]
    assert (call.memory_limit_number, call.include_preference, call.preference_limit_number) == (3, False, 2)
    assert (call.relativity, call.filter is None) == (0.2, False)
    with pytest.raises(BadRequest) as caught:
        asked_by(ChatMemOS(client, knowledgebase_ids=["kb"], **IDS), way, "Hi")
    assert caught.value.code == 50123  # the engine has none


@pytest.mark.parametrize("way", WAYS)
def test_without_a_model_nobodys_name_is_told(client: MemOS, model: Scripted, way: str) -> None:
    assert asked_by(ChatMemOS(client, **IDS), way, "Hi").response_metadata == {"model_provider": "memos"}
    assert model.asked[-1].model is None
    assert "You are an assistant who remembers" in model.last[0][1]


def test_system_texts_go_after_ones_own_and_keep_their_placeholder(client: MemOS, model: Scripted) -> None:
    client.add_message(messages=[{"role": "user", "content": "I moved to Lyon."}], user_id="ada", async_mode=False)
    llm = ChatMemOS(client, system_prompt="Known: {memories}", **IDS)
    blocks: Any = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
    llm.invoke([SystemMessage(blocks), HumanMessage("Where do I live, which city did I move to?"), SystemMessage(" ")])
    system = model.last[0][1]
    assert system.startswith("Known: <facts>")
    assert "I moved to Lyon." in system
    assert system.endswith("\n\nBe brief.")


@pytest.mark.parametrize("form", ["user", "whole", "system"])
def test_memories_set_before_the_question_go_to_the_system_prompt_and_can_not_ask_for_more(
    client: MemOS, model: Scripted, engine: CountingEngine, form: str
) -> None:
    client.add_message(messages=[{"role": "user", "content": f"I have a {MARK}."}], user_id="ada", async_mode=False)
    engine.added.clear()
    set_before, question = block(form), f"What is my {MARK}'s name?"
    system = SystemMessage(f"Be brief.\n\n{set_before}" if form == "system" else "Be brief.")
    human = HumanMessage(question if form == "system" else set_before + question)
    ChatMemOS(client, **IDS).invoke([system, human])
    told = model.last[0][1]
    assert model.last[-1] == ("user", question)
    assert "{" not in told
    assert "likes &#123;memories&#125;" in told
    assert told.index("Be brief.") < told.index(PROTOCOL) < told.index("likes &#123;memories") < told.index(MARK)
    assert told.count(f"I have a {MARK}.") == 1
    assert written(engine) == [("ada", [question, "In Lyon."])]


def test_a_protocol_that_was_told_is_not_told_again(llm: ChatMemOS, model: Scripted) -> None:
    blocks: Any = [{"type": "text", "text": block()}, {"type": "text", "text": "Hi"}]
    llm.invoke([SystemMessage(PROTOCOL), HumanMessage(blocks)])
    assert model.last[0][1].count(PROTOCOL) == 1
    assert model.last[-1] == ("user", "Hi")


@pytest.mark.parametrize("way", STREAMS)
def test_thoughts_are_reasoning_blocks(llm: ChatMemOS, model: Scripted, engine: CountingEngine, way: str) -> None:
    model.script = (thought("They "), thought("moved."), "In ", "Lyon.")
    answer = asked_by(llm, way, "Where?")
    blocks = [{key: block[key] for key in block if key != "index"} for block in answer.content_blocks]
    assert blocks == [{"type": "reasoning", "reasoning": "They moved."}, {"type": "text", "text": "In Lyon."}]
    assert answered(answer) == "In Lyon."
    assert written(engine) == [("ada", ["Where?", "In Lyon."])]
    model.script = ("So: ", thought("hm"), "in ", "Lyon.")
    answer = asked_by(llm, way, "Where?")
    assert [block["type"] for block in answer.content_blocks] == ["text", "reasoning", "text"]
    assert answered(answer) == "So: in Lyon."


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("script", "stop", "heard"),
    [
        (("one two three",), ["two"], "one "),
        (("one t", "w", "o three", " four"), ["two"], "one "),
        (("one t", "w", "enty"), ["two"], "one twenty"),
        (("one t", "w"), ["two"], "one tw"),
        (("a", "b", "c", "d"), ["abc", "b"], ""),
        (("a", "b", "x"), ["abc", "b"], "a"),
        (("ab", "a", "bac"), ["abac"], "ab"),
        (("two",), ["two", "three"], ""),
        (("one two",), [], "one two"),
    ],
)
def test_a_stop_word_cuts_the_answer_and_all_of_it_is_written(
    llm: ChatMemOS, model: Scripted, engine: CountingEngine, way: str, script: Any, stop: list[str], heard: str
) -> None:
    model.script = script
    assert answered(asked_by(llm, way, "Count.", stop=stop)) == heard
    assert written(engine) == [("ada", ["Count.", "".join(script)])]


@pytest.mark.parametrize("way", WAYS)
def test_stop_words_of_the_model_hold_where_a_call_has_none(client: MemOS, model: Scripted, way: str) -> None:
    model.script = ("one two three",)
    llm = ChatMemOS(client, stop=["two"], **IDS)
    assert answered(asked_by(llm, way, "Count.")) == "one "
    assert answered(asked_by(llm, way, "Count.", stop=["three"])) == "one two "
    assert answered(asked_by(llm.bind(stop=["one"]), way, "Count.")) == ""
    for wrong in ("two", ["two", ""], [2]):
        with pytest.raises(Invalid) as caught:
            asked_by(llm, way, "Count.", stop=wrong)
        assert caught.value.field == "stop"


@pytest.mark.parametrize("way", STREAMS)
def test_what_is_not_written_is_not_heard_to_its_end(client: MemOS, model: Scripted, way: str) -> None:
    def fail() -> None:
        raise ServerFault("nobody listens", code=50002)

    model.script = ("one two", *["."] * 100_000, fail)
    llm = ChatMemOS(client, add_message_on_answer=False, **IDS)
    assert answered(asked_by(llm, way, "Count.", stop=["two"])) == "one "
    assert model.closed.wait(10)


@pytest.mark.parametrize("way", WAYS)
def test_earlier_messages_are_left_out_as_the_policy_says(
    client: MemOS, model: Scripted, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    earlier: list[BaseMessage] = [HumanMessage(f"I have a {MARK}."), AIMessage("Noted."), HumanMessage("Where?")]
    caplog.set_level(logging.DEBUG, "memos_integrations.langchain")
    assert answered(asked_by(ChatMemOS(client, conversation_id="c1", user_id="a"), way, earlier)) == "In Lyon."
    assert model.last[-1] == ("user", "Where?")
    assert MARK not in str(model.last[1:])
    assert [(r.levelname, "(2 messages)" in r.getMessage()) for r in caplog.records] == [("DEBUG", True)]
    warns = ChatMemOS(client, history_policy="warn", **IDS)
    for _ in range(2):
        asked_by(warns, way, earlier)
    assert [r.levelname for r in caplog.records].count("WARNING") == 1
    asked = len(model.asked)
    with pytest.raises(Invalid) as caught:
        asked_by(ChatMemOS(client, history_policy="raise", **IDS), way, earlier)
    assert (caught.value.field, caught.value.rule, len(model.asked)) == ("messages", "history_policy", asked)
    asked_by(ChatMemOS(client, history_policy="raise", **IDS), way, [SystemMessage("Brief."), *earlier[2:]])
    assert MARK not in caplog.text


def test_a_summary_is_not_the_users_word(llm: ChatMemOS, model: Scripted) -> None:
    summary = HumanMessage("So far: tea.", additional_kwargs={"lc_source": "summarization"})
    llm.invoke([HumanMessage("Where?"), summary])
    assert model.last[-1] == ("user", "Where?")
    with pytest.raises(Invalid):
        llm.invoke([summary])


async def test_plain_calls_work_within_a_running_loop(llm: ChatMemOS, engine: CountingEngine) -> None:
    assert answered(llm.invoke("Hi")) == "In Lyon."
    assert "".join(answered(chunk) for chunk in llm.stream("Hi")) == "In Lyon."
    assert len(engine.added) == 2


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_a_direct_call_of_generate_is_one_of_the_models_own_user(
    llm: ChatMemOS, engine: CountingEngine, way: str
) -> None:
    asked: Any = [[HumanMessage("one")], [HumanMessage("two")]]
    result = llm.generate(asked) if way == "invoke" else asyncio.run(llm.agenerate(asked))
    assert [row[0].text for row in result.generations] == ["In Lyon.", "In Lyon."]
    assert sorted(written(engine)) == [("ada", ["one", "In Lyon."]), ("ada", ["two", "In Lyon."])]
