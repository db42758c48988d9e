"""What we tell people to type, typed: the README's examples and those of the docstrings."""

import ast
import asyncio
import doctest
import inspect
import re
from importlib import import_module
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import RunnableLambda
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.llms.mock import MockFunctionCallingLLM

from memos_integrations import connect
from tests.test_root import MODULES

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def run(block: str, names: dict[str, Any]) -> None:
    """Runs a block, which may await at its top level as a notebook's cell may."""
    code: CodeType = compile(block, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    work = eval(code, names)
    if inspect.isawaitable(work):
        asyncio.run(_awaited(work))


async def _awaited(work: Any) -> None:
    await work


@pytest.fixture(autouse=True)
def _somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEMOS_BASE_URL", ":memory:")


def test_the_readme_has_its_examples() -> None:
    words = ("MemOSMiddleware(", "MemOSMemory.", "connect()", "with_memory(", "ModelEndpoint(")
    assert [sum(word in block for block in BLOCKS) for word in words] == [1] * len(words)
    agents = [block for block in BLOCKS if "agent" in block]
    assert all(len([line for line in block.splitlines() if line.strip()]) <= 10 for block in agents)


def test_the_readmes_agents_share_what_the_first_was_told() -> None:
    langchain, chain, llama_index = BLOCKS[:3]
    names: dict[str, Any] = {"model": FakeListChatModel(responses=["Noted."]), "tools": []}
    run(langchain, names)
    names["client"].close()
    shown: list[str] = []

    def leave_out(asked: PromptValue) -> AIMessage:
        shown.append(asked.to_string())
        return AIMessage("Leave the peanuts out.")

    names = {"model": RunnableLambda(leave_out)}
    run(chain, names)
    assert "I'm allergic to peanuts." in shown[0]
    assert names["answer"].content == "Leave the peanuts out."
    names["client"].close()
    handed: list[ChatMessage] = []

    def answer(messages: list[ChatMessage], **_: Any) -> ChatMessage:
        handed[:] = messages
        return ChatMessage(role="assistant", content="Peanuts.")

    names = {"llm": MockFunctionCallingLLM(response_generator=answer), "tools": []}
    run(llama_index, names)
    assert str(names["answer"]) == "Peanuts."
    assert "allergic to peanuts" in str(handed[-1].content)
    names["client"].close()
    with connect("memos.db") as client:
        told = client.get_message(user_id="ada", conversation_id="monday").message_detail_list
        assert [message.content for message in told] == ["I'm allergic to peanuts.", "Noted."]
        told = client.get_message(user_id="ada", conversation_id="wednesday").message_detail_list
        assert [message.content for message in told][1] == "Leave the peanuts out."


def test_the_readmes_client_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    run(next(block for block in BLOCKS if "add_message" in block), {})
    assert capsys.readouterr().out == "I moved to Lyon.\n"


def test_the_readme_reads_the_environment() -> None:
    names: dict[str, Any] = {"connect": connect}
    run(next(block for block in BLOCKS if "connect()" in block), names)
    assert names["client"].address == ":memory:"
    names["client"].close()


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name: str) -> None:
    failed, _ = doctest.testmod(import_module(name), raise_on_error=False, verbose=False)
    assert failed == 0


def test_there_are_examples_in_docstrings() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [test.name for name in MODULES for test in finder.find(import_module(name)) if test.examples]
    assert {"MemOSMiddleware", "MemOSMemory", "connect", "Scope", "Engine"} <= {
        name.rpartition(".")[2] for name in found
    }
