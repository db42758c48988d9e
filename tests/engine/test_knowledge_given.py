"""What a knowledge base takes: contents, types and limits."""

from functools import partial
from pathlib import Path

import pytest

from memos_integrations.engine import Engine, _files
from memos_integrations.errors import Unsupported
from memos_integrations.wire.calls import GetKnowledgebaseFile
from tests.engine.bases import TEXT, Bases, code, opened, packed


@pytest.fixture
def bases(engine: Engine) -> Bases:
    return Bases(engine)


def test_a_web_address_is_opened_by_nobody_but_a_fetcher(path: Path) -> None:
    asked: list[str] = []

    def fetch(address: str) -> bytes:
        asked.append(address)
        if address.endswith("gone.txt"):
            raise OSError("secret words")
        return TEXT

    good, gone = "https://example.test/files/a.txt?x=1", "https://example.test/gone.txt"
    with opened(path) as bases:
        base = bases.make()
        for content in (good, "FTP://example.test/a.txt", "file:///etc/hostname"):
            assert code(partial(bases.add, base, {"name": "a.txt", "content": content})) == 40006
    with opened(path, fetch=fetch) as bases:
        files = bases.add(base, {"content": good}, {"content": gone})
        assert bases.engine.settle(10) == 0
        assert bases.states(*files) == [("completed", None), ("failed", "it could not be fetched")]
        assert bases.facts("parcels", base) == [TEXT.decode()]
        assert asked == [good, gone]


def test_what_was_fetched_has_the_limits_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_files, "MAX_FILE_BYTES", 10)
    with opened(":memory:", fetch=lambda _: TEXT) as bases:
        files = bases.add(bases.make(), {"content": "https://example.test/a.txt"})
        assert bases.engine.settle(10) == 0
        assert bases.states(*files) == [("failed", "a file holds more than 100 MB")]


def test_sizes_are_limited(bases: Bases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_files, "MAX_FILE_BYTES", 100)
    monkeypatch.setattr(_files, "MAX_TOTAL_BYTES", 250)
    base = bases.make()
    assert code(lambda: bases.add(base, b"x" * 101)) == 50104
    assert code(lambda: bases.add(base, b"x" * 100, b"y" * 100, b"z" * 51)) == 50105
    assert len(bases.add(base, b"x" * 100, b"y" * 100, b"z" * 50)) == 3


def test_a_content_is_measured_before_it_is_decoded(bases: Bases) -> None:
    base = bases.make()
    assert code(lambda: bases.add(base, {"name": "a.txt", "content": "A" * (139 << 20)})) == 50104


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("SGk", 40008),
        ("SGk=!", 40008),
        ("data:text/plain;base64,%%%", 40008),
        ("data:text/plain;base64,", 40008),
        ("data:text/plain", 40009),
        ("data:text/plain;charset=utf-8,Hi", 40009),
    ],
)
def test_base64_that_is_none(bases: Bases, content: str, expected: int) -> None:
    base = bases.make()
    assert code(lambda: bases.add(base, {"name": "a.txt", "content": content})) == expected


@pytest.mark.parametrize("content", ["SGk=\n", "S G k =", "data:;base64,SGk=", "DATA:text/plain;BASE64,SGk%3D"])
def test_base64_however_it_is_written(bases: Bases, content: str) -> None:
    base = bases.make()
    bases.add(base, {"name": "a.txt", "content": content})
    bases.engine.settle(10)
    assert bases.facts("Hi", base, relativity=0) == ["Hi"]


def test_one_file_that_is_refused_refuses_all(bases: Bases) -> None:
    base = bases.make()
    assert code(lambda: bases.add(base, TEXT, {"name": "a.doc", "content": "SGk="})) == 40007
    listed = bases.engine.get_knowledgebase_file(GetKnowledgebaseFile(knowledgebase_id=base))
    assert (listed.total, listed.file_detail_list) == (0, ())


@pytest.mark.parametrize(
    ("kind", "name"), [("skill", "a.pdf"), ("skill", "a.txt"), ("document", "a.zip"), ("document", "a")]
)
def test_types_are_those_that_can_be_read(bases: Bases, kind: str, name: str) -> None:
    base = bases.make()
    assert code(lambda: bases.add(base, {"name": name, "content": "SGk=", "type": kind})) == 40007


@pytest.mark.parametrize("name", ["a.pdf", "a.docx", "a.xml"])
def test_without_the_parsers_it_is_told_how_to_get_them(
    bases: Bases, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_files, "find_spec", lambda _: None)
    base = bases.make()
    with pytest.raises(Unsupported, match=r"pip install 'memos-integrations\[files\]'"):
        bases.add(base, {"name": name, "content": packed(b"<a>x</a>")})
    assert bases.add(base, TEXT)
