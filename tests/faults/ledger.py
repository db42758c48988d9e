"""What a MemOS that is played by tests has applied: exactly that, in order."""

import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TextIO

__all__ = ["Applied", "Ledger", "Times", "read_ledger"]

Times = Literal["text", "milliseconds"]


@dataclass(frozen=True)
class Applied:
    """One add that was applied, as it came; `user_id` may be an array."""

    authorization: str
    user_id: Any
    conversation_id: str
    messages: tuple[dict[str, Any], ...]

    @property
    def texts(self) -> list[str]:
        """What was said, message by message."""
        return [_text(message) for message in self.messages]

    def is_of(self, key: str, user: str, conversation: str) -> bool:
        """Whether it is a part of this conversation; that of a group is everybody's in it."""
        users = self.user_id if isinstance(self.user_id, list) else [self.user_id]
        return self.authorization == key and user in users and self.conversation_id == conversation


class Ledger:
    """The adds that were applied and the calls that came. Any thread may read it."""

    def __init__(self, *, times: Times = "text", clock: Callable[[], float] = time.time, file: TextIO | None) -> None:
        self.calls: Counter[str] = Counter()
        """How often each path was called, whatever became of it."""
        self.connections = 0
        """How many TCP connections were accepted."""
        self._times: Times = times
        self._clock, self._file = clock, file
        self._applied: list[tuple[Applied, float]] = []
        self._changed = threading.Condition()

    @property
    def applied(self) -> list[Applied]:
        """The adds in the order in which they were applied."""
        with self._changed:
            return [add for add, _ in self._applied]

    def all_texts(self) -> list[str]:
        """What was said in all adds, in order."""
        return [text for add in self.applied for text in add.texts]

    def texts(self, conversation_id: str, user_id: str | None = None) -> list[str]:
        """What was said in a conversation, in order: of one user, or of all that have one of this name."""
        adds = (add for add in self.applied if add.conversation_id == conversation_id)
        return [text for add in adds if user_id is None or user_id == add.user_id for text in add.texts]

    def conversations(self) -> dict[tuple[str, str, str], list[str]]:
        """What was said, in order, by authorization, user and conversation; an array of users stands as JSON."""
        said: dict[tuple[str, str, str], list[str]] = {}
        for add in self.applied:
            user = add.user_id if isinstance(add.user_id, str) else json.dumps(add.user_id)
            said.setdefault((add.authorization, user, add.conversation_id), []).extend(add.texts)
        return said

    def until(self, holds: Callable[[], bool], seconds: float = 30) -> bool:
        """Waits until it holds, which is looked at after each call and each add; False when it doesn't in time."""
        with self._changed:
            return self._changed.wait_for(holds, seconds)

    def called(self, path: str) -> int:
        """Counts a call; its number among those of the path, from 1."""
        with self._changed:
            self.calls[path] += 1
            self._changed.notify_all()
            return self.calls[path]

    def connected(self) -> int:
        """Counts a connection; its number, from 1."""
        with self._changed:
            self.connections += 1
            self._changed.notify_all()
            return self.connections

    def add(self, authorization: str, call: Mapping[str, Any]) -> dict[str, Any]:
        """Applies `add/message`; its answer."""
        user = call.get("user_id") or call.get("agent_id")
        conversation = call.get("conversation_id") or f"conversation-{uuid.uuid4()}"
        add = Applied(authorization, user, conversation, tuple(call["messages"]))
        with self._changed:
            self._applied.append((add, self._clock()))
            if self._file is not None:
                self._file.write(json.dumps(asdict(add)) + "\n")
                self._file.flush()
            self._changed.notify_all()
        status = "completed" if call.get("async_mode") is False else "running"
        return {"success": True, "task_id": str(uuid.uuid4()), "status": status}

    def newest(self, authorization: str, call: Mapping[str, Any]) -> dict[str, Any]:
        """Answers `get/message`: the newest messages, oldest first (contract §2.2)."""
        limit = min(call.get("message_limit_number") or 6, 50)
        found = list(self._messages(authorization, call["user_id"], call["conversation_id"]))
        return {"message_detail_list": found[-limit:]}

    def _messages(self, key: str, user: str, conversation: str) -> Iterator[dict[str, Any]]:
        with self._changed:
            applied = list(self._applied)
        for add, when in applied:
            if add.is_of(key, user, conversation):
                told = self._told(when)
                yield from ({**message, "create_time": told, "update_time": told} for message in add.messages)

    def _told(self, when: float) -> str | int:
        if self._times == "milliseconds":
            return round(when * 1000)
        return f"{datetime.fromtimestamp(when, UTC):%Y-%m-%d %H:%M:%S}"


def read_ledger(path: str | Path) -> list[Applied]:
    """The adds that `python -m tests.faulty --ledger` wrote down; a last line that is not whole yet is left out."""
    lines = (json.loads(line) for line in Path(path).read_text("utf-8").split("\n")[:-1])
    return [Applied(**{**line, "messages": tuple(line["messages"])}) for line in lines]


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)
