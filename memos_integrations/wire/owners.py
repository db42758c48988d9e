"""Whose memory it is, as the open-source server knows it: a cube, and a user's name on each item. Pure."""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from memos_integrations.errors import Invalid

__all__ = ["Cube", "Cubes", "Owner", "owner_of_task", "server_id", "task_id"]

_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")  # what no part of the server takes for anything else
_AGENT, _USER = "memos-agent.", "memos-user."
_TASK: Final = re.compile(r"[A-Za-z0-9_-]{1,64}\.([A-Za-z0-9_-]+)")


@dataclass(frozen=True, slots=True)
class Owner:
    """A user or an agent, by the id that the application gives it."""

    kind: Literal["user", "agent"]
    id: str = field(repr=False)


Cube = str | Callable[[Owner], str]
"""One cube for all, or what names the cube of an owner."""


class Cubes:
    """Which cube an owner's memories are in; None: one each. Raises `Invalid`."""

    def __init__(self, given: Cube | None = None) -> None:
        if not (bool(given.strip()) if isinstance(given, str) else given is None or callable(given)):
            raise Invalid("cube is a name, or a function from an owner to one: leave it out for one each", field="cube")
        self._given = given

    @property
    def own(self) -> bool:
        """Whether each owner surely has one of its own."""
        return self._given is None

    @property
    def shared(self) -> bool:
        """Whether all are in one."""
        return isinstance(self._given, str)

    def of(self, owner: Owner) -> str:
        """The cube's name. Raises `Invalid` for one that is none."""
        if self._given is None:
            return _own(owner)
        name: object = self._given if isinstance(self._given, str) else self._given(owner)
        if not isinstance(name, str) or not name.strip():
            raise Invalid("cube: the function must return a name that is not blank", field="cube")
        return name


def _own(owner: Owner) -> str:
    """No two owners' names are alike, whatever is in their ids: a plain id stands after "-", a digest after "."."""
    if _PLAIN.fullmatch(owner.id):
        return f"{owner.kind}-{owner.id}"
    return f"{owner.kind}.{hashlib.sha256(owner.id.encode()).hexdigest()}"


def server_id(owner: Owner) -> str:
    """The `user_id` that the server is told: a user's own id, and for an agent one that no user has."""
    if owner.kind == "agent":
        return _AGENT + owner.id
    return _USER + owner.id if owner.id.startswith((_AGENT, _USER)) else owner.id


def task_id(token: str, owner: Owner) -> str:
    """A task's id of ours. The server is asked for a task with the user's name as well, so that is in it."""
    name = base64.urlsafe_b64encode(server_id(owner).encode()).decode().rstrip("=")
    return f"{token}.{name}"


def owner_of_task(task: str) -> str | None:
    """The server's `user_id` in a task's id of ours; None for any other text."""
    found = _TASK.fullmatch(task)
    if found is None:
        return None
    name = found[1]
    try:
        return base64.urlsafe_b64decode(name + "=" * (-len(name) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
