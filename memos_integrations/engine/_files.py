"""Files as they are given to a knowledge base: bytes, names, kinds and limits (contract §1.4, §1.5). Computes only."""

import binascii
import io
import re
import zipfile
from base64 import b64decode
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Final
from urllib.parse import unquote_to_bytes, urlsplit

from memos_integrations.engine._files_skill import check as check_skill
from memos_integrations.errors import BadRequest, Unsupported
from memos_integrations.wire.form import MEDIA, suffix
from memos_integrations.wire.knowledge import MAX_FILE_BYTES, MAX_TOTAL_BYTES, AddKnowledgebaseFile, FileKind, NewFile

__all__ = ["DOCUMENTS", "Given", "given", "sized"]

DOCUMENTS: Final = (".pdf", ".docx", ".txt", ".json", ".md", ".xml")
_SKILLS: Final = (".md", ".zip")
_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_BLANKS: Final = str.maketrans("", "", " \t\r\n")
_NEEDED: Final = {".pdf": "pypdf", ".docx": "docx", ".xml": "defusedxml"}
_BY_MEDIA: Final = {media: end for end, media in MEDIA.items()} | {"text/xml": ".xml", "text/x-markdown": ".md"}
_SEEN: Final = 1024  # bytes at a PDF's beginning, among which its mark is
_MB: Final = 1 << 20
_TYPE, _BASE64, _FORMAT, _UNKNOWN = 40006, 40008, 40009, 40007
_ONE_TOO_LARGE, _ALL_TOO_LARGE, _BAD = 50104, 50105, 50107


@dataclass(frozen=True, slots=True)
class Given:
    """A file that may be taken: `data` is what it holds, unless it is to be fetched from `address`."""

    kind: FileKind
    name: str
    data: bytes = field(repr=False)
    address: str | None = field(default=None, repr=False)


def given(call: AddKnowledgebaseFile, *, fetching: bool) -> list[Given]:
    """The files of `call`, all checked before any is taken; web addresses only where there is something to fetch by.

    Raises `BadRequest` (40006 to 40009, 50104, 50105, 50107) and `Unsupported` where the parsers are not installed.
    """
    files: list[Given] = []
    for one in call.given:
        files.append(_given(one, fetching))
        if sum(len(file.data) for file in files) > MAX_TOTAL_BYTES:
            raise _refused(_ALL_TOO_LARGE, "the files hold more than 300 MB together: add fewer at a time")
    return files


def sized(data: bytes) -> bytes:
    """`data`, unless it is more than a file may hold. Raises `BadRequest` 50104."""
    if len(data) > MAX_FILE_BYTES:
        raise _refused(_ONE_TOO_LARGE, "a file holds more than 100 MB")
    return data


def _given(file: NewFile, fetching: bool) -> Given:
    kind: FileKind = file.type or "document"
    if _ADDRESS.match(file.content):
        return _to_fetch(file, kind, fetching)
    media, data = _data(file.content)
    name = _name(file.name or "", media, data)
    _check_type(kind, name)
    _check_format(kind, suffix(name), data)
    return Given(kind, name, data)


def _to_fetch(file: NewFile, kind: FileKind, fetching: bool) -> Given:
    if not fetching:
        told = "a web address is no content here: send the file itself, in base64 (or give the engine a fetcher)"
        raise _refused(_TYPE, told)
    name = file.name or urlsplit(file.content).path.rpartition("/")[2]
    _check_type(kind, name)
    return Given(kind, name, b"", file.content)


def _data(content: str) -> tuple[str, bytes]:
    """The media type, where a data URL names one, and the bytes."""
    if content[:5].lower() != "data:":
        return "", _decoded(content)
    head, comma, text = content[5:].partition(",")
    media, *marks = (part.strip().lower() for part in head.split(";"))
    if not comma or "base64" not in marks:
        raise _refused(_FORMAT, 'a data URL has the form "data:<type>;base64,<content>"')
    return media, _decoded(unquote_to_bytes(text).decode("latin-1") if "%" in text else text)


def _decoded(text: str) -> bytes:
    if len(text) // 4 * 3 > MAX_FILE_BYTES + _MB:
        raise _refused(_ONE_TOO_LARGE, "a file holds more than 100 MB")
    try:
        data = b64decode(text.translate(_BLANKS), validate=True)
    except (binascii.Error, ValueError):
        raise _refused(_BASE64, "a file's content is no base64") from None
    if not data:
        raise _refused(_BASE64, "a file is empty")
    return sized(data)


def _name(name: str, media: str, data: bytes) -> str:
    """The file's own name; without one, a name by what it is."""
    if name:
        return name
    end = _BY_MEDIA.get(media) or (".pdf" if b"%PDF-" in data[:_SEEN] else "")
    if not end:
        raise _refused(_UNKNOWN, "a file has no name that tells its type: give it one, such as notes.txt")
    return f"document{end}"


def _check_type(kind: FileKind, name: str) -> None:
    end = suffix(name)
    if end not in (_SKILLS if kind == "skill" else DOCUMENTS):
        raise _refused(_UNKNOWN, _other(kind, end))
    if kind == "document" and end in _NEEDED and find_spec(_NEEDED[end]) is None:
        told = f"{end[1:]} files need a parser that is not installed: pip install 'memos-integrations[files]'"
        raise Unsupported(told)


def _other(kind: FileKind, end: str) -> str:
    if kind == "skill":
        return "a skill is a .md or a .zip file"
    if end == ".doc":
        return "files of the old Word (.doc) can't be read here: save it as .docx or .pdf"
    return f"files of this type can't be read here: {', '.join(DOCUMENTS)} can"


def _check_format(kind: FileKind, end: str, data: bytes) -> None:
    if kind == "skill":
        check_skill(end, data)
    elif end == ".pdf" and b"%PDF-" not in data[:_SEEN]:
        raise _refused(_BAD, "a file that is named .pdf is none")
    elif end == ".docx" and not _has(data, "word/document.xml"):
        raise _refused(_BAD, "a file that is named .docx is none")


def _has(data: bytes, member: str) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            return member in packed.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return False


def _refused(code: int, words: str) -> BadRequest:
    return BadRequest(words, code=code, path=AddKnowledgebaseFile.path)
