"""The chat call in OpenAI's form, whichever way it is asked (contract §2.8): our reading of what is only announced."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from memos_integrations.engine import Engine
from memos_integrations.errors import Garbled, Invalid, RateLimited, ServerFault
from memos_integrations.wire.call import checked
from memos_integrations.wire.completions import ChatCompletions, Completion
from memos_integrations.wire.envelope import Reply, Request, read
from tests.contract.conftest import Caller
from tests.engine.models import Scripted, thought

QUERY = "Which city did I move to?"
WHOSE = {"user_id": "ada", "conversation_id": "c"}


@pytest.fixture
def model() -> Scripted:
    return Scripted(thought("Hm."), "In ", "Lyon.")


@pytest.fixture
def engine(model: Scripted) -> Iterator[Engine]:
    engine = Engine(":memory:", model=model)
    yield engine
    engine.close()


def said(*turns: str) -> list[dict[str, Any]]:
    """Messages of "s" system, "u" user and "a" assistant: "u:Where?"."""
    roles = {"s": "system", "u": "user", "a": "assistant"}
    return [{"role": roles[turn[0]], "content": turn[2:]} for turn in turns]


def ask(memos: Caller, *turns: str, **more: Any) -> Completion:
    answer: Completion = memos.chat_completions(**{**WHOSE, "messages": said(*turns or (f"u:{QUERY}",)), **more})
    return answer


def settled(memos: Caller) -> list[tuple[str, Any]]:
    memos.engine.settle(10)
    return [(message.role, message.content) for message in memos.get_message(**WHOSE).message_detail_list]


def test_an_answer_in_openais_form(memos: Caller) -> None:
    answer = ask(memos, model="large")
    assert answer.text == "In Lyon."
    assert (answer.object, answer.model) == ("chat.completion", "large")
    assert answer.id is not None
    assert answer.id.startswith("chatcmpl-")
    (choice,) = answer.choices
    assert (choice.index, choice.message.role, choice.finish_reason) == (0, "assistant", "stop")
    assert settled(memos) == [("user", QUERY), ("assistant", "In Lyon.")]


def test_it_comes_without_an_envelope(memos: Caller) -> None:
    body = json.dumps({**WHOSE, "messages": said(f"u:{QUERY}"), "n": 1, "tools": None}).encode()
    reply = memos.transported(Request("POST", "chat/completions", body))
    told = json.loads(reply.body)
    assert set(told) == {"id", "object", "created", "choices"}
    assert told["choices"][0]["message"] == {"role": "assistant", "content": "In Lyon."}


def test_from_what_is_remembered(memos: Caller, model: Scripted) -> None:
    for user, city in (("ada", "Lyon"), ("bob", "Rome")):
        messages = said(f"u:I moved to the city of {city}.")
        memos.add_message(messages=messages, user_id=user, conversation_id="other", async_mode=False)
    ask(memos)
    (system, prompt), question = model.last
    assert (system, question) == ("system", ("user", QUERY))
    assert "Lyon" in prompt
    assert "Rome" not in prompt
    ask(memos, "s:Be brief.", "s:Known: {memories}", f"u:{QUERY}")
    assert model.last[0][1].startswith("Be brief.\n\nKnown: <facts>")
    assert "Lyon" in model.last[0][1]


def test_the_history_is_the_calls_own(memos: Caller, model: Scripted) -> None:
    ask(memos)
    called = {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "look"}}]}
    traffic = [called, {"role": "tool", "tool_call_id": "1", "content": "found"}]
    messages = [*said("u:Hello.", "a:Hi."), *traffic, *said("u:Since when?")]
    memos.chat_completions(**WHOSE, messages=messages)
    assert model.last[1:] == [("user", "Hello."), ("assistant", "Hi."), ("user", "Since when?")]
    assert settled(memos)[2:] == [("user", "Since when?"), ("assistant", "In Lyon.")]


def test_how_the_model_is_asked(memos: Caller, model: Scripted) -> None:
    ask(memos, model="large", temperature=0, top_p=0.5, max_tokens=9, stream=False)
    asked = model.asked[-1]
    assert (asked.model, asked.temperature, asked.top_p, asked.max_tokens) == ("large", 0, 0.5, 9)


@pytest.mark.parametrize(
    "wrong",
    [{"messages": []}, {"messages": said("u:x", "a:y")}, {"messages": said("u: ")}, {"stream": True}, {"user_id": ""},
     {"temperature": 2.1}, {"max_tokens": 0}, {"messages": said("u:" + "word " * 20_000)}],
)  # fmt: skip
def test_what_can_not_be_asked(memos: Caller, model: Scripted, wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        ask(memos, **wrong)
    body = json.dumps({**WHOSE, "messages": said(f"u:{QUERY}"), **wrong}).encode()
    code = json.loads(memos.transported(Request("POST", "chat/completions", body)).body)["code"]
    assert 40000 <= code < 50000
    assert not model.asked


def test_a_model_that_refuses(memos: Caller, model: Scripted) -> None:
    model.script = (RateLimited("x", code=40309, retry_after=999),)
    with pytest.raises(RateLimited) as caught:
        ask(memos)
    assert (caught.value.code, caught.value.retry_after) == (40309, 999)
    assert settled(memos) == []


def test_no_model_no_answer(memos: Caller, engine: Engine) -> None:
    engine._model = None
    with pytest.raises(ServerFault, match="MEMOS_MODEL_BASE_URL") as caught:
        ask(memos)
    assert caught.value.code == 50002
    assert settled(memos) == []


def test_an_answer_without_a_choice_is_none() -> None:
    call = checked(ChatCompletions, {**WHOSE, "messages": said("u:x")})
    with pytest.raises(Garbled):
        read(call, Reply(200, b'{"id": "1", "choices": []}'))
    whole = b'{"code": 0, "data": {"choices": [{"message": {"content": "Hi."}}]}, "message": "ok"}'
    assert read(call, Reply(200, whole)).text == "Hi."
