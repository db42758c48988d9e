from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos_integrations.engine._times import Day, asks_when, days_named, instant, moment, tells_time


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-08-01", "2026-08-01 00:00:00"),
        ("2026-08-01 10:00", "2026-08-01 10:00:00"),
        ("2026-08-01 10:00:30", "2026-08-01 10:00:30"),
        ("2026-08-01 10:00:30.250", "2026-08-01 10:00:30.250000"),
        ("2026-08-01T10:00:00Z", "2026-08-01 10:00:00"),
        ("2026-08-01T10:00:00+08:00", "2026-08-01 02:00:00"),
        (" 1:56 pm on 8 May, 2023 ", "2023-05-08 13:56:00"),
        ("12:05 am on 31 December, 2022", "2022-12-31 00:05:00"),
    ],
)
def test_known_forms(text: str, expected: str) -> None:
    told = moment(text)
    assert told is not None
    assert str(instant(told).replace(tzinfo=None)) == expected


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "yesterday",
        "上周二",
        "2026-13-01",
        "2026-02-30 10:00",
        "25:00 pm on 40 May, 2023",
        "0001-01-01",
        "9999-12-31",
    ],
)
def test_other_forms_are_no_time(text: str | None) -> None:
    assert moment(text) is None


@given(st.text())
def test_nothing_is_too_strange(text: str) -> None:
    moment(text)
    days_named(text)
    asks_when(text)


@given(st.datetimes(datetime(1900, 1, 1), datetime(2999, 1, 1)).map(lambda when: when.replace(microsecond=0)))
def test_the_documented_form_reads_as_it_was_written(when: datetime) -> None:
    told = moment(f"{when:%Y-%m-%d %H:%M:%S}")
    assert told is not None
    assert instant(told) == when.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("query", "day"),
    [
        ("on May 8, 2023", Day(5, 8, 2023)),
        ("on the 3rd of July", Day(7, 3)),
        ("in June 2022", Day(6, None, 2022)),
        ("during August", Day(8)),
        ("on 2023-05-09", Day(5, 9, 2023)),
        ("2023年5月8日发生了什么", Day(5, 8, 2023)),
    ],
)
def test_days_named_in_a_question(query: str, day: Day) -> None:
    assert day in days_named(query)


def test_numbers_that_are_no_days() -> None:
    assert days_named("room 2023-99, 45月, may 77") == ()


def test_a_day_holds_its_moments() -> None:
    assert Day(5, 8).holds(datetime(2020, 5, 8, 23, 59, tzinfo=UTC))
    assert not Day(5, 8, 2021).holds(datetime(2020, 5, 8, tzinfo=UTC))
    assert not Day(5, 8).holds(datetime(2020, 6, 8, tzinfo=UTC))


def test_questions_of_time() -> None:
    assert asks_when("When did she move?")
    assert asks_when("你什么时候搬家的？")
    assert not asks_when("Where did she move?")
    assert tells_time(["we", "met", "yesterday"])
    assert not tells_time(["we", "met"])
