"""Times as MemOS writes them and as a person reads them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from memos_integrations.memory.times import said_at, shown
from memos_integrations.wire.answers import Time

SHANGHAI = timezone(timedelta(hours=8))


def test_a_message_is_dated_in_the_servers_zone() -> None:
    moment = datetime(2026, 8, 1, 2, 0, 5, tzinfo=UTC)
    assert said_at(moment, SHANGHAI) == "2026-08-01 10:00:05"
    assert said_at(moment, UTC) == "2026-08-01 02:00:05"


@pytest.mark.parametrize(
    ("time", "words"),
    [
        (1785578400000, "2026-08-01 10:00"),
        ("2026-08-01 18:00:00", "2026-08-01 10:00"),
        ("2026-08-01T10:00:00+00:00", "2026-08-01 10:00"),
        ("2026-08-01", "2026-07-31 16:00"),
        ("last summer", "last summer"),
        (None, ""),
        ("", ""),
        (10**20, ""),
    ],
)
def test_a_reader_sees_the_minute(time: Time, words: str) -> None:
    assert shown(time, server=SHANGHAI, reader=UTC) == words
