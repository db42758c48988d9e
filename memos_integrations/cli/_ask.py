"""A person's own chat: import it, then ask about it."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from memos_integrations._connect import connect
from memos_integrations.cli._demo import show_answer
from memos_integrations.cli._offline import reply
from memos_integrations.client import Event, MemOS, Recalled
from memos_integrations.errors import Invalid
from memos_integrations.langchain._demo import replier, speaker

__all__ = ["ask_about", "conversations_in"]

_BATCH = 20  # messages an add: a bar that moves, and few round trips
_USER = "you"
Message = dict[str, Any]


def ask_about(console: Console, path: Path, chat: Path, *, recall: bool, model: str | None = None) -> None:
    """Imports the chat file into the memories in `path`, then answers questions from the keyboard until it ends."""
    conversations = list(conversations_in(chat))
    events: list[Event] = []
    speak = reply if model is None else replier(model)
    with connect(path, on_event=events.append) as client:
        _import(console, client, conversations)
        stand_in = "" if model else " [dim](The offline stand-in repeats what was recalled.)[/]"
        console.print(f"Ask about it; an empty line ends.{stand_in}")
        ask = speaker(client, _USER, "questions", speak, recall=recall)
        for question in _questions(console):
            before = len(events)
            handed, answer = ask(question)
            searched = [event for event in events[before:] if isinstance(event, Recalled)]
            show_answer(console, handed, answer, searched[0] if searched else None)


def _questions(console: Console) -> Iterator[str]:
    while True:
        try:
            question = console.input("\n[bold green]you> [/]").strip()
        except EOFError:
            return
        if not question:
            return
        yield question


def _import(console: Console, client: MemOS, conversations: Sequence[Sequence[Message]]) -> None:
    total = sum(map(len, conversations))
    columns = (
        TextColumn("importing"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("messages"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("importing", total=total)
        for number, messages in enumerate(conversations, 1):
            for start in range(0, len(messages), _BATCH):
                batch = messages[start : start + _BATCH]
                client.add_message(
                    messages=batch, user_id=_USER, conversation_id=f"imported-{number}", async_mode=False
                )
                progress.advance(bar, len(batch))


def conversations_in(chat: Path) -> Iterator[Sequence[Message]]:
    """The conversations of an OpenAI-style file: JSON with messages (bare, or under "messages"), or JSONL of either.

    Messages without text are left out. Raises `Invalid` that names the place, never the text.
    """
    try:
        text = chat.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"--conversation: the file can't be read as UTF-8 text ({type(error).__name__})") from None
    loose: list[Message] = []
    for place, value in _values(text):
        if isinstance(value, dict) and "role" in value:
            loose.append(_message(place, value))
            continue
        messages = value.get("messages") if isinstance(value, dict) else value
        if not isinstance(messages, list):
            raise Invalid(f'{place}: needs messages, such as [{{"role": "user", "content": "…"}}]')
        yield from _spoken([_message(f"{place}, message {i}", m) for i, m in enumerate(messages, 1)])
    yield from _spoken(loose)


def _spoken(messages: list[Message]) -> Iterator[list[Message]]:
    said = [message for message in messages if message["content"]]
    if said:
        yield said


def _values(text: str) -> Iterator[tuple[str, Any]]:
    whole = _whole(text)
    if whole is not None:
        yield from whole
        return
    for number, line in enumerate(text.split("\n"), 1):  # U+2028 and its like may stand inside a JSON text
        if line.strip():
            try:
                yield f"line {number}", json.loads(line)
            except (ValueError, RecursionError):
                raise Invalid(f"line {number} is not JSON: give a JSON file, or one JSON value a line") from None


def _whole(text: str) -> list[tuple[str, Any]] | None:
    """A file that is one JSON value; a list of conversations is as good as a line each. None where it is not."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    except RecursionError:
        raise Invalid("the file is nested too deeply to be a chat") from None
    several = isinstance(value, list) and value and all(_is_conversation(each) for each in value)
    return [(f"conversation {n}", each) for n, each in enumerate(value, 1)] if several else [("the file", value)]


def _is_conversation(value: Any) -> bool:
    return isinstance(value, list) or (isinstance(value, dict) and "messages" in value)


def _message(place: str, value: Any) -> Message:
    role = value.get("role") if isinstance(value, dict) else None
    if role == "developer":
        role = "system"
    if role not in ("user", "assistant", "system", "tool"):
        raise Invalid(f"{place}: role must be user, assistant, system or tool")
    message: Message = {"role": role, "content": _text(value.get("content"))}
    when = value.get("chat_time")
    return {**message, "chat_time": when} if isinstance(when, str) else message


def _text(content: Any) -> str:
    if isinstance(content, list):
        parts = (part.get("text") for part in content if isinstance(part, dict))
        return "\n".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""
