"""The page about moving: its example runs as it stands there, and its options are the commands'."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from memos_integrations.cli._app import app

PAGE = (Path(__file__).parents[2] / "docs" / "moving.md").read_text(encoding="utf-8")


def test_the_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    exec(compile(block, "moving.md", "exec"), {})
    assert capsys.readouterr().out == "1 0 ()\n"
    assert '"content": "I moved to Lyon."' in (tmp_path / "all.jsonl").read_text(encoding="utf-8")


def test_the_lines_can_be_imported(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    done = CliRunner().invoke(app, ["import", "-", str(tmp_path / "b.db")], input=block, catch_exceptions=False)
    assert "Copied: 2 messages." in done.output


def test_the_options() -> None:
    shown = CliRunner().invoke(app, ["copy", "--help"], env={"COLUMNS": "200"}).output
    told = {option for option in re.findall(r"--[a-z][a-z-]+", shown) if option != "--help"}
    assert told == set(re.findall(r"--[a-z][a-z-]+", PAGE.partition("## Each message once")[0]))
