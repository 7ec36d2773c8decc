"""Durations and moments as people write them: `90s`, `30m`, `1h`, `2d`, `1w`; `2026-11-23T04:00`."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_WRITTEN: Final = re.compile(r"([0-9]{1,12})([smhdw])")
LONGEST: Final = timedelta(days=36_500)
_MOMENT: Final = "2026-11-23T04:00 or 2026-11-23T04:00+01:00"
_LIKE: Final = "write a whole number and its unit: 90s, 30m, 1h, 2d or 1w"


def parse_duration(text: str) -> timedelta:
    """A duration from a whole number and its unit.

    Raises:
        ValueError: it is none, it is nothing, or it is more than a hundred years.
    """
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not a duration; {_LIKE}")
    seconds = int(found[1]) * _SECONDS[found[2]]
    if not seconds:
        raise ValueError(f"{text!r} lasts no time at all; {_LIKE}")
    if seconds > LONGEST.total_seconds():
        raise ValueError(f"{text!r} is more than a hundred years; {_LIKE}")
    return timedelta(seconds=seconds)


def seconds_of(text: str) -> int:
    """A duration in seconds.

    Raises:
        ValueError: it is none.
    """
    return int(parse_duration(text).total_seconds())


def parse_since(text: str, now: datetime) -> datetime:
    """A moment of the past: so long ago, or a date or a time by ISO 8601; of UTC, as times are shown, where it names no
    zone.

    Raises:
        ValueError: it is none, or it is still to come.
    """
    if _WRITTEN.fullmatch(text.strip()):
        return now - parse_duration(text)
    try:
        moment = datetime.fromisoformat(text.strip())
        moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is not a time; write how long ago, 90s, 30m, 1h, 2d or 1w, or {_MOMENT}") from error
    if now - moment > LONGEST:
        raise ValueError(f"{text!r} is more than a hundred years ago")
    if moment > now:
        raise ValueError(f"{text!r} is still to come")
    return moment


def took(seconds: float) -> str:
    """How long something took, with the two units that matter: `45s`, `5m 03s`, `2h 07m`, `3d 04h`."""
    whole = max(round(seconds), 0)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours:02d}h"
    return f"{hours}h {minutes:02d}m" if hours else f"{minutes}m {rest:02d}s" if minutes else f"{rest}s"
