"""Skills as files: a .md, or a .zip with a SKILL.md on its first level (contract §1.5). Computes only.

A skill's name and description stand in its front matter (`name:` and `description:` between two lines of "---"), or
are its first heading and the paragraph after that; what follows is its procedure. Of a .zip's other files the text of
small ones is kept, as `script` (below scripts/) and `others`; nothing is ever written to a disk.
"""

import io
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, Final

from memos_integrations.errors import BadRequest
from memos_integrations.wire.knowledge import AddKnowledgebaseFile

__all__ = ["check", "skill"]

_KB: Final = 1 << 10
_MB: Final = 1 << 20
_LARGEST_PAGE: Final = 100 * _KB
_LARGEST_ZIP: Final = 20 * _MB
_LARGEST_MEMBER: Final = 10 * _MB
_MOST_MEMBERS: Final = 200
_KEPT: Final = 100 * _KB  # bytes of a further file that is kept, and
_KEPT_IN_ALL: Final = _MB  # of all of them
_PAGE: Final = "SKILL.md"
_BAD, _TOO_LARGE = 50107, 50104

_FRONT: Final = re.compile(r"\A---[ \t]*\n(.*?)^---[ \t]*$\n?", re.DOTALL | re.MULTILINE)
_MEMBER: Final = re.compile(r"^(name|description):[ \t]*(.*(?:\n[ \t]+\S.*)*)", re.MULTILINE)
_HEADING: Final = re.compile(r"^#{1,6}[ \t]+(\S.*)", re.MULTILINE)


def check(end: str, data: bytes) -> None:
    """Raises `BadRequest` (50104, 50107) for what is no skill, by what it says of itself."""
    if end == ".zip":
        if len(data) > _LARGEST_ZIP:
            raise _refused(_TOO_LARGE, "a skill's .zip is at most 20 MB")
        with _opened(data) as packed:
            _parsed(_page(packed, _members(packed)))
    else:
        _parsed(_checked_page(data))


def skill(end: str, data: bytes) -> dict[str, Any]:
    """A skill's `skill_value` (contract §3.4). Every member of a .zip is unpacked once, to see that it is no larger
    than it says. Raises `BadRequest`.
    """
    empty: dict[str, Any] = {"experience": [], "preference": [], "examples": [], "script": {}, "others": {}}
    if end != ".zip":
        return {**_parsed(_checked_page(data)), **empty}
    with _opened(data) as packed:
        members = _members(packed)
        page = _page(packed, members)
        value = {**_parsed(page), **empty}
        room = _KEPT_IN_ALL
        for path, member in members.items():
            text = _text(packed, member)
            if path != _PAGE and text is not None and len(text) <= room:
                room -= len(text)
                value["script" if path.startswith("scripts/") else "others"][path] = text
        return value


def _opened(data: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        raise _refused(_BAD, "a skill's .zip is none") from None


def _members(packed: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The files in a .zip by their paths, which all lie inside it."""
    files = [member for member in packed.infolist() if not member.is_dir()]
    if len(files) > _MOST_MEMBERS:
        raise _refused(_TOO_LARGE, "a skill's .zip holds at most 200 files")
    for member in files:
        if not _is_inside(member):
            raise _refused(_BAD, "a path in the .zip leads out of it")
        if member.file_size > _LARGEST_MEMBER:
            raise _refused(_TOO_LARGE, "a file in a skill's .zip is at most 10 MB")
        if member.flag_bits & 1:
            raise _refused(_BAD, "a skill's .zip is encrypted")
    by_path = {member.filename: member for member in files}
    if len(by_path) < len(files):
        raise _refused(_BAD, "a skill's .zip holds two files of one path")
    return by_path


def _is_inside(member: zipfile.ZipInfo) -> bool:
    name = member.orig_filename
    path = PurePosixPath(name)
    plain = not path.is_absolute() and ".." not in path.parts and not set(name) & set("\\\0:")
    return plain and not stat.S_ISLNK(member.external_attr >> 16)


def _page(packed: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo]) -> str:
    member = members.get(_PAGE)
    if member is None:
        raise _refused(_BAD, "a skill's .zip has a SKILL.md on its first level")
    if member.file_size > _LARGEST_PAGE:
        raise _refused(_TOO_LARGE, "a SKILL.md is at most 100 KB")
    return _checked_page(b"".join(_unpacked(packed, member)))


def _unpacked(packed: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """What a member holds. Stops where it is larger than it says."""
    size = 0
    try:
        with packed.open(member) as opened:
            while piece := opened.read(64 * _KB):
                size += len(piece)
                if size > member.file_size:
                    raise _refused(_BAD, "a file in the .zip is larger than it says")
                yield piece
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError, RuntimeError):
        raise _refused(_BAD, "a file in the .zip is damaged") from None


def _text(packed: zipfile.ZipFile, member: zipfile.ZipInfo) -> str | None:
    """A small text file's text; of others nothing is kept."""
    if member.file_size > _KEPT:
        for _ in _unpacked(packed, member):
            pass
        return None
    data = b"".join(_unpacked(packed, member))
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _checked_page(data: bytes) -> str:
    if len(data) > _LARGEST_PAGE:
        raise _refused(_TOO_LARGE, "a skill's .md is at most 100 KB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refused(_BAD, "a skill's .md is no UTF-8 text") from None
    if "\0" in text:
        raise _refused(_BAD, "a skill's .md is no text")
    return text.replace("\r\n", "\n")


def _parsed(page: str) -> dict[str, str]:
    """Name, description and procedure."""
    front = _FRONT.match(page)
    rest = page[front.end() :] if front else page
    told = {name: _plain(text) for name, text in _MEMBER.findall(front[1])} if front else {}
    heading = _HEADING.search(rest)
    after = rest[heading.end() :] if heading else ""
    paragraphs = (part.strip() for part in re.split(r"\n[ \t]*\n", after))
    first = next((part for part in paragraphs if part and not part.startswith("#")), "")
    name = told.get("name") or (heading[1].rstrip() if heading else "")
    description = told.get("description") or " ".join(first.split())
    if not name.strip() or not description.strip():
        told_ = (
            "a skill needs a name and a description: front matter with name: and description:, or a heading and text"
        )
        raise _refused(_BAD, told_)
    return {"name": name, "description": description, "procedure": rest.strip()}


def _plain(text: str) -> str:
    """A value of front matter: on one line, without its quotes or a block's mark."""
    line = " ".join(text.split()).removeprefix(">-").removeprefix("|-").removeprefix(">").removeprefix("|").strip()
    quoted = len(line) > 1 and line[0] == line[-1] and line[0] in "\"'"
    return line[1:-1] if quoted else line


def _refused(code: int, words: str) -> BadRequest:
    return BadRequest(words, code=code, path=AddKnowledgebaseFile.path)
