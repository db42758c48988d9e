"""The benchmark of sizes, on a handful of memories: that it still runs, and measures what it says."""

import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "engine.py"


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, str(BENCHMARK), *arguments], capture_output=True, text=True, check=False)


def test_the_benchmark_of_sizes_fills_and_asks() -> None:
    done = run("--sizes", "120", "--quick", "--alone")
    assert done.returncode == 0, done.stderr
    assert "search, an owner with 100" in done.stdout
    assert "add, one a commit, FULL" in done.stdout


def test_the_benchmark_of_sizes_says_which_size_it_does_not_know() -> None:
    done = run("--sizes", "many")
    assert done.returncode == 2
    assert "--sizes" in done.stderr
