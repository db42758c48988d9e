"""The package's front door: light, exact, and without a back door."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest

import memos_integrations
from memos_integrations import errors

PACKAGE = Path(memos_integrations.__file__).parent
MODULES = [m.name for m in walk_packages([str(PACKAGE)], "memos_integrations.")]


def test_every_name_of_the_root_is_there() -> None:
    assert dir(memos_integrations) == memos_integrations.__all__ == sorted(memos_integrations.__all__)
    for name in memos_integrations.__all__:
        assert getattr(memos_integrations, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Nope'"):
        memos_integrations.Nope  # type: ignore[attr-defined]  # noqa: B018


def test_no_module_takes_a_names_place() -> None:
    """A submodule called like a function would replace it in the root as soon as anybody imports it."""
    for name in MODULES:
        import_module(name)
    assert callable(memos_integrations.connect)
    assert not {name.rpartition(".")[2] for name in MODULES if name.count(".") == 1} & set(memos_integrations.__all__)


def test_the_root_offers_all_errors() -> None:
    assert set(errors.__all__) <= set(memos_integrations.__all__)


def test_importing_the_root_loads_the_standard_library_only() -> None:
    script = (
        "import sys, memos_integrations\n"
        "heavy = {'httpx', 'httpcore', 'pydantic', 'langchain', 'langchain_core', 'llama_index', 'sqlite3'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_the_embedded_engine_works_without_the_extras() -> None:
    script = (
        "import sys\n"
        "for name in ('langchain_core', 'langgraph', 'llama_index', 'Stemmer', 'rich', 'typer', 'numpy'):\n"
        "    sys.modules[name] = None\n"
        "from memos_integrations import connect\n"
        "with connect(':memory:') as client:\n"
        "    said = [{'role': 'user', 'content': 'I moved to Lyon.'}]\n"
        "    client.add_message(messages=said, user_id='u', async_mode=False)\n"
        "    found = client.search_memory(query='Where did I move to?', user_id='u')\n"
        "    assert found.memory_detail_list[0].memory_value == 'I moved to Lyon.', found\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", [name for name in MODULES if "._" not in name])
def test_public_is_what_all_lists(name: str) -> None:
    """A module's public names are those of its `__all__`, sorted; the rest begins with an underscore."""
    module = import_module(name)
    source = Path(str(module.__file__))
    tree = ast.parse(source.read_text(encoding="utf-8"))
    listed = list(getattr(module, "__all__", ()))
    own = {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)}
    assert listed == sorted(listed, key=lambda n: (not n.isupper(), not n[0].isupper(), n)), name
    assert {n for n in own if not n.startswith("_")} <= set(listed), name
    assert all(hasattr(module, n) for n in listed)


def test_errors_are_told_apart_by_what_to_do() -> None:
    error = errors.RateLimited("slow down", code=40309, path="search/memory", retry_after=2)
    assert isinstance(error, errors.Refused)
    assert str(error) == "code 40309 (search/memory): slow down"
    assert str(errors.ServerFault("", status=502)) == "HTTP 502: no message given"
    assert issubclass(errors.Invalid, ValueError)
