"""Documents that say much more than they hold: what reading them takes has a bound."""

import io
import logging
from collections.abc import Callable
from itertools import islice
from typing import Any

import docx
import pytest
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from pypdf import PdfReader

from memos_integrations.engine import _files_text
from memos_integrations.engine._files_skill import skill
from memos_integrations.engine._files_text import LONGEST_WAY, UnreadableError, blocks
from memos_integrations.errors import BadRequest
from memos_integrations.wire.knowledge import MAX_FILE_BYTES
from tests.engine.test_files import pdf, read

LONG = "k" * 100_000


def test_the_way_to_a_json_value_is_shown_by_its_end() -> None:
    told = b'{"%s": {"%s": [1, {"end": 2}]}}' % (LONG.encode(), LONG.encode())
    found = read("a.json", told)
    assert [text[-12:] for text in found] == ["kkkkkk[0]: 1", "k[1].end: 2"[-12:].rjust(12, "k")]
    assert all(len(text) == LONGEST_WAY + len(": 1") for text in found)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.json", b'{"%s": [%s1]}' % (LONG.encode(), b"1," * 9_999)),
        ("a.xml", b"<%s%s/>" % (LONG.encode(), b"".join(b' a%d="1"' % number for number in range(10_000)))),
        ("a.xml", b"<a>%s</a>" % b"".join(b'<%s%d b=""/>' % (LONG[:1000].encode(), n) for n in range(100))),
    ],
    ids=["json", "element", "elements"],
)
def test_a_long_name_is_not_said_again_and_again(name: str, data: bytes) -> None:
    texts = read(name, data)
    assert len(texts) >= 100
    assert max(map(len, texts)) <= 2 * LONGEST_WAY + 10


def test_a_wide_json_list_is_gone_through_one_value_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr("memos_integrations.engine._files_text.json.loads", lambda _: Counted(shown))
    assert [block.text for block in islice(blocks("a.json", b"[]"), 3)] == ["[0]: 1", "[1]: 1", "[2]: 1"]
    assert len(shown) == 3


class Counted(list[int]):
    """A list of very many, which counts those that were asked for."""

    def __init__(self, shown: list[Any]) -> None:
        self.shown = shown

    def __iter__(self) -> Any:
        for number in range(1_000):
            self.shown.append(number)
            yield 1


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.json", b"[%s1]" % (b"1," * 50)), ("a.xml", b"<a>%s</a>" % (b"<b>1</b>" * 50)), ("a.txt", b"ab\n\n" * 90)],
)
def test_a_document_may_not_say_too_much(name: str, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_files_text, "MOST_TEXT", 100)
    with pytest.raises(UnreadableError, match="more than 100 characters"):
        read(name, data)


def test_what_a_document_may_say_at_most_is_what_plain_text_can() -> None:
    assert _files_text.MOST_TEXT == MAX_FILE_BYTES == 100 << 20


@pytest.mark.parametrize(
    "told",
    [
        '<a xmlns:p="{long}"/>',
        '<a><b xmlns="{long}">x</b></a>',
        '<!DOCTYPE a [<!ATTLIST a xmlns:p CDATA "{long}">]><a p:b="x"/>',
    ],
)
def test_a_long_namespace_is_refused(told: str) -> None:
    """A parser puts it into every name: 130 KB would be 1 GB."""
    assert read("a.xml", b'<a xmlns:p="urn:x" p:b="x"/>') == ["a b: x"]
    with pytest.raises(UnreadableError, match="namespace of more than 300"):
        read("a.xml", told.replace("{long}", "u" * 301).encode())


def test_attributes_inside_of_mixed_text() -> None:
    told = b'<p id="1">See <a href="x.html">the <b class="y">shop</b></a> now.</p>'
    assert read("a.xml", told) == ["p id: 1", "a href: x.html", "b class: y", "p: See the shop now."]


def word(change: Callable[[Any], None], rows: int = 1, columns: int = 1) -> bytes:
    document = docx.Document()
    table = document.add_table(rows, columns)
    change(table)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def test_a_wide_cell_is_read_once() -> None:
    def widen(table: Any) -> None:
        table.cell(0, 0).text = "wide"
        span = OxmlElement("w:gridSpan")
        span.set(qn("w:val"), "200000")
        table.cell(0, 0)._tc.get_or_add_tcPr().append(span)

    assert read("a.docx", word(widen)) == ["wide"]


def test_a_tall_cell_is_read_once() -> None:
    def merge(table: Any) -> None:
        table.cell(0, 0).merge(table.cell(39, 0)).text = "tall"
        for number in range(40):
            table.cell(number, 1).text = str(number)

    assert read("a.docx", word(merge, 40, 2)) == ["tall | 0", *map(str, range(1, 40))]


def test_a_heading_of_nothing_but_blanks() -> None:
    """By a pattern that goes back for each blank, this takes minutes."""
    with pytest.raises(BadRequest):
        skill(".md", b"# " + b" " * 100_000 + b"\n\ntext")
    assert skill(".md", b"#  Deploy it \t\n\nHow to.")["name"] == "Deploy it"


@pytest.mark.parametrize(
    ("told", "expected"),
    [('"\\ud800 end"', "\ufffd end"), ('{"\\udc00": "x"}', "\ufffd: x"), ('"\\ud83d\\ude00"', "\U0001f600")],
)
def test_half_a_character_is_replaced(told: str, expected: str) -> None:
    assert read("a.json", told.encode()) == [expected]


def test_the_parsers_log_quotes_nothing(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    damaged = pdf("A refund takes days.").replace(b"/Type /Catalog", b"/Type /Catalog /Zanzibar /Zanzibar /Zanzibar 1")
    list(PdfReader(io.BytesIO(damaged)).pages)
    said = len(caplog.records)
    assert said  # it would tell of it
    assert read("a.pdf", damaged) == ["A refund takes days."]
    assert len(caplog.records) == said
    logging.getLogger("pypdf").warning("to somebody else")
    assert len(caplog.records) == said + 1


def test_the_log_is_silent_until_the_last_reader_ends() -> None:
    log, quiet = logging.getLogger("pypdf"), _files_text._QUIET
    before = log.level
    with quiet():
        with quiet():
            pass
        assert not log.isEnabledFor(logging.CRITICAL)
    assert log.level == before
    assert log.isEnabledFor(logging.WARNING)
