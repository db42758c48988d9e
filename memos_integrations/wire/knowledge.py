"""Knowledge bases: documents and skills that belong to the project, not to one user (contract §2.13)."""

import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, cast

from pydantic import Field, PrivateAttr, model_serializer, model_validator

from memos_integrations.wire.answers import Answer, Deleted, Several
from memos_integrations.wire.call import Call, Id, Texts
from memos_integrations.wire.checks import STRICT_ENOUGH, Discreet, Spoken, broken
from memos_integrations.wire.form import content_type, write_form

__all__ = [
    "MAX_FILES",
    "MAX_FILE_BYTES",
    "MAX_TOTAL_BYTES",
    "AddKnowledgebaseFile",
    "CreateKnowledgebase",
    "DeleteKnowledgebase",
    "DeleteKnowledgebaseFile",
    "FileKind",
    "FilesAdded",
    "GetKnowledgebaseFile",
    "KnowledgebaseCreated",
    "KnowledgebaseFile",
    "KnowledgebaseFiles",
    "NewFile",
    "UploadKnowledgebaseFile",
]

FileKind = Literal["document", "skill"]
MAX_FILES = 20  # §1.5: files a request
MAX_FILE_BYTES = 100 << 20  # §1.5: a file
MAX_TOTAL_BYTES = 300 << 20  # §1.5: all files of a request
MAX_CONTENT = 140 << 20  # characters: 100 MB (§1.5) in base64, and some room


class KnowledgebaseCreated(Answer):
    """`id` is what knowledge bases are named by from now on."""

    id: str


class KnowledgebaseFile(Answer):
    """A file: `status` is running, completed or failed. Its size: `sizeMB` where it was added, else `size`, in text.

    `reason` is the embedded engine's own: why a file failed.
    """

    id: str
    type: str | None = None
    name: str | None = None
    sizeMB: float | None = None  # noqa: N815 - the wire's name
    size: str | None = None
    status: str | None = None
    reason: str | None = None


class FilesAdded(Answer):
    """The files as they were taken, in the order in which they were given; on the wire a list."""

    files: Several[KnowledgebaseFile] = ()

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, data: Any) -> Any:
        return {"files": data} if isinstance(data, list) else data

    @model_serializer
    def _as_list(self) -> tuple[KnowledgebaseFile, ...]:
        return self.files


class KnowledgebaseFiles(Answer):
    """One page of a knowledge base's files."""

    file_detail_list: Several[KnowledgebaseFile] = ()
    total: int | None = None
    page: int | None = None
    page_size: int | None = None


class CreateKnowledgebase(Call[KnowledgebaseCreated]):
    """Make a knowledge base and link it to this project (`POST create/knowledgebase`, contract §2.13).

    Each call makes a new one, names may repeat; a lost reply raises `Unreachable` and may have made one.
    """

    path: ClassVar[str] = "create/knowledgebase"
    answer: ClassVar[type[Answer]] = KnowledgebaseCreated

    knowledgebase_name: Spoken
    knowledgebase_description: str | None = None


class DeleteKnowledgebase(Call[Deleted]):
    """Unlink a knowledge base from this project (`POST delete/knowledgebase`, contract §2.13).

    `delete_all` True takes it away with all of its files (server's default: False).
    """

    path: ClassVar[str] = "delete/knowledgebase"
    answer: ClassVar[type[Answer]] = Deleted

    knowledgebase_id: Spoken
    delete_all: bool | None = None


Held = Annotated[bytes, Field(min_length=1, max_length=MAX_FILE_BYTES)]
"""What a file holds: at most 100 MB (contract §1.5)."""


class NewFile(Discreet):
    """A file to be added: `content` is its bytes in base64, a data URL, or a web address that MemOS fetches.

    `name` ends in .pdf, .docx, .doc, .txt, .json, .md or .xml; skills in .md or .zip. `type` is document (server's
    default) or skill. At most 100 MB and 500 pages; a skill's .md 100 KB, its .zip 20 MB (contract §1.5).
    """

    model_config = STRICT_ENOUGH

    content: Annotated[Spoken, Field(max_length=MAX_CONTENT)]
    name: Spoken | None = None
    type: FileKind | None = None


