"""Pitfall 24: a program that ends without a word loses no turn."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.langchain.models import ANSWER, QUESTION
from tests.later import said_in

ROOT = Path(__file__).parents[3]
PROGRAM = """
import asyncio
import sys
from memos_integrations import connect
from memos_integrations.langchain import MemOSMiddleware
from tests.langchain.models import Scripted, after_tools, at, create_agent, said
path, way = sys.argv[1:]
agent = create_agent(Scripted(script=after_tools(0)), [], middleware=[MemOSMiddleware(connect(path))])
if way == "ainvoke":
    asyncio.run(agent.ainvoke(said(), at()))
else:
    agent.invoke(said(), at())
    raise SystemExit(3)
"""


@pytest.mark.parametrize(("way", "code"), [("ainvoke", 0), ("exit", 3)])
def test_24_a_program_that_ends_without_closing_loses_no_turn(tmp_path: Path, way: str, code: int) -> None:
    path = tmp_path / "memos.db"
    command = [sys.executable, "-W", "error", "-c", PROGRAM, str(path), way]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (code, "")
    assert said_in(path, "ada", "t1") == [("user", QUESTION), ("assistant", ANSWER)]
