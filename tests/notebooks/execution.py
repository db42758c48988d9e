"""Runs notebooks in folders of their own; `python -m tests.notebooks.execution` renews the committed outputs."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from nbclient import NotebookClient

__all__ = ["NOTEBOOKS", "cells_of", "executed", "read", "shown_by", "shown_where"]

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
_SECONDS = 60  # for one cell
_OURS = ("MEMOS_", "LANGSMITH_", "LANGCHAIN_")


def read(path: Path) -> Any:
    """A notebook as it stands in its file."""
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


def executed(path: Path, folder: Path, **environment: str) -> Any:
    """The notebook, run top to bottom beside a copy of its stand-in; all that it leaves is in `folder`."""
    shutil.copy(NOTEBOOKS / "offline.py", folder)
    notebook = read(path)
    for cell in cells_of(notebook):
        cell.outputs, cell.execution_count = [], None
    client = NotebookClient(
        notebook, timeout=_SECONDS, record_timing=False, resources={"metadata": {"path": str(folder)}}
    )
    client.execute(env={**_surroundings(folder), **environment})
    return notebook


def _surroundings(folder: Path) -> dict[str, str]:
    """This process's environment without settings of ours; the kernel keeps its own files in `folder`, and what waits
    for a service in memory.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return {**kept, "MEMOS_OUTBOX": ":memory:", "IPYTHONDIR": str(folder / "ipython"), "PYTHONDONTWRITEBYTECODE": "1"}


def cells_of(notebook: Any) -> list[Any]:
    """The code cells."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown_by(notebook: Any) -> Iterator[str]:
    """What each cell shows, as plain text."""
    for cell in cells_of(notebook):
        yield "".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs)


def shown_where(notebook: Any, source: str) -> str:
    """What the one cell shows whose code holds `source`."""
    (shown,) = (
        text for cell, text in zip(cells_of(notebook), shown_by(notebook), strict=True) if source in cell.source
    )
    return shown


def _written_anew(path: Path) -> None:
    with TemporaryDirectory() as folder:
        notebook = executed(path, Path(folder))
    notebook.metadata.language_info = {"name": "python"}  # not the version that happened to run it
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        _written_anew(path)
