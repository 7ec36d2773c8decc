"""Kubernetes' quantities as integers: bytes, and thousandths of a processor."""

import re
from decimal import ROUND_CEILING, Decimal
from typing import Final, Literal

Resource = Literal["memory", "cpu"]
Unit = Literal["memory", "cpu", "duration", "count"]
"""What a number is of."""
_UNITS: Final = {
    unit: Decimal(factor)
    for unit, factor in (
        ("n", "1e-9"),
        ("u", "1e-6"),
        ("m", "1e-3"),
        ("", "1"),
        *((unit, 1000**power) for power, unit in enumerate(("k", "M", "G", "T", "P", "E"), 1)),
        *((unit, 1024**power) for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)),
    )
}
_QUANTITY: Final = re.compile(r"([+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30}))(?:[eE]([+-]?\d{1,2})|([numkKMGTPE]i?))?")


def quantity(text: str) -> Decimal:
    """`256Mi`, `1.5G`, `500m`, `1e3` as a number of bytes or processors.

    Raises:
        ValueError: it is none.
    """
    found = _QUANTITY.fullmatch(text)
    if not found or (found[3] or "") not in _UNITS:
        raise ValueError(f"{text[:40]!r} is no quantity such as 256Mi or 500m")
    return Decimal(found[1]) * (Decimal(10) ** int(found[2]) if found[2] else _UNITS[found[3] or ""])


def whole(number: Decimal) -> int:
    """The next whole number, as Kubernetes rounds: up."""
    return int(number.to_integral_value(ROUND_CEILING))


def byte_count(text: str) -> int:
    """A quantity of memory in bytes.

    Raises:
        ValueError: it is none.
    """
    return whole(quantity(text))


def millicores(text: str) -> int:
    """A quantity of processor in thousandths of one.

    Raises:
        ValueError: it is none.
    """
    return whole(quantity(text) * 1000)


def same_quantity(one: str, other: str) -> bool:
    """Whether two texts are the same quantity in different units, `1Gi` and `1024Mi`; no where one of them is none."""
    try:
        return quantity(one) == quantity(other)
    except ValueError:
        return False


def bytes_text(count: int) -> str:
    """A number of bytes in a unit that divides it: `512Mi`, `1536Mi`, `2G`, `100`."""
    for unit in ("Ti", "Gi", "Mi", "G", "M", "Ki"):
        if count and count % int(_UNITS[unit]) == 0:
            return f"{count // int(_UNITS[unit])}{unit}"
    return str(count)


def millicores_text(count: int) -> str:
    """Thousandths of a processor: `250m`, `2`."""
    return f"{count}m" if count % 1000 else str(count // 1000)
