import json
from typing import Any

import pytest

from memos_integrations.engine._completions import Asked, Reader, asked_bytes, events_of, refusal
from memos_integrations.errors import BadRequest, RateLimited, Refused, ServerFault

MARKER = "Xq7MARKERq7X"
ASKED = Asked(({"role": "user", "content": MARKER},), None, 0.7, 0.95, 8192)
Events = list[tuple[str, str]]


def whole(**message: Any) -> Events:
    body = json.dumps({"choices": [{"message": {"role": "assistant", **message}}]})
    return joined((event.type, event.data) for event in events_of(body.encode()))


def joined(events: Any) -> Events:
    told: Events = []
    for kind, data in events:
        before = told.pop()[1] if told and told[-1][0] == kind else ""
        told.append((kind, before + data))
    return told


def chunk(finish: str | None = None, **delta: Any) -> str:
    return "data: " + json.dumps({"choices": [{"delta": delta, "finish_reason": finish}]}) + "\n\n"


def streamed(*pieces: str | bytes) -> Events:
    reader = Reader()
    events = [event for piece in pieces for event in reader.feed(piece if isinstance(piece, bytes) else piece.encode())]
    events += reader.finish()
    return joined((event.type, event.data) for event in events)


def test_a_question_shows_nothing_of_itself() -> None:
    assert MARKER not in repr(ASKED)
    assert json.loads(asked_bytes(ASKED, "small", stream=True)) == {
        "model": "small",
        "messages": [{"role": "user", "content": MARKER}],
        "temperature": 0.7,
        "top_p": 0.95,
        "max_tokens": 8192,
        "stream": True,
    }


def test_a_whole_answer() -> None:
    assert whole(content="In Lyon.") == [("text", "In Lyon.")]
    for name in ("reasoning_content", "reasoning"):
        assert whole(content="In Lyon.", **{name: "Hm."}) == [("reasoning", "Hm."), ("text", "In Lyon.")]
    assert whole(content="<think>\nHm.</think>\n\nIn Lyon.") == [("reasoning", "\nHm."), ("text", "In Lyon.")]
    assert whole(content=" a <think> b") == [("text", " a <think> b")]
    assert whole(content=None) == whole(content="") == []
    assert list(events_of(b'{"choices": []}')) == []


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"x"', b"null"])
def test_what_is_no_answer_at_all(body: bytes) -> None:
    with pytest.raises(ServerFault, match="no chat completion") as caught:
        list(events_of(body))
    assert caught.value.code == 50002


def test_a_streamed_answer() -> None:
    end = chunk("stop"), "data: [DONE]\n\n"
    assert streamed(chunk(role="assistant", content=""), chunk(content="In "), chunk(content="Lyon."), *end) == [
        ("text", "In Lyon.")
    ]
    for name in ("reasoning_content", "reasoning"):
        assert streamed(chunk(**{name: "Hm."}), chunk(content="In Lyon."), *end) == [
            ("reasoning", "Hm."),
            ("text", "In Lyon."),
        ]
    usage = 'data: {"choices": [], "usage": {"total_tokens": 3}}\n\n'
    assert streamed(": keep alive\n\n", "event: x\n", chunk(content="a"), usage, *end) == [("text", "a")]
    assert streamed(chunk(content="a"), end[0]) == streamed(chunk(content="a"), end[1].strip()) == [("text", "a")]
    assert streamed(chunk("length", content="a"), *end, chunk(content="b")) == [("text", "a")]


def test_however_the_bytes_are_cut() -> None:
    text = (
        chunk(content="<thi")
        + chunk(content="nk>H<m</th")
        + chunk(content="ink>\n")
        + chunk(content="é中😀", finish="stop")
    )
    for line_end in ("\n", "\r\n"):
        body = text.replace("\n", line_end).encode()
        for size in (1, 2, 3, 7, len(body)):
            pieces = [body[at : at + size] for at in range(0, len(body), size)]
            assert streamed(*pieces) == [("reasoning", "H<m"), ("text", "é中😀")]


@pytest.mark.parametrize("text", ["<", "<thin", " <think", "<thinking is fun"])
def test_what_only_looks_like_thinking_is_text(text: str) -> None:
    assert streamed(*(chunk(content=letter) for letter in text), "data: [DONE]\n") == [("text", text)]


def test_thoughts_without_an_end_are_no_answer() -> None:
    assert streamed(chunk(content="<think>Hm.</thi"), chunk("length")) == [("reasoning", "Hm.</thi")]


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ([chunk(content="In ")], "broke off"),
        ([], "broke off"),
        (["data: {\n\n"], "no chat completion"),
        (["data: 1\n\n"], "no chat completion"),
        (['data: {"error": {"message": "' + MARKER + '", "type": "server_error"}}\n\n'], "failed: server_error"),
        (["data: " + "x" * (5 << 20)], "no chat completion"),
    ],
)
def test_a_stream_that_goes_wrong(pieces: list[str], words: str) -> None:
    with pytest.raises(ServerFault, match=words) as caught:
        streamed(*pieces)
    assert caught.value.code == 50002
    assert MARKER not in str(caught.value)


def error(**members: Any) -> bytes:
    return json.dumps({"error": {"message": MARKER, **members}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, error(code="context_length_exceeded"), BadRequest, 40303),
        (400, error(type="exceed_context_size_error"), BadRequest, 40303),
        (400, error(message=f"This model's maximum context length is 10 tokens. {MARKER}"), BadRequest, 40303),
        (400, b'{"object":"error","message":"the maximum context length is 10"}', BadRequest, 40303),
        (400, error(type="invalid_request_error"), BadRequest, 40000),
        (400, error(code=MARKER, type=MARKER), BadRequest, 40000),
        (400, MARKER.encode(), BadRequest, 40000),
        (401, error(), ServerFault, 50002),
        (403, error(), ServerFault, 50002),
        (404, error(), BadRequest, 40000),
        (422, error(), BadRequest, 40000),
        (429, error(), RateLimited, 40309),
        (308, b"", BadRequest, 40000),
        (500, error(), ServerFault, 50002),
        (502, b"<html>", ServerFault, 50002),
        (503, error(), ServerFault, 50004),
        (204, b"", ServerFault, 50002),
    ],
)
def test_refusals(status: int, body: bytes, kind: type[Refused], code: int) -> None:
    refused = refusal(status, body, "")
    assert (type(refused), refused.code, refused.retry_after) == (kind, code, None)
    assert MARKER not in str(refused)


def test_a_refusal_names_what_the_endpoint_names() -> None:
    assert "invalid_request_error" in str(refusal(400, error(type="invalid_request_error"), ""))
    assert refusal(429, b"", "7").retry_after == 7
    assert refusal(429, b"", "tomorrow").retry_after is None
