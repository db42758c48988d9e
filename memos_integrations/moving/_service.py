"""A conversation as a service tells it: its newest messages, oldest first."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from itertools import pairwise
from typing import Any, Final

from memos_integrations.client import MemOS
from memos_integrations.errors import NotFound
from memos_integrations.wire.answers import StoredMessage, Time
from memos_integrations.wire.call import MAX_PAGE

__all__ = ["TELLS", "instant_of", "members", "newest"]

TELLS: Final = MAX_PAGE
"""Messages of a conversation that a service tells at most (contract §2.2)."""

_TIMES: Final = frozenset({"create_time", "update_time"})


def newest(client: MemOS, user: str, conversation: str) -> Sequence[StoredMessage]:
    """The newest 50 messages, oldest first; none of a conversation that is not there. Raises as `get_message`."""
    try:
        told = client.get_message(user_id=user, conversation_id=conversation, message_limit_number=TELLS)
    except NotFound as error:
        if not error.code:  # the address may be wrong
            raise
        return ()
    return _ordered(told.message_detail_list, client.timezone)


def members(message: StoredMessage) -> Mapping[str, Any]:
    """What was told of a message, without when it was stored."""
    told = message.model_dump(mode="json", exclude_none=True)
    return {name: value for name, value in told.items() if name not in _TIMES}


def instant_of(time: Time, zone: tzinfo) -> float | None:
    """A time as a service tells it in seconds since the epoch; None where it can't be read."""
    try:
        if isinstance(time, int) or (time or "").strip().isdecimal():
            return datetime.fromtimestamp(int(time or 0) / 1000, UTC).timestamp()
        read = datetime.fromisoformat((time or "").strip())
        return (read if read.tzinfo else read.replace(tzinfo=zone)).astimezone(UTC).timestamp()
    except (ValueError, OverflowError, OSError):  # also of a time that no calendar has
        return None


def _ordered(told: Sequence[StoredMessage], zone: tzinfo) -> Sequence[StoredMessage]:
    """Oldest first, whatever the order they came in (contract §2.2); as they came where times say nothing."""
    times = [instant_of(message.create_time, zone) for message in told]
    known = [time for time in times if time is not None]
    if len(known) < len(told) or all(one <= other for one, other in pairwise(known)):
        return told
    if all(one >= other for one, other in pairwise(known)):
        return told[::-1]
    return [message for _, message in sorted(zip(known, told, strict=True), key=lambda pair: pair[0])]
