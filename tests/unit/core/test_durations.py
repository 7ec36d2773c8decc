"""Durations and moments as people write them."""

import contextlib
import string
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runmend.core.durations import parse_duration, parse_since, took

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@pytest.mark.parametrize(
    ("text", "lasts"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("1h", timedelta(hours=1)),
        ("2d", timedelta(days=2)),
        ("1w", timedelta(weeks=1)),
        (" 5m ", timedelta(minutes=5)),
    ],
)
def test_a_duration_is_a_number_and_its_unit(text: str, lasts: timedelta) -> None:
    assert parse_duration(text) == lasts


@given(st.integers(1, 5000), st.sampled_from(sorted(UNITS)))
def test_every_number_of_every_unit_is_a_duration(number: int, unit: str) -> None:
    assert parse_duration(f"{number}{unit}") == timedelta(**{UNITS[unit]: number})


@pytest.mark.parametrize(
    "text", ["", "1", "h", "1.5h", "-1h", "1H", "1 h", "1h30m", "٣h", "1y", "0s", "36501d", "999999999999w", "1h\x00"]
)
def test_what_is_no_duration_is_refused_with_what_is_one(text: str) -> None:
    with pytest.raises(ValueError, match="write a whole number and its unit: 90s, 30m, 1h, 2d or 1w") as refused:
        parse_duration(text)
    assert repr(text) in str(refused.value)


@given(st.text(alphabet=string.printable + "é٣", max_size=20))
def test_any_text_is_a_moment_of_the_past_or_refused(text: str) -> None:
    moment = None
    with contextlib.suppress(ValueError):
        moment = parse_since(text, NOW)
    assert moment is None or (moment.tzinfo is not None and moment <= NOW)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90m", datetime(2026, 11, 23, 7, 30, tzinfo=UTC)),
        ("2d", datetime(2026, 11, 21, 9, 0, tzinfo=UTC)),
        ("2026-11-23T04:00+01:00", datetime(2026, 11, 23, 3, 0, tzinfo=UTC)),
        ("2026-11-23T04:00:30Z", datetime(2026, 11, 23, 4, 0, 30, tzinfo=UTC)),
    ],
)
def test_since_is_how_long_ago_or_a_time(text: str, moment: datetime) -> None:
    assert parse_since(text, NOW) == moment


@pytest.mark.parametrize("text", ["2026-11-20T04:00", "2026-11-20"])
def test_a_time_without_a_zone_is_of_utc(text: str) -> None:
    assert parse_since(text, NOW) == datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_time_of_another_century_is_refused() -> None:
    with pytest.raises(ValueError, match="'0001-01-01' is more than a hundred years ago"):
        parse_since("0001-01-01", NOW)


def test_a_time_that_is_to_come_is_refused() -> None:
    with pytest.raises(ValueError, match="'2026-11-23T10:00Z' is still to come"):
        parse_since("2026-11-23T10:00Z", NOW)


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "04:00", "1h ago"])
def test_what_is_no_time_is_refused_with_what_is_one(text: str) -> None:
    with pytest.raises(
        ValueError, match="is not a time; write how long ago, 90s, 30m, 1h, 2d or 1w, or 2026-11-23T04:00 or "
    ):
        parse_since(text, NOW)


@pytest.mark.parametrize(
    ("seconds", "says"),
    [(-1.0, "0s"), (0.4, "0s"), (59.6, "1m 00s"), (303.0, "5m 03s"), (7620.0, "2h 07m"), (273_600.0, "3d 04h")],
)
def test_how_long_something_took_is_told_with_two_units(seconds: float, says: str) -> None:
    assert took(seconds) == says
