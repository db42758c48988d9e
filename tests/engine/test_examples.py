import doctest
import subprocess
import sys
from pathlib import Path

from memos_integrations.engine import _engine

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "recall.py"


def test_the_docstrings_run() -> None:
    result = doctest.testmod(_engine)
    assert (result.failed, result.attempted > 0) == (0, True)


def test_the_benchmark_says_where_its_data_is(tmp_path: Path) -> None:
    for arguments in ([], [str(tmp_path)]):
        run = subprocess.run([sys.executable, str(BENCHMARK), *arguments], capture_output=True, text=True, check=False)
        assert run.returncode == 2
        assert "snap-research" in run.stderr
        assert "amazon-science" in run.stderr
