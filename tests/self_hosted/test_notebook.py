"""The notebook of all addresses on the open-source server: what Ada told it there it knows, and of Bob nothing."""

from pathlib import Path

import pytest

from tests.notebooks.execution import NOTEBOOKS, executed, shown_where
from tests.self_hosted.stand import Stand


def test_the_program_of_the_notebook_runs_there(stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    ran = executed(NOTEBOOKS / "10_any_address.ipynb", tmp_path, MEMOS_OPEN_SOURCE=stand.address)
    told, knows, stranger = shown_where(ran, "MEMOS_OPEN_SOURCE").splitlines()
    assert told == "notebook-ada: Noted."
    assert knows.startswith("notebook-ada: ")
    assert "Lyon" in knows
    assert stranger == "notebook-bob: I don't know that."
