"""What a number of the facts counts, and how it is written where people read it.

Called by the models beside it, and by `facts.schema` and `facts.evidence`.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final, Literal

from runmend.core.durations import took


@dataclass(frozen=True, slots=True)
class Unit:
    """What a number counts."""

    name: Literal["bytes", "millicores"]


Bytes = Annotated[int, Unit("bytes")]
Millicores = Annotated[int, Unit("millicores")]

_BINARY: Final = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_MILLI: Final = 1000


def quantity_in_words(number: int, unit: Unit) -> str:
    """`256Mi`, `1500m`, `2`: as Kubernetes writes it, exactly."""
    if unit.name == "millicores":
        return f"{number}m" if number % _MILLI else str(number // _MILLI)
    power = 0
    while number and number % 1024 == 0 and power < len(_BINARY) - 1:
        number, power = number // 1024, power + 1
    return f"{number}{_BINARY[power]}"


def duration_in_words(duration: timedelta) -> str:
    """`45s`, `5m 03s`, `2h 07m`."""
    return f"-{took(-duration.total_seconds())}" if duration < timedelta() else took(duration.total_seconds())
