"""What tests of moving share: a file with conversations of every kind, and what files and lines hold."""

import io
import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from memos_integrations import connect, moving
from memos_integrations.client import MemOS

__all__ = [
    "MARKER",
    "TOOLS",
    "Message",
    "conversation",
    "dumped",
    "exported",
    "fill",
    "made",
    "messages_in",
    "said_in",
    "turns",
]

MARKER = "my-secret-words"
Message = dict[str, Any]

TOOLS: Sequence[Message] = (
    {"role": "system", "content": "You are a guide."},
    {"role": "user", "content": "Which train? 好", "chat_time": "2026-08-01 10:00:00"},
    {
        "role": "assistant",
        "tool_calls": [{"id": "t1", "type": "function", "function": {"name": "trains", "arguments": '{"to": "Lyon"}'}}],
    },
    {"role": "tool", "tool_call_id": "t1", "content": '{"ok":true}', "chat_time": "2026-08-01 10:00:02.500"},
    {"role": "assistant", "content": "The one at noon.\u2028Bye.", "chat_time": "last Tuesday", "message_id": "m-1"},
    {
        "role": "user",
        "content": [{"type": "text", "text": "Thanks"}],
        "role_id": "r",
        "role_name": "Ada",
        "tags": ["x"],
    },
)


def turns(name: str, number: int, first: int = 0) -> list[Message]:
    """So many turns of a user and the assistant, with their times."""
    said = list[Message]()
    for turn in range(first, first + number):
        when = f"2026-08-01 {10 + turn // 3600:02d}:{turn // 60 % 60:02d}:{turn % 60:02d}"
        said.append({"role": "user", "content": f"{name}.{turn}", "chat_time": when})
        said.append({"role": "assistant", "content": f"Re: {name}.{turn}", "chat_time": when})
    return said


def fill(client: MemOS) -> None:
    """Conversations of two users, a group and an agent, with marks; and what is no conversation."""
    client.add_message(messages=TOOLS, user_id="ada", conversation_id="trains", async_mode=False)
    client.add_history(turns(MARKER, 60), user_id="ada", conversation_id="long", async_mode=False)
    marks: dict[str, Any] = {"tags": ["zoo"], "info": {"scene": "trip", "n": 1}, "app_id": "app", "agent_id": "guide"}
    client.add_message(messages=turns("marked", 1), user_id="bob", conversation_id="trains", async_mode=False, **marks)
    client.add_message(messages=turns("bare", 1), user_id="bob", conversation_id="trains", async_mode=False)
    client.add_message(messages=turns("both", 1), user_id=["ada", "bob"], conversation_id="group", async_mode=False)
    client.add_message(messages=turns("agent", 1), agent_id="guide", conversation_id="own", async_mode=False)
    client.add_feedback(user_id="ada", conversation_id="long", feedback_content="Remember that I like tea.")


def conversation(path: Path, name: str, user: str = "ada") -> list[str]:
    """The texts of a conversation in a file, in order."""
    return [
        str(line.get("content"))
        for line in exported(path)
        if (line["conversation_id"], line.get("user_id")) == (name, user)
    ]


def exported(path: Path, **which: Sequence[str]) -> list[Message]:
    """The lines that a file exports."""
    lines = io.BytesIO()
    moving.export_lines(path, lines, which=moving.Which(**which))  # type: ignore[arg-type]
    return [json.loads(line) for line in lines.getvalue().split(b"\n") if line]


def dumped(path: Path) -> list[str]:
    """Everything in a database."""
    with closing(sqlite3.connect(path)) as database:
        return list(database.iterdump())


def messages_in(path: Path) -> int:
    """How many messages a file holds now; 0 for one that nobody has laid out yet."""
    with closing(sqlite3.connect(path)) as database:
        try:
            return int(database.execute("select count(*) from message").fetchone()[0])
        except sqlite3.OperationalError:
            return 0


def said_in(path: Path) -> Mapping[str, list[str]]:
    """What was said, in order, by conversation."""
    said: dict[str, list[str]] = {}
    for line in exported(path):
        said.setdefault(line["conversation_id"], []).append(line["content"])
    return said


def made(path: Path) -> Path:
    """A file with everything in it."""
    with connect(path) as client:
        fill(client)
    return path
