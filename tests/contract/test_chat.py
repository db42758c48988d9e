"""What every MemOS with a model must answer, whichever way it is asked (contract §2.8). The model follows a script."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from memos_integrations.engine import Engine
from memos_integrations.errors import BadRequest, Interrupted, Invalid, RateLimited, Refused, ServerFault
from memos_integrations.wire.events import ChatEvent
from tests.contract.conftest import Caller
from tests.engine.models import Scripted, thought

QUERY = "Which city did I move to?"
ASK: dict[str, Any] = {"user_id": "ada", "conversation_id": "c", "query": QUERY, "async_mode": False}


@pytest.fixture
def model() -> Scripted:
    return Scripted(thought("Hm."), "In ", "Lyon.")


@pytest.fixture
def engine(model: Scripted) -> Iterator[Engine]:
    engine = Engine(":memory:", model=model)
    yield engine
    engine.close()


def streamed(memos: Caller, **arguments: Any) -> list[ChatEvent]:
    """All events of a stream, in either colour."""
    runner = memos._runner
    if runner is None:
        return list(memos.client.stream_chat(**arguments))

    async def collected() -> list[ChatEvent]:
        return [event async for event in memos.client.aio.stream_chat(**arguments)]

    return runner.run(collected())


def whole(memos: Caller, **arguments: Any) -> str:
    response: str = memos.chat(**arguments).response
    return response


def joined(memos: Caller, **arguments: Any) -> str:
    return "".join(event.data for event in streamed(memos, **arguments) if event.type == "text")


@pytest.fixture(params=[whole, joined])
def ask(request: pytest.FixtureRequest) -> Any:
    return request.param


def stored(memos: Caller, **more: Any) -> list[tuple[str, Any]]:
    told = memos.get_message(**{"user_id": "ada", "conversation_id": "c", **more})
    return [(message.role, message.content) for message in told.message_detail_list]


def add(memos: Caller, text: str, **more: Any) -> None:
    messages = [{"role": "user", "content": text}]
    memos.add_message(**{"messages": messages, "user_id": "ada", "async_mode": False, **more})


def test_an_answer_from_what_is_remembered(memos: Caller, ask: Any, model: Scripted) -> None:
    add(memos, "I moved to Lyon.")
    assert ask(memos, **ASK) == "In Lyon."
    (system, prompt), question = model.last
    assert (system, question) == ("system", ("user", QUERY))
    assert "I moved to Lyon." in prompt
    assert stored(memos) == [("user", QUERY), ("assistant", "In Lyon.")]


def test_the_events_of_a_stream(memos: Caller) -> None:
    events = streamed(memos, **ASK)
    assert [event.type for event in events] == ["reasoning", "text", "text", "end"]
    assert [event.data for event in events[:3]] == ["Hm.", "In ", "Lyon."]


def test_a_conversation_goes_on(memos: Caller, ask: Any, model: Scripted) -> None:
    ask(memos, **ASK)
    ask(memos, **{**ASK, "query": "Since when?"})
    assert model.last[1:] == [("user", QUERY), ("assistant", "In Lyon."), ("user", "Since when?")]


def test_what_is_not_to_be_written(memos: Caller, ask: Any) -> None:
    assert ask(memos, **ASK, add_message_on_answer=False) == "In Lyon."
    assert stored(memos) == []


def test_the_turn_carries_its_marks(memos: Caller, ask: Any) -> None:
    ask(memos, **ASK, tags=["home"], info={"scene": "move"}, agent_id="a", app_id="shop")
    for condition in ({"tags": {"contains": "home"}}, {"scene": "move"}, {"agent_id": "a"}, {"app_id": "shop"}):
        page = memos.get_memory(user_id="ada", filter={"and": [condition]})
        assert len(page.memory_detail_list) == 2, condition
    assert memos.get_memory(user_id="ada", filter={"and": [{"scene": "x"}]}).memory_detail_list == ()


def test_recall_in_the_calls_scope(memos: Caller, ask: Any, model: Scripted) -> None:
    add(memos, "I moved to Lyon.", tags=["home"])
    add(memos, "I moved to another city once.", tags=["past"])
    add(memos, "I moved to Rome.", user_id="bob")
    ask(memos, **ASK, filter={"and": [{"tags": {"contains": "home"}}]}, system_prompt="{memories}")
    prompt = model.last[0][1]
    assert "Lyon" in prompt
    assert "another city" not in prompt
    assert "Rome" not in prompt
    ask(memos, **ASK, memory_limit_number=0, include_preference=False, system_prompt="None: {memories}")
    assert model.last[0] == ("system", "None: ")


def test_how_the_model_is_asked(memos: Caller, ask: Any, model: Scripted) -> None:
    ask(memos, **ASK, model_name="large", temperature=0, top_p=0.5, max_tokens=9)
    asked = model.asked[-1]
    assert (asked.model, asked.temperature, asked.top_p, asked.max_tokens) == ("large", 0, 0.5, 9)


def test_a_knowledge_base_that_is_not_linked(memos: Caller, ask: Any, model: Scripted) -> None:
    with pytest.raises(BadRequest) as caught:
        ask(memos, **ASK, knowledgebase_ids=["kb"])
    assert caught.value.code == 50123
    assert not model.asked


@pytest.mark.parametrize(
    "wrong",
    [{"query": " "}, {"temperature": 2.1}, {"max_tokens": 0}, {"memory_limit_number": 26}, {"user_id": "u" * 101}],
)
def test_what_can_not_be_asked(memos: Caller, ask: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        ask(memos, **{**ASK, **wrong})


@pytest.mark.parametrize(
    "error", [RateLimited("x", code=40309, retry_after=999), BadRequest("x", code=40303), ServerFault("x", code=50002)]
)
def test_a_model_that_refuses(memos: Caller, ask: Any, model: Scripted, error: Refused) -> None:
    model.script = (error,)
    with pytest.raises(type(error)) as caught:
        ask(memos, **ASK)
    assert caught.value.code == error.code
    assert caught.value.retry_after == error.retry_after
    assert stored(memos) == []


def test_a_model_that_breaks_off(memos: Caller, ask: Any, model: Scripted) -> None:
    model.script = ("In ", ServerFault("x", code=50002))
    with pytest.raises((ServerFault, Interrupted)):
        ask(memos, **ASK)
    assert stored(memos) == []


def test_a_model_that_is_busy_for_a_moment(memos: Caller, ask: Any, model: Scripted) -> None:
    tries = iter([ServerFault("x", code=50004)])

    def busy() -> None:
        for error in tries:
            raise error

    model.script = (busy, "In Lyon.")
    assert ask(memos, **ASK) == "In Lyon."
    assert len(stored(memos)) == 2


def test_no_model_no_chat(memos: Caller, ask: Any, engine: Engine) -> None:
    engine._model = None
    with pytest.raises(ServerFault, match="MEMOS_MODEL_BASE_URL") as caught:
        ask(memos, **ASK)
    assert caught.value.code == 50002
    assert stored(memos) == []


def test_a_stream_left_early_is_given_up(memos: Caller, model: Scripted) -> None:
    """What was said until then is not stored, and the model need not go on."""
    model.script = ("In ", lambda: model.stopped.wait(10), "Lyon.")  # a server may read ahead of its client
    runner = memos._runner
    if runner is None:
        stream = memos.client.stream_chat(**ASK)
        assert next(stream).data == "In "
        stream.close()
    else:

        async def left() -> None:
            stream = memos.client.aio.stream_chat(**ASK)
            assert (await anext(stream)).data == "In "
            await stream.aclose()

        runner.run(left())
    assert model.closed.wait(10)
    assert stored(memos) == []


def test_others_are_served_while_a_model_is_asked(memos: Caller, model: Scripted) -> None:
    reached, go = threading.Event(), threading.Event()
    model.script = (reached.set, go.wait, "In Lyon.")
    chatting = threading.Thread(target=lambda: memos.client.chat(**ASK))
    chatting.start()
    try:
        assert reached.wait(10)
        add(memos, "I moved to Lyon.")
        assert memos.search_memory(query=QUERY, user_id="ada").memory_detail_list
        assert chatting.is_alive()
    finally:
        go.set()
        chatting.join()
    assert len(stored(memos)) == 2
