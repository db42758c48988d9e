"""Checks of chats: the model that answers is a script's, which tells what it was told to know."""

from typing import Any

from tests.addresses.of_adds import CAT, WHERE
from tests.addresses.registry import Asked, check

STREAMED = "chat, streamed"


def asking(at: Asked, **more: Any) -> dict[str, Any]:
    """A question that is not kept, unless it is said otherwise."""
    return {"user_id": at.ada, "conversation_id": "d", "query": WHERE, "add_message_on_answer": False, **more}


@check("chat", "an answer that knows what is remembered")
def answered(at: Asked) -> None:
    at.add(CAT)
    assert "piano" in at.chat(**asking(at)).response


@check("chat", "what was asked is remembered")
def kept(at: Asked) -> None:
    at.chat(**asking(at, query="My dog Rex eats chicken.", add_message_on_answer=True))
    assert at.sooner_or_later(lambda: any("Rex" in text for text in at.kept()))


@check("chat", "async_mode=False: remembered before it answers")
def kept_at_once(at: Asked) -> None:
    at.chat(**asking(at, query="My dog Rex eats chicken.", add_message_on_answer=True, async_mode=False))
    assert any("Rex" in text for text in at.kept())


@check("chat", "a prompt of one's own")
def prompted(at: Asked) -> None:
    assert at.chat(**asking(at, system_prompt="Be brief.")).response


@check("chat", "a filter")
def filtered(at: Asked) -> None:
    at.add(CAT, info={"scene": "home"})
    assert "piano" not in at.chat(**asking(at, filter={"and": [{"scene": "trip"}]})).response


@check("chat", "temperature, top_p, max_tokens")
def tuned(at: Asked) -> None:
    assert at.chat(**asking(at, temperature=0.1, top_p=0.5, max_tokens=50)).response


@check("chat", "no memories at all")
def forgetful(at: Asked) -> None:
    at.add(CAT)
    assert "piano" not in at.chat(**asking(at, memory_limit_number=0, include_preference=False)).response


@check(STREAMED, "the answer in pieces, and its end")
def streamed(at: Asked) -> None:
    at.add(CAT)
    events = at.streamed(**asking(at))
    assert "piano" in "".join(event.data for event in events if event.type == "text")
    assert len([event for event in events if event.type == "text"]) > 1
    assert events[-1].type == "end"


@check("chat/completions", "an answer in OpenAI's form")
def completed(at: Asked) -> None:
    at.add(CAT)
    told = at.chat_completions(user_id=at.ada, conversation_id="d", messages=[{"role": "user", "content": WHERE}])
    assert "piano" in told.text
