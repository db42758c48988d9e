"""Chats that are refused, or fail: what is told, and that nothing is left behind."""

from collections.abc import Iterator
from typing import Any

import pytest

from memos_integrations.engine import Engine
from memos_integrations.errors import BadRequest, Invalid, NotFound, Refused, ServerFault
from memos_integrations.wire.answers import Added
from memos_integrations.wire.call import checked
from memos_integrations.wire.calls import AddMessage, Chat
from tests.engine.chats import QUERY, Talk, asked, plain, streamed
from tests.engine.models import Said, Scripted, thought
from tests.fakes import CountingEngine

MARKER = "Xq7MARKERq7X"


@pytest.fixture
def talk() -> Iterator[Talk]:
    talk = Talk("In ", "Lyon.")
    yield talk
    talk.engine.close()


@pytest.fixture(params=[plain, streamed])
def ask(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_without_a_model_nothing_happens_at_all(ask: Any) -> None:
    talk = Talk(engine=CountingEngine())
    with pytest.raises(ServerFault, match="MEMOS_MODEL_BASE_URL and MEMOS_MODEL_NAME") as caught:
        ask(talk)
    assert "connect(…, model=ModelEndpoint(" in str(caught.value)
    assert caught.value.code == 50002
    assert talk.counting.counts == (0, 0)
    assert not talk.stored()
    talk.engine.close()


def test_a_knowledge_base_is_refused_before_the_model_is_asked(talk: Talk, ask: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        ask(talk, knowledgebase_ids=["kb"])
    assert caught.value.code == 50123
    assert not talk.model.asked
    assert not talk.stored()


@pytest.mark.parametrize("error", [ServerFault("x", code=50004), NotFound("x", code=40001)])
def test_recall_that_fails_is_no_empty_recall(ask: Any, error: Refused) -> None:
    class Failing(Engine):
        def search_memory(self, *_: Any, **__: Any) -> Any:
            raise error

    model = Scripted("x")
    talk = Talk(engine=Failing(":memory:", model=model))
    with pytest.raises(type(error)):
        ask(talk)
    assert not model.asked
    talk.engine.close()


@pytest.mark.parametrize("script", [(), ("",), (" \n",), (thought("Hm."),)])
def test_an_answer_without_text_is_none(ask: Any, script: tuple[Said, ...]) -> None:
    talk = Talk(*script)
    with pytest.raises(ServerFault, match="no answer's text") as caught:
        ask(talk)
    assert caught.value.code == 50002
    assert not talk.stored()
    talk.engine.close()


def test_a_model_that_fails_leaves_nothing_behind(ask: Any) -> None:
    talk = Talk("In ", ServerFault("broke off", code=50002))
    with pytest.raises(ServerFault, match="broke off"):
        ask(talk)
    assert not talk.stored()
    stream = talk.stream()
    assert next(stream).data == "In "
    with pytest.raises(ServerFault):
        next(stream)
    assert list(stream) == []
    assert not talk.stored()
    talk.engine.close()


class Unwritable(CountingEngine):
    def add_message(self, call: AddMessage, project: str = "", *more: Any, **named: Any) -> Added:
        raise ServerFault("the file cannot be used now", code=50004)


def test_a_turn_that_can_not_be_stored_is_told(ask: Any) -> None:
    """Not by the file's own code, at which a client would ask the model again."""
    talk = Talk(engine=Unwritable(model=Scripted("In Lyon.")))
    with pytest.raises(ServerFault, match="could not be stored") as caught:
        ask(talk)
    assert caught.value.code == 50144
    assert ask(talk, add_message_on_answer=False) == "In Lyon."
    talk.engine.close()


def test_nothing_said_gets_into_logs_and_errors(ask: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    talk = Talk(MARKER, ServerFault("broke off", code=50002))
    talk.add(MARKER)
    with pytest.raises(ServerFault) as caught:
        ask(talk, MARKER, system_prompt=MARKER, user_id=MARKER)
    assert MARKER not in f"{caplog.text}{caught.value!r}{caught.value}{talk.model.asked!r}"
    talk.engine.close()


def test_a_filter_by_sources_is_for_search_alone() -> None:
    with pytest.raises(Invalid):
        checked(Chat, asked(QUERY, {"filter": {"user": {"and": [{"scene": "x"}]}}}))


def test_a_prompt_that_would_repeat_the_memories_many_times_is_refused(talk: Talk, ask: Any) -> None:
    ask(talk, system_prompt="{memories}" * 8)
    with pytest.raises(BadRequest, match="more than 8 times") as caught:
        ask(talk, system_prompt="{memories}" * 9)
    assert caught.value.code == 40000
