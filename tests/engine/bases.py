"""Knowledge bases as tests speak to them."""

import base64
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from memos_integrations.engine import Engine
from memos_integrations.errors import MemOSError
from memos_integrations.wire.answers import Found
from memos_integrations.wire.calls import (
    AddKnowledgebaseFile,
    CreateKnowledgebase,
    GetKnowledgebaseFile,
    SearchMemory,
)

__all__ = ["TEXT", "Bases", "code", "opened", "packed"]

TEXT = b"Parcels leave the warehouse on Monday."


class Bases:
    """An engine's knowledge bases, of one project."""

    def __init__(self, engine: Engine, project: str = "") -> None:
        self.engine, self.project = engine, project

    def make(self) -> str:
        return self.engine.create_knowledgebase(CreateKnowledgebase(knowledgebase_name="b"), self.project).id

    def add(self, base: str, *files: dict[str, Any] | bytes) -> list[str]:
        given = [{"name": "a.txt", "content": packed(file)} if isinstance(file, bytes) else file for file in files]
        call = AddKnowledgebaseFile.model_validate({"knowledgebase_id": base, "file": given})
        return [file.id for file in self.engine.add_knowledgebase_file(call, self.project).files]

    def states(self, *ids: str) -> list[tuple[str | None, str | None]]:
        call = GetKnowledgebaseFile(file_ids=ids)
        told = self.engine.get_knowledgebase_file(call, self.project).file_detail_list
        return [(file.status, file.reason) for file in told]

    def search(self, query: str, *bases: str, **more: Any) -> Found:
        call = SearchMemory.model_validate({"query": query, "user_id": "u", "knowledgebase_ids": bases, **more})
        return self.engine.search_memory(call, self.project)

    def facts(self, query: str, *bases: str, **more: Any) -> list[str]:
        return [fact.memory_value for fact in self.search(query, *bases, **more).memory_detail_list]


def packed(data: bytes) -> str:
    return base64.b64encode(data).decode()


@contextmanager
def opened(path: Path | str, **options: Any) -> Iterator[Bases]:
    with closing(Engine(path, **options)) as engine:
        yield Bases(engine)


def code(call: Callable[[], object]) -> int:
    with pytest.raises(MemOSError) as caught:
        call()
    return getattr(caught.value, "code", 0)
