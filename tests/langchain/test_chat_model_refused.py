"""What the chat model refuses, in words, before anything is sent; and what MemOS refuses."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from pydantic import BaseModel

from memos_integrations.client import MemOS
from memos_integrations.errors import Invalid, RateLimited, ServerFault, Unsupported
from memos_integrations.langchain import ChatMemOS
from tests.engine.models import Scripted
from tests.fakes import CountingEngine
from tests.langchain.chats import WAYS, asked_by, block
from tests.langchain.models import MARK, create_agent, look_up, said

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


PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ([SystemMessage("Be brief.")], Invalid),
        ([AIMessage("Hello.")], Invalid),
        ("", Invalid),
        ("  \n", Invalid),
        ([HumanMessage([])], Invalid),
        ([HumanMessage(block())], Invalid),
        ([HumanMessage([{"type": "text", "text": "What is this?"}, PICTURE])], Unsupported),
        ([HumanMessage([{"type": "file", "base64": "AAAA", "mime_type": "application/pdf"}])], Unsupported),
    ],
    ids=str,
)
@pytest.mark.parametrize("way", WAYS)
def test_what_is_no_question_in_words_is_refused(
    llm: ChatMemOS, model: Scripted, way: str, given: Any, error: type[Exception]
) -> None:
    with pytest.raises(error, match="ChatMemOS"):
        asked_by(llm, way, given)
    assert model.asked == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"top_k": 3}, "top_k"),
        ({"tools": []}, "tools"),
        ({"tags": ["t"]}, "tags"),
        ({"metadata": {}}, "metadata"),
        ({"temperature": 3}, "temperature"),
        ({"model": " "}, "model"),
        ({"user_id": ""}, "user_id"),
        ({"conversation_id": "x" * 101}, "conversation_id"),
        ({"add_message_on_answer": "perhaps"}, "add_message_on_answer"),
        ({"filter": {"or": MARK}}, "filter.or"),
    ],
    ids=str,
)
def test_a_call_with_a_bad_argument_is_refused(
    llm: ChatMemOS, model: Scripted, way: str, given: Any, field: str
) -> None:
    with pytest.raises(Invalid) as caught:
        asked_by(llm, way, "Hi", **given)
    assert caught.value.field == field
    assert MARK not in str(caught.value)
    assert model.asked == []


def test_tools_and_structured_output_are_refused_in_words(llm: ChatMemOS) -> None:
    class Tea(BaseModel):
        name: str

    with pytest.raises(Unsupported, match="takes no tools, and so gives no structured output"):
        llm.bind_tools([look_up])
    with pytest.raises(Unsupported, match="no structured output"):
        llm.with_structured_output(Tea)
    with pytest.raises(Unsupported, match="takes no tools"):
        create_agent(llm, [look_up]).invoke(said())
    with pytest.raises(Unsupported, match="no structured output"):
        create_agent(llm, [], response_format=Tea).invoke(said())


@pytest.mark.parametrize("way", WAYS)
def test_errors_of_memos_come_through_as_they_are(
    llm: ChatMemOS, model: Scripted, engine: CountingEngine, way: str
) -> None:
    model.script = (RateLimited("x", code=40309, retry_after=999),)
    with pytest.raises(RateLimited) as caught:
        asked_by(llm, way, "Hi")
    assert (caught.value.code, caught.value.retry_after) == (40309, 999)
    model.script = ("In ", ServerFault("x", code=50002))
    with pytest.raises(ServerFault):
        asked_by(llm, way, "Hi")
    assert engine.added == []
