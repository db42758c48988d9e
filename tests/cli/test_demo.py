"""The demo as a newcomer sees it: what it shows is what the agents remembered, and nothing is in its model."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import BaseMessage
from pydantic import Field
from typer.testing import CliRunner, Result

from memos_integrations.cli._app import app
from memos_integrations.cli._ask import conversations_in
from memos_integrations.cli._offline import DONT_KNOW, NOTED, reply
from memos_integrations.errors import Invalid
from memos_integrations.langchain import _demo
from memos_integrations.memory.prompt import render
from memos_integrations.wire.answers import Found

CHAT: list[dict[str, Any]] = [
    {"role": "system", "content": "You are helpful."},
    {"role": "user", "content": "My bike is a red Koga from 1988."},
    {"role": "assistant", "content": "A classic!"},
    {"role": "user", "content": [{"type": "text", "text": "I keep it in the cellar of my aunt Tilda."}]},
    {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]},
]


def run(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, list(arguments), input=typed, env={"COLUMNS": "200"}, catch_exceptions=False)


def acts(output: str) -> list[str]:
    """The parts of the story, by their numbered headings."""
    return re.split(r"\n[1-4]  ", output)[1:]


def answers(act: str) -> list[str]:
    return [line.split("agent")[1].strip() for line in act.splitlines() if line.startswith("  agent ")]


def test_the_demo_shows_two_agents_remembering_and_a_stranger_who_does_not() -> None:
    shown = run("demo")
    assert shown.exit_code == 0
    first, second, third, fourth = acts(shown.output)
    assert answers(first) == [NOTED] * 3
    assert "made of it: memories" in first
    assert re.search(r"preference +I'm allergic to peanuts", first)
    assert "Lyon" in answers(second)[0]
    assert "cello" in answers(second)[1]
    assert "peanuts" in answers(third)[0]
    assert "marine biologist" in answers(third)[1]
    assert answers(fourth) == [DONT_KNOW] * 2
    assert "holds no answers" in shown.output
    assert "9 turns, 9 searches, 18 messages written: one search a turn" in shown.output


def test_without_recall_nobody_knows_anything() -> None:
    shown = run("demo", "--no-recall")
    for act in acts(shown.output)[1:]:
        assert answers(act) == [DONT_KNOW] * 2
    assert "set before the model" not in shown.output
    assert "9 turns, 0 searches, 18 messages written." in shown.output


def test_the_demo_keeps_its_memories_where_it_is_told(tmp_path: Path) -> None:
    run("demo", "--db", str(tmp_path / "kept.db"))
    shown = run("demo", "--no-recall", "--db", str(tmp_path / "kept.db"))
    assert (tmp_path / "kept.db").exists()
    assert shown.exit_code == 0


@pytest.mark.parametrize("form", ["list", "object", "lines", "conversations", "several", "separators"])
def test_a_chat_of_ones_own_is_imported_and_asked_about(tmp_path: Path, form: str) -> None:
    text = {
        "list": json.dumps(CHAT),
        "object": json.dumps({"messages": CHAT}),
        "lines": "\n".join(map(json.dumps, CHAT)) + "\n\n",
        "several": json.dumps([{"messages": CHAT[:3]}, CHAT[3:]]),
        "separators": "\r\n".join(json.dumps({**m, "name": "a\u2028b\x85c"}, ensure_ascii=False) for m in CHAT),
        "conversations": "\n".join(json.dumps({"messages": part}) for part in (CHAT[:3], CHAT[3:])),
    }[form]
    chat = tmp_path / "chat"
    chat.write_text(text, encoding="utf-8-sig")
    shown = run(
        "demo", "--conversation", str(chat), typed="What colour is my bike?\nWhere do I keep it, which cellar?\n"
    )
    assert shown.exit_code == 0
    told = answers(shown.output)
    assert "red Koga" in told[0]
    assert "Tilda" in told[1]
    assert "importing" in shown.output


def test_a_long_chat_is_imported_whole(tmp_path: Path) -> None:
    chat = tmp_path / "chat.json"
    messages = [{"role": "user", "content": f"The locker number {n} has the code {n * 37}."} for n in range(300)]
    chat.write_text(json.dumps(messages), encoding="utf-8")
    shown = run("demo", "--conversation", str(chat), typed="What code has the locker number 217?\n\n")
    assert "8029" in answers(shown.output)[0]
    assert "300/300" in shown.output


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"role": "user"\n', "line 1 is not JSON"),
        ('{"role":"user","content":"a"}\n{"role":"MARKER","content":"b"}', "line 2: role must be"),
        ("[1]", "the file, message 1: role must be"),
        ('[{"messages": [1]}]', "conversation 1, message 1: role must be"),
        ("[" * 100_000, "nested too deeply"),
        ("3", "the file: needs messages"),
        ('{"MARKER": []}', "the file: needs messages"),
    ],
)
def test_a_broken_chat_is_refused_at_its_place(tmp_path: Path, text: str, words: str) -> None:
    chat = tmp_path / "chat.jsonl"
    chat.write_text(text, encoding="utf-8")
    shown = run("demo", "--conversation", str(chat))
    assert shown.exit_code == 2
    assert words in shown.output
    assert "MARKER" not in shown.output


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "chat").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "chat", tmp_path / "nowhere", tmp_path):
        with pytest.raises(Invalid, match="can't be read as UTF-8"):
            list(conversations_in(path))


def test_what_says_nothing_is_left_out(tmp_path: Path) -> None:
    chat = tmp_path / "chat.json"
    dated = {"role": "developer", "content": "x", "chat_time": "2026-08-01 10:00:00"}
    chat.write_text(json.dumps([*CHAT, {"role": "user", "content": 5}, dated]), encoding="utf-8")
    (messages,) = conversations_in(chat)
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user", "system"]
    assert messages[-1]["chat_time"] == "2026-08-01 10:00:00"
    chat.write_text("[]", encoding="utf-8")
    assert list(conversations_in(chat)) == []


def handed(question: str, *facts: str) -> list[tuple[str, str]]:
    items: list[dict[str, Any]] = [{"id": fact, "memory_value": fact, "create_time": 1785578400000} for fact in facts]
    return [("system", "s"), ("user", render(Found.model_validate({"memory_detail_list": items})) + question)]


def test_the_stand_in_reads_only_what_it_is_handed() -> None:
    facts = ("I live in Lyon.", "My cat is called Momo.")
    assert reply(handed("Where do I live?", *facts)) == "I live in Lyon. (you told me on 2026-08-01)"
    assert reply(handed("How is my cat called?", *facts)).startswith("My cat is called Momo.")
    assert reply(handed("Where do I live?")) == DONT_KNOW
    assert reply(handed("Who won the election?", *facts)) == DONT_KNOW
    echoes = ("Where do I live?", "[assistant view] You live in Lyon, I think.", "I live in Lyon.")
    assert reply(handed("Do I live in Lyon?", *echoes)).startswith("I live in Lyon.")
    assert reply(handed("I live in Nantes now.", *facts)) == NOTED
    assert (
        reply([("user", "Where do I live?"), ("assistant", "I live in Lyon."), ("user", "Where do I live?")])
        == DONT_KNOW
    )
    assert reply(handed("我住在哪里？", "我住在上海。")).startswith("我住在上海。")


class Scripted(FakeListChatModel):
    """Answers by list, and keeps what it is handed."""

    handed: list[list[tuple[str, str]]] = Field(default_factory=list)

    def _call(self, messages: list[BaseMessage], *rest: Any, **more: Any) -> str:
        self.handed.append([(message.type, str(message.text)) for message in messages])
        return super()._call(messages, *rest, **more)


def test_a_real_model_speaks_for_both_frameworks(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Scripted(responses=["Understood."])
    monkeypatch.setattr(_demo, "init_chat_model", {"openai:some": model}.__getitem__)
    shown = run("demo", "--model", "openai:some")
    assert [answers(act) for act in acts(shown.output)] == [["Understood."] * n for n in (3, 2, 2, 2)]
    assert "Model: openai:some, for both frameworks." in shown.output
    assert "9 turns, 9 searches, 18 messages written: one search a turn" in shown.output
    assert [kind for kind, _ in model.handed[6]] == ["human", "ai", "human"]
    assert "Lyon" in model.handed[3][-1][1]


def test_a_real_model_answers_about_a_chat_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_demo, "init_chat_model", lambda _: Scripted(responses=["Red."]))
    chat = tmp_path / "chat.json"
    chat.write_text(json.dumps(CHAT), encoding="utf-8")
    shown = run("demo", "--conversation", str(chat), "--model", "openai:some", typed="What colour is my bike?\n")
    assert answers(shown.output) == ["Red."]
    assert "stand-in" not in shown.output


def test_a_model_that_cannot_be_had_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = run("demo", "--model", "nobodys-model")
    assert shown.exit_code == 2
    assert "--model: LangChain can't make this model" in shown.output
    monkeypatch.setattr(_demo, "init_chat_model", lambda _: Scripted(responses=[]))
    shown = run("demo", "--model", "openai:some")
    assert shown.exit_code == 2
    assert "the model failed (IndexError)" in shown.output


def test_the_command_line_is_there_and_says_what_it_misses() -> None:
    helped = subprocess.run(
        [sys.executable, "-c", "from memos_integrations.cli import main; main()", "--help"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert "demo" in helped.stdout
    script = "import sys; sys.modules['typer'] = None\nfrom memos_integrations.cli import main\nmain()"
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "pip install 'memos-integrations[all]'" in done.stderr
    assert "Traceback" not in done.stderr
