"""Files on their way to a knowledge base: from paths, streams and bytes, as a form, in both colours of the client."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar, cast

from memos_integrations.client._shared import aside
from memos_integrations.errors import Invalid
from memos_integrations.wire.call import Call, checked
from memos_integrations.wire.envelope import Progress
from memos_integrations.wire.knowledge import (
    MAX_FILE_BYTES,
    MAX_FILES,
    MAX_TOTAL_BYTES,
    FileKind,
    FilesAdded,
    UploadKnowledgebaseFile,
)

__all__ = ["AsyncUploads", "File", "Uploads"]

T = TypeVar("T")
File = str | os.PathLike[str] | tuple[str, bytes] | BinaryIO
"""A path, a name with what is in it, or a stream of bytes that has a name."""

_Held = tuple[str, bytes]


class _Sends(Protocol):
    def send(self, call: Call[T], *, on_progress: Progress | None = None) -> T: ...


class _AsyncSends(Protocol):
    async def send(self, call: Call[T], *, on_progress: Progress | None = None) -> T: ...


class Uploads:
    """The upload of `MemOS`."""

    def upload_knowledgebase_file(
        self: _Sends,
        *,
        knowledgebase_id: str,
        files: Iterable[File],
        type: FileKind | None = None,  # noqa: A002 - the wire's name
        on_progress: Progress | None = None,
    ) -> FilesAdded:
        """Add files to a knowledge base as a multipart form (`POST add/knowledgebase-file`, contract §2.13).

        `files`: 1 to 20 paths, `(name, bytes)` pairs, and streams opened in binary, which are read from where they
        stand and left open; 100 MB each and 300 MB in all, held in memory while they are sent. `type` is document
        (server's default) or skill. `on_progress` is told (bytes sent, bytes in all) on the thread that sends, so be
        quick in it; a further try begins at 0 again, and what it raises is logged and dropped. Where the client
        has no deadline of its own, an upload may take 600 s. Raises `Invalid` before anything is sent, and what
        `add_knowledgebase_file` raises; a lost reply may have added the files.
        """
        made = _asked(knowledgebase_id, type, files)
        return self.send(made(), on_progress=on_progress)


class AsyncUploads:
    """The upload of `AsyncMemOS`; files are read off the loop."""

    async def upload_knowledgebase_file(
        self: _AsyncSends,
        *,
        knowledgebase_id: str,
        files: Iterable[File],
        type: FileKind | None = None,  # noqa: A002 - the wire's name
        on_progress: Progress | None = None,
    ) -> FilesAdded:
        """`MemOS.upload_knowledgebase_file`, awaited: its limits, defaults and errors.

        Files are read off the loop; `on_progress` is called on a thread of the client's, not on the caller's loop.
        """
        made = _asked(knowledgebase_id, type, files)
        return await self.send(await aside(made), on_progress=on_progress)


def _asked(base: str, kind: FileKind | None, files: Iterable[File]) -> Callable[[], UploadKnowledgebaseFile]:
    """What reads the files and makes the call; arguments that can't be are told before. Raises `Invalid`."""
    if isinstance(files, str | bytes | os.PathLike) or not isinstance(files, Iterable):
        raise _invalid("is a list of paths, of (name, bytes) pairs and of streams", "type")
    given = list(files)
    about = {"knowledgebase_id": base, "type": kind}
    if not 1 <= len(given) <= MAX_FILES:
        raise _invalid(f"takes 1 to {MAX_FILES} of them (given: {len(given)})", "too_long" if given else "too_short")
    checked(UploadKnowledgebaseFile, {**about, "files": (("name", b"content"),)})
    readers = [_reader(index, file) for index, file in enumerate(given)]

    def made() -> UploadKnowledgebaseFile:
        call = checked(UploadKnowledgebaseFile, {**about, "files": tuple(_read(readers))})
        call.body()  # made here, off the loop
        return call

    return made


def _read(readers: Sequence[Callable[[], _Held]]) -> list[_Held]:
    held: list[_Held] = []
    total = 0
    for reader in readers:
        held.append(reader())
        total += len(held[-1][1])
        if total > MAX_TOTAL_BYTES:
            raise _invalid("hold more than 300 MB together: upload fewer at a time (contract §1.5)", "too_long")
    return held


def _reader(index: int, file: object) -> Callable[[], _Held]:
    if isinstance(file, str | os.PathLike):
        path = Path(cast("str | os.PathLike[str]", file))
        return lambda: _of_path(index, path)
    if isinstance(file, tuple) and len(file) == 2 and isinstance(file[0], str) and isinstance(file[1], bytes):
        pair = cast("_Held", file)
        return lambda: pair
    if callable(getattr(file, "read", None)):
        stream = cast("BinaryIO", file)
        name = _name(index, getattr(stream, "name", None))
        return lambda: (name, _of_stream(index, stream))
    raise _invalid("is a path, a (name, bytes) pair or a stream opened in binary", "type", index)


def _of_path(index: int, path: Path) -> _Held:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise _invalid("holds more than 100 MB (contract §1.5)", "too_long", index)
        return path.name, path.read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, Invalid):
            raise
        raise _invalid(f"can't be read ({type(error).__name__})", "unreadable", index) from None


def _of_stream(index: int, stream: BinaryIO) -> bytes:
    try:
        data: object = stream.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _invalid(f"can't be read ({type(error).__name__})", "unreadable", index) from None
    if not isinstance(data, bytes):
        raise _invalid("is a stream of text: open it in binary", "type", index)
    return data


def _name(index: int, name: object) -> str:
    if not isinstance(name, str) or not name:
        raise _invalid("is a stream without a name: give (name, bytes)", "type", index)
    return Path(name).name


def _invalid(words: str, rule: str, index: int | None = None) -> Invalid:
    field = "files" if index is None else f"files.{index}"
    return Invalid(f"upload_knowledgebase_file: {field} {words}", field=field, rule=rule)
