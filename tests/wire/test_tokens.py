"""The estimate of tokens: low, cheap, and no text of ordinary length is refused by it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core.utils import get_tokenizer

from memos_integrations.errors import Invalid
from memos_integrations.wire import tokens
from memos_integrations.wire.call import Call
from memos_integrations.wire.calls import AddMessage, Chat, ExtractMemory, Rerank, SearchMemory, StreamChat
from memos_integrations.wire.envelope import request
from memos_integrations.wire.tokens import exceeds, least

ENGLISH = "I moved to Lyon in August, and I can't stand noisy cafés any more. "
CHINESE = "我上个月搬到了里昂，周末喜欢去老城区的咖啡馆看书，但是不喜欢太吵的地方。"
JAPANESE = "先月リヨンに引っ越しました。週末はカフェで本を読むのが好きです。"
KOREAN = "지난달에 리옹으로 이사했습니다. 주말에는 카페에서 책을 읽습니다. "
CODE = 'def add(a: int, b: int = 0) -> dict[str, int]:\n    return {"sum": a + b, "a": a}  # a sum\n'


@pytest.mark.parametrize(
    "text", [ENGLISH, CHINESE, JAPANESE, KOREAN, CODE, "5, 10 & 15 % of 1,000,000 €? ", "x" * 3_000]
)
def test_it_is_never_above_what_a_tokenizer_counts(text: str) -> None:
    counted = len(get_tokenizer()(text * 20))
    assert counted / 25 < least(text * 20) <= counted


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), (" \n", 0), ("tea", 1), ("two words", 2), ("茶", 0), ("绿茶 tea", 2)]
)
def test_what_counts(text: str, count: int) -> None:
    assert least(text) == count


def test_words_without_blanks_are_no_way_around_it() -> None:
    assert least("x" * 64_000) == 1_000
    assert least("，" * 100) == 50


@given(st.lists(st.text(max_size=60)), st.integers(0, 40))
def test_what_has_fewer_characters_has_fewer_tokens(texts: list[str], most: int) -> None:
    """Short texts are not looked at; the outcome is the same as if they were."""
    found = sum(map(least, texts))
    assert found <= sum(map(len, texts))
    assert exceeds(texts, most) == (found if found > most else 0)


def message(text: Any, **more: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text, **more}]


ASKED: dict[str, Any] = {"user_id": "u", "conversation_id": "c"}
BOUNDED: list[tuple[type[Call[Any]], str, int, int, Any]] = [
    (AddMessage, "messages", 40_000, 40013, lambda text: {"messages": message(text), "user_id": "u"}),
    (SearchMemory, "query", 40_000, 40305, lambda text: {"query": text, "user_id": "u"}),
    (Chat, "query", 8_000, 40305, lambda text: {"query": text, **ASKED}),
    (StreamChat, "query", 8_000, 40305, lambda text: {"query": text, **ASKED}),
    (ExtractMemory, "messages", 8_000, 40305, lambda text: {"messages": message(text)}),
    (Rerank, "documents", 8_000, 40305, lambda text: {"query": "q", "documents": [text]}),
]


@pytest.mark.parametrize(("call", "field", "most", "code", "of"), BOUNDED, ids=[each[0].__name__ for each in BOUNDED])
def test_each_call_takes_so_many(call: type[Call[Any]], field: str, most: int, code: int, of: Any) -> None:
    request(call.model_validate(of("tea " * most)))
    request(call.model_validate(of("茶" * 2 * most)))
    for text in ("tea " * (most + 1), "茶" * 2 * (most + 1)):
        with pytest.raises(
            Invalid, match=rf"{field} takes at most {most:,} tokens, and has {most + 1:,} by a low"
        ) as caught:
            request(call.model_validate(of(text)))
        assert (caught.value.field, caught.value.rule) == (field, "too_many_tokens")
        assert str(caught.value).startswith(f"{call.path}: ")
    assert call.too_long == code


def test_all_messages_count_together() -> None:
    half = "tea " * 20_001
    with pytest.raises(Invalid, match="40,002"):
        request(AddMessage(messages=[*message(half), *message(half)], user_id="u"))
    with pytest.raises(Invalid):
        request(
            AddMessage(messages=message([{"type": "text", "text": half}, {"type": "text", "text": half}]), user_id="u")
        )
    calls = [{"id": "t", "function": {"name": "note", "arguments": half * 2}}]
    with pytest.raises(Invalid):
        request(AddMessage(messages=[{"role": "assistant", "tool_calls": calls}], user_id="u"))


def test_images_and_files_do_not_count() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "iVBO Rw0K " * 50_000}}
    file = {"type": "file", "file": {"file_data": "JVBE " * 50_000}}
    request(AddMessage(messages=message([image, file, {"type": "text", "text": "My receipt"}]), user_id="u"))


def test_texts_of_ordinary_length_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def look(text: str) -> int:
        looked.append(text)
        return least(text)

    monkeypatch.setattr(tokens, "least", look)
    request(AddMessage(messages=[*message("x " * 10_000), *message("茶 " * 9_999)], user_id="u"))
    assert not looked
    request(AddMessage(messages=[*message("x " * 10_000), *message("茶 " * 10_001)], user_id="u"))
    assert len(looked) == 2
