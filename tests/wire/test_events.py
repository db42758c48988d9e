"""The chat stream's framings, as the contract records them (§2.8), and how they are told apart from what is none."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos_integrations.errors import Garbled, Interrupted, MemOSError, RateLimited, Refused, ServerFault
from memos_integrations.wire.events import ChatEvent, EventReader, Lines, event_bytes, failure_bytes

MARKER = "Xq7MARKERq7X"
DOCUMENTED = (
    b'event: message\ndata: {"type":"reasoning","data":"They live"}\n\n'
    b'data: {"type":"text","data":"In Lyon"}\n\ndata: {"type":"text","data":" you could"}\n\n'
    b'data: {"type":"end","data":""}\n\n'
)


def read(*pieces: bytes) -> list[tuple[str, str]]:
    reader = EventReader("chat")
    events = [event for piece in pieces for event in reader.feed(piece)]
    return [(event.type, event.data) for event in [*events, *reader.finish()]]


def test_the_documented_form() -> None:
    assert read(DOCUMENTED) == [("reasoning", "They live"), ("text", "In Lyon"), ("text", " you could"), ("end", "")]


@pytest.mark.parametrize(
    "stream",
    [
        b'event: message\ndata: {"response":"In Lyon"}\ndata: [DONE]\n',
        b'data: {"response":"In Lyon"}\n\ndata: [DONE]\n\n',
        b'data:{"type":"text","content":"In Lyon"}\n\ndata:[DONE]',
        b'data: {"type":"text","data":"In Lyon"}\r\n\r\ndata: {"type":"end"}\r\n\r\n',
        b'\xef\xbb\xbf: hello\nid: 7\nretry: 9\ndata: {"type":"text","data":"In Lyon"}\n\ndata: {"type":"end"}',
        b'data: {"type":"text",\ndata: "data":"In Lyon"}\n\ndata: {"type":"end","data":null}\n\n',
        b'data: {"type":"status","data":"0"}\n\ndata: {"type":"text","data":"In Lyon"}\n\ndata: {"type":"end"}\n\n',
        b'data: {"type":"text","data":"In Lyon"}\n\ndata: {"type":"end"}\n\ndata: [DONE]\n\ndata: what else\n\n',
        b'data: 7\n\ndata:\n\ndata\n\ndata: {"type":"text","data":"In Lyon"}\n\ndata: {"type":"end"}\n\n',
        b'data: {"code":0,"message":"ok","data":{"response":"In Lyon"}}\n\ndata: [DONE]\n\n',
    ],
)
def test_every_framing_on_record(stream: bytes) -> None:
    assert read(stream) == [("text", "In Lyon"), ("end", "")]


@given(st.lists(st.integers(1, len(DOCUMENTED) - 1), max_size=12))
def test_a_stream_may_be_cut_anywhere_on_its_way(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(DOCUMENTED)]
    pieces = [DOCUMENTED[a:b] for a, b in pairwise(places)]
    assert read(*pieces) == read(DOCUMENTED)


@given(st.lists(st.tuples(st.sampled_from(["reasoning", "text"]), st.text()), max_size=6), st.integers(1, 40))
def test_what_is_written_is_read(said: list[tuple[Any, str]], size: int) -> None:
    events = [*(ChatEvent(type=kind, data=words) for kind, words in said), ChatEvent(type="end")]
    sent = b"".join(map(event_bytes, events))
    pieces = [sent[start : start + size] for start in range(0, len(sent), size)]
    assert read(*pieces) == [(event.type, event.data) for event in events]


@pytest.mark.parametrize("cut", [b"", b'data: {"type":"te', b'data: {"type":"text","data":"lost"}x'])
def test_a_stream_without_its_end_raises_and_carries_what_arrived(cut: bytes) -> None:
    reader = EventReader("chat")
    said = event_bytes(ChatEvent(type="text", data=f"In {MARKER}")) + event_bytes(ChatEvent(type="reasoning"))
    assert len(list(reader.feed(said + cut))) == 2
    with pytest.raises((Interrupted, Garbled)) as caught:
        list(reader.finish())
    if isinstance(caught.value, Interrupted):
        assert (caught.value.arrived, caught.value.sent, caught.value.path) == (f"In {MARKER}", True, "chat")
    assert MARKER not in f"{caught.value!s}{caught.value!r}"


@pytest.mark.parametrize(
    ("stated", "kind", "code", "words"),
    [
        ({"type": "error", "content": "model down"}, ServerFault, 50002, "model down"),
        ({"type": "error", "data": "model down"}, ServerFault, 50002, "model down"),
        ({"type": "error"}, ServerFault, 50002, ""),
        ({"type": "error", "code": 40309, "content": "slowly"}, RateLimited, 40309, "slowly"),
        ({"code": 50004, "message": "later", "data": None}, ServerFault, 50004, "later"),
        ({"status": "failed", "message": "later"}, ServerFault, 50002, "later"),
    ],
)
def test_an_error_in_the_stream_raises(stated: dict[str, Any], kind: type[Refused], code: int, words: str) -> None:
    reader = EventReader("chat")
    with pytest.raises(kind) as caught:
        list(reader.feed(b"data: " + json.dumps(stated).encode() + b"\n\n"))
    assert (caught.value.code, caught.value.message, caught.value.path) == (code, words, "chat")


def test_a_failure_is_written_as_it_is_read() -> None:
    with pytest.raises(RateLimited) as caught:
        list(EventReader("chat").feed(failure_bytes(RateLimited("slowly", code=40309))))
    assert caught.value.message == "slowly"


def test_an_event_that_is_no_json_is_garbled_and_so_is_a_line_without_end() -> None:
    with pytest.raises(Garbled):
        list(EventReader("chat").feed(b"data: <html>\n\n"))
    with pytest.raises(Garbled):
        list(EventReader("chat").feed(b"data: " + b"x" * (5 << 20)))


def test_an_event_that_goes_on_over_many_lines_is_garbled() -> None:
    with pytest.raises(Garbled):
        list(EventReader("chat").feed(b"data: [1\n" + b"data: ,1\n" * 65))


def test_each_byte_of_a_line_is_looked_at_once() -> None:
    class Counted(bytearray):
        copied = 0

        def __bytes__(self) -> bytes:
            Counted.copied += len(self)
            return bytes(memoryview(self))

    lines = Lines()
    lines._rest = Counted()
    for _ in range(1_000):
        assert lines.feed(b"x") == []
    assert lines.feed(b"\r\ny") == [b"x" * 1_000]
    assert (Counted.copied, lines.rest()) == (1_003, b"y")


def test_an_event_shows_no_words() -> None:
    assert MARKER not in repr(ChatEvent(type="text", data=MARKER)) + str(ChatEvent(type="text", data=MARKER))


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_no_bytes_raise_anything_but_our_errors(pieces: list[bytes]) -> None:
    try:
        read(*pieces)
    except MemOSError:
        return
    raise AssertionError("ended without an end")
