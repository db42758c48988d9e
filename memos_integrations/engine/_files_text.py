"""Documents to blocks of text, by the kind of file. Computes only; needs the extra "files" for PDF, DOCX and XML."""

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from memos_integrations.wire.form import suffix

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["Block", "UnreadableError", "blocks"]

MOST_PAGES: Final = 500
"""Pages a document may have (contract §1.5)."""

_MOST_UNPACKED: Final = 300 << 20
"""Bytes that a DOCX may unpack to."""

_PARAGRAPHS: Final = re.compile(r"\n[ \t]*\n")
_HEADING: Final = re.compile(r"#{1,6}[ \t]+\S")
_FENCE: Final = re.compile(r"[ \t]*(?:```|~~~)")


class UnreadableError(Exception):
    """A file that can't be read; its words say why, and nothing of what is in it."""


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a page, a table's row; or a heading, which belongs to what follows."""

    text: str
    heading: bool = False


def blocks(name: str, data: bytes) -> Iterator[Block]:
    """What a document says, in order. Raises `UnreadableError`; a document without text is one such."""
    said = False
    try:
        for block in _READERS[suffix(name)](data):
            if block.text.strip():
                said = True
                yield block
    except RecursionError:
        raise UnreadableError("it is nested too deeply") from None
    if not said:
        raise UnreadableError("it holds no text (scanned pages are images, which are not read)")


def _text(data: bytes) -> str:
    kind = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(kind)
    except UnicodeDecodeError:
        raise UnreadableError("it is no text in UTF-8 or UTF-16") from None
    if "\0" in text:
        raise UnreadableError("it is no text")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _plain(data: bytes) -> Iterator[Block]:
    yield from map(Block, _PARAGRAPHS.split(_text(data)))


def _markdown(data: bytes) -> Iterator[Block]:
    """Paragraphs, and headings outside of fenced code."""
    held: list[str] = []
    fenced = False
    for line in _text(data).split("\n"):
        fence = _FENCE.match(line) is not None
        heading = not fenced and _HEADING.match(line) is not None
        fenced ^= fence
        if heading or not (line.strip() or fenced):
            yield Block("\n".join(held))
            held = []
        if heading:
            yield Block(line.strip(), heading=True)
        elif line.strip():
            held.append(line)
    yield Block("\n".join(held))


def _json(data: bytes) -> Iterator[Block]:
    """Each value with the way to it: `shop.owner: Ada`, `cities[0]: Lyon`."""
    try:
        whole = json.loads(_text(data))
    except ValueError:
        raise UnreadableError("it is no JSON") from None
    waiting: list[tuple[str, Any]] = [("", whole)]
    while waiting:
        way, value = waiting.pop()
        if isinstance(value, dict):
            waiting += reversed([(f"{way}.{name}" if way else str(name), inner) for name, inner in value.items()])
        elif isinstance(value, list):
            waiting += reversed([(f"{way}[{index}]", inner) for index, inner in enumerate(value)])
        elif value is not None:
            yield Block(f"{way}: {_shown(value)}" if way else _shown(value))


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _xml(data: bytes) -> Iterator[Block]:
    """Each element that holds words, with its name; of attributes, each with the element's. Entities are refused."""
    from xml.etree.ElementTree import ParseError

    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root: Element = fromstring(data)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise UnreadableError("it is no XML, or defines entities, which are not read") from None
    waiting = [root]
    while waiting:
        element = waiting.pop()
        tag = str(element.tag).rpartition("}")[2]
        yield from (Block(f"{tag} {name.rpartition('}')[2]}: {told}") for name, told in element.items())
        mixed = any((child.tail or "").strip() for child in element)
        text = " ".join("".join(element.itertext() if mixed else [element.text or ""]).split())
        if text:
            yield Block(f"{tag}: {text}")
        if not mixed:
            waiting += reversed(element)


def _pdf(data: bytes) -> Iterator[Block]:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise UnreadableError("it is locked by a password")
        if len(reader.pages) > MOST_PAGES:
            raise UnreadableError(f"it has more than {MOST_PAGES} pages")
        for page in reader.pages:
            yield from map(Block, _PARAGRAPHS.split(page.extract_text()))
    except (PyPdfError, ValueError, TypeError, KeyError, AttributeError, IndexError, OSError, ImportError):
        # whatever a damaged file leads pypdf into; its words may quote the file
        raise UnreadableError("it is no PDF that can be read") from None


def _docx(data: bytes) -> Iterator[Block]:
    from docx import Document
    from docx.opc.exceptions import OpcError
    from docx.table import Table

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            if sum(member.file_size for member in packed.infolist()) > _MOST_UNPACKED:
                raise UnreadableError("it unpacks to more than 300 MB")
        pages = 1
        for part in Document(io.BytesIO(data)).iter_inner_content():
            if isinstance(part, Table):
                yield from (Block(" | ".join(cell.text for cell in row.cells)) for row in part.rows)
                continue
            pages += len(part.rendered_page_breaks)
            if pages > MOST_PAGES:
                raise UnreadableError(f"it has more than {MOST_PAGES} pages")
            style = part.style.name if part.style is not None else ""
            yield Block(part.text, heading=(style or "").startswith(("Heading", "Title")))
    except (OpcError, SyntaxError, zipfile.BadZipFile, ValueError, TypeError, KeyError, AttributeError, OSError):
        # SyntaxError is what XML that is none raises
        raise UnreadableError("it is no DOCX that can be read") from None


_READERS: Final[dict[str, Callable[[bytes], Iterator[Block]]]] = {
    ".txt": _plain,
    ".md": _markdown,
    ".json": _json,
    ".xml": _xml,
    ".pdf": _pdf,
    ".docx": _docx,
}
