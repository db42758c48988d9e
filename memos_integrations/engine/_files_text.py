"""Documents to blocks of text, by the kind of file. Computes only; needs the extra "files" for PDF, DOCX and XML."""

import io
import json
import logging
import re
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from memos_integrations.wire.form import suffix
from memos_integrations.wire.knowledge import MAX_FILE_BYTES

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from docx.table import Table, _Row

__all__ = ["Block", "UnreadableError", "blocks"]

MOST_PAGES: Final = 500
"""Pages a document may have (contract §1.5)."""

MOST_TEXT: Final = MAX_FILE_BYTES
"""Characters that a document may say: as many as plain text can, however few bytes another kind says them in."""

LONGEST_WAY: Final = 200
"""Characters of the way to a JSON value, or of an XML name, that a block shows: the last ones."""

_MOST_UNPACKED: Final = 300 << 20
"""Bytes that a DOCX may unpack to."""

_LONGEST_NAMESPACE: Final = 300
"""Characters of an XML namespace, which a parser repeats in the name of each element and attribute in it."""

_PARAGRAPHS: Final = re.compile(r"\n[ \t]*\n")
_HEADING: Final = re.compile(r"#{1,6}[ \t]+\S")
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_FENCE: Final = re.compile(r"[ \t]*(?:```|~~~)")


class UnreadableError(Exception):
    """A file that can't be read; its words say why, and nothing of what is in it."""


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a page, a table's row; or a heading, which belongs to what follows."""

    text: str
    heading: bool = False


def blocks(name: str, data: bytes) -> Iterator[Block]:
    """What a document says, in order; half a character (a lone surrogate) as U+FFFD.

    Raises `UnreadableError`; a document without text is one such, and one of more than `MOST_TEXT` characters.
    """
    said = 0
    try:
        for block in _READERS[suffix(name)](data):
            if block.text.strip():
                said += len(block.text)
                if said > MOST_TEXT:
                    raise UnreadableError(f"it says more than {MOST_TEXT:,} characters")
                yield Block(_SURROGATE.sub("\ufffd", block.text), block.heading)
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
    waiting = [iter([("", whole)])]  # a stack, not recursion, so that a value deep inside costs no more than another
    while waiting:
        for way, value in waiting[-1]:
            if isinstance(value, dict | list):
                waiting.append(_inside(way, value))
                break
            if value is not None:
                yield Block(f"{way}: {_shown(value)}" if way else _shown(value))
        else:
            waiting.pop()


def _inside(way: str, value: dict[str, Any] | list[Any]) -> Iterator[tuple[str, Any]]:
    """The values of an object or a list, one at a time, each with the way to it."""
    if isinstance(value, list):
        yield from ((f"{way}[{index}]"[-LONGEST_WAY:], inner) for index, inner in enumerate(value))
    else:
        yield from (
            (f"{way}.{name}"[-LONGEST_WAY:] if way else name[-LONGEST_WAY:], inner) for name, inner in value.items()
        )


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _xml(data: bytes) -> Iterator[Block]:
    """Each element that holds words, with its name; of attributes, each with the element's. Entities are refused."""
    from xml.etree.ElementTree import ParseError
    from xml.parsers.expat import ExpatError

    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        _check_namespaces(data)
        root: Element = fromstring(data)
    except (ExpatError, ParseError, DefusedXmlException, ValueError, LookupError):
        raise UnreadableError("it is no XML, or defines entities, which are not read") from None
    waiting = [root]
    while waiting:
        element = waiting.pop()
        tag = _local(element.tag)
        mixed = any((child.tail or "").strip() for child in element)
        for told in element.iter() if mixed else [element]:  # what is inside of mixed text is not visited by itself
            yield from (Block(f"{_local(told.tag)} {_local(name)}: {value}") for name, value in told.items())
        text = " ".join("".join(element.itertext() if mixed else [element.text or ""]).split())
        if text:
            yield Block(f"{tag}: {text}")
        if not mixed:
            waiting += reversed(element)


def _check_namespaces(data: bytes) -> None:
    """Sees, without expanding any, that namespaces are short: each name in one repeats it in memory."""
    from xml.parsers.expat import ParserCreate

    def start(_: str, attributes: dict[str, str]) -> None:
        if any(len(told) > _LONGEST_NAMESPACE for name, told in attributes.items() if name.startswith("xmlns")):
            raise UnreadableError(f"it has a namespace of more than {_LONGEST_NAMESPACE} characters")

    def refuse(*_: Any) -> None:
        raise ValueError("an entity")

    parser = ParserCreate()
    parser.StartElementHandler = start
    parser.EntityDeclHandler = refuse
    parser.Parse(data, True)


def _local(name: Any) -> str:
    """A name without its namespace."""
    return str(name).rpartition("}")[2][-LONGEST_WAY:]


def _pdf(data: bytes) -> Iterator[Block]:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        with _QUIET():
            reader = PdfReader(io.BytesIO(data))
            if reader.is_encrypted and not reader.decrypt(""):
                raise UnreadableError("it is locked by a password")
            pages = len(reader.pages)
        if pages > MOST_PAGES:
            raise UnreadableError(f"it has more than {MOST_PAGES} pages")
        for number in range(pages):
            with _QUIET():  # not while the caller has its turn
                text = reader.pages[number].extract_text()
            yield from map(Block, _PARAGRAPHS.split(text))
    except (PyPdfError, ValueError, TypeError, KeyError, AttributeError, IndexError, OSError, ImportError):
        # whatever a damaged file leads pypdf into; its words may quote the file
        raise UnreadableError("it is no PDF that can be read") from None


class _Quiet:
    """pypdf's log kept silent while somebody reads: its warnings may quote what is in a file.

    A logger's level is the whole process's: it is set by the first reader to begin, and put back by the last to end.
    """

    def __init__(self) -> None:
        self._logger = logging.getLogger("pypdf")
        self._lock, self._readers, self._level = threading.Lock(), 0, logging.NOTSET

    @contextmanager
    def __call__(self) -> Iterator[None]:
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def _count(self, more: int) -> None:
        with self._lock:
            if not self._readers:
                self._level = self._logger.level
            self._readers += more
            self._logger.setLevel(logging.CRITICAL + 1 if self._readers else self._level)


_QUIET: Final = _Quiet()


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
                yield from (_row(part, row) for row in part.rows)
                continue
            pages += len(part.rendered_page_breaks)
            if pages > MOST_PAGES:
                raise UnreadableError(f"it has more than {MOST_PAGES} pages")
            style = part.style.name if part.style is not None else ""
            yield Block(part.text, heading=(style or "").startswith(("Heading", "Title")))
    except (OpcError, SyntaxError, zipfile.BadZipFile, ValueError, TypeError, KeyError, AttributeError, OSError):
        # SyntaxError is what XML that is none raises
        raise UnreadableError("it is no DOCX that can be read") from None


def _row(table: "Table", row: "_Row") -> Block:
    """A table's row: its own cells, each once (`row.cells` repeats one as often as it says it is wide)."""
    from docx.table import _Cell

    cells = (cell for cell in row._tr.tc_lst if cell.vMerge != "continue")  # noqa: SLF001 -- there is no public way
    return Block(" | ".join(_Cell(cell, table).text for cell in cells))


_READERS: Final[dict[str, Callable[[bytes], Iterator[Block]]]] = {
    ".txt": _plain,
    ".md": _markdown,
    ".json": _json,
    ".xml": _xml,
    ".pdf": _pdf,
    ".docx": _docx,
}
