"""What an import loads, what it says without the framework or with another, and what outlives LangChain's histories."""

import ast
import json
import subprocess
import sys
import types
from pathlib import Path

import pytest

import memos_integrations.langchain as ours

NAMES = list(ours.__all__)
WITHOUT_HISTORIES = [name for name in NAMES if name != "MemOSChatMessageHistory"]
FOLDER = Path(ours.__file__).parent

BLOCKER = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name == {blocked!r} or name.startswith({blocked!r} + "."):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocker())
"""


def ran(program: str, *, blocked: str | None = None) -> str:
    """What `program` prints, in a new interpreter where warnings are errors and `blocked` is not installed."""
    before = "" if blocked is None else BLOCKER.format(blocked=blocked)
    command = [sys.executable, "-W", "error", "-c", before + program]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=FOLDER.parents[1])
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def asked_for(*names: str) -> str:
    """A program that asks for each name, and prints the module and the words of each `ImportError`."""
    return f"""
import memos_integrations, memos_integrations.langchain as ours
for name in {names!r}:
    try:
        getattr(ours, name)
    except ImportError as error:
        print(name, error.name, error)
"""


def test_public_is_what_all_lists() -> None:
    assert sorted(NAMES) == NAMES
    assert {name for name in dir(ours) if not name.startswith("_")} >= set(NAMES)
    assert [getattr(ours, name).__name__ for name in NAMES] == NAMES
    with pytest.raises(AttributeError, match="no attribute 'MemOSStore'"):
        _ = ours.MemOSStore  # type: ignore[attr-defined]


LOADS = """
import json, sys
import memos_integrations
from memos_integrations.langchain import {name}
print(json.dumps([m for m in sys.modules if m.partition(".")[0] in ("langchain", "langgraph", "memos_integrations")]))
"""


def test_nothing_is_loaded_before_a_name_is_asked_for() -> None:
    told = ran("import sys, memos_integrations.langchain as m; dir(m); print([*sys.modules])")
    assert not {"langchain", "langchain_core", "langgraph", "pydantic", "httpx"} & set(ast.literal_eval(told))


@pytest.mark.parametrize("name", ["ChatMemOS", "MemOSMiddleware", "MemOSRetriever", "MemOSToolkit", "with_memory"])
def test_each_name_loads_what_it_needs(name: str) -> None:
    loaded = set(json.loads(ran(LOADS.format(name=name))))
    agents = {module for module in loaded if module.partition(".")[0] == "langchain"}
    assert bool(agents) == (name == "MemOSMiddleware")
    homes = {"chain", "chat_model", "history", "middleware", "retriever", "tools"}
    there = {module.rpartition(".")[2] for module in loaded if module.startswith("memos_integrations.langchain.")}
    assert len(there & homes) == 1


def test_one_module_knows_langchains_histories() -> None:
    knowing = set[str]()
    for file in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            named = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            named += [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            if {"langchain_core.chat_history", "langchain_core.runnables.history"} & set(named):
                knowing.add(file.name)
    assert knowing == {"history.py"}


@pytest.mark.parametrize("blocked", ["langchain_core", "langgraph", "langchain"])
def test_without_the_framework_the_extra_is_named(blocked: str) -> None:
    told = ran(asked_for(*NAMES), blocked=blocked).splitlines()
    needing = {"langchain_core": NAMES, "langgraph": WITHOUT_HISTORIES, "langchain": ["MemOSMiddleware"]}[blocked]
    assert [line.partition(" ")[0] for line in told] == needing
    for line in told:
        assert f" {blocked} {blocked} is not installed: " in line
        assert "pip install --upgrade 'memos-integrations[langchain]'" in line


@pytest.mark.parametrize("blocked", ["langchain.agents.middleware", "langgraph.runtime"])
def test_a_framework_too_old_is_told_so(blocked: str) -> None:
    told = ran(asked_for("MemOSMiddleware"), blocked=blocked)
    assert f" {blocked} {blocked.partition('.')[0]} has another version than works here (No module" in told
    assert "pip install --upgrade 'memos-integrations[langchain]'" in told


def test_a_framework_without_a_name_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(vars(ours), "MemOSRetriever", raising=False)
    monkeypatch.delitem(sys.modules, "memos_integrations.langchain.retriever", raising=False)
    monkeypatch.setitem(sys.modules, "langchain_core.retrievers", types.ModuleType("langchain_core.retrievers"))
    with pytest.raises(ImportError, match=r"langchain_core has another version .*cannot import name.*'memos-integr"):
        _ = ours.MemOSRetriever


@pytest.mark.parametrize("blocked", ["pydantic", "typing_extensions", "memos_integrations.memory.recall"])
def test_what_else_is_missing_is_told_as_it_is(blocked: str) -> None:
    told = ran(asked_for("MemOSRetriever"), blocked=blocked)
    assert f"No module named {blocked!r}" in told
    assert "[langchain]" not in told


def test_importing_and_making_anything_warns_of_nothing() -> None:
    ran(
        """
import memos_integrations.langchain as ours
from langchain_core.runnables import RunnableLambda
from memos_integrations import connect
with connect(":memory:") as client:
    more = {"MemOSChatMessageHistory": {"conversation_id": "c1"}, "ChatMemOS": {"conversation_id": "c1"}}
    for name in set(ours.__all__) - {"RunnableWithMemory", "with_memory"}:
        getattr(ours, name)(client, user_id="ada", **more.get(name, {}))
    ours.with_memory(RunnableLambda(str), client, user_id="ada")
    ours.MemOSToolkit(client, user_id="ada", forget=True).get_tools()
"""
    )


AFTER_HISTORIES = """
from langchain.agents import create_agent
from langchain_core.language_models import FakeListChatModel
from langchain_core.runnables import RunnableLambda
from memos_integrations import connect
from memos_integrations.langchain import (
    ChatMemOS, MemOSMiddleware, MemOSRetriever, MemOSSearchTool, MemOSToolkit, with_memory
)
from tests.engine.models import Scripted

with connect(":memory:", model=Scripted("Hello, Ada.")) as client:
    agent = create_agent(FakeListChatModel(responses=["Noted."]), [], middleware=[MemOSMiddleware(client)])
    config = {"configurable": {"user_id": "ada", "thread_id": "t1"}}
    agent.invoke({"messages": "I drink green tea every morning."}, config)
    client.flush()
    print(MemOSRetriever(client).invoke("What tea do I drink?", config)[0].page_content)
    print(MemOSSearchTool(client, user_id="ada").invoke({"query": "What tea do I drink?"}))
    print([tool.name for tool in MemOSToolkit(client, user_id="ada").get_tools()])
    print(with_memory(RunnableLambda(str), client).invoke("What tea do I drink?", config))
    print(ChatMemOS(client, user_id="ada", conversation_id="t2").invoke("Hello.").text)
"""


def test_all_but_the_history_outlives_langchains_histories() -> None:
    told = ran(AFTER_HISTORIES, blocked="langchain_core.chat_history")
    assert told.count("I drink green tea every morning.") == 3
    assert "search_memory" in told
    assert told.endswith("Hello, Ada.\n")


@pytest.mark.parametrize("gone", [None, "langchain_core.chat_history"])
def test_the_history_says_what_took_its_place(gone: str | None) -> None:
    removed = "import langchain_core.chat_history as gone; del gone.BaseChatMessageHistory\n" if gone is None else ""
    told = ran(removed + asked_for("MemOSChatMessageHistory"), blocked=gone)
    assert "langchain_core.chat_history LangChain has removed its chat histories" in told
    assert "take MemOSMiddleware for an agent, with_memory for a chain" in told
