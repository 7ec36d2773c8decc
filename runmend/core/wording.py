"""How messages quote what somebody else wrote, and list names."""

from collections.abc import Sequence
from typing import Final

QUOTED_MAX: Final = 80


def quoted(text: str) -> str:
    """A piece of the runbook for a message: one line, cut, and with what cannot be printed shown as an escape."""
    shown = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text[: QUOTED_MAX + 1])
    return f'"{shown[:QUOTED_MAX]}…"' if len(shown) > QUOTED_MAX else f'"{shown}"'


def listed(names: Sequence[str], last: str = "or") -> str:
    """`a, b or c`."""
    return f"{', '.join(names[:-1])} {last} {names[-1]}" if len(names) > 1 else "".join(names)
