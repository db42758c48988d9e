"""The notebooks: they run top to bottom without a key, and show what is committed; nothing of a machine is in them."""

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.messages import AIMessage, ToolMessage

from memos_integrations import connect
from memos_integrations.langchain import MemOSToolkit
from notebooks.offline import Table, chat_model, masked, reply
from tests.notebooks.execution import NOTEBOOKS, cells_of, executed, read, shown_by

NAMES = [
    "01_langchain_chain",
    "02_langchain_agent",
    "03_llama_index_agent",
    "04_serve_and_cloud",
    "05_langchain_checkpointer",
    "06_langchain_with_memory",
    "07_langchain_tools",
    "08_llama_index_context",
    "09_llama_index_documents",
    "10_any_address",
]
NEXT = "## What to read next"
LINK = re.compile(r"\]\(([^)#:]+)\)")
LEFTOVERS = re.compile(
    r"(?<![\w.:/}])/\w+/\w+|[A-Z]:\\|mpg-\w|sk-\w{8}|127\.0\.0\.1:\d|"  # places, keys
    r"Traceback|Warning|[0-9a-f]{16}|\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d"  # troubles, ids, times
)


def path_of(name: str) -> Path:
    return NOTEBOOKS / f"{name}.ipynb"


@pytest.fixture(params=NAMES)
def committed(request: pytest.FixtureRequest) -> Any:
    return read(path_of(request.param))


def test_these_are_all() -> None:
    assert sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_it_shows_what_is_committed(name: str, folder: Path) -> None:
    ran = executed(path_of(name), folder)
    assert list(shown_by(ran)) == list(shown_by(read(path_of(name))))
    assert list(folder.glob("**/*.db")) == []


def test_the_last_cell_asks_the_cloud_when_there_is_a_key(folder: Path) -> None:
    ran = executed(path_of("04_serve_and_cloud"), folder, MEMOS_API_KEY="a-key", MEMOS_BASE_URL=":memory:")
    asked = list(shown_by(ran))[-1]
    assert re.search(r"^notebook-ada: .*Lyon", asked, re.MULTILINE)
    assert "notebook-bob: I don't know that." in asked


def test_a_memory_crosses_conversations_and_no_users(committed: Any) -> None:
    shown = "\n".join(shown_by(committed))
    asked = r"ada: Which city did I move to\?\nassistant: .*Lyon|ada: .*Lyon"
    assert re.search(asked, shown)
    assert re.search(r"bob: (Which city did I move to\?\nassistant: )?I don't know that\.", shown)


def test_it_shows_in_a_table_what_was_remembered(committed: Any) -> None:
    tables = [
        output.data
        for cell in cells_of(committed)
        for output in cell.outputs
        if "get_memory(" in cell.source and output.output_type == "execute_result"
    ]
    assert len(tables) == 1
    assert re.search(r"^fact +.*Lyon.* monday$", tables[0]["text/plain"], re.MULTILINE)
    assert re.search(r"^preference +I avoid trains\. +monday$", tables[0]["text/plain"], re.MULTILINE)
    assert "Lyon" in tables[0]["text/html"]


def test_it_begins_with_what_for_and_ends_with_what_next(committed: Any) -> None:
    first, last = committed.cells[0].source, committed.cells[-1].source
    assert first.startswith("# ")
    assert "After this notebook you can" in first
    assert last.startswith(NEXT)
    assert re.search(r"docs/\w+\.md", last)


def test_links_lead_somewhere(committed: Any) -> None:
    targets = [target for cell in committed.cells for target in LINK.findall(cell.source)]
    assert targets
    assert [target for target in targets if not (NOTEBOOKS / target).exists()] == []


def test_it_is_committed_as_it_ran_and_without_leftovers(committed: Any) -> None:
    cells = cells_of(committed)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert {output.output_type for cell in cells for output in cell.outputs} <= {"stream", "execute_result"}
    assert {output.name for cell in cells for output in cell.outputs if "name" in output} == {"stdout"}
    assert [cell.metadata for cell in committed.cells if cell.metadata] == []
    assert committed.metadata.kernelspec.name == "python3"
    assert set(committed.metadata) == {"kernelspec", "language_info"}


def test_code_fits_a_page(committed: Any) -> None:
    lines = [line for cell in cells_of(committed) for line in cell.source.splitlines()]
    assert [line for line in lines if len(line) > 98] == []  # beyond, a web page makes the reader scroll


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.*")), ids=lambda path: path.name)
def test_nothing_of_a_machine_is_in_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert [found[0] for found in LEFTOVERS.finditer(text)] == []


def test_the_stand_in_holds_no_answers() -> None:
    lines = "- I moved to Lyon.\n- [2026-08-31 09:00] [Explicit Preference] I avoid trains.\n- [assistant view] Trains!"
    assert reply([lines, "Which city did I move to?"]) == "I moved to Lyon."
    assert reply([lines, "By train?"]) == "I avoid trains."
    assert reply(["Which city did I move to?"]) == "I don't know that."
    assert reply([lines, "What is the capital of France?"]) == "I don't know that."
    assert reply([lines, "I moved."]) == "Noted."


def test_the_stand_in_calls_tools_in_their_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEMOS_NOTEBOOK_MODEL", raising=False)
    with connect(":memory:") as client:
        model = chat_model().bind_tools(MemOSToolkit(client, forget=True).get_tools())

    def called(*messages: Any) -> list[tuple[str, Any]]:
        plain, streamed = model.invoke(list(messages)), sum_of(model.stream(list(messages)))
        assert [call["args"] for call in plain.tool_calls] == [call["args"] for call in streamed.tool_calls]
        assert plain.text == streamed.text
        return [(call["name"], call["args"]) for call in plain.tool_calls]

    forget, found = "Forget that I avoid trains.", f"- [{(found_id := str(uuid4()))}] I avoid trains.\n"
    searched = AIMessage("", tool_calls=[{"name": "search_memory", "args": {"query": forget}, "id": "1"}])
    assert called(("user", "I avoid trains.")) == []
    assert called(("user", "Remember that I avoid trains.")) == [("add_memory", {"text": "I avoid trains."})]
    assert called(("user", "Which trains?")) == [("search_memory", {"query": "Which trains?"})]
    assert called(("user", forget)) == [("search_memory", {"query": forget})]
    result = ToolMessage(f"{found}- [{uuid4()}] I like tea.", tool_call_id="1")
    assert called(("user", forget), searched, result) == [("forget_memory", {"memory_ids": [found_id]})]


def sum_of(pieces: Any) -> Any:
    first, *rest = pieces
    return sum(rest, start=first)


def test_what_changes_is_masked_and_nothing_else() -> None:
    assert masked('<memories id="0a1b">\n- [2026-08-31 09:00] I met Bo on [2026-08-31].\n') == (
        '<memories id="…">\n- […] I met Bo on [2026-08-31].\n'
    )


def test_a_table_shows_text_as_it_is() -> None:
    shown = Table(["kind", "memory"], [["fact", "<b>1 & 2</b>"], ["preference", None]])
    assert "&lt;b&gt;1 &amp; 2&lt;/b&gt;" in shown._repr_html_()
    assert repr(shown) == "kind        memory\nfact        <b>1 & 2</b>\npreference"
