"""The notebook of all addresses: one program, handed an address. On the open-source server: tests/self_hosted."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memos_integrations import MemOS, connect
from memos_integrations.client import Event, OnEvent, Recalled, Recorded
from notebooks.offline import chat_model
from tests.notebooks.execution import NOTEBOOKS, cells_of, executed, read, shown_where

NOTEBOOK = NOTEBOOKS / "10_any_address.ipynb"
KNOWN = "notebook-ada: I moved to Lyon in August. I avoid trains."
STRANGER = "notebook-bob: I don't know that."


@pytest.fixture(scope="module")
def committed() -> Any:
    return read(NOTEBOOK)


def trees(notebook: Any) -> list[ast.Module]:
    return [ast.parse(cell.source) for cell in cells_of(notebook)]


def calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):  # breadth first
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node


def test_one_program_is_handed_nothing_but_addresses(committed: Any) -> None:
    whole = ast.Module([node for tree in trees(committed) for node in tree.body], [])
    (program,) = (node for node in ast.walk(whole) if isinstance(node, ast.FunctionDef) and node.name == "program")
    assert ast.unparse(program.args) == "address"
    handed = [ast.unparse(argument) for call in calls(whole, "program") for argument in call.args]
    assert handed == ["address", "f'{address}/api/openmem/v1'", "os.environ['MEMOS_OPEN_SOURCE']", "None"]
    assert [call for call in calls(whole, "program") if call.keywords] == []


def test_the_program_does_not_look_at_its_address(committed: Any) -> None:
    (program,) = (node for tree in trees(committed) for node in tree.body if getattr(node, "name", "") == "program")
    read_of_it = [node for node in ast.walk(program) if isinstance(node, ast.Name) and node.id == "address"]
    (connecting,) = calls(program, "connect")
    assert read_of_it == [connecting.args[0]]


def test_it_asks_when_memories_are_made_and_not_before(committed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEMOS_NOTEBOOK_MODEL", raising=False)
    seen, wait_for = list[Event | str | None](), MemOS.wait_for

    def waiting(client: MemOS, task: str) -> None:
        wait_for(client, task)
        seen.append(task)

    def listened(address: str, on_event: OnEvent) -> MemOS:
        return connect(address, on_event=[on_event, seen.append])

    monkeypatch.setattr(MemOS, "wait_for", waiting)
    names: dict[str, Any] = {"connect": listened, "chat_model": chat_model}
    exec(next(cell.source for cell in cells_of(committed) if "def program" in cell.source), names)
    names["program"](":memory:")
    told, written, task, *asked = seen[:4]
    assert isinstance(written, Recorded)
    assert (written.conversation_id, written.task_id) == ("monday", task)
    assert [each.conversation_id for each in (told, *asked) if isinstance(each, Recalled)] == ["monday", "tuesday"]


def test_all_addresses_show_the_same(committed: Any) -> None:
    once = f"notebook-ada: Noted.\n{KNOWN}\n{STRANGER}\n"
    assert shown_where(committed, '":memory:", file') == once * 2
    assert shown_where(committed, "subprocess") == once


def test_with_a_key_and_no_address_it_asks_where_the_environment_says(tmp_path: Path, folder: Path) -> None:
    named = tmp_path / "named.db"
    ran = executed(NOTEBOOK, folder, MEMOS_API_KEY="a-key", MEMOS_BASE_URL=str(named))
    assert shown_where(ran, "MEMOS_API_KEY").splitlines()[1:] == [KNOWN, STRANGER]
    assert named.exists()


def test_what_is_told_on_the_file_is_unsupported_elsewhere_with_nobody_there(committed: Any) -> None:
    told, refused = shown_where(committed, "except Unsupported").splitlines()
    assert told == "4 messages are told"
    assert refused.startswith("Unsupported: get/message: the open-source server can't do this")


def test_the_server_wrote_to_the_file_and_all_of_it_was_moved(committed: Any) -> None:
    first, *_ = shown_where(committed, "moving import").splitlines()
    assert first == "12 of 12 messages of 2 users"  # two runs of three turns: one straight, one through the server
    assert shown_where(committed, '"wednesday"') == f"{KNOWN}\n{STRANGER}\n"
