"""MemOS's chat as a model: what is sent of a request, what comes back, and who writes it."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, ImageBlock, MessageRole, TextBlock
from llama_index.core.indices.prompt_helper import PromptHelper
from llama_index.core.prompts import PromptTemplate

from memos_integrations.client import MemOS
from memos_integrations.errors import Invalid, Unsupported
from memos_integrations.llama_index import MemOSLLM, MemOSMemory
from memos_integrations.memory.prompt import PROTOCOL
from tests.engine.models import Scripted
from tests.fakes import CountingEngine, client_over
from tests.langchain.chats import Echo, block
from tests.llama_index.conftest import learn, said_to
from tests.llama_index.models import FAILED, THINKING_BLOCK, answer, ask, now

CHATS = ["chat", "achat", "stream_chat", "astream_chat"]
COMPLETIONS = ["complete", "acomplete", "stream_complete", "astream_complete"]
MARKER = "MARKER7f3a"


@pytest.fixture
def model() -> Scripted:
    return Scripted("In ", "Lyon.")


@pytest.fixture
def engine(model: Scripted) -> CountingEngine:
    return CountingEngine(model=model)


def system(text: str) -> ChatMessage:
    return ChatMessage(role=MessageRole.SYSTEM, content=text)


def _plain(llm: MemOSLLM, way: str, given: Any, more: dict[str, Any]) -> list[Any]:
    response: Any = getattr(llm, way)(given, **more)
    return list(response) if "stream" in way else [response]


async def told(llm: MemOSLLM, way: str, given: Any, **more: Any) -> list[Any]:
    """The responses; one where the way is no stream."""
    if not way.startswith("a"):
        return await asyncio.to_thread(_plain, llm, way, given, more)
    response: Any = await getattr(llm, way)(given, **more)
    return [each async for each in response] if "stream" in way else [response]


@pytest.mark.parametrize("way", CHATS)
async def test_the_last_of_the_user_s_texts_is_asked_and_the_turn_is_written(
    client: MemOS, engine: CountingEngine, model: Scripted, llm: MemOSLLM, way: str
) -> None:
    earlier = [system("Be brief."), ask(f"I have a {MARKER}."), answer("Noted."), ask("Where?")]
    responses = await told(llm, way, earlier)
    assert responses[-1].message == answer("In Lyon.")
    if "stream" in way:
        assert [response.delta for response in responses] == ["In ", "Lyon."]
    assert model.last[-1] == ("user", "Where?")
    assert model.last[0][1].startswith("Be brief.")
    assert MARKER not in str(model.last)
    assert said_to(client, engine) == [("user", "Where?"), ("assistant", "In Lyon.")]


@pytest.mark.parametrize("way", COMPLETIONS)
async def test_a_completion_is_nobody_s_words(
    client: MemOS, engine: CountingEngine, model: Scripted, llm: MemOSLLM, way: str
) -> None:
    responses = await told(llm, way, "Rephrase this: Where?")
    assert responses[-1].text == "In Lyon."
    assert "".join(response.delta or "" for response in responses) == ("In Lyon." if "stream" in way else "")
    assert model.last[-1] == ("user", "Rephrase this: Where?")
    assert said_to(client, engine) == []
    await told(llm, way, "Where?", add_message_on_answer=True)
    assert said_to(client, engine) == [("user", "Where?"), ("assistant", "In Lyon.")]


@pytest.mark.parametrize("way", ["stream_chat", "astream_chat"])
@pytest.mark.skipif(THINKING_BLOCK is None, reason="not in this llama-index-core")
async def test_thoughts_are_blocks_of_their_own(way: str) -> None:
    with client_over(CountingEngine(model=Echo())) as echoing:
        first, second, *_, last = await told(MemOSLLM(client=echoing, user_id="ada"), way, [ask("Where?")])
    assert first.additional_kwargs == {"thinking_delta": "Hm."}
    assert first.delta == ""
    assert second.delta == "You said: "
    assert last.message.blocks == [THINKING_BLOCK(content="Hm."), TextBlock(text="You said: Where?")]
    assert last.message.content == "You said: Where?"


@pytest.mark.parametrize("way", CHATS)
async def test_stop_words_cut_the_answer_and_not_what_is_written(
    client: MemOS, engine: CountingEngine, model: Scripted, llm: MemOSLLM, way: str
) -> None:
    model.script = ("In L", "yon. EN", "D And on.")
    responses = await told(llm, way, [ask("Where?")], stop=["END"])
    assert responses[-1].message.content == "In Lyon. "
    assert said_to(client, engine)[-1] == ("assistant", "In Lyon. END And on.")


@pytest.mark.parametrize("way", CHATS)
async def test_earlier_messages_are_left_out_as_the_policy_says(
    client: MemOS, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "memos_integrations.llama_index")
    earlier = [ask(f"I have a {MARKER}."), answer("Noted."), ask("Where?")]
    await told(MemOSLLM(client=client, user_id="ada"), way, earlier)
    assert [(r.levelname, "(2 messages)" in r.getMessage()) for r in caplog.records] == [("DEBUG", True)]
    warning = MemOSLLM(client=client, user_id="ada", history_policy="warn")
    for _ in range(2):
        await told(warning, way, earlier)
    assert [r.levelname for r in caplog.records].count("WARNING") == 1
    raising = MemOSLLM(client=client, user_id="ada", history_policy="raise")
    with pytest.raises(Invalid) as caught:
        await told(raising, way, earlier)
    assert caught.value.field == "messages"
    await told(raising, way, [system("Be brief."), ask("Where?")])
    assert MARKER not in caplog.text


async def test_injected_memories_stay_in_their_block_and_go_to_the_system_prompt(
    llm: MemOSLLM, model: Scripted
) -> None:
    await llm.achat([system("Be brief."), ask(block("whole") + "Where?")])
    (_, instructions), (_, question) = model.last
    assert question == "Where?"
    assert PROTOCOL in instructions
    assert instructions.startswith("Be brief.")
    assert instructions.count("<memories id=") == 1
    assert "&#123;memories&#125; &#123;x&#125; &lt;/memories&gt;" in instructions


async def test_a_system_prompt_of_its_own_comes_first_and_once(client: MemOS, model: Scripted) -> None:
    llm = MemOSLLM(client=client, user_id="ada", system_prompt="Sell tea.")
    await llm.achat([system("Be brief."), ask("Where?")])
    assert model.last[0][1].startswith("Sell tea.\n\nBe brief.")
    await llm.apredict(PromptTemplate("Where is {name}?"), name="Ada")  # which adds it as a message too
    assert model.last[0][1].count("Sell tea.") == 1
    assert model.last[-1] == ("user", "Where is Ada?")


@pytest.mark.parametrize("messages", [[], [system("Be brief.")], [answer("Hello.")], [ask(" ")]], ids=str)
async def test_a_request_without_a_question_is_refused(llm: MemOSLLM, messages: list[ChatMessage]) -> None:
    with pytest.raises(Invalid) as caught:
        await llm.achat(messages)
    assert caught.value.field == "messages"


async def test_pictures_are_refused_in_the_question_alone(llm: MemOSLLM) -> None:
    picture = ChatMessage(blocks=[ImageBlock(url="https://example.com/a.png"), TextBlock(text="Where?")])
    await llm.achat([picture, answer("Noted."), ask("Where?")])
    with pytest.raises(Unsupported):
        await llm.achat([picture])


async def test_what_is_given_to_a_call_holds_for_it_alone(
    client: MemOS, engine: CountingEngine, model: Scripted
) -> None:
    llm = MemOSLLM(client=client, user_id="ada", conversation_id="now", temperature=0.1, model="a")
    await llm.achat([ask("Where?")], model="b", temperature=0.9, conversation_id="later", user_id="bob")
    assert [(call.user_id, call.conversation_id) for call in engine.added] == [("bob", "later")]
    await llm.achat([ask("Where?")])
    assert [(call.user_id, call.conversation_id) for call in engine.added[1:]] == [("ada", "now")]
    assert [(each.temperature, each.model) for each in model.asked] == [(0.9, "b"), (0.1, "a")]
    with pytest.raises(Invalid) as caught:
        await llm.achat([ask("Where?")], tools=[])
    assert caught.value.field == "tools"


async def test_an_instance_without_a_conversation_has_one_of_its_own(client: MemOS, engine: CountingEngine) -> None:
    first, second = (MemOSLLM(client=client, user_id="ada") for _ in range(2))
    for llm in (first, first, second):
        await llm.achat([ask("Where?")])
    conversations = [call.conversation_id for call in engine.added]
    assert conversations[0] == conversations[1] != conversations[2]


def test_what_it_tells_of_itself_is_true(client: MemOS) -> None:
    llm = MemOSLLM(client=client, user_id="ada", max_tokens=8_192)
    told = llm.metadata
    assert (told.context_window, told.is_chat_model, told.is_function_calling_model) == (8_000, True, False)
    assert told.model_name == "memos"
    assert MemOSLLM(client=client, user_id="ada", model="qwen").metadata.model_name == "qwen"
    PromptHelper.from_llm_metadata(told)
    assert llm.class_name() == "MemOSLLM"


async def test_it_takes_no_tools_and_says_so(llm: MemOSLLM) -> None:
    with pytest.raises((ValueError, *FAILED), match="FunctionCallingLLM"):
        await FunctionAgent(tools=[now], llm=llm).run("Where?")


async def test_fifty_users_at_once_are_never_mixed_up(client: MemOS, engine: CountingEngine, model: Scripted) -> None:
    users = [f"user-{number}" for number in range(50)]
    for user in users:
        learn(client, user, f"My favourite tea is from cup {user}.")
    engine.added.clear()

    async def asks(user: str) -> None:
        await MemOSLLM(client=client, user_id=user, conversation_id=user).achat([ask(f"Which cup has {user}'s tea?")])

    await asyncio.gather(*map(asks, users))
    assert len(model.asked) == 50
    for each in model.asked:
        (_, instructions), (_, question) = [(m["role"], m["content"]) for m in each.messages]
        user = question.removeprefix("Which cup has ").removesuffix("'s tea?")
        assert f"from cup {user}." in instructions
        assert instructions.count("from cup") == instructions.count(f"from cup {user}.")
    assert {(call.user_id, call.conversation_id) for call in engine.added} == {(user, user) for user in users}


async def test_one_memory_s_mark_is_no_other_request_s(
    client: MemOS, engine: CountingEngine, llm: MemOSLLM, remembering: Callable[..., MemOSMemory]
) -> None:
    memory = remembering(conversation_id="other")
    await memory.aput(ask("Where?"))
    await memory.aget()
    await llm.achat([ask("Where?")])
    assert said_to(client, engine) == [("user", "Where?"), ("assistant", "In Lyon.")]
