"""Files as a multipart form (contract §2.13): written by a client, read by a server. Computes only."""

from collections.abc import Iterable, Iterator
from email import message_from_string
from email.message import Message
from typing import Final

from memos_integrations.errors import Invalid

__all__ = ["FORM", "MEDIA", "PART", "content_type", "is_form", "read_form", "suffix", "write_form"]

FORM: Final = "multipart/form-data"
PART: Final = "file"
"""The name of each file's part."""

MEDIA: Final = {
    ".pdf": "application/pdf",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".doc": "application/msword",
    ".txt": "text/plain",
    ".json": "application/json",
    ".md": "text/markdown",
    ".xml": "application/xml",
    ".zip": "application/zip",
}
"""The kinds of files that are taken (contract §1.4, 40007), by the end of their names, and their media types."""

_ESCAPES: Final = {'"': "%22", "\r": "%0D", "\n": "%0A"}  # as web pages write them
_OTHER: Final = "application/octet-stream"


def content_type(boundary: str) -> str:
    """The Content-Type of a form whose parts `boundary` divides."""
    return f"{FORM}; boundary={boundary}"


def suffix(name: str) -> str:
    """The end of a file's name, from its last dot, in lower case; "" where it has none."""
    dot, end = name.rpartition(".")[1:]
    return f"{dot}{end}".lower() if dot else ""


def is_form(kind: str) -> bool:
    """Whether a Content-Type is a form's."""
    return kind.partition(";")[0].strip().lower() == FORM


def write_form(files: Iterable[tuple[str, bytes]], boundary: str) -> bytes:
    """The body of a form of files, each a name and what it holds; `boundary` occurs in none of them."""
    pieces: list[bytes] = []
    for name, data in files:
        shown = "".join(_ESCAPES.get(sign, sign) for sign in name)
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{PART}"; filename="{shown}"\r\n'
            f"Content-Type: {MEDIA.get(suffix(name), _OTHER)}\r\n\r\n"
        )
        pieces += (head.encode(), data, b"\r\n")
    return b"".join((*pieces, f"--{boundary}--\r\n".encode()))


def read_form(body: bytes, kind: str) -> list[tuple[str, bytes]]:
    """The files in a form, by the name and the content of each part called "file"; other parts are left out.

    `kind` is the Content-Type. Raises `Invalid` for what is no form.
    """
    boundary = _headers(f"Content-Type: {kind}").get_boundary("")
    if not boundary:
        raise Invalid("the form's Content-Type names no boundary", rule="form")
    parts = [_headers_and_content(part) for part in _parts(body, b"--" + boundary.encode("latin-1", "replace"))]
    named = [(head.get_param("name", header="content-disposition"), head, content) for head, content in parts]
    return [(head.get_filename("") or "", content) for name, head, content in named if name == PART]


def _parts(body: bytes, mark: bytes) -> Iterator[bytes]:
    """What stands between the marks, each of which begins a line; the last one has two dashes behind it."""
    at = 0 if body.startswith(mark) else _next(body, mark, 0) + 2
    while not body.startswith(mark + b"--", at):
        start = body.find(b"\r\n", at) + 2
        end = _next(body, mark, max(start - 2, at))
        if start < 2:
            raise _cut_off()
        yield body[start:end]
        at = end + 2


def _next(body: bytes, mark: bytes, start: int) -> int:
    """Where the line break before the next mark is."""
    found = body.find(b"\r\n" + mark, start)
    if found < 0:
        raise _cut_off()
    return found


def _cut_off() -> Invalid:
    return Invalid("the form breaks off, or has another boundary than its Content-Type names", rule="form")


def _headers_and_content(part: bytes) -> tuple[Message, bytes]:
    head, found, content = part.partition(b"\r\n\r\n")
    if not found:
        raise Invalid("a part of the form has no content", rule="form")
    return _headers(head.decode("utf-8", "replace")), content


def _headers(text: str) -> Message:
    return message_from_string(f"{text}\n\n")
