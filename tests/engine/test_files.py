"""Documents to text, and text to pieces."""

import io
import zipfile
from collections.abc import Sequence

import docx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfWriter

from memos_integrations.engine._files_chunks import chunks
from memos_integrations.engine._files_text import Block, UnreadableError, blocks


def read(name: str, data: bytes) -> list[str]:
    return [block.text for block in blocks(name, data)]


def pdf(*pages: str) -> bytes:
    """A PDF with a line of text on each page."""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, text in enumerate(pages):
        content = f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET"
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * number} 0 R"
            " /Resources << /Font << /F1 3 0 R >> >> >>",
            f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
        ]
    body, places = b"%PDF-1.4\n", []
    for number, told in enumerate(objects, 1):
        places.append(len(body))
        body += f"{number} 0 obj\n{told}\nendobj\n".encode()
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    end = f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n{table}trailer << /Size {len(places) + 1} /Root 1 0 R >>"
    return body + f"{end}\nstartxref\n{len(body)}\n%%EOF".encode()


def word(*paragraphs: str, heading: str = "") -> bytes:
    document = docx.Document()
    if heading:
        document.add_heading(heading, 1)
    for text in paragraphs:
        document.add_paragraph(text)
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "Lyon", "open"
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def test_a_pdf_page_by_page() -> None:
    assert read("a.pdf", pdf("A refund takes days.", "Parcels leave.")) == ["A refund takes days.", "Parcels leave."]


def test_a_docx_in_the_order_of_its_parts() -> None:
    found = list(blocks("a.DOCX", word("Two weeks.", heading="Refunds")))
    assert found == [Block("Refunds", heading=True), Block("Two weeks."), Block("Lyon | open")]


def test_json_with_the_way_to_each_value() -> None:
    told = b'{"shop": {"owner": "Ada", "open": true}, "towns": ["Lyon", {"name": "Metz"}], "none": null}'
    assert read("a.json", told) == ["shop.owner: Ada", "shop.open: true", "towns[0]: Lyon", "towns[1].name: Metz"]


def test_xml_with_the_names_of_elements() -> None:
    told = b'<a xmlns="u:x"><b id="7">Hello <i>big</i> world</b><c>town <!-- not this -->hall</c><d/></a>'
    assert read("a.xml", told) == ["b id: 7", "b: Hello big world", "c: town hall"]


def test_markdown_knows_headings_from_code() -> None:
    told = b"# One\ntext\nmore\n\n```\n# no heading\n\nx = 1\n```\n\n## Two\n"
    found = [(block.text, block.heading) for block in blocks("a.md", told)]
    assert found == [("# One", True), ("text\nmore", False), ("```\n# no heading\nx = 1\n```", False), ("## Two", True)]


@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_however_it_is_encoded(code: str) -> None:
    assert read("a.txt", "Grüße\r\n\r\n茶".encode(code)) == ["Grüße", "茶"]


BOMB = b'<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>'
OUTSIDE = b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><a>&b;</a>'


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.txt", b"\xff\xfa\x80", "UTF-8"),
        ("a.txt", b"a\0b", "no text"),
        ("a.md", b" \n\n ", "holds no text"),
        ("a.json", b"{", "no JSON"),
        ("a.json", b"[" * 100_000 + b"]" * 100_000, "nested"),
        ("a.json", b"{}", "holds no text"),
        ("a.xml", b"<a>", "no XML"),
        ("a.xml", BOMB, "entities"),
        ("a.xml", OUTSIDE, "entities"),
        ("a.pdf", b"%PDF-1.4\nnothing", "no PDF"),
        ("a.docx", b"PK\x03\x04 nothing", "no DOCX"),
    ],
)
def test_what_can_not_be_read(name: str, data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableError, match=reason):
        read(name, data)


def _blank(pages: int, password: str = "") -> bytes:
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(10, 10)
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_a_pdf_without_words_is_told_as_such() -> None:
    with pytest.raises(UnreadableError, match="holds no text"):
        read("a.pdf", _blank(500))


def test_a_pdf_of_too_many_pages() -> None:
    with pytest.raises(UnreadableError, match="more than 500 pages"):
        read("a.pdf", _blank(501))


def test_a_pdf_that_is_locked() -> None:
    with pytest.raises(UnreadableError, match="password"):
        read("a.pdf", _blank(1, password="secret"))


def test_a_docx_that_unpacks_to_too_much() -> None:
    out = io.BytesIO(word("x"))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as packed, packed.open("word/media/a", "w") as member:
        for _ in range(301):
            member.write(bytes(1 << 20))
    with pytest.raises(UnreadableError, match="300 MB"):
        read("a.docx", out.getvalue())


def cut(*texts: str | Block) -> list[str]:
    return list(chunks(Block(text) if isinstance(text, str) else text for text in texts))


def test_pieces_are_whole_blocks_as_far_as_they_fit() -> None:
    assert cut("a" * 400, "b" * 400, "c" * 400) == [f"{'a' * 400}\n{'b' * 400}", "c" * 400]


def test_pieces_begin_with_their_heading() -> None:
    long = "A refund takes days. " * 80
    found = cut(
        Block("# Shop", heading=True), Block("## Refunds", heading=True), long, Block("## More", heading=True), "x"
    )
    assert all(piece.startswith("# Shop\n## Refunds\nA refund") for piece in found[:-1])
    assert found[-1] == "## More\nx"
    assert all(piece.endswith("days.") for piece in found[:-1])
    assert max(map(len, found)) <= 1000


@given(st.lists(st.tuples(st.text(alphabet="ab .\n", max_size=3000), st.booleans()), max_size=8))
def test_no_word_is_lost_and_no_piece_is_long(told: Sequence[tuple[str, bool]]) -> None:
    given = [Block(text[:90] if heading else text, heading) for text, heading in told]
    found = list(chunks(block for block in given if block.text.strip()))
    assert all(0 < len(piece) <= 1000 for piece in found)
    words = "".join("".join(block.text.split()) for block in given if not block.heading)
    rest = "".join("".join(piece.split()) for piece in found)
    assert len(rest) >= len(words)
    assert rest.count("a") >= words.count("a")
