"""Wrong uses are found by both checkers, line by line; the right ones, in uses.py, are checked with the tree."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
MISUSES = HERE / "misuses.py.txt"
WRONG = {n for n, line in enumerate(MISUSES.read_text().splitlines(), start=1) if line.endswith("# wrong")}


@pytest.fixture
def misuses(tmp_path: Path) -> Path:
    copy = tmp_path / "misuses.py"
    copy.write_text(MISUSES.read_text())
    return copy


def said(*command: str) -> str:
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def test_mypy_reports_every_misuse_and_nothing_else(misuses: Path) -> None:
    report = said("mypy", "--strict", "--no-error-summary", str(misuses))
    found = {int(line) for line in re.findall(r"misuses\.py:(\d+): error", report)}
    assert found == WRONG, report


def test_pyright_reports_every_misuse_and_nothing_else(misuses: Path) -> None:
    report = said("pyright", "--pythonpath", sys.executable, "--outputjson", str(misuses))
    errors = [item for item in json.loads(report)["generalDiagnostics"] if item["severity"] == "error"]
    assert {item["range"]["start"]["line"] + 1 for item in errors} == WRONG, report
