"""What is moved: conversations, and their messages in one form, whatever address they are from. Computes only."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, Literal

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from memos_integrations.errors import Invalid
from memos_integrations.wire.checks import invalid
from memos_integrations.wire.message import Message

__all__ = ["MARKS", "Conversation", "Kept", "Name", "chained", "digest", "kept", "owner_of", "sent", "written_at"]

Kind = Literal["user", "agent"]

MARKS: Final = ("agent_id", "app_id", "tags", "info", "allow_memory_view")
"""What an add says of its messages beside whose they are, as far as a file tells it; the agent of a user's first."""


@dataclass(frozen=True, slots=True)
class Name:
    """A conversation's name and whose it is: a user's, or an agent's."""

    kind: Kind
    owner: str = field(repr=False)
    conversation: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Kept:
    """A message with all that is known of it, its chat_time in UTC; `marks` are what its add said of it."""

    message: Mapping[str, Any] = field(repr=False)
    marks: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation to be read when its time comes. `size`: its messages and turns, where that is known before."""

    name: Name
    read: Callable[[], Sequence[Kept]] = field(repr=False)
    size: tuple[int, int] | None = None


def kept(
    message: Mapping[str, Any], zone: tzinfo, said: str | None = None, marks: Mapping[str, Any] | None = None
) -> Kept:
    """`message` in the one form. Its chat_time is one of `zone`; without one it was said at `said` (UTC), if known.

    Raises `Invalid` for what is no message.
    """
    when = message.get("chat_time")
    time = said if when is None else _moved(when, zone, UTC) if isinstance(when, str) else when
    try:
        read = Message.model_validate({**message, "chat_time": time})
        return Kept(json.loads(read.model_dump_json(exclude_none=True)), marks or {})
    except ValidationError as error:
        raise invalid(error, "a message") from None
    except PydanticSerializationError:
        raise Invalid("a message holds what no JSON can carry", rule="not_json") from None


def sent(one: Kept, zone: tzinfo) -> Mapping[str, Any]:
    """The message as it is sent to a server of `zone`."""
    when = one.message.get("chat_time")
    return one.message if when is None else {**one.message, "chat_time": _moved(when, UTC, zone)}


def owner_of(name: Name) -> dict[str, str]:
    """Whose conversation it is, as a call names it."""
    return {f"{name.kind}_id": name.owner, "conversation_id": name.conversation}


def written_at(milliseconds: int) -> str:
    """Epoch milliseconds as a chat_time in UTC."""
    return _written(datetime.fromtimestamp(milliseconds / 1000, UTC).replace(tzinfo=None))


def digest(message: Mapping[str, Any], key: bytes = b"", before: bytes = b"") -> bytes:
    """What stands for a message, and for all `before` it."""
    text = json.dumps(message, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(before + text.encode(), key=key, digest_size=16).digest()


def chained(said: Sequence[Kept], key: bytes) -> list[bytes]:
    """For each number of messages from 0 on what stands for that many of them."""
    chain = [b""]
    for one in said:
        chain.append(digest(one.message, key, chain[-1]))
    return chain


def _moved(text: str, there: tzinfo, here: tzinfo) -> str:
    """A time of one zone in another. What names a zone itself, a day alone and free text stay as they are."""
    stripped = text.strip()
    try:
        read = datetime.fromisoformat(stripped)
        if read.tzinfo is not None or ":" not in stripped:
            return text
        moved = read.replace(tzinfo=there).astimezone(here).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return text
    return text if moved == read else _written(moved)


def _written(moment: datetime) -> str:
    return moment.isoformat(" ", "milliseconds" if moment.microsecond else "seconds")
