from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from memos_integrations.engine._prompt import memories, system_prompt
from memos_integrations.wire.calls import SearchMemory
from tests.engine.chats import LYON, QUERY, Talk, plain, streamed
from tests.engine.conftest import NOON
from tests.engine.models import thought

NOW = datetime.fromtimestamp(NOON, UTC)


@pytest.fixture
def talk() -> Iterator[Talk]:
    talk = Talk("In ", "Lyon.")
    yield talk
    talk.engine.close()


@pytest.fixture(params=[plain, streamed])
def ask(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_the_model_gets_memories_history_and_the_question(talk: Talk, ask: Any) -> None:
    talk.add(LYON, conversation_id="earlier")
    talk.add("Hello.")
    found = talk.found()
    assert ask(talk) == "In Lyon."
    (role, prompt), *rest = talk.model.last
    assert (role, prompt) == ("system", system_prompt(None, found, QUERY, NOW))
    assert LYON in prompt
    assert rest == [("user", "Hello."), ("user", QUERY)]


def test_recall_is_a_search_in_the_calls_scope(talk: Talk, ask: Any) -> None:
    scope = {
        "filter": {"and": [{"tags": {"contains": "home"}}]},
        "memory_limit_number": 3,
        "include_preference": False,
        "preference_limit_number": 2,
        "relativity": 0.25,
        "knowledgebase_ids": (),
    }
    talk.add(LYON, tags=["home"])
    talk.add("I moved the sofa to another city.", tags=["sofa"])
    ask(talk, **scope)
    (search,) = talk.counting.searched
    assert search == SearchMemory.model_validate({"query": QUERY, "user_id": "u", "conversation_id": "c", **scope})
    prompt = talk.model.last[0][1]
    assert LYON in prompt
    assert "sofa" not in prompt


def test_limits_and_relativity_hold(talk: Talk) -> None:
    talk.add(LYON, "I prefer tea to coffee in the city.")
    talk.chat(memory_limit_number=0, include_preference=False)
    assert "<facts>" not in talk.model.last[0][1]
    talk.chat(relativity=1.0)
    assert "Lyon" not in talk.model.last[0][1]


def test_another_users_and_projects_memories_stay_theirs(talk: Talk) -> None:
    talk.add(LYON, user="other")
    talk.add(LYON, project="p")
    talk.chat()
    assert "Lyon" not in talk.model.last[0][1]
    talk.chat(project="p")
    assert "Lyon" in talk.model.last[0][1]
    assert talk.stored() == talk.stored(project="p")[1:]


def test_a_system_prompt_of_ones_own(talk: Talk, ask: Any) -> None:
    talk.add(LYON)
    found = talk.found()
    ask(talk, system_prompt="Rhyme {always}: {memories}")
    assert talk.model.last[0] == ("system", "Rhyme {always}: " + memories(found, chinese=False))
    ask(talk, system_prompt="", memory_limit_number=0, include_preference=False)
    assert talk.model.last[0][0] == "user"


def test_history_is_the_last_twenty_messages_that_are_words(talk: Talk, ask: Any) -> None:
    talk.add("too old")
    messages: list[dict[str, Any]] = [
        {"role": "user" if n % 2 == 0 else "assistant", "content": f"message {n}"} for n in range(19)
    ]
    parts = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "http://x/y.png"}}]
    messages += [
        {"role": "system", "content": "a rule"},
        {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f"}}]},
        {"role": "tool", "content": "42", "tool_call_id": "1"},
        {"role": "user", "content": parts},
    ]
    talk.add(messages=messages)
    talk.add("elsewhere", conversation_id="d")
    ask(talk, "And now?")
    said = [(m["role"], m["content"]) for m in messages[:19]]
    assert talk.model.last[1:] == [*said, ("user", "look"), ("user", "And now?")]


def test_what_the_model_is_asked_with(talk: Talk, ask: Any) -> None:
    ask(talk)
    usual = talk.model.asked[-1]
    assert (usual.model, usual.temperature, usual.top_p, usual.max_tokens) == (None, None, None, None)
    ask(talk, model_name="large", temperature=0.0, top_p=0.0, max_tokens=5)
    given = talk.model.asked[-1]
    assert (given.model, given.temperature, given.top_p, given.max_tokens) == ("large", 0, 0, 5)


def test_the_turn_is_stored(talk: Talk, ask: Any) -> None:
    given = {
        "agent_id": "a",
        "app_id": "shop",
        "tags": ("t",),
        "info": {"scene": "s"},
        "allow_public": True,
        "allow_knowledgebase_ids": (),
        "async_mode": True,
        "source": "test",
    }
    ask(talk, **given)
    assert talk.stored() == [("user", QUERY), ("assistant", "In Lyon.")]
    (add,) = talk.counting.added
    assert {name: getattr(add, name) for name in given} == given
    ask(talk, "And then?")
    assert talk.model.last[1:] == [("user", QUERY), ("assistant", "In Lyon."), ("user", "And then?")]


def test_unless_told_not_to(talk: Talk, ask: Any) -> None:
    assert ask(talk, add_message_on_answer=False) == "In Lyon."
    assert not talk.stored()
    assert not talk.counting.added


def test_thoughts_are_told_and_not_stored() -> None:
    talk = Talk(thought("Hm."), "In ", "Lyon.")
    events = [(event.type, event.data) for event in talk.stream()]
    assert events == [("reasoning", "Hm."), ("text", "In "), ("text", "Lyon."), ("end", "")]
    assert talk.chat() == "In Lyon."
    assert talk.stored()[:2] == [("user", QUERY), ("assistant", "In Lyon.")]
    talk.engine.close()


def test_a_stream_stores_the_turn_before_it_tells_its_end(talk: Talk) -> None:
    stream = talk.stream()
    assert not talk.model.asked[1:]
    assert [next(stream).type, next(stream).type, talk.stored()] == ["text", "text", []]
    assert next(stream).type == "end"
    assert len(talk.stored()) == 2
    assert list(stream) == []
    stream.close()
    assert len(talk.stored()) == 2


def test_what_was_chatted_is_there_when_the_file_is_opened_again(tmp_path: Path, ask: Any) -> None:
    path = str(tmp_path / "memos.db")
    first = Talk("I see.", path=path)
    ask(first, LYON)
    first.engine.close()
    again = Talk("In Lyon.", path=path)
    ask(again)
    assert again.model.last[1:3] == [("user", LYON), ("assistant", "I see.")]
    assert LYON in again.model.last[0][1]
    again.engine.close()
