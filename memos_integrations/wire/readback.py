"""A conversation read back: how it is asked for, and what of it is compared. Pure."""

from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from email.utils import parsedate_to_datetime

from memos_integrations.wire.answers import StoredMessage, Time
from memos_integrations.wire.call import MAX_PAGE
from memos_integrations.wire.calls import AddMessage, GetMessage
from memos_integrations.wire.message import Message
from memos_integrations.wire.verdict import Heard

__all__ = ["MOST", "Digest", "clock_of", "digests", "heard", "marked", "read_back", "said"]

MOST = 40
"""Messages of a call that can be read back with room to spare for what others write meanwhile."""

Digest = Callable[[str, str], bytes]
"""Of a role and a text: what is compared, and kept, in place of text."""


def read_back(call: AddMessage) -> GetMessage | None:
    """The call that reads `call`'s conversation back; None where it can't be, or tells nothing of these messages."""
    readable = isinstance(call.user_id, str) and call.conversation_id is not None and len(call.turns) <= MAX_PAGE
    if not readable or not any(_words(message.role, message.content) for message in call.turns):
        return None
    user, conversation = call.users[0], call.conversation_id
    return GetMessage(user_id=user, conversation_id=conversation or "", message_limit_number=MAX_PAGE)


def digests(messages: Sequence[Message], digest: Digest) -> list[bytes]:
    """Of what `get/message` shows: what user and assistant said in plain text."""
    words = (_words(message.role, message.content) for message in messages)
    return [digest(*each) for each in words if each is not None]


def marked(call: AddMessage, digest: Digest, zone: tzinfo) -> list[tuple[bytes, float | None]]:
    """The same of `call`, each with its chat_time."""
    words = ((_words(message.role, message.content), message.chat_time) for message in call.turns)
    return [(digest(*each), _moment(time, zone)[0]) for each, time in words if each is not None]


def heard(messages: Sequence[StoredMessage], digest: Digest, zone: tzinfo) -> list[Heard]:
    """The same of what was read back; `zone` is the server's, for times without one."""
    found = ((_words(message.role or "", message.content), message) for message in messages)
    return [Heard(digest(*words), *_moment(message.create_time, zone)) for words, message in found if words is not None]


def said(call: AddMessage, zone: tzinfo) -> frozenset[float]:
    """When its messages were said, as far as that can be read."""
    moments = (_moment(message.chat_time, zone)[0] for message in call.turns)
    return frozenset(moment for moment in moments if moment is not None)


def clock_of(date: str | None) -> float | None:
    """A Date header in seconds since the epoch; None for none, or one that can't be read."""
    try:
        return parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        return None


def _words(role: str, content: object) -> tuple[str, str] | None:
    """Role and text of what is kept as it was said; None for anything else."""
    text = content.strip() if isinstance(content, str) else ""
    return (role, text) if text and role in {"user", "assistant"} else None


def _moment(time: Time, zone: tzinfo) -> tuple[float | None, bool]:
    try:
        if isinstance(time, int) or (time or "").strip().isdecimal():
            return float(time or 0) / 1_000, True
        read = datetime.fromisoformat((time or "").strip())
        if read.tzinfo is not None:
            return read.timestamp(), True
        return read.replace(tzinfo=zone).timestamp(), False
    except (ValueError, OverflowError):
        return None, False
