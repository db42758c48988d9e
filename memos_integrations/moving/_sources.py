"""Where conversations are taken from: an engine's file, which can list them, or a service, which must be told which."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from functools import partial
from typing import Any, Final, Protocol

from memos_integrations.client import MemOS
from memos_integrations.engine._listing import Listed, Listing
from memos_integrations.errors import Invalid
from memos_integrations.moving._said import Conversation, Kept, Name, kept, written_at
from memos_integrations.moving._service import TELLS, instant_of, members, newest

__all__ = ["FileSource", "ServiceSource", "Source", "Which", "said_in"]

_SERVICES_TELL_NOT: Final = (
    "a service can't list its users and conversations: name them, with the conversations of one user, or as pairs"
)


@dataclass(frozen=True, slots=True)
class Which:
    """Which conversations: those of these `users` (empty: all), of them those of these names (empty: all), or `pairs`
    of a user and a conversation. A service can't list anything: it needs pairs, or one user with conversations.
    """

    users: Sequence[str] = field(default=(), repr=False)
    conversations: Sequence[str] = field(default=(), repr=False)
    pairs: Sequence[tuple[str, str]] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if self.pairs and (self.users or self.conversations):
            raise Invalid("give users and conversations, or pairs of them, not both", field="pairs")

    def told(self) -> list[tuple[str, str]]:
        """The pairs that it names itself, each once. Raises `Invalid` where it names none."""
        if self.pairs:
            return list(dict.fromkeys(self.pairs))
        if len(self.users) != 1 or not self.conversations:
            raise Invalid(_SERVICES_TELL_NOT, field="conversations", rule="missing")
        return [(self.users[0], conversation) for conversation in dict.fromkeys(self.conversations)]


class Source(Protocol):
    """Where conversations are taken from."""

    total: int | None
    """Messages of all of them, where that is known before."""

    def conversations(self) -> Iterator[Conversation]:
        """Them, one after the other."""
        ...

    def aside(self) -> Mapping[str, int]:
        """What is there beside them, or can't be told, by kind; complete once all were read."""
        ...

    def close(self) -> None:
        """Lets go of what it holds."""


class FileSource:
    """The file of an embedded engine: read, and not written to."""

    def __init__(self, path: str, which: Which) -> None:
        self._listing, wanted = Listing(path), _wanted(which)
        try:
            self._found = [one for one in self._listing.conversations() if wanted(one)]
            self._absent = len(_absent(which, self._found))
        except BaseException:
            self._listing.close()
            raise
        self.total: int | None = sum(one.messages for one in self._found)

    def conversations(self) -> Iterator[Conversation]:
        """Those that are wanted, the one first that was begun first."""
        for one in self._found:
            name = Name("agent" if one.kind == "agent" else "user", one.owner, one.name)
            yield Conversation(name, partial(said_in, self._listing, name), (one.messages, one.turns))

    def aside(self) -> Mapping[str, int]:
        """What the file holds beside conversations, and by how many names nothing was found."""
        return {**self._listing.counts(), **({"absent": self._absent} if self._absent else {})}

    def close(self) -> None:
        """Closes the file."""
        self._listing.close()


def _wanted(which: Which) -> Callable[[Listed], bool]:
    """Whether a conversation is among those; agents have no place among users."""
    users, names, pairs = map(frozenset[Any], (which.users, which.conversations, which.pairs))

    def wanted(one: Listed) -> bool:
        if pairs:
            return one.kind == "user" and (one.owner, one.name) in pairs
        mine = not users or (one.kind == "user" and one.owner in users)
        return mine and (not names or one.name in names)

    return wanted


def _absent(which: Which, found: Sequence[Listed]) -> set[object]:
    """The names of `which` by which nothing was found: words that may be wrong."""
    users = {one.owner for one in found if one.kind == "user"}
    pairs = {(one.owner, one.name) for one in found if one.kind == "user"}
    wanting = {("user", user) for user in {*which.users} - users}
    wanting |= {("conversation", name) for name in {*which.conversations} - {one.name for one in found}}
    return {*wanting, *({*which.pairs} - pairs)}


class ServiceSource:
    """A service, asked for the conversations that it was told of. The client stays its owner's."""

    def __init__(self, client: MemOS, which: Which) -> None:
        self._client, self._pairs = client, which.told()
        self._aside = {"cut": 0, "empty": 0}
        self.total: int | None = None

    def conversations(self) -> Iterator[Conversation]:
        """Those that were named, in that order."""
        for user, conversation in self._pairs:
            name = Name("user", user, conversation)
            yield Conversation(name, partial(self._read, name))

    def _read(self, name: Name) -> list[Kept]:
        told = newest(self._client, name.owner, name.conversation)
        self._aside["cut"] += len(told) >= TELLS
        self._aside["empty"] += not told
        zone = self._client.timezone
        times = [instant_of(message.create_time, zone) for message in told]
        said = [None if time is None else written_at(round(time * 1000)) for time in times]
        return [kept(members(message), zone, when) for message, when in zip(told, said, strict=True)]

    def aside(self) -> Mapping[str, int]:
        """Of how many conversations there may be older messages, and how many had none."""
        return {kind: number for kind, number in self._aside.items() if number}

    def close(self) -> None:
        """There is nothing to let go of."""


def said_in(listing: Listing, name: Name) -> list[Kept]:
    """All messages of a conversation in an engine's file, in order."""
    said = listing.messages(name.kind, name.owner, name.conversation)
    return [kept(json.loads(one.body), UTC, written_at(one.said), one.marks) for one in said]
