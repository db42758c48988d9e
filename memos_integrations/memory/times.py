"""Times as MemOS writes them (text without a zone, or epoch milliseconds) and as a person reads them."""

from datetime import UTC, datetime, tzinfo

from memos_integrations.wire.answers import Time

__all__ = ["said_at", "shown"]


def said_at(moment: datetime, zone: tzinfo) -> str:
    """`moment` as a `chat_time` ("2026-08-01 10:00:00") in the server's `zone`."""
    return moment.astimezone(zone).replace(tzinfo=None).isoformat(" ", "seconds")


def shown(time: Time, *, server: tzinfo, reader: tzinfo) -> str:
    """`time` to the minute in the reader's zone; text we can't read is shown as it came, "" when there is none."""
    moment = _moment(time, server)
    if moment is not None:
        return moment.astimezone(reader).strftime("%Y-%m-%d %H:%M")
    return time.strip()[:20] if isinstance(time, str) else ""


def _moment(time: Time, server: tzinfo) -> datetime | None:
    try:
        if isinstance(time, int):
            return datetime.fromtimestamp(time / 1000, UTC)
        if not time:
            return None
        read = datetime.fromisoformat(time.strip())
    except (ValueError, OverflowError, OSError):
        return None
    return read if read.tzinfo else read.replace(tzinfo=server)
