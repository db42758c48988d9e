"""Where conversations go: what can be read back of them there, and how an add is sent."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Any, Final, Protocol, cast

from memos_integrations.client import MemOS
from memos_integrations.client._history import Marks, adds
from memos_integrations.engine._listing import Listing, Said
from memos_integrations.errors import NotFound, Unsupported
from memos_integrations.moving._place import Held, Key
from memos_integrations.moving._said import Kept, Name, digest, kept, owner_of, sent, written_at
from memos_integrations.moving._service import TELLS, members, newest
from memos_integrations.wire.calls import AddMessage
from memos_integrations.wire.owners import Owner, task_id
from memos_integrations.wire.tasks import named

__all__ = ["Target", "calls", "target_of"]

_DEADLINE: Final = 300.0  # seconds for an add with its tries: limits of input are counted by the minute (§1.5)


class Target(Protocol):
    """Where conversations go."""

    exact: bool
    """Whether a reading shows every message as it is at that moment."""
    zone: tzinfo
    look: float
    """Seconds between two readings of one conversation."""

    def held(self, name: Name) -> Held | None:
        """What is there of that conversation; None where nobody can say. Raises what reading raises."""

    def send(self, call: AddMessage, token: str) -> None:
        """Sends an add once, unless it surely was not applied. Raises what `add_message` raises."""

    def knows(self, name: Name, token: str) -> bool:
        """Whether the add of that token surely arrived. Raises what asking raises."""
        ...

    def close(self) -> None:
        """Lets go of what it holds."""


class _Sending:
    """What all targets have: a client that sends an add once. What came of it is found out by who sends."""

    def __init__(self, client: MemOS, deadline: float | None = None) -> None:
        self._client = client.with_options(deadline=deadline, verify=False)
        self.zone, self.look = client.timezone, client.retry.look

    def send(self, call: AddMessage, token: str) -> None:  # noqa: ARG002 - for servers that tell no messages
        """Sends it."""
        self._client.send(call)

    def knows(self, name: Name, token: str) -> bool:  # noqa: ARG002
        """Nothing is known of adds: the conversation is read instead."""
        return False


class FileTarget(_Sending):
    """An embedded engine: its file tells all that it holds."""

    exact = True

    def __init__(self, client: MemOS) -> None:
        super().__init__(client)
        self._listing = Listing(client.address)

    def held(self, name: Name) -> Held:
        """All of the conversation."""
        there = self._listing.messages(name.kind, name.owner, name.conversation)
        return Held([_stored(one) for one in there], _all_of, whole=True, exact=True)

    def close(self) -> None:
        """Closes the file."""
        self._listing.close()


class ServiceTarget(_Sending):
    """A service: it tells a user's newest messages, or not even those."""

    exact = False

    def __init__(self, client: MemOS) -> None:
        super().__init__(client, max(client.deadline, _DEADLINE))
        self._reader = client

    def held(self, name: Name) -> Held | None:
        """The newest messages of user and assistant, with their times where all of them are told with one."""
        if name.kind != "user":
            return None  # get/message asks for a user (contract §2.2)
        try:
            told = [members(message) for message in newest(self._reader, name.owner, name.conversation)]
        except Unsupported:
            return None
        key: Key = _timed if all("chat_time" in message for message in told) else _spoken
        shown = [spoken for spoken in map(key, told) if spoken is not None]
        return Held(shown, key, whole=len(told) < TELLS)

    def close(self) -> None:
        """There is nothing to let go of."""


class TaskTarget(ServiceTarget):
    """A service that tells no messages: an add is found again by its task's id, which is ours.

    A task that is known arrived. One that is not may have been forgotten, so it says nothing.
    """

    def held(self, name: Name) -> None:  # noqa: ARG002
        """Nobody can say."""
        return

    def send(self, call: AddMessage, token: str) -> None:
        """Sends it under the task's id that `token` stands for."""
        self._client.send(named(call, token))

    def knows(self, name: Name, token: str) -> bool:
        """Whether there is such a task."""
        owner = Owner(name.kind, name.owner)
        try:
            self._reader.get_status(task_id=task_id(token, owner))
        except NotFound:
            return False
        return True


def target_of(client: MemOS) -> Target:
    """Where that client leads to."""
    if "://" not in client.address:
        return FileTarget(client)
    return ServiceTarget(client) if client.tells_messages else TaskTarget(client)


def calls(name: Name, said: Sequence[Kept], zone: tzinfo) -> list[AddMessage]:
    """The adds that these messages take, cut where turns end and where what is said of them changes.

    Raises `Invalid` for a message that no add can hold.
    """
    made, begun = list[AddMessage](), 0
    for end in range(1, len(said) + 1):
        if end == len(said) or said[end].marks != said[begun].marks:
            part = [sent(one, zone) for one in said[begun:end]]
            made += adds(part, cast("Marks", {**owner_of(name), **said[begun].marks}))
            begun = end
    return made


def _all_of(message: Mapping[str, Any]) -> object:
    return digest(message)


class _Came:
    """A message that came without a time: it is ours without one, and with the time at which it came."""

    def __init__(self, *forms: object) -> None:
        self._forms = forms

    def __eq__(self, other: object) -> bool:
        return other in self._forms

    __hash__ = None  # type: ignore[assignment]


def _stored(one: Said) -> object:
    body, came = json.loads(one.body), written_at(one.said)
    told = _all_of(kept(body, UTC, came).message)
    return told if body.get("chat_time") is not None else _Came(told, _all_of(kept(body, UTC).message))


def _spoken(message: Mapping[str, Any]) -> object | None:
    """What user and assistant said in plain text, which is what every service tells."""
    role, content = message.get("role"), message.get("content")
    text = content.strip() if isinstance(content, str) else ""
    return digest({"role": role, "content": text}) if text and role in {"user", "assistant"} else None


def _timed(message: Mapping[str, Any]) -> object | None:
    spoken = _spoken(message)
    return None if spoken is None else (spoken, message.get("chat_time"))
