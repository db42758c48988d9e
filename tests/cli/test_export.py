"""JSON Lines: what goes out comes back the same; a line that can't be is told before its conversation is touched."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memos_integrations import connect, moving
from memos_integrations.errors import Invalid
from tests.cli.moved import MARKER, conversation, exported, made, turns

LINE: dict[str, Any] = {"user_id": "u", "conversation_id": "c", "role": "user", "content": MARKER}
SECOND = json.dumps({**LINE, "conversation_id": "d"}).encode()


def written(path: Path) -> bytes:
    lines = io.BytesIO()
    moving.export_lines(path, lines)
    return lines.getvalue()


def brought(lines: bytes, target: Path) -> moving.Report:
    with connect(target) as client:
        return moving.import_lines(io.BytesIO(lines), client)


class Pipe(io.BytesIO):
    """What can be read once."""

    def seekable(self) -> bool:
        return False


def test_out_in_and_out_again_are_the_same_bytes(tmp_path: Path) -> None:
    lines = written(made(tmp_path / "a.db"))
    assert brought(lines, tmp_path / "b.db").copied == lines.count(b"\n") == 136
    assert written(tmp_path / "b.db") == lines
    assert "好".encode() in lines


def test_a_line_is_a_message_as_openai_writes_it(tmp_path: Path) -> None:
    lines = exported(made(tmp_path / "a.db"), users=["ada"], conversations=["trains"])
    assert list(lines[1]) == ["user_id", "conversation_id", "role", "content", "chat_time"]
    assert lines[2]["tool_calls"][0]["function"] == {"name": "trains", "arguments": '{"to": "Lyon"}'}
    assert lines[4]["chat_time"] == "last Tuesday"
    assert lines[5]["more"] == {"tags": ["x"]}  # a member of the message that is called as one of the add


def _encodable(text: str) -> bool:
    return text == text.encode("utf-8", "ignore").decode()


IDS = st.text(min_size=1, max_size=20).filter(lambda text: text.strip() and _encodable(text))
TEXTS = st.text(max_size=40).filter(_encodable)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
TIMES = st.none() | st.sampled_from(["2026-08-01 10:00:00", "2026-08-01T10:00:00+02:00", "2026-08-01", "昨天", ""])
NAMES = st.sampled_from(["name", "role_id", "role_name", "message_id", "tags", "user_id", "more", "conversation_id"])
PARTS = st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": TEXTS}, optional={"k": VALUES}), max_size=2)


@st.composite
def messages(draw: st.DrawFn) -> dict[str, Any]:
    more = draw(
        st.dictionaries(NAMES.filter(lambda name: name in {"name", "tags", "user_id", "more"}), VALUES, max_size=2)
    )
    named = draw(st.dictionaries(NAMES.filter(lambda name: name.startswith(("role", "message"))), TEXTS, max_size=2))
    said: dict[str, Any] = {**more, **named, "role": draw(st.sampled_from(["user", "assistant", "system", "tool"]))}
    said["content"] = draw(TEXTS | PARTS)
    if (when := draw(TIMES)) is not None:
        said["chat_time"] = when
    if said["role"] == "assistant" and draw(st.booleans()):
        said["tool_calls"] = [{"id": draw(TEXTS), "function": {"name": "f", "arguments": draw(TEXTS)}}]
    return said


MARKS = st.fixed_dictionaries(
    {},
    optional={
        "tags": st.lists(TEXTS, max_size=2),
        "app_id": IDS,
        "agent_id": IDS,
        "info": st.dictionaries(TEXTS, TEXTS | st.integers(-9, 9) | st.booleans(), max_size=2),
    },
)
ADDS = st.tuples(IDS, IDS, st.lists(messages(), min_size=1, max_size=4), MARKS)


@settings(max_examples=25, deadline=None)
@given(st.lists(ADDS, min_size=1, max_size=4))
def test_any_conversation_comes_back_as_it_was(
    adds: Sequence[tuple[str, str, list[dict[str, Any]], dict[str, Any]]],
) -> None:
    with TemporaryDirectory() as folder:
        first, second = Path(folder, "a.db"), Path(folder, "b.db")
        with connect(first) as client:
            for user, name, said, marks in adds:
                client.add_message(messages=said, user_id=user, conversation_id=name, async_mode=False, **marks)
        lines = written(first)
        assert lines.count(b"\n") == sum(len(said) for _, _, said, _ in adds)
        report = brought(lines, second)
        assert (report.copied, report.troubles) == (report.messages, ())
        assert written(second) == lines
        assert brought(lines, second).copied == 0


BAD = [
    (b"{", "is not JSON"),
    (b"[]", "is no JSON object"),
    (b"\xff", "is not UTF-8"),
    (b'{"user_id": "u", "user_id": "v"}', "names a member twice"),
    (b'{"user_id": NaN}', "holds NaN"),
    (b'{"user_id": 1e999}', "too large"),
    (b'{"user_id": "\\ud800"}', "half a surrogate pair"),
    (b"[" * 100_000, "is not JSON"),
    ({"user_id": None}, "user_id, the id of a user, is required"),
    ({"user_id": 7}, "user_id, the id of a user, is required"),
    ({"user_id": ["u", "v"]}, "user_id, the id of a user, is required"),
    ({"user_id": "x" * 101}, "user_id is at most 100 characters long"),
    ({"conversation_id": None}, "conversation_id, text, is required"),
    ({"role": MARKER}, "role must be 'user', 'assistant', 'system' or 'tool'"),
    ({"content": None}, "content is required"),
    ({"content": 7}, "content must be"),
    ({"chat_time": 7}, "chat_time must be text"),
    ({"tool_calls": [{}], "role": "assistant"}, "tool_calls.0.function is required"),
    ({"content": "x " * 40_001}, "messages takes at most 40,000 tokens"),
    ({"tags": "zoo"}, "tags must be a list"),
    ({"info": {"a": {}}}, "info.a"),
    ({"more": {"colour": 1}}, "more holds members"),
]


@pytest.mark.parametrize(("bad", "words"), BAD, ids=[words for _, words in BAD])
def test_a_bad_line_is_told_by_its_number_and_nothing_is_written(
    tmp_path: Path, bad: bytes | dict[str, Any], words: str
) -> None:
    line = bad if isinstance(bad, bytes) else json.dumps({**LINE, **bad}).encode()
    good = json.dumps(LINE).encode()
    target = tmp_path / "b.db"
    with pytest.raises(Invalid) as caught:
        brought(b"\n".join([b"\xef\xbb\xbf" + good, b"", SECOND, line, good]), target)
    assert str(caught.value).startswith("line 4: ")
    assert words in str(caught.value)
    assert MARKER not in str(caught.value)
    assert exported(target) == []


def test_from_a_pipe_what_came_before_the_bad_conversation_is_there(tmp_path: Path) -> None:
    target = tmp_path / "b.db"
    bad = json.dumps({**LINE, "conversation_id": "d", "role": "nobody"}).encode()
    lines = b"\n".join([json.dumps(LINE).encode(), SECOND, bad])
    with connect(target) as client, pytest.raises(Invalid, match="line 3"):
        moving.import_lines(Pipe(lines), client)
    assert [line["conversation_id"] for line in exported(target)] == ["c"]


def test_lines_of_one_conversation_stand_together(tmp_path: Path) -> None:
    one = json.dumps(LINE).encode()
    with pytest.raises(Invalid, match="line 3: its conversation has other"):
        brought(b"\n".join([one, SECOND, one]), tmp_path / "b.db")
    assert exported(tmp_path / "b.db") == []


def test_an_import_goes_on_where_the_target_is(tmp_path: Path) -> None:
    source, target = tmp_path / "a.db", tmp_path / "b.db"
    with connect(source) as client:
        client.add_history(turns("long", 60), user_id="ada", conversation_id="long")
    lines = written(source).splitlines(keepends=True)
    assert brought(b"".join(lines[:70]), target).copied == 70
    report = brought(b"".join(lines), target)
    assert (report.there, report.copied, report.total) == (70, 50, 120)
    assert conversation(target, "long") == conversation(source, "long")