if TYPE_CHECKING:
    NewFiles = Sequence[NewFile | Mapping[str, object]]
else:
    NewFiles = Annotated[tuple[NewFile, ...], Field(min_length=1, max_length=MAX_FILES)]


class AddKnowledgebaseFile(Call[FilesAdded]):
    """Add files to a knowledge base (`POST add/knowledgebase-file`, contract §2.13): read in the background.

    1 to 20 files a call, 300 MB in all. How far each is tells `get_knowledgebase_file`. Files on disk and streams:
    `upload_knowledgebase_file`. A lost reply raises `Unreachable` and may have added them.
    """

    path: ClassVar[str] = "add/knowledgebase-file"
    answer: ClassVar[type[Answer]] = FilesAdded

    knowledgebase_id: Spoken
    file: NewFiles

    @property
    def given(self) -> tuple[NewFile, ...]:
        """The files as what they are at run time."""
        return cast("tuple[NewFile, ...]", self.file)


class UploadKnowledgebaseFile(Call[FilesAdded]):
    """Add files as a multipart form (`POST add/knowledgebase-file`, contract §2.13): no third is lost to base64.

    `files` are names and what they hold; `type` is document (server's default) or skill. Limits are those of
    `AddKnowledgebaseFile`, and a lost reply may have added them, as there.
    """

    path: ClassVar[str] = AddKnowledgebaseFile.path
    answer: ClassVar[type[Answer]] = FilesAdded

    knowledgebase_id: Spoken
    files: Annotated[tuple[tuple[Spoken, Held], ...], Field(min_length=1, max_length=MAX_FILES)]
    type: FileKind | None = None
    _form: bytes | None = PrivateAttr(default=None)
    _boundary: str = PrivateAttr(default_factory=lambda: uuid.uuid4().hex)

    @model_validator(mode="after")
    def _within_limits(self) -> "UploadKnowledgebaseFile":
        if sum(len(data) for _, data in self.files) > MAX_TOTAL_BYTES:
            raise broken("files", "hold more than 300 MB together: upload fewer at a time (contract §1.5)")
        return self

    def parameters(self) -> Mapping[str, str]:
        """Which knowledge base, and which kind of files."""
        given = {"knowledgebase_id": self.knowledgebase_id, "type": self.type}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def content_type(self) -> str:
        """A form's, with what divides its parts."""
        return content_type(self._boundary)

    def body(self) -> bytes:
        """The form, made once: it may be large, and is sent again by a further try."""
        if self._form is None:
            self._form = write_form(self.files, self._boundary)
        return self._form


class GetKnowledgebaseFile(Call[KnowledgebaseFiles]):
    """Read how far files are, by `file_ids` or all of a knowledge base (`POST get/knowledgebase-file`, contract §2.13).

    Exactly one of the two. `page` counts from 1 (default 1), `page_size` is 20 by default.
    """

    path: ClassVar[str] = "get/knowledgebase-file"
    answer: ClassVar[type[Answer]] = KnowledgebaseFiles
    repeatable: ClassVar[bool] = True

    file_ids: Annotated[Texts, Field(min_length=1)] | None = None
    knowledgebase_id: Spoken | None = None
    type: FileKind | None = None
    page: Annotated[int, Field(ge=1)] | None = None
    page_size: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _of_one(self) -> "GetKnowledgebaseFile":
        if (self.file_ids is None) == (self.knowledgebase_id is None):
            raise broken("subject", "give exactly one of file_ids and knowledgebase_id (contract §2.13)")
        return self


class DeleteKnowledgebaseFile(Call[Deleted]):
    """Take files away, with what was made of them (`POST delete/knowledgebase-file`, contract §2.13).

    Deleting a skill's file deletes the skill. `knowledgebase_id` is sent by one client; it narrows nothing.
    """

    path: ClassVar[str] = "delete/knowledgebase-file"
    answer: ClassVar[type[Answer]] = Deleted

    file_ids: Annotated[Texts, Field(min_length=1)]
    knowledgebase_id: Id | None = None
