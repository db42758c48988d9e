"""Forms of files: what is written is read, as other clients write them too, and nothing else passes for one."""

from typing import Any

import httpx
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from memos_integrations.errors import Invalid
from memos_integrations.wire.form import content_type, is_form, read_form, suffix, write_form

NAMES = st.text(st.characters(codec="utf-8", exclude_characters='"\r\n\\', exclude_categories=["Cc"]), min_size=1)
MARK = "5f0c"


@given(st.lists(st.tuples(NAMES, st.binary().filter(lambda data: MARK.encode() not in data)), max_size=4))
def test_what_is_written_is_read(files: list[tuple[str, bytes]]) -> None:
    read = read_form(write_form(files, MARK), content_type(MARK))
    assert [data for _, data in read] == [data for _, data in files]
    assert [name.split() for name, _ in read] == [name.split() for name, _ in files]


@given(st.binary())
def test_what_is_none_is_refused_and_no_more(data: bytes) -> None:
    for body in (data, b"--" + MARK.encode() + data, write_form([("a", data)], MARK)[: -len(data) - 1]):
        try:
            read_form(body, content_type(MARK))
        except Invalid:
            continue


@pytest.mark.parametrize("library", [httpx, requests])
def test_other_clients_forms(library: Any) -> None:
    parts: Any = [
        ("file", ("茶.md", b"x\r\n\r\ny", "text/markdown")),
        ("other", ("b.md", b"no")),
        ("file", ("a b.txt", b"z")),
    ]
    if library is httpx:
        made = httpx.Request("POST", "http://x", files=parts)
        body, kind = made.read(), str(made.headers["content-type"])
    else:
        prepared = requests.Request("POST", "http://x", files=parts).prepare()
        assert isinstance(prepared.body, bytes)
        body, kind = prepared.body, str(prepared.headers["content-type"])
    assert is_form(kind)
    assert read_form(body, kind) == [("茶.md", b"x\r\n\r\ny"), ("a b.txt", b"z")]


def test_a_name_can_not_break_out_of_its_header() -> None:
    ((name, data),) = read_form(write_form([('a"\r\nx: y\r\n\r\nb.md', b"hi")], MARK), content_type(MARK))
    assert (name, data) == ("a%22%0D%0Ax: y%0D%0A%0D%0Ab.md", b"hi")


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; x=y"])
def test_a_form_without_a_boundary(kind: str) -> None:
    with pytest.raises(Invalid):
        read_form(b"--x--", kind)


@pytest.mark.parametrize(("name", "end"), [("a.TXT", ".txt"), ("a.b.md", ".md"), ("a", ""), ("", ""), (".md", ".md")])
def test_the_end_of_a_name(name: str, end: str) -> None:
    assert suffix(name) == end
